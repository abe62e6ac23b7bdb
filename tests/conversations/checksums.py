"""
Checksums and digests of what a test sends
"""

import base64
import hashlib
import zlib

ALGORITHMS = ["sha1", "sha256", "sha512", "md5", "crc32", "blake2b"]


def digest(algorithm, content):
    if algorithm == "crc32":
        return zlib.crc32(content).to_bytes(4, "big")
    return hashlib.new(algorithm, content).digest()


def b64_of(data):
    return base64.b64encode(data).decode()


def checksum(algorithm, content):
    """The value of Upload-Checksum."""
    return f"{algorithm} {b64_of(digest(algorithm, content))}"


def checksum_is(algorithm, content):
    return f"Upload-Checksum: {checksum(algorithm, content)}"


def stated(algorithm, content):
    """Metadata that states a digest of the whole."""
    text = f"{algorithm}:{digest(algorithm, content).hex()}"
    return f"Upload-Metadata: filename Zm9v,digest {b64_of(text.encode())}"


def repr_digest(content):
    return f"Repr-Digest: sha-256=:{b64_of(digest('sha256', content))}:"


def told_digest(answer):
    """The algorithm and the digest of the whole that an answer tells, or None."""
    field = answer.field("Repr-Digest") or answer.field("Ferry-Digest")
    if field is None:
        return None
    name, value = field.removesuffix(":").split("=:")
    return {"sha-256": "sha256"}.get(name, name), base64.b64decode(value)


# What is no checksum, whatever the bytes are.
MALFORMED = {
    "empty": "",
    "no value": "sha1",
    "no name": "Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "two blanks": "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "a tab": "sha1\tKq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "no padding": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0",
    "bits behind the end": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1=",
    "of the URL alphabet": "sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=",
    "hex": "sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
    "too short": "sha1 DUoRhQ==",
    "too long": "crc32 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "of another length": "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "two": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=, crc32 DUoRhQ==",
    "with parameters": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=;q=1",
    "with a colon": "sha1:Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "as in a structured field": "sha-1=:Kq5sNclPz7QV2+lfQIuc6R7oRu0=:",
    "very long": "sha512 " + "A" * 20_000,
}
UNKNOWN = {
    "upper case": "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "with a dash": "sha-1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "newer": "sha3-256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
    "no one's": "fletcher DUoRhQ==",
    "none": "none DUoRhQ==",
}
