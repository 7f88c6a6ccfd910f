"""Every command: its help, its page in the reference, and its text."""

import csv
import io
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from mlamd.cli import COMMANDS

_PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "commands.md"
_ODD = "odd \udcff\nname"

ANSWERS = [
    (["runs"], "bbbb0000  "),
    (["runs", "--csv"], "id,command,cwd"),
    (["show", "@-1"], "wrote 2 files"),
    (["show", "aaaa000000000001"], "steps"),
    (["show", "@-1"], "untracked  it read clean.csv, data/1/0.png"),
    (["show", "@-1"], "libraries  2 native: libcudart.so.12.4.99"),
    (["show", "@-1"], "cuda       runtime 12.4.99"),
    (["show", "@-1"], "container  podman abababababab train:3"),
    (["show", "@-1"], "scheduler  slurm: job 71, task 3"),
    (["show", "@-1"], "workers    rank 1 of 4, master a"),
    (["log"], "final"),
    (["log", "--csv"], "at_ns,action,path"),
    (["log", "-a", "model"], "wrote"),
    (["log", _ODD], "odd \\xff\\nname"),
    (["lineage", "model"], "└─ "),
    (["lineage", "model", "--files"], "data/1/2"),
    (["lineage", "model"], "data/1/  (3 files"),
    (["show", "@-1"], "  data/1/  (3 files, 18 B, "),
    (["show", "@-1"], "[inferred]  dataset, 3 png"),
    (["show", "@-1", "--files"], "data/1/2.png"),
    (["show", "data"], "6 known, 36 B"),
    (["show", "data"], "1 of 6 looked at: 1 x 28x28 grayscale"),
    (["show", "data"], "0      3      18 B"),
    (["show", "data"], "nobody known: 6 files"),
    (["show", "data", "--files"], "  data/1/2.png  v"),
    (["show", "data@@-1"], "3 known, 18 B"),
    (["show", "aaaa000000000001"], "[inferred]  metrics, 3 without ending"),
    (["show", "out"], "1 of 3 looked at: 1 metrics; 1 csv"),
    (["show", "out"], "bash all.sh  3 files, "),
    (["show", "aaaa000000000001"], "  hf/  (2 files, "),
    (
        ["show", "aaaa000000000001"],
        "model, transformers BertModel (bert), 1,234 parameters, 2 tensors (float32)",
    ),
    (["show", "aaaa000000000001", "--files"], "  hf/config.json"),
    (["show", "hf"], "model      transformers BertModel (bert), 1,234 parameters"),
    (["show", "."], "2 tensors (float32), in hf/"),
    (["why", "model"], "data/1/  (3 files, 18 B, "),
    (["uses", "raw.csv"], "out/  (3 files"),
    (["uses", "raw.csv", "--files"], "out/2"),
    (["lineage", "model", "--format", "dot"], "digraph lineage {"),
    (["lineage", "raw.csv", "--down"], "clean.csv"),
    (["lineage", "@-1"], "run bbbb0000"),
    (["lineage", "model", "--depth", "1"], "cut off"),
    (["why", "model"], "written by  python train.py 1"),
    (["why", _ODD], "One of these 2 wrote it"),
    (["why", "raw.csv"], "It was there when"),
    (["uses", "clean.csv"], "4 times"),
    (["diff", "@-2", "@-1"], "outputs: 2 differ, 0 the same"),
    (["show", "@-1"], "used       CPU 3.0 s, peak memory 4.0 MB"),
    (["resources", "@-1"], "CPU        3.0 s (2.0 s user, 1.0 s system, 60 % of a core)"),
    (["resources", "@-1"], "150 % ┤"),
    (["resources", "@-1"], "· no sample"),
    (["resources", "@-1", "--csv"], "at_ns,span_ns,processes"),
    (["resources", "@-2"], "known from nothing"),
    (["resources", "aaaa000000000001"], "step        took"),
    (["resources", "model"], "sysctl kernel.task_delayacct=1"),
    (["status"], "recorder   stopped"),
    (["verify"], "the same as rebuilt"),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help(project, name):
    text = project.mlamd(name, "--help").stdout
    assert text.startswith(f"Usage: mlamd {name}")
    assert "--help" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_page_has_every_command_with_its_options(name):
    command: click.Command = import_module(f"mlamd.cli.{name}").command
    arguments = ""
    options = set()
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            word = (parameter.name or "").upper()
            arguments += f" {word}" if parameter.required else f" [{word}]"
        elif not (isinstance(parameter, click.Option) and parameter.hidden):
            options.update(parameter.opts)
    text = _PAGE.read_text("utf-8")
    heading = f"### `mlamd {name}{arguments}`\n"
    assert heading in text
    section = text.split(heading)[1].split("\n### ")[0].split("\n## ")[0]
    documented = re.findall(r"^- (`-[^:]*`)", section, re.MULTILINE)
    listed = {word for item in documented for word in re.findall(r"`(--?[a-z][a-z-]*)", item)}
    assert listed == options


def test_page_has_no_other_commands():
    named = re.findall(r"^### `mlamd (\w+)", _PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize(("question", "expected"), ANSWERS, ids=lambda value: " ".join(value)[:30])
def test_text(told, question, expected):
    done = told.mlamd(*question)
    assert expected in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_csv_can_be_read(told):
    rows = list(csv.DictReader(io.StringIO(told.mlamd("log", "--csv", "-n", "0").stdout)))
    assert len(rows) == len(told.ask("log", "-n", "0")["data"])
    assert {"model", "final"} <= {row["path"] for row in rows}


@pytest.mark.parametrize("question", [["runs"], ["log"], ["status"], ["verify"]])
def test_new_workspace_has_empty_answers(project, question):
    project.mlamd("init")
    project.mlamd(*question)
    assert project.ask(*question)["gaps"] == []


def test_init_twice(project):
    assert "is a workspace now" in project.mlamd("init").stdout
    assert "is a workspace already" in project.mlamd("init").stdout


def test_works_from_below_and_with_directory_option(told, tmp_path):
    below = told.root / "data"
    below.mkdir()
    assert "raw.csv" in told.mlamd("-C", below, "why", "../raw.csv").stdout
    told.root = tmp_path
    assert "raw.csv" in told.mlamd("-C", tmp_path / "project", "why", "raw.csv").stdout


@pytest.mark.parametrize("question", [["log", "-n", "0"], ["lineage", "model", "--json"], ["--help"]])
def test_reader_that_goes_away(told, question):
    command = [sys.executable, "-m", "mlamd", *question]
    with subprocess.Popen(command, cwd=told.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() in {0, 1, 141}


def test_terminal_that_knows_little(told):
    text = told.mlamd("lineage", "model", PYTHONIOENCODING="ascii").stdout
    assert "\\u2514\\u2500 " in text
    assert text.isascii()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    heavy = {"lmdb", "trio", "psutil", "watchdog", "msgpack", "blake3", "pathspec"}
    script = (
        "import sys; from mlamd.cli import mlamd\n"
        "mlamd.main(sys.argv[1:], prog_name='mlamd', standalone_mode=False)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, check=True, text=True
    )
    assert heavy & set(done.stdout.splitlines()[-1].split()) == set()


@pytest.mark.parametrize(
    "arguments", [["dance"], ["runs", "-n", "-1"], ["log", "-n", "x"], ["why"], ["runs", "--no"]]
)
def test_wrong_usage(project, arguments):
    done = project.mlamd(*arguments, code=2)
    assert "Error: " in done.stderr
    assert done.stdout == ""
