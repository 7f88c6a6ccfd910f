"""Sources: the language, and what Python declares."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recognise.reading import recognise


def facts(text):
    found = recognise("src/train.py", text)
    assert (found.kind, found.format) == ("source", "python")
    return found.facts


def test_imports_constants_and_the_main_part():
    found = facts(
        """
import os.path, torch as t
from a.b import c
from . import local
LR = 0.1
BATCH: int = 2 * 32
A, B = 1, [1, 2]
name = "x"
SIZE = 2**20
OTHER = compute()
API_KEY = "abc"
def f():
    import lazy
if __name__ == "__main__":
    f()
"""
    )
    assert found["imports"] == ["a", "lazy", "os", "torch"]
    assert found["constants"] == {
        "LR": 0.1,
        "BATCH": 64,
        "A": 1,
        "B": [1, 2],
        "name": "x",
        "SIZE": 1 << 20,
        "API_KEY": "***",
    }
    assert found["main"] is True
    assert found["defaults"]["LR"] == {"value": 0.1, "by": "constant", "line": 5}
    assert found["defaults"]["name"] == {"value": "x", "by": "constant", "line": 8}


def test_argparse():
    found = facts(
        """
import argparse
DEPTH = 4
p = argparse.ArgumentParser()
g = p.add_argument_group("x")
p.add_argument("data", type=Path, help="x")
g.add_argument("--lr", "-l", type=float, default=1e-3)
p.add_argument("-b", "--batch-size", type=int, default=2 * 16, choices=[16, 32])
p.add_argument("--amp", action="store_true")
p.add_argument("--depth", default=DEPTH)
p.add_argument("--out", default=Path("x") / "y", dest="target")
p.add_argument("--layers", nargs="+", type=int, default=[64, 32])
p.add_argument("--version", action="version")
p.set_defaults(lr=0.5)
seen.add("word")
"""
    )["defaults"]
    assert found["data"] == {"value": None, "by": "argparse", "line": 6, "positional": 0, "type": "Path"}
    assert found["lr"] == {
        "value": 0.5,
        "by": "argparse",
        "line": 14,
        "flags": ["--lr", "-l"],
        "type": "float",
    }
    assert found["batch_size"]["value"] == 32
    assert found["batch_size"]["choices"] == [16, 32]
    assert found["amp"]["value"] is False
    assert found["amp"]["action"] == "store_true"
    assert found["depth"]["value"] == 4
    assert found["target"]["value"] == "Path('x') / 'y'"
    assert found["layers"]["value"] == [64, 32]
    assert found["layers"]["nargs"] == "+"
    assert not {"version", "word"} & set(found)


def test_mappings_that_a_configuration_in_python_builds():
    text = "model = dict(type='A', depth=50, heads=[dict(n=1), dict(n=2)], norm=dict(eps=1e-5), f=g(3))\n"
    assert facts(text)["constants"] == {
        "model": {"type": "A", "depth": 50, "heads": [{"n": 1}, {"n": 2}], "norm": {"eps": 1e-5}, "f": "g(3)"}
    }


def test_click():
    found = facts(
        """
import click
@click.command()
@click.argument("src")
@click.option("--lr", "-l", default=0.1, type=float)
@click.option("--batch-size", "size", default=32)
@click.option("--shuffle/--no-shuffle", default=True)
@click.option("--tag", multiple=True)
def main(src, lr, size, shuffle, tag): ...
"""
    )["defaults"]
    assert found["src"] == {"value": None, "by": "click", "line": 4, "positional": 0, "entry": ["main"]}
    assert found["lr"].pop("entry") == ["main"]
    assert found["lr"] == {"value": 0.1, "by": "click", "line": 5, "type": "float", "flags": ["--lr", "-l"]}
    assert found["size"]["flags"] == ["--batch-size"]
    assert found["shuffle"]["value"] is True
    assert found["shuffle"]["off_flags"] == ["--no-shuffle"]
    assert found["tag"]["multiple"] is True


@pytest.mark.parametrize("how", ["@app.command()", ""])
def test_typer(how):
    found = facts(
        f"""
