"""The reference of the store names every event and its fields, every table, every number of an enum."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mlamd.catalog import tables
from mlamd.journal import envelope, log
from mlamd.model.evidence import Grade, Origin, Via
from mlamd.workspace import FORMAT

PAGE = Path(__file__).parents[2] / "docs/reference/store.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = {
    (int(tag), name): body
    for tag, name, body in re.findall(r"^### (\d+) `(\w+)`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


def first_cells(body: str) -> list[str]:
    """Return the names in code style in the first column of a section's tables, in order."""
    rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("|")]
    return [name for cell in rows for name in re.findall(r"`(\w+)`", cell)]


def test_every_event_has_a_section_and_no_other_has() -> None:
    assert set(SECTIONS) == {(tag, kind.__name__) for tag, kind in envelope.TAGS.items()}


@pytest.mark.parametrize("tag", sorted(envelope.TAGS))
def test_every_field_stands_in_the_stored_order(tag: int) -> None:
    kind = envelope.TAGS[tag]
    assert first_cells(SECTIONS[tag, kind.__name__]) == [field.name for field in fields(kind)]


def test_every_table_of_the_catalog_has_a_line() -> None:
    body = TEXT.split("## The catalog\n")[1].split("\n## ")[0]
    assert first_cells(body) == list(tables.TABLES)


@pytest.mark.parametrize(("name", "numbers"), [("grade", Grade), ("origin", Origin), ("via", Via)])
def test_every_number_of_an_enum_is_named(name: str, numbers: type[Grade | Origin | Via]) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {name} |"))
    assert re.findall(r"(\d) (\w+)", line) == [(str(int(one)), one.name.lower()) for one in numbers]


def test_format_numbers() -> None:
    assert f"version of this layout, decimal (now {FORMAT})" in TEXT
    assert f"version of the layout, decimal (now {log.FORMAT})" in TEXT
    assert f"version (1 byte, now {envelope.VERSION})" in TEXT
    assert f"version of the catalog (now {tables.FORMAT})" in TEXT
    assert f"at most {log.BLOCK_EVENTS:,} of them" in TEXT
