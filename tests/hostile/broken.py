"""
Broken clients: each function is one life, on a connection that is made for it

What must hold for a client whatever it does is asserted here; whether anything is left of it is looked at later.
"""

import asyncio
import contextlib
import random
import time

from wire import IETF, OCTETS, TUS, Gone, Wire, content, header

ADDRESS = "127.0.0.3"
LIFE_S = 60  # at most; all timeouts of the server together are shorter


async def created(world, wire, length, *fields):
    """The path of a new upload, which is nobody's."""
    await wire.send(header("POST", "/files/", *TUS, f"Upload-Length: {length}", *fields, length=0))
    answer = await wire.answer()
    if answer.status != 201:
        raise Gone(str(answer.status))
    return answer.fields["location"]


def append_header(path, length, offset=0):
    return header("PATCH", path, *TUS, OCTETS, f"Upload-Offset: {offset}", length=length)


async def resets_in_the_header(world, rng, wire):
    text = header("POST", "/files/", *TUS, "Upload-Length: 10", length=0)
    await wire.send(text[:rng.randrange(1, len(text))])
    wire.reset()


async def resets_in_the_body(world, rng, wire):
    path = await created(world, wire, 100_000)
    await wire.send(append_header(path, 100_000), bytes(rng.randrange(100_000)))
    wire.reset()


async def half_closes_in_the_body(world, rng, wire):
    path = await created(world, wire, 100_000)
    await wire.send(append_header(path, 100_000), bytes(rng.randrange(100_000)))
    wire.half_close()
    await wire.to_the_end()


async def half_closes_behind_the_request(world, rng, wire):
    """Which is no fault: the answer comes."""
    await wire.send(header("OPTIONS", "/files/", *TUS))
    wire.half_close()
    assert (await wire.answer()).status in (200, 204, 503)


async def stalls_in_the_header(world, rng, wire):
    text = header("GET", "/files/x")
    begun = time.monotonic()
    await wire.send(text[:rng.randrange(1, len(text) - 1)])
    await wire.to_the_end()
    world.listened("header", begun)


async def stalls_in_the_body(world, rng, wire):
    path = await created(world, wire, 1000)
    begun = time.monotonic()
    await wire.send(append_header(path, 1000), bytes(rng.randrange(1000)))
    await wire.to_the_end()
    world.listened("body", begun)


async def trickles_a_header(world, rng, wire):
    """No byte renews its deadline."""
    begun = time.monotonic()
    with contextlib.suppress(Gone):
        for byte in header("GET", "/files/x", "X-A: " + "a" * 1000):
            await wire.send(bytes([byte]))
            await asyncio.sleep(0.05)
            if wire.reader.at_eof():
                break
    await wire.to_the_end()
    world.listened("header", begun)


async def trickles_a_body(world, rng, wire):
    path = await created(world, wire, 40)
    await wire.send(append_header(path, 40))
    for _ in range(40):
        await wire.send(b"x")
        await asyncio.sleep(0.02)
    assert (await wire.answer()).status == 204


async def says_more_than_it_sends(world, rng, wire):
    path = await created(world, wire, 1 << 40)
    await wire.send(append_header(path, rng.choice([1 << 40, 1 << 62, (1 << 63) - 1])), bytes(rng.randrange(1, 300_000)))
    wire.writer.close()


async def sends_more_than_it_says(world, rng, wire):
    path = await created(world, wire, 10)
    await wire.send(append_header(path, 10), bytes(rng.randrange(11, 5000)))
    await wire.to_the_end()


async def sends_more_than_there_is_room_for(world, rng, wire):
    path = await created(world, wire, 10)
    with contextlib.suppress(Gone):
        await wire.send(append_header(path, 2_000_000), bytes(2_000_000))
    await wire.to_the_end()


