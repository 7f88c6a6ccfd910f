"""Small programs: what is told of their parameters is what they print themselves."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from mlamd.recognise.parameters import resolve
from mlamd.recognise.python_parameters import read_python

SUBPARSERS = """
import argparse, json
def other():
    p = argparse.ArgumentParser()
    p.add_argument("--foo", type=int, default=3)
    return p.parse_args()
def common(p):
    p.add_argument("--seed", type=int, default=1)
ap = argparse.ArgumentParser()
ap.add_argument("--device", default="cpu")
sub = ap.add_subparsers(dest="cmd")
p = sub.add_parser("train", aliases=["fit"])
p.add_argument("data")
p.add_argument("--lr", type=float, default=0.1)
g = p.add_argument_group("x")
g.add_argument("--epochs", type=int, default=5)
common(p)
p = sub.add_parser("eval")
p.add_argument("model")
p.add_argument("--lr", type=float, default=0.01)
p.add_argument("--seed", type=int, default=2)
deep = sub.add_parser("data").add_subparsers(dest="what")
clean = deep.add_parser("clean")
for one in (clean, deep.add_parser("split")):
    one.add_argument("--share", type=float, default=0.5)
print(json.dumps(vars(ap.parse_args())))
"""
PARENTS = """
import argparse, json
base = argparse.ArgumentParser(add_help=False)
base.add_argument("--lr", type=float, default=0.1)
idle = argparse.ArgumentParser()
idle.add_argument("--never", default=9)
class Tool:
    def __init__(self):
        self.parser = argparse.ArgumentParser(parents=[base])
        self.commands = self.parser.add_subparsers(dest="command", required=True)
        self.train()
        self.test()
    def train(self):
        one = self.commands.add_parser("train")
        one.add_argument("--epochs", type=int, default=5)
        one.set_defaults(epochs=6)
    def test(self):
        one = self.commands.add_parser("test")
        one.add_argument("--batch", type=int, default=7)
def main():
    print(json.dumps(vars(Tool().parser.parse_args())))
if __name__ == "__main__":
    main()
"""
REPEATED = """
import argparse, json
p = argparse.ArgumentParser()
p.add_argument("--tag", action="append", default=["z"])
p.add_argument("-v", action="count", default=1)
p.add_argument("--a", dest="both", action="append_const", const=1)
p.add_argument("--b", dest="both", action="append_const", const=2)
p.add_argument("--more", action="extend", nargs="+", default=["y"])
p.add_argument("--lr", type=float, default=0.1)
print(json.dumps(vars(p.parse_args())))
"""
CLICK = """
import click, json
@click.group()
@click.option("--verbose", "-v", count=True)
def cli(verbose): click.echo(json.dumps({"verbose": verbose}))
@cli.command()
@click.argument("path")
@click.option("-n", "--epochs", default=3)
def train(path, epochs): click.echo(json.dumps({"path": path, "epochs": epochs}))
@click.command("score")
@click.option("-n", "--number", default=4)
@click.option("--tag", multiple=True, default=["z"])
def evaluate_cmd(number, tag): click.echo(json.dumps({"number": number, "tag": tag}))
cli.add_command(evaluate_cmd)
if __name__ == "__main__":
    cli()
"""
TYPER = """
import json
from typing import List, Optional
import typer
app = typer.Typer()
sub = typer.Typer()
app.add_typer(sub, name="data")
@app.command()
def train(data: str, lr: float = 0.1, tags: List[str] = ["z"], size: tuple[int, int] = (1, 2)):
    print(json.dumps({"data": data, "lr": lr, "tags": tags, "size": size}))
@app.command("test")
def run_test(data: str, lr: float = 9.0): print(json.dumps({"data": data, "lr": lr}))
@sub.command()
def fetch(names: Optional[List[str]] = typer.Argument(None), fast: bool = False):
    print(json.dumps({"names": names, "fast": fast}))
if __name__ == "__main__":
    app()
"""
TYPER_ALONE = """
import json, typer
app = typer.Typer()
@app.command()
def main(data: str, lr: float = 0.1): print(json.dumps({"data": data, "lr": lr}))
app()
"""
FIRE = """
import fire, json
def tune(data, lr=0.1, epochs=3, *, fast=False):
    print(json.dumps({"data": data, "lr": lr, "epochs": epochs, "fast": fast}))
def idle(other=3): ...
if __name__ == "__main__":
    fire.Fire(tune)
"""
FIRE_CLASS = """
import fire, json
class Job:
    def __init__(self, lr=0.1, seed=1): self.held = {"lr": lr, "seed": seed}
    def train(self, epochs=3): print(json.dumps({**self.held, "epochs": epochs}))
    def evaluate(self, lr=7): print(json.dumps({"seed": self.held["seed"], "lr": lr}))
fire.Fire(Job)
"""
FIRE_ALL = """
import fire, json
def train(lr=0.1): print(json.dumps({"lr": lr}))
def test_it(share=0.5): print(json.dumps({"share": share}))
if __name__ == "__main__":
    fire.Fire({"train": train, "test": test_it})
"""
ABSL = """
import json
from absl import app, flags
flags.DEFINE_float("lr", 0.1, "")
flags.DEFINE_boolean("fast", True, "")
flags.DEFINE_bool("amp", False, "")
flags.DEFINE_multi_string("tag", ["z"], "")
def main(rest):
    names = ("lr", "fast", "amp", "tag")
    print(json.dumps({name: flags.FLAGS[name].value for name in names} | {"#1": rest[1]}))
