"""``mlamd init``."""

import os
from pathlib import Path

import click

from mlamd.cli.text import say
from mlamd.workspace import create


@click.command(name="init")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Keep the record in this directory instead of DIR/.mlamd.",
)
@click.pass_context
def command(context: click.Context, directory: Path | None, store: Path | None) -> None:
    """Make DIRECTORY (default: the current one) a workspace. Doing it twice changes nothing."""
    root = Path(context.obj or ".") / (directory or ".")
    existed = os.path.exists(root / ".mlamd")
    workspace, elsewhere = create(root, store)
    if existed:
        say(f"{workspace.root} is a workspace already")
        return
    say(f"{workspace.root} is a workspace now; `mlamd start` begins to record it")
    if elsewhere:
        reason = "" if store else ", as the workspace is on a network file system"
        say(f"the record is kept in {workspace.store}{reason}")
