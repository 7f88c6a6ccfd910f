"""What every question does: find the workspace, wait for the recorder, read the store once."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from mlamd.catalog.catalog import current
from mlamd.daemon import client
from mlamd.daemon.lock import holder
from mlamd.errors import NotAnsweringError, NotRunningError
from mlamd.lineage.names import Place
from mlamd.lineage.view import View
from mlamd.workspace import Workspace, find

_SYNC_S = 12.0
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Question:
    """An open question: the workspace, one reading of its store, and where paths start."""

    workspace: Workspace
    view: View
    place: Place
    warnings: list[str] = field(default_factory=list)
    """Why the answer may lack the newest events."""


def workspace_of(context: click.Context) -> Workspace:
    """Return the workspace that the command was called in; raises ``NotAWorkspaceError``."""
    return find(Path(context.obj or "."))


def _catch_up(workspace: Workspace) -> tuple[bool, list[str]]:
    """Let a running recorder store what it has seen; return whether one runs, and what went wrong."""
    if holder(workspace.lock_file) is None:
        return False, []
    try:
        if client.ask(workspace.store, "sync", timeout_s=_SYNC_S).get("done"):
            return True, []
    except (NotRunningError, NotAnsweringError):
        pass
    return True, ["the recorder does not answer: what happened in the last seconds may be missing"]


@contextmanager
def question(context: click.Context) -> Iterator[Question]:
    """Open a question."""
    workspace = workspace_of(context)
    alive, warnings = _catch_up(workspace)
    for warning in warnings:
        click.echo(f"mlamd: {warning}", err=True)
    cwd = os.path.realpath(os.fsencode(context.obj or "."))
    with current(workspace.store) as tables:
        place = Place(os.fsencode(workspace.root), cwd)
        yield Question(workspace, View(tables, alive=alive), place, warnings)


def json_option(function: _F) -> _F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)


def csv_option(function: _F) -> _F:
    """Add ``--csv``."""
    return click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")(function)
