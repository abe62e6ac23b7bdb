"""Bodies: what a handler reads is what was sent, however it came."""

import functools
import random
import time

import pytest

from conversation import chunk, chunked, header, request

SIZES = [0, 1, 2, 1000, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 1000003, 4000000]


@functools.cache
def content(size):
    return random.Random(size).randbytes(size)


@functools.cache
def sip_text(size):
    """What /sip answers to content(size)."""
    total = 0
    for byte in content(size):
        total = (total * 31 + byte) & (2**64 - 1)
    return f"{size} {total:x}"


def in_pieces(data, sizes):
    """The data, cut into pieces of these sizes, over and over."""
    position, pieces = 0, []
    while position < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[position:position + size])
        position += size
    return pieces


# --- content ---


@pytest.mark.parametrize("size", SIZES)
def test_a_body_is_counted(server, size):
    with server.line() as line:
        line.send(request("POST", "/count", body=content(size))).expect(200, text=str(size))
        line.send(request("POST", "/slow/0", body=content(size))).expect(200, text=str(size))
        line.send(request("POST", "/count", chunks=in_pieces(content(size), [10000])))
        line.expect(200, text=str(size))


@pytest.mark.parametrize("size", SIZES)
def test_a_body_with_a_length_arrives_as_it_was_sent(server, size):
    with server.line() as line:
        line.send(request("POST", "/sip/4096", body=content(size))).expect(200, text=sip_text(size))


