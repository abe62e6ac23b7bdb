"""
One connection from a client's end, and what is said on it

Hundreds of clients run beside each other in one thread: all waits are asyncio's.
"""

import asyncio
import contextlib
import random
import socket
import struct

TUS = ("Tus-Resumable: 1.0.0",)
OCTETS = "Content-Type: application/offset+octet-stream"
IETF = ("Upload-Draft-Interop-Version: 8",)


def content(seed, count):
    """Bytes that look the same nowhere; fewer are the beginning of more."""
    return random.Random(seed).randbytes((count + 3) // 4 * 4)[:count]


def header(method, target, *fields, length=None):
    fields = ("Host: test", *fields, *(() if length is None else (f"Content-Length: {length}",)))
    return "\r\n".join((f"{method} {target} HTTP/1.1", *fields, "", "")).encode("latin-1")


class Gone(Exception):
    """The server has closed, or has no time: for an honest client a reason to come again."""


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def number(self, name):
        """Of an answer that may be another one than was hoped for."""
        if name not in self.fields:
            raise Gone(str(self.status))
        return int(self.fields[name])


class Wire:
    """One connection from a client's end."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, world, address):
        try:
            reader, writer = await asyncio.open_connection(*world.address, local_addr=(address, 0))
        except OSError:
            raise Gone("no connection") from None
        wire = cls(reader, writer)
        try:
            yield wire
        finally:
            writer.close()

    async def send(self, *pieces):
        try:
            self.writer.write(b"".join(pieces))
            await self.writer.drain()
        except (ConnectionError, OSError) as error:
            raise Gone(str(error)) from None

    def half_close(self):
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    def reset(self):
        with contextlib.suppress(OSError):
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                            struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def answer(self, method="GET"):
        """The next final answer."""
        try:
            while True:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                status = int(head[0].split(" ")[1])
                if status >= 200:
                    break
            fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            count = 0 if method == "HEAD" or status in (204, 304) else int(fields.get("content-length", 0))
            return Answer(status, fields, await self.reader.readexactly(count))
        except (ConnectionError, OSError, asyncio.IncompleteReadError) as error:
            raise Gone(str(error)) from None

    async def to_the_end(self):
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionError, OSError):
            while await self.reader.read(65536):
                pass
