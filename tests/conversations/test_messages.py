"""
Messages, valid and not

Where two servers read one message differently, a request can be smuggled past the first of them
(RFC 9112, 11.2). So a message is either exactly what RFC 9112 allows or it is refused, and then
nothing that follows it on the connection is ever read as a request. Each shape here is followed by
a request that must neither be answered nor appear in the log.
"""

import re

import pytest

from conversation import chunked, eventually, header, request

HOST = b"Host: test\r\n"


def post(*fields, body=b"", version=b"1.1", target=b"/count"):
    """A request of these raw field lines."""
    return b"POST " + target + b" HTTP/" + version + b"\r\n" + HOST + b"".join(fields) + b"\r\n" + body


LENGTH = b"Content-Length: 3\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY_CHUNKED = b"0\r\n\r\n"

# Two servers would disagree where these end: the shapes that smuggle.
FRAMING = {
    "both lengths": post(b"Content-Length: 4\r\n", CHUNKED, body=EMPTY_CHUNKED),
    "both lengths, the other way round": post(CHUNKED, b"Content-Length: 4\r\n", body=EMPTY_CHUNKED),
    "two lengths that differ": post(LENGTH, b"Content-Length: 5\r\n", body=b"abc"),
    "two lengths that agree": post(LENGTH, LENGTH, body=b"abc"),
    "a list of lengths": post(b"Content-Length: 3, 3\r\n", body=b"abc"),
    "a list of different lengths": post(b"Content-Length: 3, 5\r\n", body=b"abc"),
    "a length in hex": post(b"Content-Length: 0x3\r\n", body=b"abc"),
    "an empty length": post(b"Content-Length: \r\n", body=b"abc"),
    "a length of nothing at all": post(b"Content-Length:\r\n", body=b"abc"),
    "a length with a plus": post(b"Content-Length: +3\r\n", body=b"abc"),
    "a length with a minus": post(b"Content-Length: -3\r\n", body=b"abc"),
    "a length with a letter": post(b"Content-Length: 3a\r\n", body=b"abc"),
    "a length with a blank in it": post(b"Content-Length: 1 3\r\n", body=b"abc"),
    "a length in words": post(b"Content-Length: three\r\n", body=b"abc"),
    "a length with a fraction": post(b"Content-Length: 3.0\r\n", body=b"abc"),
    "a blank before the colon of the length": post(b"Content-Length : 3\r\n", body=b"abc"),
    "a tab before the colon of the length": post(b"Content-Length\t: 3\r\n", body=b"abc"),
    "an unknown coding": post(b"Transfer-Encoding: xchunked\r\n", body=EMPTY_CHUNKED),
    "a coding before chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", body=EMPTY_CHUNKED),
    "a coding after chunked": post(b"Transfer-Encoding: chunked, identity\r\n", body=EMPTY_CHUNKED),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked\r\n", body=EMPTY_CHUNKED),
    "identity and a length": post(b"Transfer-Encoding: identity\r\n", LENGTH, body=b"abc"),
    "identity alone": post(b"Transfer-Encoding: identity\r\n", body=EMPTY_CHUNKED),
    "an empty coding": post(b"Transfer-Encoding:\r\n", body=EMPTY_CHUNKED),
    "an empty coding and a length": post(b"Transfer-Encoding:\r\n", LENGTH, body=b"abc"),
    "a quoted coding": post(b'Transfer-Encoding: "chunked"\r\n', body=EMPTY_CHUNKED),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;q=1\r\n", body=EMPTY_CHUNKED),
    "chunked after a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", body=EMPTY_CHUNKED),
    "chunked with a NUL behind it": post(b"Transfer-Encoding: chunked\0\r\n", body=EMPTY_CHUNKED),
    "two codings": post(b"Transfer-Encoding: identity\r\n", CHUNKED, body=EMPTY_CHUNKED),
    "chunked in two fields": post(CHUNKED, CHUNKED, body=EMPTY_CHUNKED),
    "chunked in HTTP/1.0": post(CHUNKED, version=b"1.0", body=chunked(b"abc")),
    "a blank before the colon of the coding": post(b"Transfer-Encoding : chunked\r\n",
                                                   body=EMPTY_CHUNKED),
    "a folded length": post(b"Content-Length: 3\r\n 4\r\n", body=b"abc"),
    "a length on a folded line": post(b"Content-Length:\r\n 3\r\n", body=b"abc"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", body=EMPTY_CHUNKED),
    "a coding folded with a tab": post(b"Transfer-Encoding:\r\n\tchunked\r\n", body=EMPTY_CHUNKED),
}

