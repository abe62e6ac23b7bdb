"""
Refusals that arrive

A server that refuses in the middle of a body and closes resets the connection, and many clients then
fail with a broken pipe instead of reading why. Real clients, twenty times each, must get the answer.
"""

import http.client
import json
import shutil
import subprocess
import time

import pytest

from conversation import PATIENCE, SANITIZED, SLOW, WRAPPER, bound, chunk, chunked, eventually, header, request

TIMES = 20
MEGABYTE = 1024 * 1024

# by headers alone, and after so many bytes
TARGETS = ["/refuse", "/refuse/1", "/refuse/100000"]
SIZES = [1, 1000, 100000, 300000, MEGABYTE, 10 * MEGABYTE, 100 * MEGABYTE]


@pytest.fixture(scope="module")
def server(module_servers):
    return module_servers.frame(threads=2)


@pytest.fixture(scope="module")
def body_file(tmp_path_factory):
    """A file of so many bytes."""
    folder = tmp_path_factory.mktemp("bodies")

    def make(size):
        path = folder / str(size)
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(size)
        return path

    return make


def needs(program):
    if shutil.which(program) is None:
        pytest.fail(f"{program} is not installed: tools/test installs it")


def run(command, script=None):
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=PATIENCE * 6)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def cases():
    """Every place of a refusal with every size that reaches it."""
    for target in TARGETS:
        at = int(target.rpartition("/")[2]) if target.count("/") == 2 else 0
        for size in SIZES:
            if size >= at:
                yield target, size


def times_for(size):
    """A hundred megabytes twenty times are for the plain build alone."""
    return TIMES if size <= 10 * MEGABYTE and not WRAPPER else 3


# --- curl ---


@pytest.mark.parametrize("framing", ["length", "chunked", "expect"])
def test_curl_gets_every_refusal(server, body_file, framing):
    needs("curl")
    options = {"length": ["-H", "Expect:"], "chunked": ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"],
               "expect": ["-H", "Expect: 100-continue"]}[framing]
    for target, size in cases():
        url = f"http://127.0.0.1:{server.port}{target}"
        one = ["--silent", "--show-error", "--no-keepalive", "-X", "POST", *options,
               "-T", str(body_file(size)), "-o", "/dev/null", "-w", "%{http_code}\\n", url]
        command = ["curl"]
        for _ in range(times_for(size)):
            command += ([] if len(command) == 1 else ["--next"]) + one
        assert run(command).split() == ["409"] * times_for(size), (target, size)


# --- node ---

NODE = """
const { Readable } = require('stream');
const http = require('http');
const piece = Buffer.alloc(65536);
function* pieces(size) { for (let n = 0; n < size; n += 65536) yield piece.subarray(0, Math.min(65536, size - n)); }

function withHttp(url, size, framing) {
    return new Promise((done) => {
        const headers = framing == 'chunked' ? {} : { 'Content-Length': size };
        if (framing == 'expect') headers['Expect'] = '100-continue';
        const request = http.request(url, { method: 'POST', headers, agent: false });
        request.on('error', (error) => done(error.code || String(error)));
        request.on('response', (response) => {
            response.on('error', (error) => done('response ' + error.code));
            response.resume().on('end', () => done(String(response.statusCode)));
        });
        if (framing == 'expect') { request.flushHeaders(); request.on('continue', () => Readable.from(pieces(size)).pipe(request)); }
        else Readable.from(pieces(size)).pipe(request);
    });
}

async function withFetch(url, size, framing) {
    const body = framing == 'chunked' ? Readable.toWeb(Readable.from(pieces(size))) : Buffer.alloc(size);
    try {
        const response = await fetch(url, { method: 'POST', body, duplex: 'half' });
        await response.text();
        return String(response.status);
    } catch (error) {
        return String(error.cause ? error.cause.code || error.cause : error);
    }
}

(async () => {
    const results = [];
    for (const [how, url, size, framing, times] of JSON.parse(process.argv[2] || process.argv[1]))
        for (let n = 0; n < times; n++)
            results.push([how, url, size, framing, await (how == 'http' ? withHttp : withFetch)(url, size, framing)]);
    console.log(JSON.stringify(results));
})();
"""


def node(server, how, framing):
    needs("node")
    work = [[how, f"http://127.0.0.1:{server.port}{target}", size, framing, times_for(size)]
            for target, size in cases() if size <= 10 * MEGABYTE or framing != "length" or how != "fetch"]
    results = json.loads(run(["node", "-e", NODE, json.dumps(work)]))
    assert len(results) == sum(times for *_, times in work)
    assert [result for result in results if result[-1] != "409"] == []


@pytest.mark.parametrize("framing", ["length", "chunked", "expect"])
def test_node_http_gets_every_refusal(server, framing):
    node(server, "http", framing)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_node_fetch_gets_every_refusal(server, framing):
    needs("node")
    if run(["node", "-p", "typeof fetch"]).strip() != "function":
        pytest.skip("THIS NODE HAS NO FETCH: node 18 or newer is needed, Debian 12 has it")
    node(server, "fetch", framing)


# --- Python ---


