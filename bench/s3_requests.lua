-- For wrk: sends prepared requests, one after another.   wrk ... -s s3_requests.lua URL -- FILE
--
-- FILE holds each request as it goes over the wire, with its length in bytes before it on a line of its own. Each thread sends its share of
-- them. The last line of the output is a JSON object.
local threads = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init(arguments)
   requests, bad = {}, 0
   local file = assert(io.open(arguments[1], "rb"))
   for length in file:lines() do
      table.insert(requests, file:read(tonumber(length)))
   end
   file:close()
   at = number
end

function request()
   at = at + 2 -- threads
   return requests[at % #requests + 1]
end

function response(status)
   if status ~= 200 then bad = bad + 1 end
end

function done(summary, latency)
   local wrong = 0
   for _, thread in ipairs(threads) do wrong = wrong + thread:get("bad") end
   io.write(string.format('{"requests": %d, "seconds": %.6f, "bytes": %d, "median_ms": %.3f, "p99_ms": %.3f, "not_200": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, wrong,
      summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
