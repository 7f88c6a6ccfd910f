"""What every question does: find the workspace, wait for the recorder, read the store once."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from mlamd.catalog.catalog import current
from mlamd.daemon import client
from mlamd.daemon.lock import holder
from mlamd.errors import NotAnsweringError, NotAWorkspaceError, NotRunningError, StoreDamagedError
from mlamd.lineage.names import Place
from mlamd.lineage.view import View
from mlamd.model.derived import Run
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


def workspace_of(context: click.Context, *, clean: bool = False) -> Workspace:
    """Return the workspace that the command was called in; raises ``NotAWorkspaceError``.

    With ``clean``, a mount that is left of one that has ended is taken away first.
    """
    place = Path(context.obj or ".")
    try:
        return find(place)
    except NotAWorkspaceError:
        if sys.platform != "linux" or not clean:
            raise
        from mlamd.daemon.mounts import clean_above  # noqa: PLC0415  (only where something is wrong)

        if not clean_above(place):
            raise
    return find(place)


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
    _stand_aside(workspace)
    try:
        with current(workspace.store) as tables:
            place = Place(os.fsencode(workspace.root), cwd)
            yield Question(workspace, View(tables, alive=alive), place, warnings)
    except (LookupError, TypeError, ValueError) as error:
        raise_damage(workspace.store)
        raise error from None


def raise_damage(store: Path) -> None:
    """Raise ``StoreDamagedError`` if a file of the store is not sound."""
    from mlamd.catalog.check import check_file  # noqa: PLC0415  (only where something is wrong)

    for name in ("journal", "catalog"):
        check_file(store, name)


def _stand_aside(workspace: Workspace) -> None:
    """Answer in a child process, as reading a damaged memory map can kill the process that does it.

    Returns in the child; the parent waits for it, and says what is wrong if the kernel ended it.
    """
    if not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in {-signal.SIGBUS, -signal.SIGSEGV, -signal.SIGABRT}:
        raise_damage(workspace.store)
        raise StoreDamagedError(f"{workspace.store} cannot be read, a file is damaged: run `mlamd verify`")
    sys.exit(code if code >= 0 else 128 - code)


def say_of_run(asked: Question, kind: str, run: Run, data: dict[str, Any]) -> None:
    """Print a document about one run: the run itself, and ``data``."""
    from mlamd.cli import document, text  # noqa: PLC0415  (only for --json)
    from mlamd.lineage.gaps import of_runs  # noqa: PLC0415

    known = document.counted_run_row(asked.view, run) | data
    text.say(document.dump(kind, known, of_runs(asked.view, [run]), asked.warnings))


def json_option(function: _F) -> _F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)


def csv_option(function: _F) -> _F:
    """Add ``--csv``."""
    return click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")(function)
