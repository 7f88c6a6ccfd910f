"""``mlamd uses``."""

import click

from mlamd.cli import document, text
from mlamd.cli.answer import json_option, question
from mlamd.lineage.names import resolve_version
from mlamd.lineage.uses import Uses, uses


@click.command(name="uses")
@click.argument("path")
@json_option
@click.pass_context
def command(context: click.Context, path: str, as_json: bool) -> None:
    """Say what depends on PATH: who read this version, and everything that was made from it."""
    with question(context) as asked:
        answer = uses(asked.view, resolve_version(asked.view, path, asked.place))
        if as_json:
            text.say(
                document.dump("uses", document.uses_data(asked.view, answer), answer.gaps, asked.warnings)
            )
        else:
            _print(answer)


def _print(answer: Uses) -> None:
    version = answer.version
    text.say(f"{text.shown(version.path)}  {version.id}, {text.digest(version)}")
    if not answer.readers:
        text.say("nobody is known to have read this version")
    for use in answer.readers:
        times = f", {use.count} times" if use.count > 1 else ""
        text.say(
            f"read by  {text.short(use.run.id)}  {text.when(use.at_ns)}  "
            f"{text.command_line(use.step.command)}  {text.evidence(use.grade)}{times}"
        )
    if answer.made:
        text.say()
        text.say(
            f"{len(answer.made)} {'version depends' if len(answer.made) == 1 else 'versions depend'} on it:"
        )
        text.table(
            ("version", "sealed", "content", "path"),
            [
                (made.id, text.when(made.sealed_ns), text.digest(made), text.shown(made.path))
                for made in answer.made
            ],
        )
    text.gaps(answer.gaps)
