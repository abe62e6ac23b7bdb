"""
What a server has told clients, kept where a power cut does not reach it

One line each, written after the answer came and before the next request of that client:

    created ID KIND RECIPE [PART,...]   201; parts of a final, by id
    offset ID OFFSET                    201, 204, or 200 and 204 of a HEAD
    complete ID                         the client was told that it is
    deleting ID                         about to ask, or to ask the operator that it expires now
    deleted ID                          204 to either

A recipe tells the bytes of an upload: SEED:LENGTH, of a final several of them with + between. It is also the
upload's filename, so that an upload can be checked of which no line speaks.
"""

import functools
import hashlib
import threading
from dataclasses import dataclass, field

KINDS = TUS, PART, FINAL, IETF = "tus", "part", "final", "ietf"


@functools.lru_cache(maxsize=64)
def content(recipe):
    pieces = [piece.split(":") for piece in recipe.split("+")]
    return b"".join(hashlib.shake_256(seed.encode()).digest(int(length)) for seed, length in pieces)


@dataclass(frozen=True)
class Upload:
    id: str
    kind: str
    recipe: str
    parts: tuple = ()

    @property
    def path(self):
        return f"/files/{self.id}"

    @property
    def content(self):
        return content(self.recipe)


@dataclass
class Told:
    """What the lines say of one upload; None where the line that tells what it is is missing."""

    upload: Upload = None
    offset: int = 0
    complete: bool = False
    deleting: bool = False
    deleted: bool = False


@dataclass
class Marks:
    """Writes the lines, and ends the server after so many of them; 0: never."""

    file: object
    left: int
    kill: object
    gone: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, *words):
        with self.lock:
            self.file.write((" ".join(map(str, words)) + "\n").encode())
            self.left -= 1
            if self.left == 0:
                self.gone = True
                self.kill()

    def created(self, upload):
        self("created", upload.id, upload.kind, upload.recipe, *[",".join(upload.parts)] * bool(upload.parts))


def read_marks(text):
    """By id."""
    told = {}
    for line in text.splitlines():
        word, upload, *rest = line.split() + [None]
        if upload is None:  # where the tape of a disk that had a cut goes on
            continue
        entry = told.setdefault(upload, Told())
        if word == "created":
            kind, recipe, parts = (rest + [None])[:3]
            entry.upload = Upload(upload, kind, recipe, tuple(parts.split(",")) if parts else ())
        elif word == "offset":
            entry.offset = max(entry.offset, int(rest[0]))
        else:
            setattr(entry, word, True)
    return told
