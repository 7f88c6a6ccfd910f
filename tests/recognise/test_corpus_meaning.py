"""Files made by the libraries themselves say what those libraries say is in them."""

import json
from pathlib import Path

import pytest

from tests.recognise.reading import recognise_file

CORPUS = Path(__file__).parent / "corpus_meaning"
EXPECTED = json.loads((CORPUS / "expected.json").read_text())
_DIRECT = (
    "tracker",
    "tool",
    "run_id",
    "kernel",
    "language",
    "executed",
    "outputs",
    "in_order",
    "highest_execution",
    "imports",
)


def test_the_corpus_is_whole():
    found = {
        str(path.relative_to(CORPUS / "files")) for path in (CORPUS / "files").rglob("*") if path.is_file()
    }
    assert found == set(EXPECTED)
    assert len(found) >= 20


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_file_of_the_corpus(name):
    expected = EXPECTED[name]
    found = recognise_file(CORPUS / "files" / name, name)
    assert found.kind == expected["kind"]
    assert "trouble" not in found.facts
    if "format" in expected:
        assert found.format == expected["format"]
    for key in _DIRECT:
        if key in expected:
            assert found.facts[key] == expected[key], key
    for key in ("settings", "scalars", "packages", "tags", "constants", "cells"):
        for inner, value in expected.get(key, {}).items():
            assert found.facts[key][inner] == pytest.approx(value), (key, inner)
    for inner, drawn in expected.get("series", {}).items():
        series = found.facts["series"][inner]
        assert series["steps"] == drawn["steps"]
        assert series["values"] == pytest.approx(drawn["values"], rel=1e-6)
        summary = found.facts["summary"][inner]
        assert summary["count"] == len(drawn["values"])
        assert summary["last"] == pytest.approx(drawn["values"][-1], rel=1e-6)
        assert summary["best_min"] == pytest.approx(min(drawn["values"]), rel=1e-6)
    for inner, count in expected.get("counts", {}).items():
        assert found.facts["summary"][inner]["count"] == count
    json.dumps(found.facts, allow_nan=False)