# These hide a field from one server and show it to the other.
FIELDS = {
    "lines that end in LF": b"POST /count HTTP/1.1\nHost: test\nContent-Length: 3\n\nabc",
    "one line that ends in LF": post(b"X-A: a\n", LENGTH, body=b"abc"),
    "a request line that ends in LF": b"POST /count HTTP/1.1\n" + HOST + LENGTH + b"\r\nabc",
    "an empty line that is LF": b"POST /count HTTP/1.1\r\n" + HOST + LENGTH + b"\nabc",
    "CR in a value": post(b"X-A: a\rContent-Length: 3\r\n", LENGTH, body=b"abc"),
    "CR at the end of a value": post(b"X-A: a\r\r\n", LENGTH, body=b"abc"),
    "CR in a name": post(b"X\r-A: a\r\n", LENGTH, body=b"abc"),
    "NUL in a value": post(b"X-A: a\0b\r\n", LENGTH, body=b"abc"),
    "NUL at the start of a value": post(b"X-A: \0b\r\n", LENGTH, body=b"abc"),
    "NUL at the end of a value": post(b"X-A: b\0\r\n", LENGTH, body=b"abc"),
    "NUL in a name": post(b"X\0-A: b\r\n", LENGTH, body=b"abc"),
    "NUL before the colon": post(b"X-A\0: b\r\n", LENGTH, body=b"abc"),
    "a control character in a value": post(b"X-A: a\x01b\r\n", LENGTH, body=b"abc"),
    "DEL in a value": post(b"X-A: a\x7fb\r\n", LENGTH, body=b"abc"),
    "a folded value": post(b"X-A: aaa\r\n  bbb\r\n", LENGTH, body=b"abc"),
    "a value folded with a tab": post(b"X-A: aaa\r\n\tbbb\r\n", LENGTH, body=b"abc"),
    "a fold that looks like a field": post(b"X-A: aaa\r\n Content-Length: 3\r\n", LENGTH, body=b"abc"),
    "a fold of nothing": post(b"X-A: aaa\r\n \r\n", LENGTH, body=b"abc"),
    "a fold at the end": post(LENGTH, b"X-A: aaa\r\n bbb\r\n", body=b"abc"),
    "a fold after the request line": b"POST /count HTTP/1.1\r\n X-A: a\r\n" + HOST + LENGTH + b"\r\nabc",
    "a tab after the request line": b"POST /count HTTP/1.1\r\n\tX-A: a\r\n" + HOST + LENGTH + b"\r\nabc",
    "a folded Host": b"POST /count HTTP/1.1\r\nHost:\r\n test\r\n" + LENGTH + b"\r\nabc",
    "no name": post(b": v\r\n", LENGTH, body=b"abc"),
    "no colon": post(b"garbage\r\n", LENGTH, body=b"abc"),
    "no colon in the last field": post(LENGTH, b"garbage\r\n", body=b"abc"),
    "a blank before the colon": post(b"X-A : v\r\n", LENGTH, body=b"abc"),
    "a blank in a name": post(b"X A: v\r\n", LENGTH, body=b"abc"),
    "a bracket in a name": post(b"X(A): v\r\n", LENGTH, body=b"abc"),
    "a letter beyond ASCII in a name": post("Ünicode: v\r\n".encode("latin-1"), LENGTH, body=b"abc"),
    "no Host": b"POST /count HTTP/1.1\r\n" + LENGTH + b"\r\nabc",
    "two Hosts": post(b"Host: other\r\n", LENGTH, body=b"abc"),
    "the same Host twice": post(HOST, LENGTH, body=b"abc"),
    "two Hosts in HTTP/1.0": post(HOST, LENGTH, version=b"1.0", body=b"abc"),
    "a Host with a path": b"POST /count HTTP/1.1\r\nHost: test/x\r\n" + LENGTH + b"\r\nabc",
    "a Host with a user": b"POST /count HTTP/1.1\r\nHost: a@test\r\n" + LENGTH + b"\r\nabc",
    "a list of Hosts": b"POST /count HTTP/1.1\r\nHost: test, other\r\n" + LENGTH + b"\r\nabc",
    "a Host with a blank": b"POST /count HTTP/1.1\r\nHost: te st\r\n" + LENGTH + b"\r\nabc",
}

