"""
The status of an upload, as JSON: GET and HEAD by who accepts nothing better

spec/openapi.yaml describes it; test_api.py compares the two.
"""

import base64
import calendar
import contextlib
import hashlib
import json
import re
import sqlite3
import time

import pytest

from conversation import eventually
from endpoint import OCTETS, VERSION, b64, endpoint, endpoints, length_is, upload

JSON = "Accept: application/json"


def status_answer(upload, *fields, method="GET"):
    answer = upload.endpoint.ask(method, upload.path, *(fields or (JSON,)), status=200)
    assert answer.field("Content-Type") == "application/json", answer
    assert answer.field("Cache-Control") == "no-store"
    assert "Accept" in answer.field("Vary").split(", ")
    return answer


def status(upload, *fields):
    answer = status_answer(upload, *fields)
    assert re.fullmatch(rb"[ -~\n]+\n", answer.body), answer
    return json.loads(answer.body)


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


# --- what it says ---


def test_a_new_upload_is_described(endpoint):
    before = int(time.time())
    upload = endpoint.create(10)
    told = status(upload)
    created, expires = seconds(told.pop("created")), seconds(told.pop("expires"))
    assert before <= created <= time.time()
    assert expires == created + 604800
    assert told == {
        "id": upload.id, "url": upload.path, "protocol": "tus", "kind": "single", "parts": None, "state": "receiving", "complete": False,
        "offset": 0, "length": 10, "writing": False, "last_byte": None, "metadata": {}, "digest": None,
        "stated_digest": None, "file": str(upload.file.resolve())}


def test_an_upload_is_described_as_it_grows(endpoint):
    upload = endpoint.deferred()
    assert status(upload)["length"] is None
    upload.patch(0, b"abc")
    told = status(upload)
    assert (told["offset"], told["length"], told["state"], told["complete"]) == (3, None, "receiving", False)
    assert seconds(told["created"]) <= seconds(told["last_byte"]) <= time.time()
    upload.patch(3, b"def", length_is(6))
    told = status(upload)
    assert (told["offset"], told["length"], told["state"], told["complete"]) == (6, 6, "complete", True)
    assert told["expires"] is None


def test_the_file_is_where_the_bytes_are(upload):
    with open(status(upload)["file"], "rb") as file:
        assert file.read() == b"0123456789"


def test_the_last_byte_moves_with_the_offset(endpoints):
    upload = endpoints().create(10)
    upload.patch(0, b"abc")
    first = seconds(status(upload)["last_byte"])
    eventually("the next second", lambda: time.time() >= first + 1)
    upload.patch(3, b"")
    assert seconds(status(upload)["last_byte"]) == first
    upload.patch(3, b"d")
    assert seconds(status(upload)["last_byte"]) > first


def test_sizes_are_exact_integers(endpoint):
    """Beyond 2^53, where a double has gaps, too."""
    for length in (2**53 + 1, 2**63 - 1):
        body = status_answer(endpoint.create(length)).body.decode()
        assert re.search(rf'"length": {length},', body), body


def test_what_never_expires_does_not(endpoints):
    assert status(endpoints("--expire-after", "0").create(10))["expires"] is None


def test_a_damaged_upload_is_told_as_such(endpoints):
    """Where the protocols know it no more."""
    endpoint = endpoints()
    upload = endpoint.create(100)
    upload.patch(0, b"0123456789")
    endpoint.stop()
    upload.file.write_bytes(b"01234")
    endpoint.start()
    upload.patch(10, b"abc", status=410)
    told = status(upload)
    assert (told["state"], told["complete"]) == ("damaged", False)


def test_what_is_not_there_has_no_status(endpoint, upload):
    endpoint.ask("GET", "/files/" + 32 * "0", JSON, status=404)
    endpoint.ask("GET", "/files/nothing", JSON, status=404)
    upload.delete()
    endpoint.ask("GET", upload.path, JSON, status=410)


# --- it only looks ---


def test_a_look_ends_no_writer(upload):
    """However often, and what is not on the disk yet is not told."""
    with upload.endpoint.line() as line:
        upload.begin(line, 10, 90, b"abc")
        eventually("somebody writes", lambda: status(upload)["writing"])
        for _ in range(20):
            assert status(upload)["offset"] in (10, 13)
        line.send(bytes(87))
        line.expect(204)
    told = status(upload)
    assert (told["offset"], told["state"]) == (100, "complete")
    eventually("nobody writes", lambda: not status(upload)["writing"])


def test_a_look_moves_no_end(upload):
    eventually("nobody writes", lambda: not status(upload)["writing"])
    before = status(upload)
    eventually("the next second", lambda: time.time() >= seconds(before["last_byte"]) + 1)
    assert status(upload) == before


# --- who gets it ---


@pytest.mark.parametrize("accept", ["application/json", "application/json; charset=utf-8",
                                    "application/json, */*;q=0.1", "text/html;q=0.5, application/json",
                                    "Application/JSON;q=0.3"])
def test_who_prefers_json_gets_it(upload, accept):
    assert status(upload, f"Accept: {accept}")["id"] == upload.id


def test_several_fields_are_one_list(upload):
    assert status(upload, "Accept: text/html", "Accept: application/json")["id"] == upload.id


def test_a_head_tells_what_a_get_does(upload):
    """All but the bytes."""
    for accept in (JSON, "Accept: application/json, */*;q=0.5"):
        assert (sorted(status_answer(upload, accept, method="HEAD").lasting)
                == sorted(status_answer(upload, accept, method="GET").lasting))


@pytest.mark.parametrize("fields", [(), ("Accept: */*",), ("Accept: text/html, */*;q=0.8",),
                                    ("Accept: application/json, text/plain, */*",), (JSON, VERSION)])
