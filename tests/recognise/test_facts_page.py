"""The page of facts names every format and every fact that the corpus shows."""

import re
from pathlib import Path

import pytest

from mlamd.recognise.registry import Registry, installed
from tests.recognise.files import CORPUS, recognised
from tests.recognise.test_corpus import EXPECTED

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "facts.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]


def _named(cell: str) -> set[str]:
    return set(re.findall(r"`([\w.-]+)`", cell))


def _registry() -> Registry:
    """Return all but those that know metrics, which the other page tells of."""
    others = ("metrics_csv", "trackers")
    return Registry([one for one in installed().recognisers if not type(one).__module__.endswith(others)])


@pytest.mark.parametrize("name", EXPECTED)
def test_format_and_facts_are_on_the_page(name: str) -> None:
    found = recognised(_registry(), CORPUS / name)
    rows = [row.split(" | ") for row in ROWS if found.format in _named(row.split(" | ")[0])]
    fitting = [cells for cells in rows if len(cells) == 4]
    assert fitting, found.format
    known: set[str] = set()
    for cells in fitting:
        known |= _named(cells[3])
        if "as `keras`" in cells[3]:
            known |= set().union(*(_named(row) for row in ROWS if row.startswith("| `keras` |")))
    if found.kind != "generic":
        assert any(found.kind in cells[1] for cells in fitting)
    assert set(found.facts) <= known