# libmicrohttpd cannot take these request lines apart and closes without a word, before it asks us.
UNREADABLE = {
    "a blank at the start": b" POST /count HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "tabs for blanks": b"POST\t/count\tHTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
}

# The request line, read differently.
LINES = {
    "a blank in the target": b"POST /count x HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "two blanks": b"POST  /count  HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "two blanks before the version": b"POST /count  HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "two blanks after the method": b"POST  /count HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a blank at the end": b"POST /count HTTP/1.1 \r\n" + HOST + LENGTH + b"\r\nabc",
    "a tab before the version": b"POST /count\tHTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a tab in the target": post(LENGTH, target=b"/co\tunt", body=b"abc"),
    "NUL in the target": post(LENGTH, target=b"/count\0x", body=b"abc"),
    "NUL in the method": b"PO\0ST /count HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "NUL in the version": b"POST /count HTTP/1.1\0\r\n" + HOST + LENGTH + b"\r\nabc",
    "CR in the target": post(LENGTH, target=b"/count\rx", body=b"abc"),
    "CR for the first blank": b"POST\r/count HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a control character in the target": post(LENGTH, target=b"/count\x01", body=b"abc"),
    "a bracket in the method": b"PO(ST /count HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "no version": b"POST /count\r\n" + HOST + LENGTH + b"\r\nabc",
    "an empty target": b"POST  HTTP/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a version in lower case": b"POST /count http/1.1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a version of one number": b"POST /count HTTP/1\r\n" + HOST + LENGTH + b"\r\nabc",
    "a version of long numbers": post(LENGTH, version=b"1.10", body=b"abc"),
    "a version that only begins well": post(LENGTH, version=b"1.1x", body=b"abc"),
    "a version between": post(LENGTH, version=b"1.2", body=b"abc"),
}

# Chunks that another server would cut differently. The one answer to these may have left already.
CHUNKS = {
    "a blank after the size": b"3 \r\nabc\r\n0\r\n\r\n",
    "a tab after the size": b"3\t\r\nabc\r\n0\r\n\r\n",
    "a blank before the size": b" 3\r\nabc\r\n0\r\n\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with a plus": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size with a minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "an empty size": b"\r\nabc\r\n0\r\n\r\n",
    "a size of other letters": b"g\r\nabc\r\n0\r\n\r\n",
    "lines that end in LF": b"3\nabc\n0\n\n",
    "a size line that ends in LF": b"3\nabc\r\n0\r\n\r\n",
    "data that end in LF": b"3\r\nabc\n3\r\nabc\r\n0\r\n\r\n",
    "a later size line that ends in LF": b"3\r\nabc\r\n3\nabc\r\n0\r\n\r\n",
    "an extension that ends in LF": b"3;a=\nabc\r\n0\r\n\r\n",
    "an extension with LF in it": b"3;a=\n5\r\nabc\r\n0\r\n\r\n",
    "an extension with CR in it": b"3;a=\rb\r\nabc\r\n0\r\n\r\n",
    "an extension with NUL in it": b"3;a=\0b\r\nabc\r\n0\r\n\r\n",
    "more data than the size says": b"3\r\nabcd\r\n0\r\n\r\n",
    "less data than the size says": b"5\r\nabc\r\n0\r\n\r\n",
    "no line end after the data": b"3\r\nabc0\r\n\r\n",
}

# These end as they should but for LF in the end itself, which libmicrohttpd does not let us see, or lie
# in their trailers: one answer, and the connection ends with it.
CHUNKS_AT_THE_END = {
    "a last chunk that ends in LF": b"3\r\nabc\r\n0\n\r\n",
    "an empty line that is LF": b"3\r\nabc\r\n0\r\n\n",
    "a last chunk that ends in LF twice": b"3\r\nabc\r\n0\n\n",
    "a trailer with a length": b"3\r\nabc\r\n0\r\nContent-Length: 4\r\n\r\n",
    "a trailer with a coding": b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a trailer with a Host": b"3\r\nabc\r\n0\r\nHost: evil\r\n\r\n",
    "a trailer that keeps the connection": b"3\r\nabc\r\n0\r\nConnection: keep-alive\r\n\r\n",
    "a folded trailer": b"3\r\nabc\r\n0\r\nX-A: a\r\n Content-Length: 4\r\n\r\n",
    "a trailer without a colon": b"3\r\nabc\r\n0\r\ngarbage\r\n\r\n",
    "a trailer that ends in LF": b"3\r\nabc\r\n0\r\nX-A: a\n\r\n",
    "a trailer with NUL in it": b"3\r\nabc\r\n0\r\nX-A: a\0b\r\n\r\n",
    "a last chunk with a blank": b"3\r\nabc\r\n0 \r\n\r\n",
    "a last chunk of many zeros": b"3\r\nabc\r\n0000000\r\n\r\n",
}

