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


def test_every_item_of_the_ietf_stands_once():
    items = [re.match(r"\| R(\d+) \|", row) for row in rows(ROOT / "spec/ietf-resumable-upload.md")]
    assert [int(item[1]) for item in items if item] == list(range(1, 57))
