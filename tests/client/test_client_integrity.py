"""ferry put --checksum, the digest at the end of every put, and ferry verify."""

import hashlib
import json

import pytest

from fake_tus import ALGORITHMS, Fault, checksum

MEGABYTE = 1024 * 1024


def patches(server):
    return [request for request in server.requests if request.method == "PATCH"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_chunk_has_a_checksum_behind_it(ferry, server, megabytes, algorithm):
    ferry.file("file", megabytes)
    status, out, err = ferry.put("--checksum", algorithm, "--chunk-size", "2M", "file", server.url)

    assert status == 0, err
    assert server.only_upload().data == megabytes
    assert server.methods() == ["OPTIONS", "POST"] + ["PATCH"] * 3 + ["HEAD"]
    for number, request in enumerate(patches(server)):
        assert request.fields["transfer-encoding"] == "chunked" and "content-length" not in request.fields
        assert request.fields["trailer"] == "Upload-Checksum" and "upload-checksum" not in request.fields
        piece = megabytes[number * 2 * MEGABYTE:(number + 1) * 2 * MEGABYTE]
        assert request.fields["trailer:upload-checksum"] == f"{algorithm} {checksum(algorithm, piece)}"


def test_chunks_are_of_16_mebibytes(ferry, server, megabytes):
    ferry.file("file", megabytes * 4)
    status, _, _ = ferry.put("--checksum", "crc32", "file", server.url)

    assert status == 0
    assert [request.received for request in patches(server)] == [16 * MEGABYTE, 4 * MEGABYTE]


def test_the_checksum_goes_before_where_trailers_are_not_read(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.extensions = "creation,checksum"
    status, _, _ = ferry.put("--checksum", "sha1", "file", server.url)

    assert status == 0
    (request,) = patches(server)
    assert request.fields["upload-checksum"] == f"sha1 {checksum('sha1', megabytes)}"
    assert request.number("content-length") == len(megabytes) and "trailer" not in request.fields


@pytest.mark.parametrize("extensions, algorithms, said", [
    ("creation,checksum-trailers", "sha1", "does not check checksums"),
    ("creation,checksum", "sha1,md5", "the server knows no sha256; it knows sha1,md5"),
])
def test_servers_that_cannot_are_refused(ferry, server, extensions, algorithms, said):
    ferry.file("file", b"x")
    server.extensions, server.algorithms = extensions, algorithms
    status, out, err = ferry.put("--checksum", "sha256", "file", server.url)

    assert (status, out) == (1, "") and said in err
    assert server.methods() == ["OPTIONS"]


@pytest.mark.parametrize("extensions", ["creation,checksum", "creation,checksum,checksum-trailer"])
def test_a_damaged_chunk_is_sent_again(ferry, server, megabytes, extensions):
    ferry.file("file", megabytes)
    server.extensions, server.digest = extensions, "blake2b"
    server.faults += [Fault("PATCH"), Fault("PATCH", damage=True)]
    status, _, err = ferry.put("--checksum", "sha256", "--chunk-size", "2M", "file", server.url)

    assert status == 0 and "460; bytes were damaged on the way; trying again" in err
    assert server.only_upload().data == megabytes
    assert server.received() == len(megabytes) + 2 * MEGABYTE


def test_a_line_that_damages_everything_ends_it(ferry, server):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("PATCH", damage=True) for _ in range(9)]
    status, out, err = ferry.put("--checksum", "sha1", "file", server.url)

    assert (status, out) == (1, "") and "every try of these bytes damaged (460)" in err
    assert len(patches(server)) == 5


@pytest.mark.parametrize("fault", [{"cut": MEGABYTE}, {"cut": MEGABYTE, "reset": True}, {"mute": True}, {"status": 503}])
def test_interrupted_chunks_are_sent_again(ferry, server, megabytes, fault):
    ferry.file("file", megabytes)
    server.digest = "blake2b"
    server.faults += [Fault("PATCH"), Fault("PATCH", **fault)]
    status, _, err = ferry.put("--checksum", "sha512", "--chunk-size", "2M", "file", server.url)

    assert status == 0, err
    assert server.only_upload().data == megabytes


def test_redirected_chunks_have_their_own_checksum(ferry, server, megabytes):
    ferry.file("file", megabytes)
    server.faults.append(Fault("PATCH", status=307, fields=["Location: 0" + "0" * 31]))
    status, _, err = ferry.put("--checksum", "md5", "file", server.url)

    assert status == 0, err
    assert server.only_upload().data == megabytes


def test_standard_input_is_checked_too(ferry, server, megabytes):
    server.digest = "sha256"
    server.faults.append(Fault("PATCH", damage=True))
    status, _, err = ferry.put("--checksum", "blake2b", "-", server.url, data=megabytes)

    assert status == 0, err
    assert server.only_upload().data == megabytes


@pytest.mark.parametrize("digest", ALGORITHMS)
@pytest.mark.parametrize("given", ["file", "-"])
def test_the_server_s_digest_is_compared(ferry, server, digest, given):
    ferry.file("file", b"some bytes")
    server.digest = digest
    data = b"some bytes" if given == "-" else None
    assert ferry.put(given, server.url, data=data)[0] == 0

    server.faults.append(Fault("PATCH", damage=True))
    status, out, err = ferry.put(given, server.url, data=data)
    if given == "-" and digest not in ("blake2b", "sha256"):
        assert status == 0  # cannot be told
        return
    assert (status, out) == (1, "") and "damaged: the server's digest is not that of the file" in err
    assert not ferry.records()


def test_no_digest_asks_for_none(ferry, server):
    ferry.file("file", b"some bytes")
    server.digest = "blake2b"
    server.faults.append(Fault("PATCH", damage=True))
    status, _, _ = ferry.put("--no-digest", "file", server.url)

    assert status == 0
    assert server.methods() == ["POST", "PATCH"]


def test_an_empty_file_has_a_digest(ferry, server):
    ferry.file("file", b"")
    server.digest = "blake2b"
    assert ferry.put("--checksum", "sha1", "file", server.url)[0] == 0


@pytest.mark.parametrize("damage", [False, True])
def test_a_resumed_upload_is_compared_as_a_whole(ferry, server, megabytes, damage):
    ferry.file("file", megabytes)
    server.digest = "blake2b"
    server.faults += [Fault("PATCH", cut=2 * MEGABYTE, damage=damage), Fault("HEAD", status=400)]
    assert ferry.put("file", server.url)[0] == 1
    status, _, err = ferry.put("file", server.url)

    assert status == (1 if damage else 0) and ("damaged" in err) == damage


@pytest.mark.parametrize("answer", [404, 400, 503])
def test_a_digest_that_is_not_told_is_no_failure(ferry, server, answer):
    ferry.file("file", b"some bytes")
    server.faults += [Fault("HEAD", status=answer) for _ in range(100)]
    status, out, _ = ferry.put("--retry-time", "1", "file", server.url)

    assert status == 0 and out == server.url + "0" * 32 + "\n"


@pytest.mark.parametrize("digest", ALGORITHMS)
def test_verify_compares_without_downloading(ferry, server, digest):
    ferry.file("file", b"some bytes")
    ferry.file("other", b"same bytes")
    ferry.file("longer", b"some bytes more")
    url = server.begin(10, data=b"some bytes")
    server.digest = digest

    assert ferry.run("verify", "file", url) == (0, "", f"ferry: file: equal to the upload, by {digest}\n")
    assert ferry.run("verify", "other", url) == (1, "", f"ferry: other: differs from the upload, by {digest}\n")
    assert ferry.run("verify", "longer", url) == (1, "", "ferry: longer: differs: 15 bytes, and the upload has 10\n")
    assert set(server.methods()) == {"HEAD"}


def test_verify_as_json(ferry, server):
    ferry.file("file", b"some bytes")
    url = server.begin(10, data=b"some bytes")
    server.digest = "sha256"
    status, out, err = ferry.run("verify", "--json", "file", url)

    value = hashlib.sha256(b"some bytes").hexdigest()
    assert (status, err) == (0, "")
    assert json.loads(out) == {"file": "file", "upload": url, "equal": True, "algorithm": "sha256", "digest": value,
                               "told": value}

    ferry.file("file", b"else")
    status, out, _ = ferry.run("verify", "--json", "file", url)
    assert status == 1
    assert json.loads(out) == {"file": "file", "upload": url, "equal": False, "algorithm": "sha256", "digest": None,
                               "told": value}


def test_verify_fails_where_nothing_can_be_said(ferry, server):
    ferry.file("file", b"some bytes")
    for url, said in ((server.begin(10, data=b"some"), "not complete yet"),
                      (server.begin(10, data=b"some bytes", name="silent"), "tells no digest"),
                      (server.url + "nothing", "no such upload")):
        status, out, err = ferry.run("verify", "file", url)
        assert (status, out) == (1, "") and said in err
    status, _, err = ferry.run("verify", "gone", url)
    assert status == 1 and "gone: No such file" in err