SMUGGLING = {**{f"framing: {name}": shape for name, shape in FRAMING.items()},
             **{f"fields: {name}": shape for name, shape in FIELDS.items()},
             **{f"request line: {name}": shape for name, shape in LINES.items()}}

_marks = iter(range(10**9))


class Follower:
    """A request behind another one, which must never be heard."""

    def __init__(self, server):
        self.server = server
        self.mark = f"follow-up-{next(_marks)}."
        self.bytes = request("GET", f"/target?{self.mark}")

    def assert_unheard(self):
        """The log is written in order: what the server has heard stands before the fence."""
        fence = f"fence-{self.mark}"
        self.server.ask(f"/target?{fence}")
        eventually("the fence in the log", lambda: fence in self.server.log())
        assert f"?{self.mark}" not in self.server.log()


@pytest.fixture
def follower(server):
    follower = Follower(server)
    yield follower
    follower.assert_unheard()


def ids(table):
    return pytest.mark.parametrize("shape", table.values(), ids=list(table))


# --- refused ---


@ids(SMUGGLING)
def test_refuses_what_servers_read_differently(server, follower, shape):
    with server.line() as line:
        line.send(shape, follower.bytes)
        answer = line.expect(400)
        assert answer.field("Connection") == "close"
        assert b"200" not in line.read_until_closed()


@ids(UNREADABLE)
def test_closes_on_what_is_no_request_at_all(server, follower, shape):
    with server.line() as line:
        line.send(shape, follower.bytes)
        assert line.read_until_closed() == b""


@ids(CHUNKS)
def test_refuses_chunks_that_servers_cut_differently(server, follower, shape):
    with server.line() as line:
        line.send(post(CHUNKED, body=shape), follower.bytes)
        line.expect(400)
        assert b"200" not in line.read_until_closed()


@ids(CHUNKS_AT_THE_END)
def test_nothing_follows_a_chunked_body_whose_end_lies(server, follower, shape):
    with server.line() as line:
        line.send(post(CHUNKED, body=shape), follower.bytes)
        answer = line.next_answer()
        assert answer.status in (200, 400), answer
        assert answer.field("Connection") == "close"
        if answer.status == 200:
            assert answer.text == "3"
        line.expect_closed()


@ids({"a route that has one answer": b"/count", "a route that begins its answer anew": b"/twice/1",
      "a refusal": b"/refuse", "no such route": b"/nowhere", "a refusal later": b"/refuse/3"})
def test_nothing_follows_a_chunked_body(server, follower, shape):
    for method in (b"POST", b"GET"):
        with server.line() as line:
            line.send(method + b" " + shape + b" HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n", chunked(b"abc"),
                      follower.bytes)
            assert line.next_answer().field("Connection") == "close"
            line.expect_closed()


IMPORTANT = ["framing: both lengths", "framing: two lengths that differ", "framing: a length in hex",
             "framing: a blank before the colon of the length", "framing: a folded length",
             "framing: an unknown coding", "framing: chunked in HTTP/1.0",
             "fields: lines that end in LF", "fields: CR in a value", "fields: NUL in a value",
             "fields: NUL in a name", "fields: a folded value", "fields: no name", "fields: no colon",
             "fields: two Hosts", "request line: a blank in the target",
             "request line: NUL in the target"]


@ids({name: SMUGGLING[name] for name in IMPORTANT})
def test_refuses_it_byte_by_byte(server, follower, shape):
    with server.line() as line:
        for byte in shape + follower.bytes:
            if not line.send_whatever(bytes([byte])):
                break
            line.wait_until_read()
        line.expect(400)
        assert b"200" not in line.read_until_closed()


