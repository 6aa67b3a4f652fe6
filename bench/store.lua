-- wrk: PUT a fresh object each request. Arguments: KIND (peerpost|dav|append) SIZE CERTIFICATES-FILE ADDRESS
local kind, size, set, address, seed, thread_no = nil, 4096, "", "", 0, 0
local boundary = "peerpost-bench-boundary"
local threads = 0

function setup(thread)
  thread:set("thread_no", threads)
  threads = threads + 1
end

function init(args)
  kind = args[1]
  size = tonumber(args[2])
  if args[3] and args[3] ~= "-" then
    local f = assert(io.open(args[3], "rb"))
    set = f:read("*a")
    f:close()
  end
  address = args[4] or ""
  local f = assert(io.open("/dev/urandom", "rb"))
  local b = f:read(6)
  f:close()
  seed = 0
  for i = 1, 6 do seed = seed * 256 + b:byte(i) end
  count = 0
  filler = string.rep("x", size - 32)
end

function request()
  count = count + 1
  local unique = string.format("%014x%06x%012x", seed, thread_no or 0, count)
  if kind == "append" then
    local to = address
    if to:find("%%d") then to = to:gsub("%%d", tostring(count % 1024)) end
    return wrk.format("PUT", "/" .. to,
      {["Pragma"] = "append-inbox", ["Content-Type"] = "application/octet-stream"},
      unique .. filler)
  elseif kind == "dav" then
    return wrk.format("PUT", "/put/" .. unique, {}, unique .. filler)
  end
  local body = "--" .. boundary .. "\r\nContent-Disposition: form-data; name=\"certificates\"\r\n"
    .. "Content-Type: application/x-pem-file\r\n\r\n" .. set .. "\r\n--" .. boundary
    .. "\r\nContent-Disposition: form-data; name=\"object\"\r\n"
    .. "Content-Type: application/octet-stream\r\n\r\n" .. unique .. filler .. "\r\n--" .. boundary .. "--\r\n"
  return wrk.format("PUT", "/" .. unique .. "@peerpost.invalid",
    {["Content-Type"] = "multipart/form-data; boundary=" .. boundary}, body)
end

local bad, first = 0, nil
function response(status, headers, body)
  if status < 200 or status > 299 then
    bad = bad + 1
    if bad == 1 then io.stderr:write("first refusal: " .. status .. " " .. (body or "") .. "\n") end
  end
end
