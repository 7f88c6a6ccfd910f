"""YAML is read as plain data, whatever it asks for."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.facts import flattened
from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.yaml_reading import read_yaml
from tests.recognise.reading import recognise


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{}']]",
        "!!python/object/new:os.system ['touch {}']",
        "a: !!python/name:os.system ''\nb: !!python/module:antigravity ''",
        "!!python/object/apply:builtins.open ['{}', 'w']",
        "a: !!python/object/new:type {{args: [z], listitems: '{}'}}",
    ],
)
def test_tags_call_nothing(text, tmp_path: Path):
    target = tmp_path / "made"
    held = text.format(target)
    read_yaml(held)
    recognise("conf.yaml", held)
    assert not target.exists()


def test_plain_values_are_read_as_a_person_reads_them():
    text = """
    a: 1e-3
    b: 0x10
    c: yes
    d: ~
    e: 007
    f: 2026-11-25
    g: !!str 3
    h: !custom 3
    i: 1_000
    j: "1"
    k: 12:30
    l: .5
    m:
    n: off
    """
    assert read_yaml(text) == [
        {
            "a": 1e-3,
            "b": 16,
            "c": True,
            "d": None,
            "e": "007",
            "f": "2026-11-25",
            "g": "3",
            "h": "3",
            "i": 1000,
            "j": "1",
            "k": "12:30",
            "l": 0.5,
            "m": None,
            "n": False,
        }
    ]


def test_aliases_merges_and_several_documents():
    text = "base: &b {lr: 1, depth: 2}\nbig: {<<: *b, depth: 9}\nlist: [*b, *missing]\n---\n- 1\n"
    assert read_yaml(text.replace(", *missing", "")) == [
        {"base": {"lr": 1, "depth": 2}, "big": {"depth": 9, "lr": 1}, "list": [{"lr": 1, "depth": 2}]},
        [1],
    ]


def test_an_alias_of_what_is_not_closed_yet_is_nothing():
    assert read_yaml("&a [1, *a]") == [[1, None]]


def test_a_bomb_of_aliases_stays_small():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    started = time.process_time()
    found = recognise("conf.yaml", "\n".join(lines))
    assert time.process_time() - started < 1
    assert found.kind == "config"
    assert len(found.facts["settings"]) <= 2000
    assert len(flattened(read_yaml("\n".join(lines))[0])) <= 2000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "{" * 50_000,
        "- " * 50_000,
        "a: " * 1000,
        "? " * 50_000,
        "a: [1",
        "\t- x",
        "x" * (2 << 20),
        "%YAML 9.9\n---\n",
        "\x00",
    ],
)
def test_bad_and_deep_syntax_is_an_error_in_time(text):
    started = time.process_time()
    with pytest.raises(RecogniseError):
        read_yaml(text)
    assert time.process_time() - started < 1


@given(st.text() | st.text(alphabet="ab:-[]{}&*!<>|'\"\n #?,"))
def test_any_text_is_data_or_an_error(text):
    try:
        documents = read_yaml(text)
    except RecogniseError:
        return
    assert isinstance(documents, list)