@pytest.mark.parametrize("sizes", [[10**7], [65536], [4096], [1, 10, 100, 1000, 10000, 100000]], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_body_arrives_as_it_was_sent(server, size, sizes):
    with server.line() as line:
        line.send(request("POST", "/sip/4096", chunks=in_pieces(content(size), sizes)))
        line.expect(200, text=sip_text(size))
        line.expect_closed()


def test_a_body_that_is_sipped_byte_by_byte_is_whole(server):
    with server.line() as line:
        line.send(request("POST", "/sip/1", body=content(1000))).expect(200, text=sip_text(1000))
        line.send(request("POST", "/sip/1", chunks=in_pieces(content(1000), [1, 300])))
        line.expect(200, text=sip_text(1000))


def test_chunks_of_one_byte_are_put_together(server):
    with server.line() as line:
        line.send(request("POST", "/sip/100", chunks=in_pieces(content(4097), [1])))
        line.expect(200, text=sip_text(4097))


def test_a_body_that_comes_in_bits_is_put_together(server):
    with server.line() as line:
        line.send(header("POST", "/sip/1000", length=65537)).wait_until_read()
        for piece in in_pieces(content(65537), [1, 5000, 3, 20000]):
            line.send(piece).wait_until_read()
        line.expect(200, text=sip_text(65537))


def test_chunks_that_come_in_bits_are_put_together(server):
    with server.line() as line:
        line.send(header("POST", "/sip/1000", "Transfer-Encoding: chunked")).wait_until_read()
        for piece in in_pieces(chunked(*in_pieces(content(65537), [1, 7000, 30])), [1, 4999, 2, 3]):
            line.send(piece).wait_until_read()
        line.expect(200, text=sip_text(65537))


def test_bodies_of_many_connections_do_not_mix(server):
    sizes = [1000, 65537, 131072, 1000003]
    lines = [(server.line(), size) for size in sizes for _ in range(3)]
    for line, size in lines:
        line.send(header("POST", "/sip/4096", length=size))
    for part in range(4):
        for line, size in lines:
            data = content(size)
            line.send(data[part * size // 4:(part + 1) * size // 4])
    for line, size in lines:
        line.expect(200, text=sip_text(size))
        line.close()




# --- Expect ---


def test_100_comes_when_the_handler_reads(server):
    with server.line() as line:
        for _ in range(2):
            line.send(header("POST", "/count", "Expect: 100-continue", length=3))
            line.expect_next(100)
            line.send(b"abc").expect(200, text="3")


def test_100_does_not_come_before_the_handler_reads(server):
    with server.line() as line:
        begun = time.monotonic()
        line.send(header("POST", "/late/300", "Expect: 100-continue", length=3))
        line.expect_next(100)
        assert time.monotonic() - begun >= 0.3
        line.send(b"abc").expect(200, text="3")


def test_100_comes_for_a_chunked_body(server):
    with server.line() as line:
        line.send(header("POST", "/count", "Expect: 100-Continue", "Transfer-Encoding: chunked"))
        line.expect_next(100)
        line.send(chunked(b"abc")).expect(200, text="3")


def test_a_refusal_comes_instead_of_100(server):
    for target, status in (("/refuse", 409), ("/nowhere", 404), ("/target", 405)):
        with server.line() as line:
            line.send(header("POST", target, "Expect: 100-continue", length=10**9))
            answer = line.expect_next(status)
            assert answer.field("Connection") == "close"
            line.expect_closed()


def test_a_refusal_of_a_chunked_body_comes_instead_of_100(server):
    with server.line() as line:
        line.send(header("POST", "/refuse", "Expect: 100-continue", "Transfer-Encoding: chunked"))
        line.expect_next(409)
        line.expect_closed()


def test_a_refusal_after_100_is_heard(server):
    with server.line() as line:
        line.send(header("POST", "/refuse/3", "Expect: 100-continue", length=1000))
        line.expect_next(100)
        line.send(b"abc" + b"x" * 997)
        line.expect_next(409)


def test_who_does_not_wait_for_100_is_served_as_well(server):
    for size in (3, 100000):
        with server.line() as line:
            line.send(request("POST", "/count", "Expect: 100-continue", body=b"x" * size))
            line.expect(200, text=str(size))


def test_an_expectation_without_a_body_disturbs_nothing(server):
    with server.line() as line:
        for _ in range(2):
            line.send(request("GET", "/target", "Expect: 100-continue")).expect(200)
            line.send(request("POST", "/count", "Expect: 100-continue", body=b"")).expect(200)


def test_no_100_for_http_1_0(server):
    with server.line() as line:
        line.send(header("POST", "/count", "Expect: 100-continue", length=3, version="1.0"))
        line.wait_until_read().send(b"abc")
        line.expect_next(200)


def test_another_expectation_is_refused(server):
    with server.line() as line:
        line.send(header("POST", "/count", "Expect: a-miracle", length=3))
        line.send(b"abc")
        line.expect_next(417)


# --- interim answers ---


def test_interim_answers_come_whole_and_in_order(server):
    with server.line() as line:
        for count in (1, 10, 70000):
            line.send(header("POST", "/interim", length=count))
            assert line.expect_next(104).field("Upload-Offset") == "0"
            line.send(b"x" * count)
            assert line.expect_next(104).field("Upload-Offset") == str(count)
            assert line.expect_next(200).text == str(count)


def test_interim_answers_come_beside_100(server):
    with server.line() as line:
        line.send(header("POST", "/interim", "Expect: 100-continue", length=3))
        assert line.expect_next(104).field("Upload-Offset") == "0"
        line.expect_next(100)
        line.send(b"abc")
        assert line.expect_next(104).field("Upload-Offset") == "3"
        line.expect_next(200)


def test_interim_answers_have_neither_length_nor_date_nor_close(server):
    with server.line() as line:
        line.send(request("POST", "/interim", body=b"abc", close=True))
        answer = line.expect_next(104)
        assert {name for name, _ in answer.fields} == {"Upload-Offset"}
        line.expect(200, text="3")


def test_no_interim_answer_for_http_1_0(server):
    with server.line() as line:
        line.send(request("POST", "/interim", body=b"abc", version="1.0"))
        line.expect_next(200)
        line.expect_closed()


def test_interim_answers_keep_their_place_in_a_pipeline(server):
    """104 may be left out while an answer before it is still on its way; never may it be cut or come late."""
    with server.line() as line:
        line.send(*[request("POST", "/interim", body=b"x" * n) for n in (1, 20, 300)],
                  request("GET", "/target"))
        for n in (1, 20, 300):
            seen = []
            while (answer := line.next_answer()).status == 104:
                seen.append(answer.field("Upload-Offset"))
            assert answer.status == 200 and answer.text == str(n)
            assert seen in (["0", str(n)], [str(n)], ["0"], [])
        line.expect_next(200)


def test_interim_answers_never_cut_an_answer_that_is_read_slowly(server):
    with server.line(receive_buffer=4096) as line:
        line.send(request("GET", "/large/3000000"), request("POST", "/interim", body=b"abc"),
                  request("GET", "/target"))
        assert len(line.expect(200).body) == 3000000
        line.expect(200, text="3")
        line.expect(200, text="/target ")


def test_interim_answers_come_with_a_chunked_body(server):
    with server.line() as line:
        line.send(header("POST", "/interim", "Transfer-Encoding: chunked"))
        line.expect_next(104)
        line.send(chunk(b"abc")).wait_until_read().send(b"0\r\n\r\n")
        assert line.expect_next(104).field("Upload-Offset") == "3"
        line.expect_next(200)
        line.expect_closed()


# --- trailers ---

TRAILERS = {
    "one": (b"Upload-Checksum: sha1 abc=\r\n", "sha1 abc="),
    "in lower case": (b"upload-checksum: sha1 abc=\r\n", "sha1 abc="),
    "blanks around it": (b"Upload-Checksum: \t sha1 abc= \t\r\n", "sha1 abc="),
    "no blank": (b"Upload-Checksum:sha1 abc=\r\n", "sha1 abc="),
    "behind others": (b"X-A: a\r\nX-B: b\r\nUpload-Checksum: v\r\nX-C: c\r\n", "v"),
    "another": (b"X-A: a\r\n", "none"),
    "empty": (b"Upload-Checksum:\r\n", ""),
    "none": (b"", "none"),
}


@pytest.mark.parametrize("trailer, value", TRAILERS.values(), ids=list(TRAILERS))
def test_a_trailer_is_found(server, trailer, value):
    end = b"0\r\n" + trailer + b"\r\n"
    for fields in ((), ("Trailer: Upload-Checksum",)):
        with server.line() as line:
            line.send(header("POST", "/trailer", "Transfer-Encoding: chunked", *fields), chunk(b"abc"), end)
            line.expect(200, text=value)
    with server.line() as line:
        line.send(header("POST", "/trailer", "Transfer-Encoding: chunked"), chunk(b"abc"))
        for byte in end:
            line.send(bytes([byte])).wait_until_read()
        line.expect(200, text=value)


def test_a_field_is_no_trailer(server):
    with server.line() as line:
        line.send(request("POST", "/trailer", "Upload-Checksum: v", chunks=[b"abc"]))
        line.expect(200, text="none")
    with server.line() as line:
        line.send(request("POST", "/trailer", "Upload-Checksum: v", body=b"abc")).expect(200, text="none")


def test_a_trailer_is_no_field(server):
    with server.line() as line:
        line.send(header("POST", "/slow/1", "Transfer-Encoding: chunked"), b"3\r\nabc\r\n0\r\n",
                  b"X-HTTP-Method-Override: BREW\r\n\r\n")
        line.expect(200, text="3")


# --- methods and targets ---


def test_head_is_get_without_content(server):
    with server.line() as line:
        for target in ("/target?x", "/large/100000", "/field/Host"):
            got = line.send(request("GET", target)).expect(200)
            head = line.send(request("HEAD", target)).expect(200, method="HEAD")
            assert head.field("Content-Length") == got.field("Content-Length")
        line.send(request("HEAD", "/nowhere")).expect(404, method="HEAD")
        line.send(request("HEAD", "/end")).expect(405, method="HEAD")
        line.send(request("GET", "/target")).expect(200)


def test_head_with_a_body_is_refused_without_content(server):
    with server.line() as line:
        line.send(header("HEAD", "/refuse", length=10**6), b"x" * 1000)
        line.send(b"x" * 300000)
        line.expect(409, method="HEAD")
        assert line.received == b""


def test_the_method_can_be_overridden(server):
    def override(line, method, target, over, **kind):
        return line.send(request(method, target, f"X-HTTP-Method-Override: {over}", **kind))

    with server.line() as line:
        override(line, "POST", "/count", "PATCH", body=b"abc").expect(200, text="3")
        override(line, "POST", "/target", "GET").expect(200, text="/target ")
        override(line, "GET", "/end", "DELETE").expect(405)
        override(line, "POST", "/count", "BREW", body=b"abc").expect(405)
        override(line, "POST", "/count", "patch", body=b"abc").expect(405)
        # as a client that sent POST reads it: there is content
        override(line, "POST", "/target", "HEAD").next_answer()
        override(line, "HEAD", "/target", "GET").expect(200, method="HEAD")
        line.send(request("GET", "/target")).expect(200)
    for over in ("", "PA TCH", "PA,TCH", "P\xc4TCH"):
        with server.line() as line:
            override(line, "POST", "/count", over, body=b"abc").expect(400)


def test_percent_encoding_stays(server):
    with server.line() as line:
        for target, text in (("/target?a=%2F%00+b%", "/target a=%2F%00+b%"),
                             ("/field/X%2DA", "(none)"), ("/field/X-A%00", "(none)"),
                             ("/field/X-A", "v"), ("/target?%zz", "/target %zz")):
            line.send(request("GET", target, "X-A: v")).expect(200, text=text)
        for target in ("/%74arget", "/field%2FX-A", "/target%00", "/target%2F", "/target/", "//target",
                       "/./target", "/field/../target"):
            line.send(request("GET", target, "X-A: v")).expect(404)


# --- long headers ---


@pytest.mark.parametrize("count", [16384, 65536, 100000, 125000])
def test_a_long_field_is_taken(server, count):
    with server.line() as line:
        answer = line.send(request("GET", "/field/X-A", "X-A: " + "a" * count)).expect(200)
        assert answer.text == "a" * count
        line.send(request("GET", "/target")).expect(200)


def test_many_fields_are_taken(server):
    with server.line() as line:
        line.send(request("GET", "/field/X-799", *[f"X-{n}: {n}" for n in range(800)]))
        line.expect(200, text="799")


def test_a_long_target_is_taken(server):
    with server.line() as line:
        text = line.send(request("GET", "/target?" + "a" * 30000)).expect(200).text
        assert text == "/target " + "a" * 30000


def test_a_long_query_of_many_arguments_is_taken_or_told(servers):
    """libmicrohttpd takes it apart, has no room for so many, and says nothing: the deadline does."""
    with servers.frame(header_s=1).line() as line:
        query = "&".join(f"a{n}={n}" for n in range(2000))
        answer = line.send(request("GET", "/target?" + query)).next_answer()
        assert answer.status in (200, 408, 414, 431)


@pytest.mark.parametrize("count", [140000, 200000, 1000000])
def test_a_field_too_long_is_told_so(server, count):
    with server.line() as line:
        line.send_whatever(request("GET", "/target", "X-A: " + "a" * count))
        line.expect(431)
        line.read_until_closed()


def test_too_many_fields_are_told_so(server):
    with server.line() as line:
        line.send_whatever(request("GET", "/target", *[f"X-{n}: {n}" for n in range(20000)]))
        line.expect(431)
        line.read_until_closed()


def test_a_target_too_long_is_told_so(server):
    with server.line() as line:
        line.send_whatever(request("GET", "/target?" + "a" * 200000))
        assert line.next_answer().status in (414, 431)
        line.read_until_closed()


def test_nobody_was_left_behind(server):
    server.wait_for_counts(live=0, suspended=0, fibers=0, connections=0)
