"""Every file of the corpus is known for what it is, and the facts are those that its own library tells."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from mlamd.recognise.finding import Subject
from mlamd.recognise.readers import MemoryReader
from mlamd.recognise.registry import Registry, installed
from tests.recognise.files import CORPUS, recognised

EXPECTED: dict[str, dict[str, Any]] = json.loads((CORPUS / "expected.json").read_text())


@pytest.fixture(scope="module")
def registry() -> Registry:
    found = installed()
    assert not found.broken
    return found


@pytest.fixture(scope="module")
def without_metrics(registry: Registry) -> Registry:
    """Return those that do not know metrics, and take them for tables."""
    others = ("metrics_csv", "trackers")
    return Registry([one for one in registry.recognisers if not type(one).__module__.endswith(others)])


@pytest.mark.parametrize("name", EXPECTED)
def test_kind_and_facts_are_those_of_the_library(
    registry: Registry, without_metrics: Registry, name: str
) -> None:
    expected = EXPECTED[name]
    found = recognised(without_metrics if name.startswith("history.") else registry, CORPUS / name)
    assert (found.kind, found.format, found.made) == (
        expected["kind"],
        expected["format"],
        expected["made"],
    ), found
    _same(expected["facts"], {key: found.facts.get(key) for key in expected["facts"]}, name)
    for key, some in expected.get("some", {}).items():
        inner = found.facts[key]
        assert isinstance(inner, Mapping)
        _same(some, {name: inner.get(name) for name in some}, f"{name} {key}")


def _same(expected: Any, found: Any, where: str) -> None:
    """Compare, with numbers of less precision taken for equal."""
    if isinstance(expected, dict):
        assert isinstance(found, Mapping), where
        assert set(expected) == set(found), where
        for key, value in expected.items():
            _same(value, found[key], f"{where} {key}")
    elif isinstance(expected, float) and isinstance(found, int | float):
        assert found == pytest.approx(expected, rel=1e-6, abs=2e-3 if "seconds" in where else 1e-9), where
    else:
        assert expected == found, where


def test_the_corpus_is_small_and_all_of_it_is_expected() -> None:
    files = {
        path.relative_to(CORPUS).as_posix(): path.stat().st_size
        for path in CORPUS.rglob("*")
        if path.is_file()
    }
    own = files.pop("expected.json")
    assert set(files) == set(EXPECTED)
    assert max(files.values()) < 30_000
    assert sum(files.values()) + own < 1_200_000
    assert len(files) >= 45


def test_records_without_steps_are_data_also_where_one_field_is_a_score(registry: Registry) -> None:
    line = b'{"id": 1, "score": 0.5}\n'
    found = registry.recognise(Subject(b"predictions.jsonl", line, MemoryReader(line)))
    assert (found.kind, found.made) == ("dataset", "")