# What one server takes for the end of a request and another does not. The request behind it must never be one; nor
# must one behind chunks that are as they should be, as what is between us and the client may see other ones.
SMUGGLING = [
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    "Content-Length: 3, 3\r\n\r\nabc",
    "Content-Length: +3\r\n\r\nabc",
    "Content-Length: 0x3\r\n\r\nabc",
    "Content-Length : 3\r\n\r\nabc",
    "Content-Length: 3\r\n 4\r\n\r\nabc",
    "X-A: a\r\n Content-Length: 3\r\n\r\nabc",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "X-A: a\nContent-Length: 3\r\n\r\nabc",
    "Content-Length: 3\n\nabc",
    "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
]


async def smuggles(world, rng, _):
    """Each shape, on a connection of its own."""
    hidden = header("POST", "/files/", *TUS, "Upload-Length: 1", f"X-Request-ID: smuggled-{rng.randrange(10**9)}", length=0)
    for shape in SMUGGLING:
        async with Wire.to(world, ADDRESS) as wire:
            with contextlib.suppress(Gone):
                known = rng.random() < 0.7  # otherwise nobody reads the body
                path = await created(world, wire, 1000) if known else "/files/" + "0" * 32
                text = header("PATCH", path, *TUS, OCTETS, "Upload-Offset: 0")[:-2] + shape.encode() + hidden
                cut = rng.randrange(len(text))
                await wire.send(text[:cut])
                await asyncio.sleep(0)
                await wire.send(text[cut:])
            wire.half_close()
            await wire.to_the_end()


async def pipelines(world, rng, wire):
    """All answers come, in order."""
    count = rng.randrange(2, 40)
    await wire.send(*(header("OPTIONS", "/files/", *TUS, f"X-Request-ID: {number}") for number in range(count)))
    for number in range(count):
        answer = await wire.answer()
        assert answer.status in (200, 204, 503), answer.status
        assert answer.fields["x-request-id"] == str(number)
        if answer.fields.get("connection") == "close":
            return


async def repeats(world, rng, wire):
    """The same append twice: the second one is told where the upload is."""
    path = await created(world, wire, 1000)
    await wire.send(append_header(path, 500), bytes(500), append_header(path, 500), bytes(500))
    if (await wire.answer()).status == 204:
        assert (await wire.answer()).status in (409, 503)


async def repeats_a_creation(world, rng, wire):
    """Several times at once, and some hang up: there is one upload."""
    key = f'Idempotency-Key: "{rng.randrange(10**20):020}"'

    async def create(number):
        with contextlib.suppress(Gone):
            async with Wire.to(world, ADDRESS) as other:
                await other.send(header("POST", "/files/", *TUS, "Upload-Length: 10", key, length=0))
                if number % 3 == 2:
                    return other.reset()
                answer = await other.answer()
                return answer.fields["location"] if answer.status == 201 else None

    paths = set(await asyncio.gather(*(create(number) for number in range(6)))) - {None}
    assert len(paths) <= 1, f"one key, and {paths}"


async def races_itself(world, rng, wire):
    """The same upload on several connections. Whoever wins, the bytes are those at their places."""
    seed, length = rng.randrange(10**9), 60_000
    bytes_sent = content(seed, length)
    path = await created(world, wire, length)

    async def run(number):
        with contextlib.suppress(Gone):
            async with Wire.to(world, ADDRESS) as other:
                await other.send(header("HEAD", path, *TUS))
                answer = await other.answer("HEAD")
                offset = answer.number("upload-offset")
                await other.send(append_header(path, length - offset, offset),
                                 bytes_sent[offset:offset + rng.randrange(1, length)])
                if number % 2:
                    other.reset()
                else:
                    other.half_close()
                    await other.to_the_end()

    await asyncio.gather(*(run(number) for number in range(rng.randrange(2, 6))))
    await wire.send(header("HEAD", path, *TUS))
    answer = await wire.answer("HEAD")
    if answer.status != 200:
        raise Gone(str(answer.status))
    offset = answer.number("upload-offset")
    if offset < length:
        await wire.send(append_header(path, length - offset, offset), bytes_sent[offset:])
        if (await wire.answer()).status != 204:
            raise Gone("overtaken")
    await wire.send(header("GET", path))
    answer = await wire.answer()
    if answer.status != 503:
        assert answer.status == 200 and answer.body == bytes_sent, f"{path} was mixed up"


