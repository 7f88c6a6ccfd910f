import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.facts import MOST_ITEMS, MOST_PARTS, MOST_TEXT, bounded, flattened
from mlamd.recognise.finding import Finding

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(_VALUES)
def test_bounded_values_are_json_and_stay_as_they_are(value: Any) -> None:
    once = bounded(value)
    json.dumps(once, allow_nan=False).encode()
    assert bounded(once) == once


@given(_VALUES)
def test_flattened_values_are_json_under_text(value: Any) -> None:
    json.dumps(flattened({"top": value}), allow_nan=False).encode()


def test_what_is_too_much_is_cut() -> None:
    long = bounded({"text": "x" * 5_000, "list": list(range(9_000)), "number": 1 << 80})
    assert isinstance(long, dict)
    assert len(str(long["text"])) == MOST_TEXT
    assert long["list"] == list(range(MOST_ITEMS))
    assert long["number"] == str(1 << 80)


def test_a_list_that_is_held_a_thousand_times_is_not_written_out() -> None:
    inner: list[object] = [1] * 1_000
    for _ in range(5):
        inner = [inner] * 1_000
    assert len(json.dumps(bounded(inner))) < MOST_PARTS * 10


def test_halves_of_letters_are_escaped() -> None:
    found = Finding("dataset", "x", {"a\ud800": "b\udfff"})
    assert found.facts == {"a\\ud800": "b\\udfff"}


def test_nested_settings_get_dotted_names() -> None:
    assert flattened({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}]}) == {
        "a.b": 1,
        "a.c": [1, 2],
        "d.0.e": None,
    }
