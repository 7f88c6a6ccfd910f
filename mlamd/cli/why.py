"""``mlamd why``."""

import click

from mlamd.cli import document, folded, text
from mlamd.cli.answer import Question, json_option, question
from mlamd.lineage.folding import fold
from mlamd.lineage.names import resolve_version
from mlamd.lineage.why import Cause, Why, why
from mlamd.model.evidence import Grade, Origin

_UNKNOWN = {
    Origin.EXISTING: "It was there when it was first seen in use; how it was made is not known.",
    Origin.FOUND: "It was changed while nobody recorded, or unseen; nobody is known to have written it.",
}
_MOST = 12


@click.command(name="why")
@click.argument("path")
@json_option
@click.pass_context
def command(context: click.Context, path: str, as_json: bool) -> None:
    """Say what made PATH: which run, when, from which inputs, with which command."""
    with question(context) as asked:
        answer = why(asked.view, resolve_version(asked.view, path, asked.place))
        if as_json:
            text.say(
                document.dump(
                    "why",
                    document.why_data(asked.view, answer, folded.rule(asked)),
                    answer.gaps,
                    asked.warnings,
                )
            )
        else:
            _print(asked, answer)


_NOBODY = "Who wrote it is not known: it was gone before it could be seen, or is another user's process."


def _print(asked: Question, answer: Why) -> None:
    version = answer.version
    gone = f", removed {text.when(version.gone_ns)}" if version.gone_ns else ""
    text.say(
        f"{text.shown(version.path)}  {version.id}, {text.size(version.size_bytes)}, {text.digest(version)}, "
        f"sealed {text.when(version.sealed_ns)}{gone}"
    )
    for earlier in version.earlier_names:
        text.say(f"it was {text.shown(earlier.path)} until {text.when(earlier.until_ns)}")
    if not answer.causes:
        text.say(
            _UNKNOWN.get(
                version.origin,
                _NOBODY,
            )
        )
    if answer.same_as is not None:
        same = answer.same_as
        text.say(f"It has the content of {text.shown(same.path)} ({same.id}), of which that is known.")
    elif len(answer.causes) > 1 and all(cause.grade is Grade.OBSERVED for cause in answer.causes):
        text.say(f"{len(answer.causes)} programs wrote it:")
    elif len(answer.causes) > 1:
        text.say(f"One of these {len(answer.causes)} wrote it, and it cannot be told which:")
    for cause in answer.causes:
        _print_cause(asked, cause)
    if len(answer.causes) == 1 and answer.causes[0].grade is Grade.AMBIGUOUS:
        text.say("  or        somebody who was gone before anybody could look")
    if answer.derived_from is not None:
        origin = answer.derived_from
        text.say(f"changed in place, or appended to, from {origin.id} {text.digest(origin)}")
    text.gaps(answer.gaps)


def _print_cause(asked: Question, cause: Cause) -> None:
    run, step = cause.run, cause.step
    text.say(f"written by  {text.command_line(step.command)}  {text.evidence(cause.grade)}")
    if step.command != run.command:
        text.say(f"  in        {text.command_line(run.command)}")
    text.say(
        f"  run       {text.short(run.id)}, {text.when(run.started_ns)}, took "
        f"{text.duration(run.started_ns, run.ended_ns)}, {text.status(run)}"
    )
    lines = _inputs(asked, cause)
    for index, line in enumerate(lines):
        if index == _MOST and len(lines) > _MOST + 1:
            text.say(f"            and {len(lines) - _MOST} more (`mlamd show {text.short(run.id)}`)")
            break
        text.say(("  from      " if index == 0 else "            ") + line)
    if not cause.inputs:
        text.say("  from      nothing in the workspace")


def _inputs(asked: Question, cause: Cause) -> list[str]:
    grades = {version.number: grade for version, grade in cause.inputs}
    versions = [version for version, _ in cause.inputs]
    sets = fold(versions, folded.rule(asked))
    lines = []
    for dataset in sets:
        grade = folded.grade_of(grades[number] for number in dataset.members)
        lines.append(f"{folded.name(dataset)}  ({folded.size(dataset)})  {text.evidence(grade)}")
    lines += [
        f"{text.shown(version.path)}  {text.digest(version)}  {text.evidence(grades[version.number])}"
        for version in folded.rest(versions, sets)
    ]
    return lines
