"""A pseudo-terminal that ferry fills, as a person sees it"""

import fcntl
import os
import pty
import select
import struct
import termios
import time

import pyte

SECONDS = 300 if os.environ.get("FERRY_TEST_WRAPPER") else 60


class Terminal:
    """ferry on a pseudo-terminal, and all that it has written there."""

    def __init__(self, ferry, *arguments, lines=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, lines)
        self.emulator = pyte.ByteStream(self.screen)
        self.resize(lines, columns)
        self.before = termios.tcgetattr(self.slave)
        self.text = b""
        environment = {**ferry.environment, "TERM": "xterm"}
        self.process = ferry.start(*arguments, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                   env=environment, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def _more(self, end):
        """False: nothing came before that time."""
        if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
            return False
        piece = os.read(self.master, 65536)
        self.text += piece
        self.emulator.feed(piece)
        return True

    def read(self, until):
        """Reads on until the bytes have come."""
        end = time.monotonic() + SECONDS
        while until not in self.text:
            assert self._more(end), self.text

    @property
    def lines(self):
        """What stands there, with the blanks behind it taken off."""
        return [line.rstrip() for line in self.screen.display]

    def shows(self, check):
        """Reads on until what stands on the screen is as it should be: what is written comes in pieces."""
        end = time.monotonic() + SECONDS
        while not check(self.lines):
            assert time.monotonic() < end and self._more(end), "\n".join(self.lines)

    def sees(self, *texts):
        """All of them at the same time."""
        self.shows(lambda lines: all(any(text in line for line in lines) for text in texts))

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        """The exit status; the terminal is as it was, and shows what it showed."""
        status = self.process.wait(SECONDS)
        end = time.monotonic() + SECONDS  # what it wrote comes by the kernel's own threads
        while not self.text.rfind(b"\x1b[?1049l") > self.text.rfind(b"\x1b[?1049h") >= 0:
            assert self._more(end), self.text
        assert termios.tcgetattr(self.slave) == self.before
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