@ids({name: SMUGGLING[name] for name in IMPORTANT})
def test_refuses_it_split_anywhere(server, follower, shape):
    for position in range(1, len(shape)):
        with server.line() as line:
            line.send(shape[:position]).wait_until_read()
            line.send_whatever(shape[position:] + follower.bytes)
            answer = line.expect(400)
            assert answer.field("Connection") == "close", position
            assert b"200" not in line.read_until_closed()


@ids(CHUNKS)
def test_nothing_follows_bad_chunks_split_anywhere(server, follower, shape):
    whole = post(CHUNKED, body=shape)
    for position in range(len(whole) - len(shape), len(whole)):
        with server.line() as line:
            line.send(whole[:position]).wait_until_read()
            line.send_whatever(whole[position:] + follower.bytes)
            answers = line.read_until_closed()
            assert answers.count(b"HTTP/1.1 200") <= 1 and b"follow-up" not in answers, position


def test_nothing_follows_bad_chunks_byte_by_byte(server):
    for name, shape in {**CHUNKS, **CHUNKS_AT_THE_END}.items():
        follower = Follower(server)
        with server.line() as line:
            line.send(post(CHUNKED))
            for byte in shape + follower.bytes:
                if not line.send_whatever(bytes([byte])):
                    break
                line.wait_until_read()
            answers = line.read_until_closed()
            assert answers.count(b"HTTP/1.1 200") <= 1 and b"follow-up" not in answers, name
        follower.assert_unheard()


def test_a_refusal_of_the_message_is_one_well_formed_answer(server):
    for name, shape in SMUGGLING.items():
        with server.line() as line:
            line.send(shape)
            answer = line.expect(400)
            names = [n.lower() for n, _ in answer.fields]
            if "<html>" in answer.text:
                line.read_until_closed()  # libmicrohttpd's own page: it sends a second header block
                continue
            assert len(names) == len(set(names)), (name, answer)
            line.expect_closed()


def test_a_length_that_no_file_can_have_is_refused(server, follower):
    for length in (b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
                   b"99999999999999999999999"):
        with server.line() as line:
            line.send(post(b"Content-Length: " + length + b"\r\n"), follower.bytes)
            answer = line.next_answer()
            assert answer.status in (400, 413), answer
            assert b"HTTP/1.1 200" not in line.read_until_closed()


@ids({"a size beyond 64 bits": b"10000000000000003", "a very long size": b"3" * 100,
      "the largest size": b"ffffffffffffffff"})
def test_a_chunk_that_no_file_can_have_is_refused(server, follower, shape):
    with server.line() as line:
        line.send(post(CHUNKED, body=shape + b"\r\nabc\r\n0\r\n\r\n"), follower.bytes)
        line.half_close()
        assert b" 200 " not in line.read_until_closed()


@ids({"a length": post(b"Content-Length: 3 \t\r\n", body=b"abc"),
      "a coding": post(b"Transfer-Encoding: chunked \t\r\n", body=chunked(b"abc"))})
def test_blanks_behind_a_framing_value_are_refused_or_right(server, follower, shape):
    """RFC 9112 allows them; libmicrohttpd does not know the value then."""
    with server.line() as line:
        line.send(shape)
        line.send_whatever(follower.bytes if b"chunked" in shape else b"")
        answer = line.next_answer()
        assert answer.status == 400 or answer.text == "3", answer


def test_another_version_is_refused(server, follower):
    for version in (b"0.9", b"2.0", b"3.0"):
        with server.line() as line:
            line.send(post(LENGTH, version=version, body=b"abc"), follower.bytes)
            answer = line.next_answer()
            assert answer.status in (400, 505), answer
            line.expect_closed()


def test_the_preface_of_http_2_is_refused(server):
    with server.line() as line:
        line.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert line.next_answer().status in (400, 505)
        line.expect_closed()


def test_a_tls_client_is_turned_away(server):
    with server.line() as line:
        line.send(bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2 + b"\r\n\r\n")
        assert b"200" not in line.read_until_closed()
    server.ask("/target")


def test_a_server_that_refused_all_this_holds_nothing(server):
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)


# --- taken ---