def test_a_head_of_others_is_that_of_the_protocol(upload, fields):
    """An HTTP library that says it accepts JSON, whatever it asks for, does not stop an upload."""
    answer = upload.endpoint.ask("HEAD", upload.path, *fields, status=200)
    assert answer.field("Content-Type") != "application/json"
    assert answer.field("Upload-Offset") == "10"
    assert answer.field("Upload-Length") == "100"


# --- metadata ---


def metadata(**values):
    pairs = (f"{key} {base64.b64encode(value).decode()}" for key, value in values.items())
    return "Upload-Metadata: " + ",".join(pairs)


HOSTILE = {
    "lines": b"a\r\nSet-Cookie: b=c\r\n\r\n<script>",
    "nul": b"a\0b",
    "quotes": b'"\\"}],{"state": "complete"',
    "climbing": b"../../../etc/passwd",
    "terminal": b"\x1b]0;title\x07\x1b[2J\x9b31m",
    "direction": "\u202egnp.exe".encode(),
    "formats": b"%s%n%1$s",
    "long": 60 * b"\"\n\xc3\xa4" * 250,
}


def test_metadata_is_told_decoded(endpoint):
    upload = endpoint.create(3, "Upload-Metadata: " + ",".join(
        [f"filename {b64('Übung 1.txt')}", "empty", f"Key-2 {b64('')}"]))
    assert status(upload)["metadata"] == {"filename": "Übung 1.txt", "empty": "", "Key-2": ""}


def test_metadata_that_is_no_text_is_told_as_base64(endpoint):
    upload = endpoint.create(3, metadata(raw=b"\xff\xfe\x00", latin="Übung".encode("latin-1"), text=b"abc"))
    assert status(upload)["metadata"] == {"raw": {"base64": "//4A"}, "latin": {"base64": "3GJ1bmc="}, "text": "abc"}


@pytest.mark.parametrize("key", sorted(HOSTILE))
def test_hostile_metadata_stays_within_its_string(endpoint, key):
    upload = endpoint.create(3, metadata(**{key: HOSTILE[key]}))
    told = status(upload)
    value = told["metadata"][key]
    if isinstance(value, dict):
        value = base64.b64decode(value["base64"])
    else:
        value = value.encode()
    assert value == HOSTILE[key]
    assert told["state"] == "receiving" and told["file"] == str(upload.file.resolve())


def test_a_hostile_key_stays_within_its_string(endpoint):
    upload = endpoint.create(3, 'Upload-Metadata: "}{\\u0000 YQ==,\xfc\xff YQ==')
    assert status(upload)["metadata"] == {'"}{\\u0000': "a", "\xfc\xff": "a"}


def test_hostile_metadata_does_not_reach_the_log(endpoints):
    """Neither as it came nor decoded, whatever is done with the upload."""
    endpoint = endpoints("--log-level", "debug")
    field = metadata(**HOSTILE)
    upload = endpoint.create(3, field)
    status(upload)
    upload.head()
    upload.patch(0, b"abc")
    endpoint.ask("POST", "/files/", VERSION, length_is(3), field + ",", status=400)
    upload.delete()
    endpoint.stop()
    log = re.sub(r"==\d+==WARNING: ASan doesn't fully support makecontext.*\n", "", endpoint.server.log())
    assert len(log.splitlines()) >= 6
    for line in log.splitlines():
        assert re.fullmatch(r"<\d>[a-z_]+: [ -~]*", line), line
    for value in HOSTILE.values():
        assert value[:8].decode("latin-1") not in log
        assert base64.b64encode(value)[:8].decode() not in log


# --- digests ---


def remember(upload, **columns):
    """In the catalog, of a server that is stopped: telling is what is tested here."""
    base = sqlite3.connect(upload.endpoint.data / "ferry.db")
    with contextlib.closing(base), base:
        for column, value in columns.items():
            base.execute(f"UPDATE upload SET {column} = ? WHERE id = ?", (value, bytes.fromhex(upload.id)))


DIGESTS = [("sha256", "Repr-Digest", "sha-256"), ("blake2b", "Ferry-Digest", "blake2b")]


@pytest.mark.parametrize("algorithm, field, name", DIGESTS)
def test_a_complete_upload_tells_its_digest(endpoints, algorithm, field, name):
    """In a field to HEAD (RFC 9530), in the status in hexadecimal. The status itself has another digest."""
    digest = hashlib.new(algorithm, b"abc").digest()
    endpoint = endpoints("--digest", algorithm)
    upload = endpoint.create(3, OCTETS, body=b"abc")
    endpoint.stop()
    remember(upload, digest=digest, stated_digest=digest)
    endpoint.start()

    expected = f"{name}=:{base64.b64encode(digest).decode()}:"
    for answer in (upload.look(), upload.head()):
        told = {other: answer.field(other) for _, other, _ in DIGESTS if answer.field(other)}
        assert told == {field: expected}
    answer = status_answer(upload)
    assert not any(answer.field(other) for _, other, _ in DIGESTS)
    told = json.loads(answer.body)
    assert told["digest"] == told["stated_digest"] == {"algorithm": algorithm, "hex": digest.hex()}


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b", "none"])
def test_an_upload_that_is_not_complete_tells_no_digest(endpoints, algorithm):
    """Not even the one that it had so far."""
    upload = endpoints("--digest", algorithm).create(10)
    upload.patch(0, b"abc")
    assert status(upload)["digest"] is None
    assert not any(upload.look().field(field) for _, field, _ in DIGESTS)


def test_without_a_digest_none_is_told(endpoints):
    upload = endpoints("--digest", "none").create(3, OCTETS, body=b"abc")
    assert status(upload)["digest"] is None
    assert not any(upload.look().field(field) for _, field, _ in DIGESTS)
