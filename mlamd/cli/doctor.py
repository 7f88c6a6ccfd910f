"""``mlamd doctor``."""

import sys
from dataclasses import asdict

import click

from mlamd.cli import document, text
from mlamd.cli.answer import json_option, workspace_of

_COLOUR = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command(name="doctor")
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look for what keeps the record from being complete; ends with 1 if there is a problem."""
    from mlamd.daemon.doctor import examine  # noqa: PLC0415  (asks the system)

    findings = examine(workspace_of(context, clean=True))
    if as_json:
        text.say(document.dump("doctor", [asdict(finding) for finding in findings], []))
    else:
        for finding in findings:
            state = click.style(f"{finding.state:<8}", fg=_COLOUR[finding.state])
            text.say(f"{state} {finding.concern:<14} {text.one_line(finding.found)}")
            if finding.advice:
                text.say(f"{'':<8} {'':<14} → {text.one_line(finding.advice)}")
    if any(finding.state == "problem" for finding in findings):
        sys.exit(1)
