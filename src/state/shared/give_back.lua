-- Undoes the call of that time in each key's window, if it still counts: see window.rs.
local at = tonumber(ARGV[1])
for _, key in ipairs(KEYS) do
  local text, is_found = {}, false
  for latest, count in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
    if not is_found and tonumber(latest) >= at then
      is_found, count = true, tonumber(count) - 1
    end
    if tonumber(count) > 0 then text[#text + 1] = string.format('%s:%.0f', latest, count) end
  end
  if is_found then redis.call('SET', key, table.concat(text, ' '), 'KEEPTTL') end
end
