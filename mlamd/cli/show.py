"""``mlamd show``."""

from collections import Counter
from typing import Any

import click

from mlamd.cli import asset, dataset, document, folded, metrics, params, text
from mlamd.cli import surroundings as surroundings_text
from mlamd.cli.answer import Question, json_option, question, say_of_run
from mlamd.cli.resources import brief, course, gpu_line
from mlamd.lineage.directories import Directory, resolve_all
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.inputs import Used, inputs, outputs
from mlamd.lineage.meanings import kind_of, place_of
from mlamd.lineage.resources import resources
from mlamd.lineage.surroundings import surroundings, untracked_read
from mlamd.model.derived import FileVersion, Run, Step

_MOST_ROWS = 12


@click.command(name="show")
@click.argument("name")
@click.option("--files", is_flag=True, help="List the files of large datasets one by one.")
@json_option
@click.pass_context
def command(context: click.Context, name: str, files: bool, as_json: bool) -> None:
    """Show all about one run (`@-1`, an id or its beginning), one file, or one directory."""
    with question(context) as asked:
        found = resolve_all(asked.view, name, asked.place)
        if isinstance(found, Directory):
            dataset.show(asked, found, files=files, as_json=as_json)
        elif isinstance(found, FileVersion):
            asset.show(asked, found, as_json=as_json)
        else:
            run = asked.view.run(found.run) if isinstance(found, Step) else found
            _show_run(asked, run, files=files, as_json=as_json)


# --- a run ---------------------------------------------------------------------------------------


def _show_run(asked: Question, run: Run, *, files: bool, as_json: bool) -> None:
    view = asked.view
    used, made = (
        _by_kind(asked, inputs(view, run), made=False),
        _by_kind(asked, outputs(view, run), made=True),
    )
    read = folded.Folded(asked, used, made=False, files=files and not as_json)
    written = folded.Folded(asked, made, made=True, files=files and not as_json)
    around = surroundings(view, run)
    paths = (item.version.path for item in used)
    unknown_to_git = untracked_read(view, run, paths, asked.place.root)
    if as_json:
        data = {
            "parameters": [params.row(one) for one in params.of_run(asked, run)],
            "metrics": [metrics.row(one) for one in metrics.of_run(asked, run)],
            "files_read": [_used_row(asked, item, made=False) for item in used],
            "files_written": [_used_row(asked, item, made=True) for item in made],
            "datasets_read": read.rows(),
            "datasets_written": written.rows(),
            "models_read": read.model_rows(),
            "models_written": written.model_rows(),
            "surroundings": surroundings_text.row(around, unknown_to_git),
            "steps": [document.step_row(view, view.step(step)) for step in view.steps_of(run.number)],
        }
        say_of_run(asked, "run", run, data)
        return
    _print_head(asked, run)
    known = params.of_run(asked, run)
    if known:
        text.title("parameters")
        params.table(sorted(known, key=params.importance), _MOST_ROWS)
    measured = metrics.of_run(asked, run)
    if measured:
        text.title("metrics")
        metrics.table(measured, _MOST_ROWS)
    _files(asked, "read", used, read, made=False)
    _files(asked, "wrote", made, written, made=True)
    _print_steps(asked, run)
    surroundings_text.show(around, unknown_to_git)
    course(resources(view, run))
    text.gaps(of_runs(view, [run]))


def _by_kind(asked: Question, found: list[Used], *, made: bool) -> list[Used]:
    """Sort files by what they are, then by path."""
    return sorted(found, key=lambda item: place_of(kind_of(asked.view, item.version.number, made=made)))


def _used_row(asked: Question, item: Used, *, made: bool) -> dict[str, Any]:
    return document.used_row(item) | {"kind": kind_of(asked.view, item.version.number, made=made) or None}


def _print_head(asked: Question, run: Run) -> None:
    text.say(f"run        {run.id}")
    text.say(f"command    {text.command_line(run.command)}")
    text.say(f"directory  {text.shown(run.cwd.encode('utf-8', 'surrogateescape'))}")
    text.say(f"kind       {run.kind}")
    text.say(f"status     {text.status(run)}")
    text.say(f"started    {text.when(run.started_ns)}")
    text.say(f"took       {text.duration(run.started_ns, run.ended_ns)}")
    spending = resources(asked.view, run)
    spent = brief(spending)
    if spent:
        text.say(f"used       {spent}")
    for gpu in spending.gpus:
        text.say(f"GPU {gpu.gpu:<6} {gpu_line(gpu)}")


def _files(asked: Question, title: str, used: list[Used], folds: folded.Folded, *, made: bool) -> None:
    text.say()
    newest = {item.version.path: item for item in folds.rest}
    count = len({item.version.path for item in used})
    again = f" in {len(used)} versions" if len(used) > count else ""
    text.say(f"{title} {count} {'file' if count == 1 else 'files'}{again}")
    folds.print()
    versions = Counter(item.version.path for item in folds.rest)
    for item in newest.values():
        version = item.version
        times = f", {item.count} times" if item.count > 1 else ""
        content = f"{text.size(version.size_bytes)}  {text.digest(version)}"
        kind = kind_of(asked.view, version.number, made=made)
        what = f"  {kind}" if kind not in {"", "generic"} else ""
        last = f", the last of {versions[version.path]}" if versions[version.path] > 1 else ""
        text.say(
            f"  {text.shown(version.path)}  {version.id}{last}  {content}  "
            f"{text.evidence(item.grade)}{times}{what}"
        )


def _print_steps(asked: Question, run: Run) -> None:
    steps = asked.view.steps_of(run.number)
    if len(steps) > 1:
        text.say()
        text.say("steps")
        for number in steps:
            step = asked.view.step(number)
            took = text.duration(step.started_ns, step.ended_ns)
            text.say(f"  {text.step_line(step)}  ({took})")
