"""
Crowds: more connections than are good, of plain sockets, as asyncio's would cost too much
"""

import asyncio
import contextlib
import random
import socket
import struct

from wire import header

FLOOD, CROWD = "127.0.0.4", "127.0.1.{}"
PATIENCE_S = 60


def connect(world, address):
    """A socket that does not block, on its way to the server."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((address, 0))
    with contextlib.suppress(BlockingIOError):
        sock.connect(world.address)
    return sock


async def floods(world):
    """More from one address than it may have: the surplus is told 503."""
    socks = []
    for _ in range(world.per_address + 100):
        socks.append(connect(world, FLOOD))
        await asyncio.sleep(0)
    loop, refused = asyncio.get_running_loop(), 0
    for sock in socks[world.per_address:]:
        with contextlib.suppress(OSError):
            refused += b" 503 " in await asyncio.wait_for(loop.sock_recv(sock, 100), PATIENCE_S)
    for sock in socks:
        sock.close()
    assert refused > 0, "one address had all that it wanted"
    world.counts["refused in a flood"] += refused


async def crowds(world, many):
    """So many at once, from many addresses: silent, half-way, or with a request. They stay until all are there."""
    socks, rng = [], random.Random(f"crowd {world.seed} {world.round}")
    first_words = [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: test\r\n", header("GET", "/healthz")]
    for i in range(many):
        socks.append(connect(world, CROWD.format(1 + i // (world.per_address - 1))))
        if i % 50 == 49:
            await asyncio.sleep(0.002)  # honest clients are of this process, too
            for sock in socks[i - 49:]:
                with contextlib.suppress(OSError):
                    sock.send(rng.choice(first_words))
    world.counts["crowd"] += many
    world.most_connections = max(world.most_connections, await asyncio.to_thread(world.connections))
    await asyncio.sleep(0.5)
    for i, sock in enumerate(socks):
        if rng.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        if i % 200 == 199:
            await asyncio.sleep(0)
