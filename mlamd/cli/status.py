"""``mlamd status``."""

from typing import Any

import click

from mlamd.cli import document, text
from mlamd.cli.answer import json_option, workspace_of
from mlamd.lineage.view import View
from mlamd.model.derived import KnownGap


@click.command(name="status")
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Say whether the workspace is recorded, by what, since when, and what may have been missed."""
    from mlamd.catalog.catalog import current  # noqa: PLC0415  (lmdb)
    from mlamd.daemon.background import state  # noqa: PLC0415

    workspace = workspace_of(context)
    data: dict[str, Any] = {"mode": None, "sensors": [], "since_ns": None, "pid": None} | state(workspace)
    gaps: list[KnownGap] = []
    data["events"] = data.get("events", 0)
    if (workspace.store / "journal" / "data.mdb").exists():
        with current(workspace.store) as tables:
            view = View(tables)
            gaps = list(view.gaps())
            data["events"] = view.events()
    data["gaps"] = len(gaps)
    data["workspace"], data["store"] = str(workspace.root), str(workspace.store)
    if as_json:
        text.say(document.dump("status", data, gaps))
        return
    _print(data, gaps)


def _print(data: dict[str, Any], gaps: list[KnownGap]) -> None:
    text.say(f"workspace  {data['workspace']}")
    if data["store"] != f"{data['workspace']}/.mlamd":
        text.say(f"store      {data['store']}")
    state = data["state"]
    if state == "running":
        state += f" since {text.when(data['since_ns'])}, pid {data['pid']}"
    elif state == "not answering":
        state += f", pid {data['pid']}"
    text.say(f"recorder   {state}")
    if data["mode"]:
        text.say(f"mode       {data['mode']} ({', '.join(data['sensors'])}; who did what is inferred)")
        text.say(f"watching   {data.get('watched_directories', 0)} directories")
    text.say(f"events     {data['events']}")
    if data.get("digesting"):
        text.say(f"digesting  {data['digesting']} files")
    if data.get("trouble"):
        text.say(f"trouble    {data['trouble']}")
    text.say(f"gaps       {len(gaps)}")
    for gap in list(reversed(gaps))[:5]:
        text.say(f"           {text.gap_line(gap)}")
