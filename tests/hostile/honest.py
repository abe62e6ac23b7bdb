"""
Honest clients: they are hindered, hang up themselves, go on, and know every byte that is theirs
"""

import asyncio
import contextlib
import random

from wire import IETF, OCTETS, TUS, Gone, Wire, content, header

ADDRESS = "127.0.0.2"
PATIENCE_S = 60
PAUSE_S = 0.8  # between two appends, at most: so they are there as long as the others


class Honest:
    """An upload that is wanted; whatever happens, an offset that was told is kept."""

    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(f"honest {seed}")
        self.seed, self.length = seed, self.rng.randrange(1, 400_000)
        self.content = content(seed, self.length)
        self.path, self.told = None, 0
        self.ietf = self.rng.random() < 0.3

    async def patiently(self, step):
        """Again and again, as long as the server closes or has no time; but not for ever."""
        try:
            async with asyncio.timeout(PATIENCE_S * self.world.slower):
                while True:
                    with contextlib.suppress(Gone):
                        async with Wire.to(self.world, ADDRESS) as wire:
                            return await step(wire)
                    self.world.counts["honest clients came again"] += 1
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{step.__name__} of {self.path} at {self.told} of {self.length} came to no end") from None

    async def ask(self, wire, method, target, *fields, body=None):
        length = None if body is None else len(body)
        await wire.send(header(method, target, *fields, length=length), body or b"")
        answer = await wire.answer(method)
        if answer.status == 503:
            raise Gone("503")
        return answer

    async def create(self, wire):
        fields = ("Upload-Complete: ?0", *IETF) if self.ietf else TUS
        answer = await self.ask(wire, "POST", "/files/", *fields, f"Upload-Length: {self.length}", body=b"")
        assert answer.status == 201, (answer.status, answer.body)
        self.path = answer.fields["location"]

    async def offset(self, wire):
        answer = await self.ask(wire, "HEAD", self.path, *(IETF if self.ietf else TUS))
        assert answer.status in (200, 204), (answer.status, self.path)
        offset = answer.number("upload-offset")
        assert offset >= self.told, f"{self.path}: {self.told} was told, now it is {offset}"
        self.told = offset
        return answer.fields.get("upload-complete") == "?1" if self.ietf else offset == self.length

    async def append(self, wire):
        """A piece from where it stands; at times it hangs up in the middle itself."""
        if await self.offset(wire):
            return True
        end = min(self.length, self.told + self.rng.randrange(self.length // 5 + 2))
        body = self.content[self.told:end]
        fields = TUS + (OCTETS,)
        if self.ietf:
            fields = (*IETF, "Content-Type: application/partial-upload", f"Upload-Complete: ?{int(end == self.length)}")
        sent = len(body) if self.rng.random() < 0.8 else self.rng.randrange(len(body) + 1)
        await wire.send(header("PATCH", self.path, *fields, f"Upload-Offset: {self.told}", length=len(body)),
                        body[:sent])
        if sent < len(body):
            wire.reset() if self.rng.random() < 0.5 else wire.half_close()
            raise Gone("by itself")
        answer = await wire.answer()
        if answer.status in (409, 503):  # a byte of the one before it may have come meanwhile
            raise Gone(str(answer.status))
        assert answer.status in (200, 201, 204), (answer.status, answer.body, self.path)
        self.told = end
        return end == self.length

    async def compare(self, wire):
        answer = await self.ask(wire, "GET", self.path)
        assert answer.status == 200, (answer.status, self.path)
        assert answer.body == self.content, f"{self.path} is not what was sent"

    async def live(self, pause_s=PAUSE_S):
        if self.path is None:
            await self.patiently(self.create)
        while not await self.patiently(self.append):
            await asyncio.sleep(self.rng.random() * pause_s)
        await self.patiently(self.compare)
