"""``mlamd status``."""

from typing import Any

import click

from mlamd.cli import document, text
from mlamd.cli.answer import json_option, workspace_of
from mlamd.lineage.view import View
from mlamd.model.derived import KnownGap

UNKNOWN: dict[str, Any] = {
    "state": "stopped",
    "mode": None,
    "sensors": [],
    "how": None,
    "notes": [],
    "since_ns": None,
    "pid": None,
    "events": 0,
    "waiting": None,
    "digesting": None,
    "recognising": None,
    "watched_directories": None,
    "trouble": "",
}
"""What is said of a recorder that does not say it itself."""


@click.command(name="status")
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Say whether the workspace is recorded, by what, since when, and what may have been missed."""
    from mlamd.catalog.catalog import current  # noqa: PLC0415  (lmdb)
    from mlamd.daemon.background import state  # noqa: PLC0415

    workspace = workspace_of(context)
    data = UNKNOWN | state(workspace)
    with current(workspace.store) as tables:
        view = View(tables)
        gaps = list(view.gaps())
        data["events"] = view.events()
    data["gaps"] = len(gaps)
    data |= document.text_path_fields(str(workspace.root), "workspace")
    data |= document.text_path_fields(str(workspace.store), "store")
    if as_json:
        text.say(document.dump("status", data, gaps))
        return
    _print(data, gaps)


def _print(data: dict[str, Any], gaps: list[KnownGap]) -> None:
    text.say(f"workspace  {text.one_line(data['workspace'])}")
    if data["store"] != f"{data['workspace']}/.mlamd":
        text.say(f"store      {text.one_line(data['store'])}")
    state = data["state"]
    if state == "running":
        state += f" since {text.when(data['since_ns'])}, pid {data['pid']}"
    elif state == "not answering":
        state += f", pid {data['pid']}"
    text.say(f"recorder   {state}")
    if data["mode"]:
        text.say(f"mode       {data['mode']} ({data['how']})")
        text.say(f"sensors    {', '.join(data['sensors'])}")
    for note in data["notes"]:
        text.say(f"           {text.one_line(note)}")
    if data["watched_directories"]:
        text.say(f"watching   {data['watched_directories']} directories")
    text.say(f"events     {data['events']}")
    if data["digesting"]:
        text.say(f"digesting  {data['digesting']} files")
    if data["recognising"]:
        text.say(f"looking at {data['recognising']} files for what they are")
    if data["trouble"]:
        text.say(f"trouble    {data['trouble']}")
    text.say(f"gaps       {len(gaps)}")
    for gap in list(reversed(gaps))[:5]:
        text.say(f"           {text.gap_line(gap)}")