import typer
app = typer.Typer()
{how}
def main(
    data: str,
    lr: float = 0.1,
    depth: Annotated[int, typer.Option("--depth", "-d")] = 3,
    size: int = typer.Option(32, "--size", "-s"),
    where: str = typer.Argument("here"),
    fast: bool = False,
    must: str = typer.Option(...),
): ...
typer.run(main)
"""
    )["defaults"]
    assert {one["by"] for one in found.values()} == {"typer"}
    assert found["data"]["positional"] == 0
    assert found["lr"]["value"] == 0.1
    assert found["lr"]["flags"] == ["--lr"]
    assert (found["depth"]["value"], found["depth"]["flags"]) == (3, ["--depth", "-d"])
    assert (found["size"]["value"], found["size"]["flags"]) == (32, ["--size", "-s"])
    assert (found["where"]["value"], found["where"]["positional"]) == ("here", 1)
    assert found["fast"]["flags"] == ["--fast", "--no-fast"]
    assert found["must"]["value"] is None


def test_fire_absl_dataclasses_sacred_and_functions():
    found = facts(
        """
import fire
from absl import flags
flags.DEFINE_float("rate", 0.1, "help")
flags.DEFINE_boolean("fast", False, "help")
@dataclass
class Config:
    lr: float = 0.1
    sizes: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=lambda: [1, 2])
    name: str = field(default="x", metadata={})
    must: int
parser = HfArgumentParser((Config,))
def tune(width, depth=3): ...
def unrelated(ignored=3): ...
fire.Fire(tune)
@ex.config
def cfg():
    momentum = 0.9
def train(steps=100): ...
"""
    )["defaults"]
    assert found["rate"] == {"value": 0.1, "by": "absl", "line": 4, "flags": ["--rate"], "type": "float"}
    assert found["fast"]["type"] == "bool"
    assert found["lr"]["by"] == "dataclass"
    assert found["lr"]["of"] == "Config"
    assert found["lr"]["flags"] == ["--lr"]
    assert (found["sizes"]["value"], found["inner"]["value"], found["name"]["value"]) == ([], [1, 2], "x")
    assert found["must"]["value"] is None
    assert (found["width"]["positional"], found["depth"]["value"]) == (0, 3)
    assert (found["momentum"]["value"], found["momentum"]["by"]) == (0.9, "function")
    assert found["steps"]["value"] == 100
    assert "ignored" not in found


@pytest.mark.parametrize(
    "text", ["print 'x'", "def f(", "\tx\n y", "((((" * 100, "x = " + "-" * 5000 + "1", "\x0c"]
)
def test_bad_syntax_is_still_a_source(text):
    found = recognise("a.py", text)
    assert found.kind == "source"


def test_a_long_source_takes_less_than_a_second():
    text = "".join(
        f"x{n} = {n}\ndef f{n}(a={n}):\n    return p.add_argument('--x{n}', default={n})\n"
        for n in range(4000)
    )
    started = time.process_time()
    assert recognise("a.py", text).kind == "source"
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.sh", "echo", "shell"),
        ("run", "#!/bin/bash\n", "shell"),
        ("run", "#!/usr/bin/env python3\nimport os\n", "python"),
        ("run", "#!/usr/bin/env -S uv run --script\n", ""),
        ("a.R", "x <- 1", "r"),
        ("Makefile", "all:\n", "make"),
        ("a.cu", "", "cuda"),
        ("Snakefile", "rule a:", "snakemake"),
    ],
)
def test_other_languages(name, text, language):
    found = recognise(name, text)
    assert found.facts.get("language", "") == language


def test_a_script_without_suffix_is_read_too():
    assert recognise("bin/train", "#!/usr/bin/env python\nLR = 1\n").facts["constants"] == {"LR": 1}


@given(st.text())
def test_any_text_is_taken(text):
    assert recognise("a.py", text).kind in {"source", "generic"}