VALID = {
    "a plain request": (request("GET", "/target?a=b%20c"), "/target a=b%20c"),
    "empty lines before it": (b"\r\n\r\n" + request("GET", "/target"), "/target "),
    "one empty line before it": (b"\r\n" + request("GET", "/target"), "/target "),
    "absolute-form": (request("GET", "http://test/target?x"), "/target x"),
    "absolute-form of https": (request("GET", "https://test:8443/target"), "/target "),
    "absolute-form in capitals": (request("GET", "HTTP://test/target"), "/target "),
    "a query of questions": (request("GET", "/target?a?b&c=d&&e"), "/target a?b&c=d&&e"),
    "an empty query": (request("GET", "/target?"), "/target "),
    "a whole server": (request("OPTIONS", "*"), "* "),
    "an empty value": (request("GET", "/field/X-A", "X-A:"), ""),
    "a value of blanks": (request("GET", "/field/X-A", "X-A: \t  "), ""),
    "blanks around a value": (request("GET", "/field/X-A", "X-A: \t a b \t"), "a b"),
    "no blank before a value": (request("GET", "/field/X-A", "X-A:v"), "v"),
    "colons in a value": (request("GET", "/field/X-A", "X-A: a:b: c"), "a:b: c"),
    "a value beyond ASCII": (request("GET", "/field/X-A", "X-A: \xe4\xff"), "\xe4\xff"),
    "a tab in a value": (request("GET", "/field/X-A", "X-A: a\tb"), "a\tb"),
    "names in lower case": (request("GET", "/field/x-a", "host: test", "x-a: v", host=None), "v"),
    "names in capitals": (request("GET", "/field/x-a", "HOST: test", "X-A: v", host=None), "v"),
    "a name of all characters": (request("GET", "/field/x", "!#$%&'*+-.^_`|~09Az: v", "X: y"), "y"),
    "a long value": (request("GET", "/field/X-A", "X-A: " + "a" * 20000), "a" * 20000),
    "the first of two fields": (request("GET", "/field/X-A", "X-A: one", "X-A: two"), "one"),
    "cookies": (request("GET", "/field/Cookie", 'Cookie: a=b; c="d e"; f'), 'a=b; c="d e"; f'),
    "an empty Host": (request("GET", "/target", host=""), "/target "),
    "a Host with a port": (request("GET", "/target", host="test:80"), "/target "),
    "a Host of IPv6": (request("GET", "/target", host="[::1]:80"), "/target "),
    "HTTP/1.0 without Host": (request("GET", "/target", host=None, version="1.0"), "/target "),
    "HTTP/1.0 with a body": (request("POST", "/count", host=None, version="1.0", body=b"abc"), "3"),
    "a length with zeros": (post(b"Content-Length: 0003\r\n", body=b"abc"), "3"),
    "blanks before a length": (post(b"Content-Length: \t 3\r\n", body=b"abc"), "3"),
    "a length of zero": (post(b"Content-Length: 0\r\n"), "0"),
    "neither length nor coding": (post(), "0"),
    "chunked": (post(CHUNKED, body=chunked(b"abc", b"defg")), "7"),
    "Chunked": (post(b"Transfer-Encoding: Chunked\r\n", body=chunked(b"abc")), "3"),
    "blanks before chunked": (post(b"Transfer-Encoding: \t chunked\r\n", body=chunked(b"abc")), "3"),
    "chunks with extensions": (post(CHUNKED, body=b'3;a=b\r\nabc\r\n4;c="d;e"\r\ndefg\r\n0;f\r\n\r\n'), "7"),
    "sizes with zeros": (post(CHUNKED, body=b"0003\r\nabc\r\n00\r\n\r\n"), "3"),
    "sizes in capitals": (post(CHUNKED, body=b"A\r\n0123456789\r\n0\r\n\r\n"), "10"),
    "sizes in lower case": (post(CHUNKED, body=b"a\r\n0123456789\r\n0\r\n\r\n"), "10"),
    "chunks with trailers": (post(CHUNKED, body=b"3\r\nabc\r\n0\r\nX-A: a\r\nX-B: b\r\n\r\n"), "3"),
    "chunks of line ends": (post(CHUNKED, body=chunked(b"\r\n", b"\n", b"\r\n\r\n", b"0\r\n\r\n")), "12"),
    "a body of requests": (request("POST", "/count", body=request("GET", "/target") * 3), "108"),
}


@ids(VALID)
def test_takes_what_is_odd_but_valid(server, shape):
    message, text = shape
    with server.line() as line:
        line.send(message)
        line.expect(200, text=text)


