"""``mlamd uses``."""

import click

from mlamd.cli import document, folded, text
from mlamd.cli.answer import Question, json_option, question
from mlamd.lineage.folding import fold_made
from mlamd.lineage.names import resolve_version
from mlamd.lineage.uses import Uses, uses


@click.command(name="uses")
@click.argument("path")
@click.option("--files", is_flag=True, help="List the files of large datasets one by one.")
@json_option
@click.pass_context
def command(context: click.Context, path: str, files: bool, as_json: bool) -> None:
    """Say what depends on PATH: who read this version, and everything that was made from it."""
    with question(context) as asked:
        answer = uses(asked.view, resolve_version(asked.view, path, asked.place))
        if as_json:
            text.say(
                document.dump(
                    "uses",
                    document.uses_data(asked.view, answer, folded.rule(asked)),
                    answer.gaps,
                    asked.warnings,
                )
            )
        else:
            _print(asked, answer, files=files)


def _print(asked: Question, answer: Uses, *, files: bool) -> None:
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
        sets = [] if files else fold_made(answer.made, folded.rule(asked))
        for dataset in sets:
            text.say(f"{folded.name(dataset)}  ({folded.size(dataset)}; --files lists them)")
        rest = folded.rest(answer.made, sets)
        if rest:
            text.table(
                ("version", "sealed", "content", "path"),
                [
                    (made.id, text.when(made.sealed_ns), text.digest(made), text.shown(made.path))
                    for made in rest
                ],
            )
    text.gaps(answer.gaps)
