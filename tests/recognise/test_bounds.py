"""Whatever a file holds and whatever its name: something is said, in bounds, and nothing raised."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.facts import MOST_PARTS, bounded, flattened
from mlamd.recognise.finding import KINDS, Finding, RecogniseError
from mlamd.recognise.registry import Registry
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.typed import typed, typed_nested
from tests.recognise.reading import recognise, subject

NAMES = """
    a.yaml a.json a.toml a.ini .env .hydra/overrides.yaml metrics.json history.json a.py a.sh run a.ipynb
    requirements.txt environment.yml pyproject.toml uv.lock Pipfile.lock Dockerfile setup.cfg a.log a.txt
    a.csv
    a.tsv a.jsonl events.out.tfevents.1
    run.wandb trainer_state.json wandb-summary.json config.yaml meta.yaml
    task.json run.json .guild/attrs/flags .guild/attrs/env dvclive/metrics.json mlflow.db a.bin
    """.split()
NAMES += [f"mlruns/0/{'a' * 32}/{one}/x" for one in ("metrics", "params", "tags")]

PIECES = [
    b"SQLite format 3\x00",
    b":W&B\xe1\xbe\x00",
    b"\x18" + b"\x00" * 11,
    b"\xff\xfe",
    b"#!/bin/python\n",
]
PIECES += [
    b"{",
    b"[",
    b"a: ",
    b"epoch,loss\n",
    b"- ",
    b'"a": 1',
    b"}",
    b"]",
    b"=",
    b"\n",
    b"\x00",
    b"&a *a",
    b"loss 3",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_under_any_name(name):
    @given(st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join))
    def check(content):
        found = recognise(name, content)
        assert found.kind in KINDS
        assert found.made in KINDS | {""}
        json.dumps(found.facts, allow_nan=False)

    check()


@pytest.mark.parametrize("path", [b"", b"/", b"a/", b"\xff\xfe.json", b".", b"..py", b"a\n.yaml"])
def test_any_path(path):
    assert recognise(path.decode("utf-8", "surrogateescape"), b"{}").kind in KINDS


def test_facts_that_hold_themselves_a_hundred_times_stay_small():
    held = ["x"] * 9
    for _ in range(40):
        held = [held] * 9
    assert len(json.dumps(bounded(held))) < 20 * MOST_PARTS
    assert len(flattened({"a": held})) <= 2000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    )
)
def test_any_value_becomes_facts(value):
    json.dumps(bounded(value), allow_nan=False)
    json.dumps(flattened(value), allow_nan=False)


def test_numbers_beyond_all_bounds():
    assert bounded(10**100) == "1" + "0" * 100
    assert str(bounded(10**9000)).startswith("about 10**")


@given(st.text())
def test_any_word_has_a_value(word):
    json.dumps(typed(word), allow_nan=False)
    json.dumps(typed_nested(word), allow_nan=False)


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1), st.integers(1, 200))
def test_a_series_keeps_its_ends(points, times):
    book = SeriesBook()
    everything = points * times
    for step, value in everything:
        book.add("x", step, value)
    facts = book.facts()
    json.dumps(facts, allow_nan=False)
    values = [value for _, value in everything if value == value]  # noqa: PLR0124  (NaN)
    summary = facts["summary"]["x"]
    assert summary["count"] == len(everything)
    assert summary["best_min"] == (bounded(min(values)) if values else None)
    assert summary["best_max"] == (bounded(max(values)) if values else None)
    assert len(facts["series"]["x"]["steps"]) <= 1000
    assert facts["series"]["x"]["values"][0] == bounded(everything[0][1])
    assert facts["series"]["x"]["values"][-1] == bounded(everything[-1][1])


class _Says:
    def __init__(self, name, rank, answer):
        self.name, self.rank, self.answer = name, rank, answer

    def recognise(self, _subject):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_lowest_rank_is_asked_first_and_trouble_is_told_with_what_is_left():
    text = Finding("generic", "text", {"lines": 1})
    broken = _Says("b", 10, RecogniseError("cut off"))
    assert Registry([_Says("a", 90, text), broken]).recognise(subject("x", b"")).facts == {
        "lines": 1,
        "trouble": "b: cut off",
    }
    better = Finding("dataset", "x")
    assert (
        Registry([_Says("a", 50, better), broken, _Says("z", 90, text)]).recognise(subject("x", b""))
        == better
    )
    assert Registry([broken]).recognise(subject("x", b"")) == Finding(
        "generic", "", {"trouble": "b: cut off"}
    )
    assert Registry([_Says("m", 1, RecursionError())]).recognise(subject("x", b"")).facts
