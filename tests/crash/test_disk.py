"""The disk of the power cuts itself: it keeps what was flushed, and loses or tears what was not."""

import os

import pytest

import taped_disk

REASON = taped_disk.missing("ext4")
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no disk in memory: {REASON}")
SECTOR = 512


@pytest.fixture
def replayed(tmp_path):
    """A disk of 16 sectors a, flushed, then b over them and not flushed. Makes a cut and reads it."""
    program = taped_disk.BUILD / "tests/crash/crash_disk"
    folder, tape = tmp_path / "fuse", tmp_path / "tape"
    folder.mkdir()

    with taped_disk.served(program, "record", folder, tape, "1"):
        file = os.open(folder / "disk", os.O_RDWR)
        mark = os.open(folder / "mark", os.O_WRONLY | os.O_APPEND)
        os.pwrite(file, b"a" * 16 * SECTOR, 0)
        os.fsync(file)
        os.write(mark, b"flushed\n")
        os.pwrite(file, b"b" * 16 * SECTOR, 0)
        os.write(mark, b"written\n")
        assert os.pread(file, 16 * SECTOR, 0) == b"b" * 16 * SECTOR
        assert (folder / "mark").read_bytes() == b"flushed\nwritten\n"
        os.close(file)
        os.close(mark)

    def cut(point, kept, piece=0, seed=1):
        (folder / "cut").write_text(f"{point} {kept} {piece} {seed}")
        with open(folder / "disk", "rb", buffering=0) as file:
            content = file.read(16 * SECTOR)
        return [content[i : i + SECTOR].decode()[0] for i in range(0, len(content), SECTOR)]

    with taped_disk.served(program, "replay", folder, tape):
        cut.tape = taped_disk.Tape.read(tape)
        yield cut


def test_the_tape_keeps_the_order_of_writes_flushes_and_marks(replayed):
    assert replayed.tape.count == 5
    assert replayed.tape.marks == [(2, "flushed\n"), (4, "written\n")]
    assert replayed.tape.before(4) == "flushed\n"


def test_what_was_flushed_survives_and_what_was_not_may_be_lost(replayed):
    assert replayed(1, kept=0) == [chr(0)] * 16
    assert replayed(1, kept=1) == ["a"] * 16
    assert replayed(2, kept=0) == ["a"] * 16
    assert replayed(5, kept=0) == ["a"] * 16
    assert replayed(5, kept=1) == ["b"] * 16


def test_a_write_is_torn_at_its_pieces_only(replayed):
    whole = {"".join(replayed(5, 0.5, 0, seed)) for seed in range(40)}
    assert whole == {"a" * 16, "b" * 16}

    halves = {"".join(replayed(5, 0.5, 8 * SECTOR, seed)) for seed in range(40)}
    assert halves == {"a" * 16, "b" * 16, "a" * 8 + "b" * 8, "b" * 8 + "a" * 8}

    sectors = {"".join(replayed(5, 0.5, SECTOR, seed)) for seed in range(40)}
    assert len(sectors) > 35


def test_a_cut_forgets_what_was_written_after_the_one_before(replayed, tmp_path):
    assert replayed(5, kept=1) == ["b"] * 16
    with open(tmp_path / "fuse" / "disk", "r+b", buffering=0) as file:
        file.write(b"c" * 16 * SECTOR)
    assert replayed(5, kept=1) == ["b"] * 16


def test_the_same_seed_makes_the_same_cut(replayed):
    assert replayed(5, 0.5, SECTOR, seed=7) == replayed(5, 0.5, SECTOR, seed=7)


def test_cuts_go_forward_only_and_end_with_the_tape(replayed):
    replayed(5, kept=1)
    for point in [1, 6]:
        with pytest.raises(OSError):
            replayed(point, kept=1)


def test_a_tape_goes_on_after_a_cut(replayed, tmp_path):
    """The disk of a cut, recorded further, is cut again: what the first one lost stays lost."""
    torn = "5 0.5 512 7"
    program = taped_disk.BUILD / "tests/crash/crash_disk"
    folder, tape = tmp_path / "second", tmp_path / "second-tape"
    folder.mkdir()
    expected = "".join(replayed(5, 0.5, SECTOR, seed=7))
    assert set(expected) == {"a", "b"}

    with taped_disk.served(program, "record", folder, tape, tmp_path / "tape", torn):
        assert (folder / "mark").read_bytes() == b"flushed\nwritten\n"
        with open(folder / "disk", "r+b", buffering=0) as file:
            assert file.read(16 * SECTOR)[::SECTOR].decode() == expected
            file.seek(0)
            file.write(b"c" * SECTOR)
    second = taped_disk.Tape.read(tape)
    assert [line for _, line in second.marks] == ["flushed\n", "written\n"]

    with taped_disk.served(program, "replay", folder, tape):
        for kept, first in [(0, expected[0]), (1, "c")]:
            (folder / "cut").write_text(f"{second.count} {kept} 0 1")
            content = (folder / "disk").read_bytes()[: 16 * SECTOR : SECTOR].decode()
            assert content == first + expected[1:]
