"""``mlamd params``."""

from collections import Counter
from typing import Any

import click

from mlamd.cli import text
from mlamd.cli.answer import Question, csv_option, json_option, question, say_of_run
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.names import resolve_run
from mlamd.lineage.parameters import Parameter, parameters
from mlamd.model.derived import Run
from mlamd.recognise.parameters import COMMAND_LINE, CONFIG, DEFAULT, MODEL

_FIELDS = ("name", "value", "source", "where", "steps")
_WIDTH = 60
_MOST_OTHERS = 5


@click.command(name="params")
@click.argument("run")
@json_option
@csv_option
@click.pass_context
def command(context: click.Context, run: str, as_json: bool, as_csv: bool) -> None:
    """Show the parameters of one RUN, what set each, and what else would have."""
    with question(context) as asked:
        found = resolve_run(asked.view, run, asked.place)
        known = of_run(asked, found)
        if as_json:
            say_of_run(asked, "params", found, {"parameters": [row(one) for one in known]})
        elif as_csv:
            text.comma_separated(
                _FIELDS, [(one.name, one.value, one.source, one.where, " ".join(one.steps)) for one in known]
            )
        else:
            if known:
                table(known)
            else:
                text.say("no parameters are known of this run")
            text.gaps(of_runs(asked.view, [found]))


def of_run(asked: Question, run: Run) -> list[Parameter]:
    """Return the parameters of a run."""
    return parameters(asked.view, run)


def importance(parameter: Parameter) -> tuple[int, bool]:
    """Return where a parameter stands if there is room for some only: what somebody chose goes first."""
    sources = (COMMAND_LINE, CONFIG, DEFAULT, MODEL)
    place = sources.index(parameter.source) if parameter.source in sources else len(sources)
    return place, not parameter.overridden


def row(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter for JSON."""
    return {
        "name": parameter.name,
        "value": parameter.value,
        "source": parameter.source,
        "where": parameter.where,
        "overridden": [
            {"value": value, "source": source, "where": where}
            for value, source, where in parameter.overridden
        ],
        "steps": list(parameter.steps),
    }


def table(found: list[Parameter], most: int = 0) -> None:
    """Print parameters, a line each, long values cut; one that differs by step with the steps."""
    counts = Counter(parameter.name for parameter in found)
    rows = [
        (
            text.one_line(parameter.name),
            _cut(str(parameter.value)),
            _set_by(parameter, differs=counts[parameter.name] > 1),
            ", ".join(
                _cut(f"{_cut(str(value))} ({where or source})")
                for value, source, where in parameter.overridden[:_MOST_OTHERS]
            ),
        )
        for parameter in found[: most or None]
    ]
    text.table(("parameter", "value", "set by", "instead of"), rows)
    if most and len(found) > most:
        text.say(f"and {len(found) - most} more: see `mlamd params`")


def _set_by(parameter: Parameter, *, differs: bool) -> str:
    by = f"{parameter.source}, {parameter.where}" if parameter.where else parameter.source
    steps = ", ".join(map(text.short, parameter.steps[:3])) + (", …" if len(parameter.steps) > 3 else "")
    return _cut(by) + (f" [{steps}]" if differs and steps else "")


def _cut(shown: str) -> str:
    """Return text on one line that leaves room for the other columns; JSON has all of it."""
    return text.cut(text.one_line(shown), _WIDTH)
