"""A real video over lines that break, by real clients that are killed, to a server that is killed

Every upload ends with the video's bytes. What is sent twice is bounded, per interruption:

    what socket buffers hold   between the proxy and the server, as the kernel told it in the moment of
                               the interruption; and the one piece that the proxy had in hand
    16 MiB, and BUFFERS        only when the server is killed: what it commits at once, and what its
                               library and its storage have in hand for one upload. A server that
                               lives has kept every byte that reached it

The bytes are counted where the proxy reads them: those that a client's own kernel still holds when
the line breaks were never sent.

With sanitizers or valgrind only the voyage with every interruption runs.
"""

import pytest

import conversation
import proxy as line
import voyage
from voyage import MIB, say

COMMIT = 16 * MIB
BUFFERS = MIB // 2
HEADER = 2048  # of one request, at most

CLEAN = {"fin", "kill_client"}  # the server has seen a clean end behind the last byte


def bringing(proxy):
    """The requests that brought bytes, each with the offset that the next one began with."""
    requests = [request for request in proxy.requests if request.taken or request.method == "PATCH"]
    return list(zip(requests, [request.offset for request in requests[1:]]))


def sent_again(request, following):
    return (request.offset or 0) + request.taken - following


def report(kind, video, proxy):
    counts = {}
    for request, following in bringing(proxy):
        if request.end:
            counts.setdefault(request.end, []).append(sent_again(request, following))
    say(f"{kind}: {proxy.taken - video.size} bytes more than the file's {video.size};",
        "sent again after", ", ".join(f"{name}: {' '.join(map(str, n))}" for name, n in counts.items()))


def check_bytes(server, video, url):
    answer = server.head(url)
    assert answer.field("Upload-Offset") == answer.field("Upload-Length") == str(video.size)
    file = server.file_of(url)
    assert file.stat().st_size == video.size
    assert voyage.digest_of(file) == video.digest


def check_complete(server, url):
    """By the IETF's protocol that is what the client has to say, not a question of numbers."""
    with server.line() as line:
        line.send(conversation.request("HEAD", server.path_of(url), "Upload-Draft-Interop-Version: 6", close=True))
        assert line.expect(204, method="HEAD").field("Upload-Complete") == "?1"


def allowed(interruption):
    return interruption.held + line.PIECE + (COMMIT + BUFFERS if interruption.name == "kill_server" else 0)


def check_counts(video, proxy):
    for request, following in bringing(proxy):
        if request.end in CLEAN:
            assert following == (request.offset or 0) + request.passed, proxy.requests
        for interruption in proxy.interruptions:
            if interruption.request is request:
                assert sent_again(request, following) <= allowed(interruption), (request, following)

    most = video.size + sum(map(allowed, proxy.interruptions)) + HEADER * len(proxy.requests)
    assert proxy.taken <= most, proxy.requests


@pytest.fixture(params=voyage.Client.KINDS)
def kind(request):
    if request.param.startswith("ferry") and voyage.ferry_program() is None:
        pytest.skip("ferry is not built")
    return request.param


@pytest.fixture
def sail(ferryd, video, tmp_path, kind):
    """Uploads the video with what the script has in store, and checks all there is to check."""
    clients = []

    def run(*script):
        server = ferryd()
        with line.Proxy(server.url) as proxy:
            client = voyage.Client(kind, tmp_path, video.path, proxy.url)
            clients.append(client)

            def kill_server():
                server.kill()
                server.start()

            def kill_client():
                client.kill()

            own = {"kill_server": kill_server, "kill_client": kill_client}
            proxy.script = [(at, own.get(name, name)) for at, name in script]
            url = client.run(proxy)

            assert not proxy.script, "not every interruption happened"
            report(kind, video, proxy)
            check_bytes(server, video, url)
            check_complete(server, url)
            check_counts(video, proxy)
            assert server.kills == sum(name == "kill_server" for _, name in script)

    yield run
    for client in clients:
        client.end()


# The places are odd ones, and for tuspy (48 MiB in a request) in its first and in its last request.

EVERYTHING = [
    (3 * MIB + 1, "fin"),
    (13 * MIB + 4095, "reset"),
    (20 * MIB, "vanish"),
    (31 * MIB + 17, "pause"),
    (39 * MIB + 12345, "kill_client"),
    (58 * MIB - 1, "kill_server"),
    (59 * MIB, "kill_server"),
    (66 * MIB + 777, "stall"),
    (74 * MIB, "vanish"),
    (74 * MIB + 3, "vanish"),
    (91 * MIB, "fin"),
    (99 * MIB + 99, "deaf"),
]


def test_every_interruption_in_one_upload(sail):
    sail(*EVERYTHING)


plain_only = pytest.mark.skipif(conversation.SLOW, reason="all at once is tried with slow tools")

# what tells its clients apart is the protocol, and that does not depend on what happens alone
one_protocol = pytest.mark.parametrize("kind", [kind for kind in voyage.Client.KINDS if " " not in kind],
                                       indirect=True)


@plain_only
@one_protocol
@pytest.mark.parametrize("name", ["fin", "reset", "vanish", "stall", "kill_client", "kill_server"])
def test_one_interruption_twice(sail, name):
    sail((17 * MIB + 3, name), (70 * MIB + 5, name))


@plain_only
@one_protocol
@pytest.mark.parametrize("name", ["pause", "deaf", "mute"])
def test_one_interruption(sail, name):
    sail((60 * MIB + 1, name))


@plain_only
def test_nothing_happens(sail):
    sail()
