"""
The tables in spec/ name functions and tests that exist, and every requirement once.

A row that ends in "open |" may name what is still to come.
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PLACE = re.compile(r"`([\w/.-]+\.(?:c|h|py|def))(?::(\w+))?`")
TABLES = sorted(ROOT.glob("spec/*.md"))


def rows(table):
    return [line for line in table.read_text().splitlines() if line.startswith("|")]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_a_table_names_exists(table):
    missing = []
    for row in rows(table):
        if row.endswith("| open |"):
            continue
        for path, name in PLACE.findall(row):
            file = ROOT / path
            if not file.is_file() or not re.search(rf"\b{name}\b", file.read_text()):
                missing.append(f"{path}:{name}")
    assert missing == []


def test_every_item_of_tus_stands_once():
    items = [re.match(r"\| (\d+) \|", row) for row in rows(ROOT / "spec/tus.md")]
    assert [int(item[1]) for item in items if item] == list(range(1, 96))


def test_every_threat_stands_once_and_is_stopped_or_accepted():
    """What stops it has code and tests; what is accepted has none to show, and says why."""
    threats = [row for row in rows(ROOT / "spec/threats.md") if re.match(r"\| \d+ \|", row)]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in threats]
    assert [int(number) for number, *_ in cells] == list(range(1, 54))
    for number, _, stop, tests in cells:
        if stop.startswith("*accepted*"):
            assert tests == "–", number
        else:
            assert PLACE.search(stop) or ".md)" in stop, number
            assert all(path.startswith("tests/") for path, _ in PLACE.findall(tests)) and PLACE.search(tests), number


def test_every_item_of_the_ietf_stands_once():
    items = [re.match(r"\| R(\d+) \|", row) for row in rows(ROOT / "spec/ietf-resumable-upload.md")]
    assert [int(item[1]) for item in items if item] == list(range(1, 57))


def test_every_kind_of_fuzzers_has_a_row():
    kinds = {folder.name for folder in ROOT.glob("tests/fuzz/corpus/*")}
    assert {name for row in rows(ROOT / "spec/fuzz.md") for name in re.findall(r"^\| `(\w+)` \| \d", row)} == kinds


def test_every_fuzzer_has_a_dictionary():
    for name in (folder.name for folder in ROOT.glob("tests/fuzz/corpus/*/*/")):
        assert (ROOT / f"tests/fuzz/{name}.c").is_file()
        assert any((ROOT / f"tests/fuzz/{words}.dict").is_file() for words in (name, name.split("_")[0])), name
