"""
ferryd --verify: what lies on the disk is read again, and what is wrong is named

With the server stopped, and beside one that is busy.
"""

import re
import subprocess
import threading

import pytest

from conversation import BUILD, PATIENCE, WRAPPER, die_with_parent
from endpoint import Endpoint, OCTETS, pattern


@pytest.fixture
def endpoint(servers, tmp_path):
    return Endpoint(servers, tmp_path)


def verify(data, status):
    """The lines on standard output but the last, which sums up, and that one."""
    done = subprocess.run([*WRAPPER, BUILD / "server/ferryd", "--verify", "--data", data], check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=4 * PATIENCE, preexec_fn=die_with_parent)
    assert done.returncode == status, done
    if status == 0:
        assert done.stderr == ""
    lines = done.stdout.splitlines()
    return lines[:-1], lines[-1] if lines else done.stderr


def store(endpoint, count, seed=0):
    return endpoint.create(count, OCTETS, body=pattern(count, seed))


def flip_a_bit(upload, at):
    content = bytearray(upload.file.read_bytes())
    content[at] ^= 0x10
    upload.file.write_bytes(content)


def name_of(upload):
    return f"files/{upload.id[:2]}/{upload.id}"


def test_what_is_whole_is_proven(endpoint):
    for seed in range(3):
        store(endpoint, 70_000, seed)
    store(endpoint, 0)
    endpoint.create(100).patch(0, b"not all of it")
    endpoint.stop()
    assert verify(endpoint.data, 0) == (
        [], "5 uploads, 3 proven by their digests, 210000 bytes read: "
            "0 damaged, 0 missing, 0 too short, 0 orphaned")


def test_every_kind_of_loss_is_named_and_nothing_else(endpoint):
    whole, flipped, gone, cut = (store(endpoint, 70_000, seed) for seed in range(4))
    begun = endpoint.create(100)
    begun.patch(0, b"some of it")
    endpoint.stop()

    flip_a_bit(flipped, 69_999)
    gone.file.unlink()
    cut.file.write_bytes(cut.file.read_bytes()[:-1])
    begun.file.write_bytes(b"less")
    stranger = whole.file.with_name("0" * 32)
    stranger.write_bytes(b"nobody's")

    found, total = verify(endpoint.data, 1)
    assert sorted(found) == sorted([
        f"damaged: {name_of(flipped)}", f"missing: {name_of(gone)}", f"too short: {name_of(cut)}",
        f"too short: {name_of(begun)}", f"orphaned: files/{whole.id[:2]}/{stranger.name}"])
    assert total.endswith(": 1 damaged, 1 missing, 2 too short, 1 orphaned")
    assert whole.file.exists() and stranger.exists(), "it only reads"


def test_beside_a_busy_server_only_what_is_wrong_is_named(endpoint):
    flipped = store(endpoint, 300_000)
    flip_a_bit(flipped, 123_456)
    over = threading.Event()
    errors = []

    def be_busy(seed):
        try:
            while not over.is_set():
                upload = store(endpoint, 200_000, seed)
                endpoint.create(1000).patch(0, b"and never goes on")
                upload.delete()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    clients = [threading.Thread(target=be_busy, args=(seed,)) for seed in range(3)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            found, total = verify(endpoint.data, 1)
            assert found == [f"damaged: {name_of(flipped)}"]
            assert re.search(r" beside a running server: 1 damaged, 0 missing, 0 too short, 0 orphaned$", total)
    finally:
        over.set()
        for client in clients:
            client.join()
    assert not errors


def test_what_is_no_data_directory_is_said_and_left_alone(tmp_path):
    for folder in tmp_path / "nothing", tmp_path:
        _, said = verify(folder, 1)
        assert "ferry.db" in said or "nothing" in said or str(folder) in said
    assert list(tmp_path.iterdir()) == []