if __name__ == "__main__":
    app.run(main)
"""
SETTINGS = """
import json, sys
from dataclasses import dataclass, field
LR = 0.5
WIDTH = 3
batch_size = 16
config = {"depth": 4, "optim": {"name": "adam"}, "beta": 0.9}
config["beta"] = 0.99
if len(sys.argv) < 9:
    LR = 2.0
total = 0
for step in range(3):
    total += step
losses = []
class Config:
    rate = 0.3
@dataclass
class Model:
    dropout: float = 0.1
    heads: int = 2
@dataclass
class Optim:
    dropout: float = 0.2
model, optim = Model(heads=4), Optim()
def main(lr=0.05, steps=7, seed=1):
    print(json.dumps({"lr": lr, "steps": steps, "WIDTH": WIDTH, "batch_size": batch_size, "config.depth": 4,
        "config.optim.name": "adam", "rate": Config.rate, "Model.dropout": model.dropout,
        "Optim.dropout": optim.dropout, "heads": model.heads}))
main(lr=0.9, seed=len(sys.argv))
"""

CASES = [
    (SUBPARSERS, "eval m.pt", {"cmd": "eval", "device": "cpu", "model": "m.pt", "lr": 0.01, "seed": 2}),
    (
        SUBPARSERS,
        "--device gpu train d.csv --epochs 9",
        {"cmd": "train", "device": "gpu", "data": "d.csv", "lr": 0.1, "epochs": 9, "seed": 1},
    ),
    (
        SUBPARSERS,
        "fit d.csv",
        {"cmd": "fit", "device": "cpu", "data": "d.csv", "lr": 0.1, "epochs": 5, "seed": 1},
    ),
    (SUBPARSERS, "data split", {"cmd": "data", "device": "cpu", "what": "split", "share": 0.5}),
    (PARENTS, "train", {"command": "train", "lr": 0.1, "epochs": 6}),
    (PARENTS, "--lr 1 test --batch 8", {"command": "test", "lr": 1.0, "batch": 8}),
    (
        REPEATED,
        "--tag a --tag b -vv --a --b --more x --more w",
        {"tag": ["z", "a", "b"], "v": 3, "both": [1, 2], "more": ["y", "x", "w"], "lr": 0.1},
    ),
    (REPEATED, "--lr 1", {"tag": ["z"], "v": 1, "both": None, "more": ["y"], "lr": 1.0}),
    (CLICK, "-vv train d.csv -n 5", {"verbose": 2, "command": "train", "path": "d.csv", "epochs": 5}),
    (CLICK, "score --tag a --tag b", {"verbose": 0, "command": "score", "number": 4, "tag": ["a", "b"]}),
    (
        TYPER,
        "train d.csv --tags a --tags b --size 3 4",
        {"command": "train", "data": "d.csv", "lr": 0.1, "tags": ["a", "b"], "size": [3, 4]},
    ),
    (TYPER, "test d.csv", {"command": "test", "data": "d.csv", "lr": 9.0}),
    (TYPER, "data fetch a b --fast", {"command": "data fetch", "names": ["a", "b"], "fast": True}),
    (TYPER_ALONE, "d.csv", {"data": "d.csv", "lr": 0.1}),
    (FIRE, "d.csv 0.7", {"data": "d.csv", "lr": 0.7, "epochs": 3, "fast": False}),
    (FIRE, "--lr=0.7 d.csv 4 --fast", {"data": "d.csv", "lr": 0.7, "epochs": 4, "fast": True}),
    (FIRE, "d.csv -e 4 --nofast", {"data": "d.csv", "lr": 0.1, "epochs": 4, "fast": False}),
    (FIRE_CLASS, "--seed=4 evaluate", {"command": "evaluate", "seed": 4, "lr": 7}),
    (FIRE_CLASS, "train 5 --lr=1", {"command": "train", "seed": 1, "lr": 1, "epochs": 5}),
    (FIRE_ALL, "test 0.7", {"command": "test", "share": 0.7}),
    (
        ABSL,
        "--nofast --amp d.csv --tag a --tag b",
        {"lr": 0.1, "fast": False, "amp": True, "tag": ["a", "b"], "#1": "d.csv"},
    ),
    (
        SETTINGS,
        "",
        {
            "lr": 0.9,
            "steps": 7,
            "WIDTH": 3,
            "batch_size": 16,
            "config.depth": 4,
            "config.optim.name": "adam",
            "rate": 0.3,
            "Model.dropout": 0.1,
            "Optim.dropout": 0.2,
            "heads": 4,
        },
    ),
]


@pytest.mark.parametrize(("text", "line", "expected"), CASES)
def test_the_parameters_of_a_program(text, line, expected):
    found = resolve(("python", "t.py", *line.split()), [("t.py", read_python(text))], [])
    assert {one.name: one.value for one in found} == expected


@pytest.mark.parametrize(("text", "line", "expected"), CASES)
def test_it_says_so_itself(text, line, expected, tmp_path):
    for library in ("click", "typer", "fire", "absl"):
        if library in text and find_spec(library) is None:
            pytest.skip(f"needs {library}")
    (tmp_path / "t.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "t.py", *line.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = {}
    for one in done.stdout.splitlines():
        told |= json.loads(one) if one.startswith("{") else {}
    # the word that names a command is no parameter to click, typer and fire
    assert told == {name: value for name, value in expected.items() if name in told or name != "command"}