@ids(VALID)
def test_takes_it_byte_by_byte(server, shape):
    message, text = shape
    if len(message) > 10000:
        message, text = request("GET", "/field/X-A", "X-A: " + "a" * 700), "a" * 700
    with server.line() as line:
        for byte in message:
            line.send(bytes([byte])).wait_until_read()
        line.expect(200, text=text)


@ids({name: VALID[name] for name in ["a plain request", "empty lines before it", "chunked",
                                     "chunks with extensions", "chunks with trailers",
                                     "chunks of line ends", "cookies"]})
def test_takes_it_split_anywhere(server, shape):
    message, text = shape
    for position in range(1, len(message)):
        with server.line() as line:
            line.send(message[:position]).wait_until_read()
            line.send(message[position:])
            line.expect(200, text=text)


def test_a_connection_is_kept_for_the_next_request(server):
    with server.line() as line:
        for count in (0, 1, 5, 100, 70000):
            line.send(request("POST", "/count", body=b"x" * count)).expect(200, text=str(count))
            line.send(request("GET", "/target")).expect(200, text="/target ")


def test_requests_that_come_together_are_answered_in_order(server):
    with server.line() as line:
        line.send(request("POST", "/count", body=b"abc"), request("GET", "/target?two"),
                  request("POST", "/count", body=b"four"), request("DELETE", "/count"),
                  request("POST", "/count", body=b"x" * 100000), request("GET", "/nowhere"),
                  request("GET", "/target?last"))
        line.expect(200, text="3")
        line.expect(200, text="/target two")
        line.expect(200, text="4")
        line.expect(200, text="0")
        line.expect(200, text="100000")
        line.expect(404)
        line.expect(200, text="/target last")
        assert line.is_quiet()


def test_a_hundred_requests_may_come_together(server):
    with server.line() as line:
        line.send(*[request("POST", "/count", body=b"x" * n) for n in range(100)])
        for n in range(100):
            line.expect(200, text=str(n))


def test_requests_that_come_together_wait_for_a_slow_one(server):
    with server.line() as line:
        line.send(request("GET", "/wait/50"), request("POST", "/slow/5", body=b"x" * 20000),
                  request("GET", "/target"))
        line.expect(200, text="waited")
        line.expect(200, text="20000")
        line.expect(200, text="/target ")


def test_a_smuggled_request_behind_valid_ones_is_refused(server, follower):
    with server.line() as line:
        line.send(request("POST", "/count", body=b"abc"), request("GET", "/target"),
                  FRAMING["both lengths"], follower.bytes)
        line.expect(200, text="3")
        line.expect(200, text="/target ")
        line.expect(400)
        line.expect_closed()


def test_close_ends_the_connection(server, follower):
    with server.line() as line:
        line.send(request("GET", "/target", close=True), follower.bytes)
        assert line.expect(200).field("Connection") == "close"
        line.expect_closed(reset_too=True)


def test_http_1_0_ends_the_connection(server, follower):
    with server.line() as line:
        line.send(request("GET", "/target", version="1.0"), follower.bytes)
        line.expect(200)
        line.expect_closed(reset_too=True)


def test_http_1_0_may_keep_the_connection(server):
    with server.line() as line:
        for _ in range(3):
            line.send(request("GET", "/target", "Connection: keep-alive", version="1.0"))
            line.expect(200, text="/target ")


def test_a_target_that_is_no_path_is_refused(server):
    for target in ("target", "http://test", "ftp://test/target", "test:80", "//", "http:/target"):
        with server.line() as line:
            line.send(request("GET", target))
            assert line.next_answer().status in (400, 404), target


def test_an_unknown_method_is_told_the_known_ones(server):
    with server.line() as line:
        answer = line.send(request("BREW", "/count")).expect(405)
        assert set(answer.field("Allow").split(", ")) >= {"POST", "PATCH", "GET", "DELETE"}
        line.send(request("get", "/count")).expect(405)  # methods are case-sensitive


def test_what_a_client_wrote_cannot_forge_a_log_line(server):
    with server.line() as line:
        line.send(request("GET", "/target?x\x1b[31m%0a%0d\xff")).next_answer()
    server.ask("/target?after-the-forgery")
    eventually("the log", lambda: "after-the-forgery" in server.log())
    assert "\x1b" not in server.log()
    assert all(re.match(r"<\d>\w+: |==\d+==WARNING: ASan", text) for text in server.log().splitlines())


def test_nobody_was_left_behind(server):
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
