"""``mlamd runs``."""

from itertools import islice

import click

from mlamd.cli import document, text
from mlamd.cli.answer import csv_option, json_option, question
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.view import View
from mlamd.model.derived import EXPERIMENTS, Run

_HEADER = ("id", "started", "took", "status", "in", "out", "command")


@click.command(name="runs")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="At most this many; 0 for all.",
)
@click.option("-a", "--all", "everything", is_flag=True, help="Show editors, git and other services too.")
@json_option
@csv_option
@click.pass_context
def command(context: click.Context, limit: int, everything: bool, as_json: bool, as_csv: bool) -> None:
    """List the runs, newest first."""
    with question(context) as asked:
        view = asked.view
        found = list(islice(view.runs(None if everything else EXPERIMENTS), limit or None))
        if as_json:
            rows = [document.counted_run_row(view, run) for run in found]
            text.say(document.dump("runs", rows, of_runs(view, found), asked.warnings))
        elif as_csv:
            rows = [document.counted_run_row(view, run) for run in found]
            header = list(document.RUN_FIELDS)
            text.comma_separated(
                header,
                [
                    [" ".join(row[name]) if name == "command" else row[name] for name in header]
                    for row in rows
                ],
            )
        elif not found:
            text.say("no runs yet: run something in the workspace while `mlamd start` records it")
        else:
            text.table(_HEADER, [_row(view, run) for run in found])
            text.gaps(of_runs(view, found), most=3)


def _row(view: View, run: Run) -> list[str]:
    row = document.counted_run_row(view, run)
    return [
        text.short(run.id),
        text.when(run.started_ns),
        text.duration(run.started_ns, run.ended_ns),
        text.status(run),
        str(row["inputs"]),
        str(row["outputs"]),
        text.command_line(run.command),
    ]
