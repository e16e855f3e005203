-- Takes a call of each key's count, or of none: the arithmetic of `state::limits`, step by step, in doubles that are whole
-- and below 2^53. Time is the caller's; a count that another gateway brought ahead of it, by no more than the skew, stays.
local now, skew, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
local writes, told = {}, {0}

local function put(key, text, us)
  redis.call('SET', key, text, 'PX', string.format('%.0f', math.ceil((us + skew) / 1000) + 1))
end

local function tell(left, wait, free)
  told[#told + 1], told[#told + 2], told[#told + 3] = left, wait, free
end

-- One point in time: see gcra.rs. Gives how long to wait where there is no call.
local function rate(key, interval, span)
  local from, most = tonumber(redis.call('GET', key) or '') or 0, now + span
  if from < now then from = now end
  if from > most + skew then
    from = most
    put(key, string.format('%.0f', from), span)
  end
  local next = from + interval
  if next > most then return next - most end
  writes[#writes + 1] = {key, string.format('%.0f', next), next - now}
  local room = most - next
  tell(math.floor(room / interval), interval - room % interval, 0)
end

local function encode(groups)
  local text = {}
  for place, group in ipairs(groups) do text[place] = string.format('%.0f:%.0f', group[1], group[2]) end
  return table.concat(text, ' ')
end

-- Calls, or groups of them, oldest first: see window.rs.
local function window(key, calls, within, grain, follow)
  local groups, used, last, is_ahead, time = {}, 0, nil, false, now
  for latest, count in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
    groups[#groups + 1] = {tonumber(latest), tonumber(count)}
  end
  last = groups[#groups]
  if last and last[1] > time and last[1] - time <= skew then time = last[1] end
  local kept = {}
  for _, group in ipairs(groups) do
    if group[1] + within > time then
      if group[1] > time then group[1], is_ahead = time, true end
      kept[#kept + 1], used = group, used + group[2]
    end
  end
  if is_ahead then put(key, encode(kept), within) end
  local function wait(count)
    for _, group in ipairs(kept) do
      count = count - group[2]
      if count <= 0 then return group[1] + within - time end
    end
    return within
  end
  last = kept[#kept]
  if follow >= 0 and last and time - last[1] <= follow then
    return tell(math.max(calls - used, 0), wait(1), 1)
  end
  if used >= calls then return wait(used - calls + 1) end
  if last and math.floor(last[1] / grain) == math.floor(time / grain) then
    last[1], last[2] = time, last[2] + 1
  else
    kept[#kept + 1] = {time, 1}
  end
  writes[#writes + 1] = {key, encode(kept), within}
  tell(calls - used - 1, wait(1), 0)
end

for place, key in ipairs(KEYS) do
  local a, b, c, d = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local refused
  if ARGV[at] == 'rate' then refused = rate(key, a, b) else refused = window(key, a, b, c, d) end
  if refused then return {place, refused} end
  at = at + 5
end
for _, write in ipairs(writes) do put(write[1], write[2], write[3]) end
return told
