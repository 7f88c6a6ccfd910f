"""``mlamd show``."""

import click

from mlamd.cli import document, text
from mlamd.cli.answer import Question, json_option, question
from mlamd.cli.resources import brief
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.inputs import Used, inputs, outputs
from mlamd.lineage.names import resolve_run
from mlamd.lineage.resources import resources
from mlamd.model.derived import Run


@click.command(name="show")
@click.argument("run")
@json_option
@click.pass_context
def command(context: click.Context, run: str, as_json: bool) -> None:
    """Show one RUN (`@-1`, an id or its beginning, or a file that it wrote)."""
    with question(context) as asked:
        found = resolve_run(asked.view, run, asked.place)
        used, made = inputs(asked.view, found), outputs(asked.view, found)
        if as_json:
            data = document.counted_run_row(asked.view, found) | {
                "files_read": [document.used_row(item) for item in used],
                "files_written": [document.used_row(item) for item in made],
                "steps": [
                    document.step_row(asked.view, asked.view.step(step))
                    for step in asked.view.steps_of(found.number)
                ],
            }
            text.say(document.dump("run", data, of_runs(asked.view, [found]), asked.warnings))
        else:
            _print(asked, found, used, made)


def _print(asked: Question, run: Run, used: list[Used], made: list[Used]) -> None:
    text.say(f"run        {run.id}")
    text.say(f"command    {text.command_line(run.command)}")
    text.say(f"directory  {text.shown(run.cwd.encode('utf-8', 'surrogateescape'))}")
    text.say(f"kind       {run.kind}")
    text.say(f"status     {text.status(run)}")
    text.say(f"started    {text.when(run.started_ns)}")
    text.say(f"took       {text.duration(run.started_ns, run.ended_ns)}")
    spent = brief(resources(asked.view, run))
    if spent:
        text.say(f"used       {spent}")
    _files("read", used)
    _files("wrote", made)
    steps = asked.view.steps_of(run.number)
    if len(steps) > 1:
        text.say()
        text.say("steps")
        for number in steps:
            step = asked.view.step(number)
            took = text.duration(step.started_ns, step.ended_ns)
            text.say(f"  {text.step_line(step)}  ({took})")
    text.gaps(of_runs(asked.view, [run]))


def _files(title: str, used: list[Used]) -> None:
    text.say()
    text.say(f"{title} {len(used)} {'file' if len(used) == 1 else 'files'}")
    for item in used:
        version = item.version
        times = f", {item.count} times" if item.count > 1 else ""
        content = f"{text.size(version.size_bytes)}  {text.digest(version)}"
        text.say(f"  {text.shown(version.path)}  {version.id}  {content}  {text.evidence(item.grade)}{times}")
