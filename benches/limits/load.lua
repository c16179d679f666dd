-- What wrk sends and reports: the requests of a file in turn, and the result as one line of JSON.
--
-- The file holds whole requests, each after a line with its length in bytes. Eight number signs in one stand for a number
-- that no other request has.

local requests, place, sent = {}, 0, 0
local threads = 0

function setup(thread)
    -- Threads begin at different places, so that they do not ask for the same users at the same time.
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local file = assert(io.open(args[1], "rb"))
    while true do
        local length = file:read("*l")
        if not length then break end
        requests[#requests + 1] = file:read(tonumber(length))
        file:read("*l")
    end
    file:close()
    place = math.floor(number * #requests / 2)
    -- Milliseconds between two requests of one connection; none unless asked for.
    pause = tonumber(args[2]) or 0
    if pause == 0 then delay = nil end
end

function request()
    place = place % #requests + 1
    local request = requests[place]
    if not request:find("########", 1, true) then return request end
    sent = sent + 1
    return (request:gsub("########", string.format("%08d", 2 * sent + number), 1))
end

function delay()
    -- Half of the pause to one and a half of it, so that the connections do not march in step.
    return math.floor(pause * (0.5 + math.random()))
end

function done(summary, latency)
    io.write(string.format(
        '{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"failed":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
