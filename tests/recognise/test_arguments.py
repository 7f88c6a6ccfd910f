"""Parameters of command lines, with and without the source that declares them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.arguments import parse
from mlamd.recognise.python_parameters import read_python

ARGPARSE = read_python("""
import argparse
p = argparse.ArgumentParser()
p.add_argument("data")
p.add_argument("more", nargs="*")
p.add_argument("--lr", "-l", type=float, default=0.1)
p.add_argument("-e", "--epochs", type=int, default=3)
p.add_argument("--learning-schedule", default="cosine")
p.add_argument("--amp", action="store_true")
p.add_argument("--no-cache", dest="cache", action="store_false")
p.add_argument("--layers", type=int, nargs="+")
p.add_argument("--size", nargs=2, type=int)
p.add_argument("--tag", action="append")
p.add_argument("-v", "--verbose", action="count", default=0)
p.add_argument("--name", type=str)
p.add_argument("--shuffle", action=argparse.BooleanOptionalAction)
p.add_argument("--log", nargs="?", const="log.txt")
""")["defaults"]

CLICK = read_python("""
import click
@click.command()
@click.argument("source")
@click.argument("targets", nargs=-1)
@click.option("--lr", default=0.1)
@click.option("--shuffle/--no-shuffle", default=True)
@click.option("--tag", "-t", multiple=True)
@click.option("--fast", is_flag=True)
def main(): ...
""")["defaults"]

DATACLASS = read_python("""
from dataclasses import dataclass
from transformers import HfArgumentParser
@dataclass
class Args:
    lr: float = 0.1
    fp16: bool = False
parser = HfArgumentParser((Args,))
""")["defaults"]


def read(line, defaults=None):
    return {one.name: one.value for one in parse(("python", "t.py", *line.split()), defaults)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--lr 0.1", {"lr": 0.1}),
        ("--lr=0.1", {"lr": 0.1}),
        ("-lr 1e-3", {"lr": 1e-3}),
        ("--lr -0.5", {"lr": -0.5}),
        ("lr=0.1", {"lr": 0.1}),
        (
            "model.layers=3 +trainer.fast=true ++x=null ~callbacks",
            {"model.layers": 3, "trainer.fast": True, "x": None, "callbacks": None},
        ),
        ("optimizer@opt=adam sizes=[1,2] d={a:1}", {"optimizer@opt": "adam", "sizes": [1, 2], "d": {"a": 1}}),
        ("-x 3 --flag --other", {"x": 3, "flag": True, "other": True}),
        ("--no-cache --cache-dir x", {"cache": False, "cache_dir": "x"}),
        ("--layers 64 64 32 --n 1", {"layers": [64, 64, 32], "n": 1}),
        ("--verbose data.csv", {"verbose": True, "#1": "data.csv"}),
        ("--name run_1 data.csv 3", {"name": "run_1", "#1": "data.csv", "#2": 3}),
        ("--date 20260101 --id 007 --v 1.0", {"date": 20260101, "id": "007", "v": 1.0}),
        ("--url https://e.org/?a=b", {"url": "https://e.org/?a=b"}),
        ("https://e.org/?a=b", {"#1": "https://e.org/?a=b"}),
        ("--flag lr=0.1", {"flag": True, "lr": 0.1}),
        ("-- --lr 3", {"#1": "--lr", "#2": 3}),
        ("--none None --no none --t True", {"none": None, "no": "none", "t": True}),
        ("--x=[1,2.5,a] --y=(1,2)", {"x": [1, 2.5, "a"], "y": [1, 2]}),
        ("--api-key abc123 --lr 1", {"api_key": "***", "lr": 1}),
        ("--token-length 128 --tokenizer bert", {"token_length": 128, "tokenizer": "bert"}),
    ],
)
def test_a_line_without_its_source(line, expected):
    assert read(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("d.csv --lr 1", {"data": "d.csv", "lr": 1.0}),
        ("d.csv -l0.5 -e3", {"data": "d.csv", "lr": 0.5, "epochs": 3}),
        ("--amp d.csv", {"amp": True, "data": "d.csv"}),
        ("--no-cache d.csv a b", {"cache": False, "data": "d.csv", "more": ["a", "b"]}),
        ("--layers 64 32 --size 2 3 d.csv", {"layers": [64, 32], "size": [2, 3], "data": "d.csv"}),
        ("--tag a --tag b -v -v", {"tag": ["a", "b"], "verbose": 2}),
        ("-vv", {"verbose": 2}),
        ("--size=3 --layers=3 --amp=1", {"size": 3, "layers": [3], "amp": 1}),
        ("--name 007 --learning linear", {"name": "007", "learning_schedule": "linear"}),
        ("--no-shuffle --log", {"shuffle": False, "log": "log.txt"}),
        ("--shuffle --log x --lr=1e-2", {"shuffle": True, "log": "x", "lr": 0.01}),
        ("--strange 3", {"strange": 3}),
    ],
)
def test_a_line_of_argparse(line, expected):
    assert read(line, ARGPARSE) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a b c --lr 1", {"source": "a", "targets": ["b", "c"], "lr": 1.0}),
        ("--no-shuffle --fast a", {"shuffle": False, "fast": True, "source": "a"}),
        ("--shuffle -t x --tag y", {"shuffle": True, "tag": ["x", "y"]}),
    ],
)
def test_a_line_of_click(line, expected):
    assert read(line, CLICK) == expected


def test_a_line_of_fire():
    fire = read_python("import fire\ndef tune(width, depth=3): ...\nfire.Fire(tune)")["defaults"]
    assert read("5 --depth 4", fire) == {"width": 5, "depth": 4}
    assert read("--width=5", fire) == {"width": 5}


def test_a_line_of_dataclasses():
    assert read("--fp16 --lr 1", DATACLASS) == {"fp16": True, "lr": 1.0}
    assert read("--fp16 False --lr 1", DATACLASS) == {"fp16": False, "lr": 1.0}


def test_the_last_of_two_counts_and_both_are_told():
    assert [one.value for one in parse(("t", "--lr", "1", "--lr", "2"))] == [1, 2]


def test_where_is_the_word_that_names_it():
    assert [one.where for one in parse(("t", "--lr", "1", "b=2", "c"))] == ["--lr", "b=2", "c"]


@given(
    st.lists(
        st.text()
        | st.sampled_from(
            ["--lr", "--layers", "-v", "-l3", "--", "~x", "a=[", "a={", "--size", "--log", "-1", "(("]
        )
    ),
    st.sampled_from(
        [None, ARGPARSE, CLICK, DATACLASS, {"x": 3}, {"x": {"positional": True, "flags": 3, "nargs": []}}]
    ),
)
def test_any_words_are_taken(words, defaults):
    for one in parse(tuple(words), defaults):
        assert isinstance(one.name, str)
