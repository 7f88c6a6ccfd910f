"""``mlamd demo``."""

import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import click

from mlamd.cli.text import say
from mlamd.demo import BETWEEN, MODEL, ORIGINS, PARAMS, RATE, RATES, STAGES, Stage
from mlamd.errors import DemoError


@click.command(name="demo")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def command(directory: Path | None) -> None:
    """Put a small real project into DIRECTORY, record two passes of it, and show what is known then.

    Without DIRECTORY it goes to `mlamd-demo` here, or `mlamd-demo-2` and so on if that exists.
    Ends with an error if what was recorded is not what was run. The recorder goes on, so that the
    same commands can be tried by hand.
    """
    root = _lay_out(directory or _free_place())
    os.chdir(root)
    _heading(f"A project of four stages, in {root}")
    _mlamd("init")
    _mlamd("start")
    passes = [_run_stages()]
    _heading("One parameter is changed, and everything is run again")
    _edit()
    _mlamd("log", PARAMS)
    passes.append(_run_stages())
    _heading("What was recorded, without a change to the project")
    _mlamd("runs")
    first, second = (names["train.py"] for names in passes)
    _mlamd("show", second[:8])
    _mlamd("lineage", MODEL)
    _mlamd("diff", first[:8], second[:8])
    _mlamd("why", "metrics/eval.json")
    problems = _check(passes)
    if problems:
        raise DemoError("what was recorded is not what was run: " + "; ".join(problems))
    _heading("All of it is what was run")
    mlamd = "mlamd" if shutil.which("mlamd") else f"{sys.executable} -m mlamd"
    say(f"The recorder goes on, until you stop it. To try more:  cd {root}")
    for arguments, meaning in (
        (f"log {PARAMS}", "what happened to a file"),
        ("uses data/raw/penguins.csv", "what depends on it"),
        (f"show {MODEL}", "what is in it"),
        (f"why {MODEL}@-1", "what made the version before the last"),
        ("stop", "stop recording"),
    ):
        say(f"  {mlamd} {arguments}    # {meaning}")


def _free_place() -> Path:
    number = 1
    while (place := Path("mlamd-demo" if number == 1 else f"mlamd-demo-{number}")).exists():
        number += 1
    return place


def _lay_out(directory: Path) -> Path:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise DemoError(f"{directory} exists and is not empty: name another directory, `mlamd demo DIR`")
    source = resources.files("mlamd.demo") / "project"
    try:
        with resources.as_file(source) as project:
            shutil.copytree(
                project, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
    except OSError as error:
        raise DemoError(f"cannot put the project into {directory}: {error.strerror or error}") from error
    return directory.resolve()


def _heading(text: str) -> None:
    say()
    say(click.style(f"── {text}", bold=True))


def _mlamd(*arguments: str) -> None:
    say()
    say(click.style("$ mlamd " + " ".join(arguments), fg="cyan"))
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "mlamd", *arguments], check=False)
    if done.returncode:
        raise DemoError(f"`mlamd {' '.join(arguments)}` ended with status {done.returncode}")


def _ask(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "mlamd", *arguments, "--json"], check=False, stdout=subprocess.PIPE
    )
    if done.returncode:
        raise DemoError(f"`mlamd {' '.join(arguments)} --json` ended with status {done.returncode}")
    return json.loads(done.stdout)["data"]


def _run_stages() -> dict[str, str]:
    """Run the stages; return the id of each one's run."""
    say()
    for stage in STAGES:
        say(click.style(f"$ python3 {stage.script}", fg="cyan"))
        sys.stdout.flush()
        done = subprocess.run([sys.executable, stage.script], check=False)
        if done.returncode:
            raise DemoError(f"{stage.script} ended with status {done.returncode}")
    found: dict[str, str] = {}
    for run in _ask("runs", "--limit", "0"):
        found.setdefault(run["command"][-1], run["id"])
    missing = [stage.script for stage in STAGES if stage.script not in found]
    if missing:
        raise DemoError(f"no run was recorded of {', '.join(missing)}")
    return found


def _edit() -> None:
    before, after = (f'"{RATE}": {rate}' for rate in RATES)
    path = Path(PARAMS)
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    say(f"{PARAMS}: {before} → {after}")


def _check(passes: list[dict[str, str]]) -> list[str]:
    """Hold the record against what was run; return what is wrong."""
    problems: list[str] = []
    for number, names in enumerate(passes, 1):
        for stage in STAGES:
            problems += _check_stage(stage, names[stage.script], number)
    rates = [_parameter(names["train.py"], RATE) for names in passes]
    if rates != list(RATES):
        problems.append(f"{RATE} is said to be {rates[0]}, then {rates[1]}")
    lineage = _ask("lineage", MODEL)
    files = {node["path"] for node in lineage["nodes"] if node["type"] == "file"}
    problems += _compare("the lineage of the model", files, ORIGINS | BETWEEN)
    diff = _ask("diff", passes[0]["train.py"], passes[1]["train.py"])
    problems += _compare("the diff of both trainings", {item["path"] for item in diff["inputs"]}, {PARAMS})
    return problems


def _parameter(run: str, name: str) -> Any:
    """Return the value of a parameter of a run, None if it is not known."""
    return next((one["value"] for one in _ask("params", run)["parameters"] if one["name"] == name), None)


def _check_stage(stage: Stage, run: str, number: int) -> list[str]:
    shown = _ask("show", run)
    read = {item["path"] for item in shown["files_read"]}
    wrote = {item["path"] for item in shown["files_written"]}
    where = f"{stage.script} in pass {number}"
    return _compare(f"the inputs of {where}", read, stage.reads) + _compare(
        f"the outputs of {where}", wrote, stage.writes
    )


def _compare(what: str, found: set[str], wanted: frozenset[str] | set[str]) -> list[str]:
    parts = []
    if wanted - found:
        parts.append(f"{what} lack {', '.join(sorted(wanted - found))}")
    if found - wanted:
        parts.append(f"{what} hold {', '.join(sorted(found - wanted))} too much")
    return parts
