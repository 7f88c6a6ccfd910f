"""Of several sources, which declarations are parameters of the program."""

import pytest

from mlamd.recognise.declarations import programs_of
from mlamd.recognise.parameters import resolve
from mlamd.recognise.python_parameters import read_python

OPTIONS = """
import argparse
def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--share", default=0.3)
    return p.parse_args()
def run(x=3): ...
if __name__ == "__main__":
    print(parse_args())
"""
SCORE = """
import click
@click.command()
@click.option("-n", "--number", default=4)
def score(number): ...
"""
CLI = """
import click
from pkg.score import score
import fit
@click.group()
def cli(): ...
cli.add_command(score)
cli.add_command(fit.command, "train")
if __name__ == "__main__":
    cli()
"""
FIT = """
import click
@click.command()
@click.option("--lr", default=0.1)
@click.argument("data")
def command(lr, data): ...
"""
JOB = """
import typer
app = typer.Typer()
@app.command()
def train(data: str, lr: float = 0.1): ...
"""
APP = """
import typer
from pkg import job
app = typer.Typer()
app.add_typer(job.app, name="job")
@app.command()
def other(x: int = 3): ...
app()
"""
SETTINGS = "LR = 0.3\nBATCH = 8\nUNUSED = 1\nOPTIM = {'name': 'adam'}\nclass Config:\n    depth = 3\n"


@pytest.mark.parametrize(
    ("line", "sources", "expected"),
    [
        (
            "python train.py",
            {"lib_cfg.py": SETTINGS, "train.py": "from lib_cfg import LR, BATCH\nprint(LR)"},
            {"LR": (0.3, "lib_cfg.py:1"), "BATCH": (8, "lib_cfg.py:2")},
        ),
        (
            "python train.py",
            {"lib.py": SETTINGS, "train.py": "import lib as c\nprint(c.OPTIM, c.Config.depth)\nLR = 1"},
            {"OPTIM.name": ("adam", "lib.py:4"), "depth": (3, "lib.py:6"), "LR": (1, "train.py:3")},
        ),
        (
            "python train.py",
            {"a.py": "def f(): ...\ndef g(): ...\nLR = 1", "train.py": "from a import LR"},
            {},
        ),
        (
            "python train.py",
            {"pkg/config.py": "def f(): ...\ndef g(): ...\nlr = 1", "train.py": "from pkg.config import lr"},
            {"lr": (1, "pkg/config.py:3")},
        ),
        (
            "python train.py config/small.py --lr=3",
            {"config/small.py": "lr = 0.3\nbatch = 8", "train.py": "lr = 0.1\nexec(text)"},
            {"lr": (3, "--lr"), "batch": (8, "config/small.py"), "#1": ("config/small.py",) * 2},
        ),
        ("python train.py", {"val.py": OPTIONS, "train.py": "import val\nval.run()"}, {}),
        (
            "python train.py",
            {"val.py": OPTIONS, "train.py": "from val import parse_args\nparse_args()"},
            {"share": (0.3, "val.py:5")},
        ),
        ("python val.py", {"val.py": OPTIONS}, {"share": (0.3, "val.py:5")}),
        ("/venv/bin/tool", {"val.py": OPTIONS}, {"share": (0.3, "val.py:5")}),
        (
            "python cli.py train d.csv",
            {"pkg/score.py": SCORE, "fit.py": FIT, "cli.py": CLI},
            {"command": ("train", "train"), "lr": (0.1, "fit.py:4"), "data": ("d.csv", "d.csv")},
        ),
        (
            "python cli.py score -n 5",
            {"pkg/score.py": SCORE, "fit.py": FIT, "cli.py": CLI},
            {"command": ("score", "score"), "number": (5, "-n")},
        ),
        (
            "python app.py job train d.csv",
            {"pkg/job.py": JOB, "app.py": APP},
            {"command": ("job train", "train"), "data": ("d.csv",) * 2, "lr": (0.1, "pkg/job.py:5")},
        ),
    ],
)
def test_what_holds(line, sources, expected):
    read = [(path, read_python(text)) for path, text in sources.items()]
    found = resolve(tuple(line.split()), read, [])
    assert {one.name: (one.value, one.where) for one in found} == expected


def test_the_program_is_the_source_of_just_that_path():
    sources = [("train.py", {}), ("old/train.py", {}), ("notebook.ipynb", {})]
    assert programs_of(("python", "train.py"), sources)[0] == sources[:1]
    assert programs_of(("python", "../train.py"), sources)[0] == sources[:1]
    assert programs_of((), sources)[0] == sources[2:]
    assert programs_of((), sources[:2])[0] == sources[:2]
