"""``mlamd diff``."""

import click

from mlamd.cli import document, text
from mlamd.cli.answer import json_option, question
from mlamd.lineage.diff import Change, RunDiff, diff_runs
from mlamd.lineage.names import resolve_run
from mlamd.model.derived import FileVersion


@click.command(name="diff")
@click.argument("left")
@click.argument("right")
@json_option
@click.pass_context
def command(context: click.Context, left: str, right: str, as_json: bool) -> None:
    """Compare two runs: their commands, and their inputs and outputs by content."""
    with question(context) as asked:
        runs = [resolve_run(asked.view, name, asked.place) for name in (left, right)]
        answer = diff_runs(asked.view, runs[0], runs[1])
        if as_json:
            data = document.diff_data(asked.view, answer)
            text.say(document.dump("diff", data, answer.gaps, asked.warnings))
        else:
            _print(answer)


def _print(answer: RunDiff) -> None:
    for mark, run in (("-", answer.left), ("+", answer.right)):
        text.say(
            f"{mark} {text.short(run.id)}  {text.when(run.started_ns)}  {text.status(run)}  "
            f"{text.command_line(run.command)}"
        )
    text.say(f"command: {'the same' if answer.command is None else 'differs, see above'}")
    if answer.cwd is not None:
        text.say(f"directory: {answer.cwd[0]} → {answer.cwd[1]}")
    _changes("inputs", answer.inputs, answer.same_inputs)
    _changes("outputs", answer.outputs, answer.same_outputs)
    text.gaps(answer.gaps)


def _changes(title: str, changes: tuple[Change, ...], same: int) -> None:
    differing = (
        f"{len(changes)} {'differs' if len(changes) == 1 else 'differ'}" if changes else "none differs"
    )
    text.say(f"{title}: {differing}, {same} the same")
    for change in changes:
        unsure = "" if change.certain else "  (a content is not known)"
        text.say(f"  {text.shown(change.path)}  {_side(change.left)} → {_side(change.right)}{unsure}")


def _side(version: FileVersion | None) -> str:
    if version is None:
        return "(none)"
    return f"{version.id} {text.digest(version)} {text.size(version.size_bytes)}"
