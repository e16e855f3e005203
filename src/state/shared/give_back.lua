-- Undoes the call of that time in each key's window, if it still counts: see window.rs. Where the caller is not sure that
-- there is one, a later call is another's.
local at, is_unsure = tonumber(ARGV[1]), ARGV[2] == '1'
for _, key in ipairs(KEYS) do
  local text, is_found = {}, false
  for latest, count in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
    local time = tonumber(latest)
    if not is_found and (time == at or time > at and not is_unsure) then
      is_found, count = true, tonumber(count) - 1
    end
    if tonumber(count) > 0 then text[#text + 1] = string.format('%s:%.0f', latest, count) end
  end
  if is_found then redis.call('SET', key, table.concat(text, ' '), 'KEEPTTL') end
end