async def never_reads(world, rng, wire):
    """Sends more than a buffer of the server has room for, asks for it again and again, and takes nothing of it."""
    path = await created(world, wire, 3_000_000)
    await wire.send(append_header(path, 3_000_000), bytes(3_000_000))
    if (await wire.answer()).status != 204:
        raise Gone("overtaken")
    wire.reader._transport.pause_reading()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(wire.send(header("GET", path) * 20), 1)
    await asyncio.sleep(rng.random())
    wire.reset()


async def watches_and_leaves(world, rng, wire):
    path = await created(world, wire, 10)
    await wire.send(header("GET", path, "Accept: text/event-stream"))
    await wire.reader.read(1)
    wire.reset() if rng.random() < 0.5 else wire.half_close()


async def deletes_under_a_writer(world, rng, wire):
    path = await created(world, wire, 100_000)
    await wire.send(append_header(path, 100_000), bytes(50_000))
    async with Wire.to(world, ADDRESS) as other:
        await other.send(header("DELETE", path, *TUS))
        status = (await other.answer()).status
        assert status in (204, 423, 503)
        if status == 204:
            await other.send(header("HEAD", path, *TUS))
            assert (await other.answer("HEAD")).status in (404, 410, 503)
    await wire.to_the_end()


async def joins_parts_that_go(world, rng, wire):
    path = await created(world, wire, 10, "Upload-Concat: partial")
    await wire.send(header("POST", "/files/", *TUS, f"Upload-Concat: final;{path} {path}", length=0))
    await wire.answer()
    await wire.send(header("DELETE", path, *TUS))
    await wire.answer()


async def expects_and_leaves(world, rng, wire):
    path = await created(world, wire, 1000)
    await wire.send(header("PATCH", path, *TUS, OCTETS, "Upload-Offset: 0", "Expect: 100-continue", length=1000))
    await wire.reader.read(1)
    wire.reset()


async def creates_by_ietf_and_leaves(world, rng, wire):
    """While the announcement of its upload is under way."""
    await wire.send(header("POST", "/files/", *IETF, "Upload-Complete: ?1", length=100_000), bytes(rng.randrange(50_000)))
    if rng.random() < 0.5:
        await wire.reader.read(1)
    wire.reset() if rng.random() < 0.5 else wire.half_close()


async def makes_noise(world, rng, wire):
    with contextlib.suppress(Gone):
        await wire.send(rng.randbytes(rng.randrange(1, 5000)))
    wire.half_close()
    await wire.to_the_end()


async def has_a_long_header(world, rng, wire):
    with contextlib.suppress(Gone):
        await wire.send(header("GET", "/files/x", *(f"X-{i}: {'a' * 100}" for i in range(rng.randrange(100, 3000)))))
    await wire.to_the_end()


LIVES = [
    resets_in_the_header, resets_in_the_body, half_closes_in_the_body, half_closes_behind_the_request,
    stalls_in_the_header, stalls_in_the_body, trickles_a_header, trickles_a_body, says_more_than_it_sends,
    sends_more_than_it_says, sends_more_than_there_is_room_for, smuggles, pipelines, repeats, repeats_a_creation,
    races_itself, never_reads, watches_and_leaves, deletes_under_a_writer, joins_parts_that_go, expects_and_leaves,
    creates_by_ietf_and_leaves, makes_noise, has_a_long_header,
]


async def broken(world, number, lives):
    """One life after the other. No fault of its own keeps the next one from its turn."""
    rng = random.Random(f"broken {world.seed} {world.round} {number}")
    order = [LIVES[(number + i) % len(LIVES)] for i in range(lives)]  # each has its turn
    for live in order:
        try:
            async with Wire.to(world, ADDRESS) as wire:
                await asyncio.wait_for(live(world, rng, wire), LIFE_S * world.slower)
            world.counts[live.__name__] += 1
        except Gone as why:
            world.counts[f"{live.__name__}, in vain: {why}"] += 1
        except asyncio.TimeoutError:
            raise AssertionError(f"{live.__name__} came to no end") from None