@pytest.mark.parametrize("framing", ["length", "chunked", "pieces"])
def test_python_gets_every_refusal(server, body_file, framing):
    for target, size in cases():
        for _ in range(times_for(size)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            with body_file(size).open("rb") as file:
                if framing == "length":
                    connection.request("POST", target, body=file, headers={"Content-Length": str(size)})
                elif framing == "chunked":
                    connection.request("POST", target, body=file, encode_chunked=True,
                                       headers={"Transfer-Encoding": "chunked"})
                else:
                    connection.putrequest("POST", target)
                    connection.putheader("Content-Length", str(size))
                    connection.endheaders()
                    while piece := file.read(16384):
                        connection.send(piece)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (409, b"refused\n"), (target, size)
            connection.close()


# --- what it costs and what it keeps ---


@pytest.mark.parametrize("target", ["/refuse", "/refuse/1", "/refuse/500"])
@pytest.mark.parametrize("size", [500, 1000, 60000, 200000])
def test_a_small_rest_keeps_the_connection(server, target, size):
    with server.line() as line:
        for _ in range(3):
            line.send(request("POST", target, body=b"x" * size)).expect(409)
            line.send(request("GET", "/target")).expect(200)


def test_a_small_rest_that_comes_late_keeps_the_connection(server):
    with server.line() as line:
        line.send(header("POST", "/refuse/1", length=3), b"a").wait_until_read()
        line.send(b"b").wait_until_read()
        line.send(b"c").expect(409)
        line.send(request("GET", "/target")).expect(200)


def test_requests_behind_a_refused_one_with_a_small_rest_are_answered(server):
    with server.line() as line:
        line.send(request("POST", "/refuse", body=b"x" * 1000), request("GET", "/target"),
                  request("POST", "/nowhere", body=b"x" * 1000), request("GET", "/target"))
        for status in (409, 200, 404, 200):
            line.expect(status)


def test_a_large_rest_ends_the_connection(server):
    for target in ("/refuse", "/refuse/10"):
        with server.line() as line:
            line.send(header("POST", target, length=10**9), b"x" * 100000)
            assert line.expect(409).field("Connection") == "close"
            line.expect_closed()


def test_the_bytes_of_a_large_rest_are_never_a_request(server):
    with server.line() as line:
        line.send(header("POST", "/refuse", length=10**9), b"x" * 100000)
        line.expect(409)
        line.send_whatever(request("GET", "/target?hidden-in-the-rest"))
        line.expect_closed()
    server.ask("/target?behind-the-rest")
    eventually("the log", lambda: "behind-the-rest" in server.log())
    assert "hidden-in-the-rest" not in server.log()


def test_a_client_that_expects_100_never_sends_its_body(server):
    with server.line() as line:
        line.send(header("POST", "/refuse", "Expect: 100-continue", length=5 * 10**9))
        line.expect_next(409)
        line.expect_closed()


def test_a_client_that_never_stops_sending_is_cut_off(server):
    with server.line() as line:
        line.send(header("POST", "/refuse", length=10**15))
        begun, sent, piece = time.monotonic(), 0, b"x" * MEGABYTE
        while line.send_whatever(piece):
            sent += len(piece)
            assert sent < 1000 * MEGABYTE and time.monotonic() - begun < bound(15)


def test_a_client_that_never_stops_sending_slowly_is_cut_off(server):
    with server.line() as line:
        line.send(header("POST", "/refuse", length=10**15)).expect(409, seconds=bound(8))
        begun = time.monotonic()
        while line.send_whatever(b"x"):
            line.is_quiet(0.05)
            assert time.monotonic() - begun < bound(15)


def test_a_client_that_never_stops_sending_chunks_is_cut_off(server):
    with server.line() as line:
        line.send(header("POST", "/refuse/10", "Transfer-Encoding: chunked"))
        begun, sent, piece = time.monotonic(), 0, chunk(b"x" * 65536)
        while line.send_whatever(piece):
            sent += len(piece)
            assert sent < 1000 * MEGABYTE and time.monotonic() - begun < bound(15)


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Content-Length: 1000000000",
                                     "Transfer-Encoding: chunked"])
def test_a_client_that_sends_nothing_of_its_body_hears_the_refusal(server, framing):
    """It may be waiting for the answer before it sends anything; the idle timeout is 30 s."""
    with server.line() as line:
        line.send(header("POST", "/refuse", framing))
        line.expect(409, seconds=bound(10))


def test_a_client_that_stalls_in_a_small_rest_hears_the_refusal(server):
    with server.line() as line:
        line.send(header("POST", "/refuse/10", length=1000), b"x" * 500)
        line.expect(409, seconds=bound(10))


def test_a_stalled_refusal_ends_with_the_idle_timeout_at_the_latest(servers):
    server = servers.frame(idle_s=1)
    with server.line() as line:
        line.send(header("POST", "/refuse", length=1000), b"x" * 500)
        begun = time.monotonic()
        line.read_until_closed()
        assert time.monotonic() - begun < bound(8)
    server.wait_for_counts(live=0, fibers=0, connections=0)


def test_refusals_leave_nothing(server):
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
    eventually("the lingering sockets are closed", lambda: server.descriptors() < 30)
