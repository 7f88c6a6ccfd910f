"""``mlamd diff``."""

from typing import Any

import click

from mlamd import settings
from mlamd.cli import document, text
from mlamd.cli.answer import json_option, question
from mlamd.lineage.comparing import Comparison, compare
from mlamd.lineage.diff import Change, RunDiff, diff_runs
from mlamd.lineage.names import resolve_run
from mlamd.model.derived import FileVersion

_MOST_ROWS = 20
_MOST_LETTERS = 60
_ALWAYS = frozenset({"parameters", "metrics"})


@click.command(name="diff")
@click.argument("left")
@click.argument("right")
@json_option
@click.pass_context
def command(context: click.Context, left: str, right: str, as_json: bool) -> None:
    """Compare two runs: commands, files by content, parameters, metrics, packages, code, machine."""
    with question(context) as asked:
        runs = [resolve_run(asked.view, name, asked.place) for name in (left, right)]
        answer = diff_runs(asked.view, runs[0], runs[1])
        wanted = settings.load(asked.workspace.settings_file)
        compared = compare(asked.view, runs[0], runs[1], wanted.lower_is_better, wanted.higher_is_better)
        if as_json:
            rows = {sort: _rows(found) for sort, found in compared.items()}
            data = document.diff_data(asked.view, answer) | {"compared": rows}
            text.say(document.dump("diff", data, answer.gaps, asked.warnings))
        else:
            _print(answer)
            for sort, found in compared.items():
                _compared(sort, found)
            text.gaps(answer.gaps)


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


def _rows(found: Comparison) -> dict[str, Any]:
    differing = [{"name": one.name, "left": one.left, "right": one.right} for one in found.differing]
    return {"differing": differing, "same": found.same}


def _compared(title: str, found: Comparison) -> None:
    count = len(found.differing)
    if not count and title not in _ALWAYS:
        return
    text.say(f"{title}: {_differing(count)}, {found.same} the same")
    for one in found.differing[:_MOST_ROWS]:
        if title == "code" and one.name == "diff":
            text.say("  the changes that were not committed  (`--json` has them)")
            continue
        text.say(f"  {text.one_line(one.name)}  {_value(one.left)} → {_value(one.right)}")
    if count > _MOST_ROWS:
        text.say(f"  and {count - _MOST_ROWS} more (--json lists all)")


def _value(value: object) -> str:
    if value is None:
        return "(none)"
    words = text.one_line(f"{value:.6g}" if isinstance(value, float) else str(value))
    return text.cut(words, _MOST_LETTERS)


def _changes(title: str, changes: tuple[Change, ...], same: int) -> None:
    text.say(f"{title}: {_differing(len(changes))}, {same} the same")
    for change in changes:
        unsure = "" if change.certain else "  (a content is not known)"
        text.say(f"  {text.shown(change.path)}  {_side(change.left)} → {_side(change.right)}{unsure}")


def _differing(count: int) -> str:
    if not count:
        return "none differs"
    return f"{count} {'differs' if count == 1 else 'differ'}"


def _side(version: FileVersion | None) -> str:
    if version is None:
        return "(none)"
    return f"{version.id} {text.digest(version)} {text.size(version.size_bytes)}"
