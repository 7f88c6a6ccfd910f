"""``mlamd log``."""

import click

from mlamd.cli import document, text
from mlamd.cli.answer import csv_option, json_option, question
from mlamd.lineage.gaps import of_versions
from mlamd.lineage.history import Entry, of_path, of_workspace
from mlamd.lineage.names import resolve_version

_HEADER = ("time", "what", "version", "size", "content", "run", "evidence", "path")


@click.command(name="log")
@click.argument("path", required=False)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="At most this many; 0 for all.",
)
@click.option("-a", "--all", "reads", is_flag=True, help="Show who read the file too.")
@json_option
@csv_option
@click.pass_context
def command(
    context: click.Context, path: str | None, limit: int, reads: bool, as_json: bool, as_csv: bool
) -> None:
    """Show what happened to PATH, or in the whole workspace, newest first."""
    with question(context) as asked:
        view = asked.view
        if path is None:
            entries = of_workspace(view, reads=reads, limit=limit)
        else:
            entries = of_path(view, resolve_version(view, path, asked.place), reads=reads, limit=limit)
        gaps = of_versions(view, [entry.version for entry in entries])
        if as_json:
            rows = [document.entry_row(entry) for entry in entries]
            text.say(document.dump("log", rows, gaps, asked.warnings))
        elif as_csv:
            rows = [document.entry_row(entry) for entry in entries]
            header = [name for name in document.ENTRY_FIELDS if name != "command"]
            text.comma_separated(header, [[row[name] for name in header] for row in rows])
        elif not entries:
            text.say("nothing yet: no file was read or written since recording began")
        else:
            text.table(_HEADER, [_row(entry) for entry in entries])
            text.gaps(gaps, most=3)


def _row(entry: Entry) -> list[str]:
    path = text.shown(entry.path)
    if entry.source:
        path = f"{text.shown(entry.source)} → {path}"
    return [
        text.when(entry.at_ns),
        entry.action,
        entry.version.id,
        text.size(entry.version.size_bytes),
        text.digest(entry.version),
        text.short(entry.step.id) if entry.step else "-",
        text.evidence(entry.grade) if entry.step else "-",
        path,
    ]
