"""
The world of a server: who lives in it, and what is left of them when they have gone
"""

import asyncio
import collections
import contextlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import time

import conversation
from broken import LIVES, broken
from crowd import crowds, floods
from honest import Honest

PATIENCE_S = 60
HEADER_TIMEOUT_S, IDLE_TIMEOUT_S = 1, 3  # no honest client is ever held up for so long
PER_ADDRESS = 400


def arguments(data, slower):
    """Of the server."""
    return ["--listen", "127.0.0.1:0", "--data", str(data),
            "--header-timeout", str(HEADER_TIMEOUT_S * slower), "--idle-timeout", str(IDLE_TIMEOUT_S * slower),
            "--max-connections-per-address", str(PER_ADDRESS), "--max-connections", "12000",
            "--buffer-memory", "256K"]  # so that bytes wait for room, too


AT_REST = ["ferry_connections", "ferry_watchers", "ferry_requests_running", "ferry_requests_waiting", "ferry_fibers",
           "ferry_uploads_open", "ferry_buffer_bytes", "ferry_dirty_bytes", "ferry_open_files"]


class World:
    """
    A server in a folder of its own, and rounds of clients.

    slower: how much more time than usual the server and its clients take, under valgrind say.
    """

    def __init__(self, folder, options):
        self.folder, self.data, self.seed, self.slower = folder, folder / "data", options.seed, options.slower
        self.per_address, self.many = PER_ADDRESS, options.many
        self.round = 0
        self.honest = []  # all of all rounds
        self.counts = collections.Counter()
        self.most_connections = 0
        self.longest = collections.Counter()  # in seconds, that the server has listened to what came to no end
        self.start()

    def start(self):
        self.server = conversation.Server("server/ferryd", arguments(self.data, self.slower), self.folder)
        self.process = self.server.process.pid
        self.address = ("127.0.0.1", self.server.port)
        self.descriptors_before = self.descriptors()

    def stop(self):
        """Cleanly, and everything on the disk is as the catalog says."""
        self.check_log()
        self.server.stop()
        self.check_rows()
        subprocess.run([conversation.BUILD / "server/ferryd", "--verify", "--data", self.data], check=True)

    def operator(self, method, target):
        """The answer's body."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE_S * self.slower)
            here = os.open(self.data, os.O_PATH | os.O_DIRECTORY)  # a path of any length
            sock.connect(f"/proc/self/fd/{here}/admin.sock")
            os.close(here)
            sock.sendall(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            text = b"".join(iter(lambda: sock.recv(1 << 20), b""))
        head, body = text.split(b"\r\n\r\n", 1)
        assert re.match(rb"HTTP/1.1 2\d\d ", head), (method, target, head)
        return body.decode()

    def metrics(self):
        lines = self.operator("GET", "/metrics").splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")

    def gauges(self):
        page = self.metrics()
        return {name: int(page[name]) for name in AT_REST}

    def connections(self):
        return int(self.metrics()["ferry_connections"])

    def uploads(self):
        """By their paths, as the catalog has them."""
        found, more = {}, ""
        while True:
            answer = json.loads(self.operator("GET", f"/api/uploads?limit=1000{more}"))
            found.update({upload["url"]: upload for upload in answer["uploads"]})
            if not answer.get("next"):
                return found
            more = f"&cursor={answer['next']}"

    def descriptors(self):
        """But those of the database, which opens one for each thread that reads when it reads first."""
        names = []
        folder = f"/proc/{self.process}/fd"
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"{folder}/{name}"))
        return len([name for name in names if "/ferry.db" not in name])

    def memory_kib(self):
        return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{self.process}/status").read_text())[1])

    def rest(self):
        """Waits until nothing of what clients did is going on."""
        deadline = time.monotonic() + PATIENCE_S * self.slower
        while True:
            left = {name: number for name, number in self.gauges().items() if number}
            if not left and self.descriptors() <= self.descriptors_before:
                return
            assert time.monotonic() < deadline, f"left: {left}, descriptors {self.descriptors()} of {self.descriptors_before}"
            time.sleep(0.05)

    def clean(self):
        """The operator deletes what is not honest: then nothing is there that is not known."""
        wanted = {upload.path for upload in self.honest}
        for path in self.uploads().keys() - wanted:
            self.operator("DELETE", "/api/uploads/" + path.rsplit("/", 1)[1])
        there = self.uploads()
        assert there.keys() == wanted, "rows that nobody has made, or too few"
        assert all(upload["complete"] and not upload["writing"] for upload in there.values())

    async def compare(self):
        """All that honest clients have ever sent."""
        turns = asyncio.Semaphore(8)

        async def one(upload):
            async with turns:
                await upload.patiently(upload.compare)

        await asyncio.gather(*(one(upload) for upload in self.honest))

    async def play(self, options):
        self.round += 1
        honest = [Honest(self, f"{self.seed} {self.round} {i}") for i in range(options.honest)]
        self.honest += honest
        await asyncio.gather(
            *(upload.live() for upload in honest),
            *(broken(self, number, options.lives) for number in range(options.workers)),
            floods(self),
            crowds(self, options.many))

    def one_round(self, options):
        begun = time.monotonic()
        asyncio.run(self.play(options))
        played = time.monotonic() - begun
        self.rest()
        self.clean()
        asyncio.run(self.compare())
        self.rest()
        back = time.monotonic() - begun - played
        memory = self.memory_kib()
        print(f"round {self.round}: {played:.1f} s, then {back:.1f} s until all was back; "
              f"{self.most_connections} connections at most; {memory} KiB; {len(self.honest)} honest uploads whole",
              flush=True)
        return memory

    def stop_in_the_middle(self, options):
        """SIGTERM while all are at it. Who was honest finds what was acknowledged when the server is there again."""

        async def stop():
            clients = asyncio.create_task(self.play(options))
            while sum(upload.told > 0 for upload in self.honest[before:]) < options.honest / 4 and not clients.done():
                await asyncio.sleep(0.01)
            if clients.done():
                await clients  # a client of this round has met what nobody excuses
            await asyncio.to_thread(self.stop)
            clients.cancel()
            with contextlib.suppress(asyncio.CancelledError, AssertionError, OSError):  # 503, no answers, no server
                await clients

        self.check_lives()
        counts, before = self.counts.copy(), len(self.honest)
        asyncio.run(stop())
        self.counts = counts  # who finds no server has done nothing
        unfinished = [upload for upload in self.honest if upload.told < upload.length]
        assert unfinished, "nobody was in the middle"
        self.start()
        asyncio.run(self.go_on())
        self.rest()
        print(f"stopped in round {self.round}, with {len(unfinished)} honest uploads on their way, and started again:"
              f" all {len(self.honest)} whole", flush=True)

    async def go_on(self):
        await asyncio.gather(*(upload.live(pause_s=0) for upload in self.honest))

    def check_log(self):
        smuggled = re.findall(r"smuggled-\d+", self.server.log())
        assert not smuggled, f"requests that nobody should have seen: {smuggled[:5]}"

    def check_rows(self):
        """None is left of an upload that is not there, and each is counted once."""
        with contextlib.closing(sqlite3.connect(self.data / "ferry.db")) as catalog:
            for table, column in [("progress", "number"), ("listing", "number"), ("final", "number"), ("part", "final")]:
                orphans, = catalog.execute(f"SELECT count(*) FROM {table}"
                                           f" WHERE {column} NOT IN (SELECT number FROM upload)").fetchone()
                assert orphans == 0, f"{orphans} rows of {table} without an upload"
            wrong = catalog.execute("SELECT state, uploads FROM tally WHERE uploads <>"
                                    " (SELECT count(*) FROM listing WHERE listing.state = tally.state)").fetchall()
            assert wrong == [], f"counted wrongly: {wrong}"

    def listened(self, what, since):
        self.longest[what] = max(self.longest[what], time.monotonic() - since)

    def check_deadlines(self):
        for what, timeout_s in (("header", HEADER_TIMEOUT_S), ("body", IDLE_TIMEOUT_S)):
            assert 0 < self.longest[what] < (timeout_s + 4) * self.slower, f"{self.longest[what]} s for one {what}"

    def check_lives(self):
        """Each was lived to its end, not only in vain, and there was a crowd."""
        missing = [live.__name__ for live in LIVES if not self.counts[live.__name__]]
        assert not missing, f"nobody came to the end of {missing}"
        assert self.most_connections > self.many // 8, f"{self.most_connections} connections at most"
