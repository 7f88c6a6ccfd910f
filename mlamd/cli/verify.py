"""``mlamd verify``."""

import sys
from pathlib import Path

import click

from mlamd.catalog import check
from mlamd.catalog.catalog import Catalog
from mlamd.cli import document, text
from mlamd.cli.answer import json_option, workspace_of
from mlamd.daemon.lock import StoreLock, holder
from mlamd.errors import StoreDamagedError, StoreTooNewError, VerifyError
from mlamd.workspace import Workspace


@click.command(name="verify")
@click.option("--rebuild", is_flag=True, help="Make the catalog anew from the journal, and compare the two.")
@json_option
@click.pass_context
def command(context: click.Context, rebuild: bool, as_json: bool) -> None:
    """Check the store: every page of its files, every event, and that the tables follow from them.

    While a recorder runs, its files change under the check of pages, so that part is left out.
    """
    workspace = workspace_of(context)
    running = holder(workspace.lock_file) is not None
    if check.is_new(workspace.store):
        data = {"events": 0, "rows": 0, "same": True, "rebuilt": False}
    else:
        data = _check(workspace, rebuild=rebuild, running=running)
    if as_json:
        text.say(document.dump("verify", data, []))
    else:
        _print(data, running=running)
    if not data["same"] and not data["rebuilt"]:
        raise VerifyError(
            "the catalog does not follow from the journal: `mlamd stop`, `mlamd verify --rebuild`"
        )


def _check(workspace: Workspace, *, rebuild: bool, running: bool) -> dict[str, int | bool]:
    store = workspace.store
    if not running:
        check.check_file(store, "journal")
    sound = _catalog_is_sound(store, pages=not running, needed=running or not rebuild)
    events = check.check_journal(store, _progress)
    report = check.rebuild(store, _progress, compare=sound)
    if rebuild and not running:
        lock = StoreLock(workspace.lock_file)
        try:
            check.adopt(store)
        finally:
            lock.close()
    else:
        check.discard(store)
    return {"events": events, "rows": report.rows, "same": report.same, "rebuilt": rebuild and not running}


def _catalog_is_sound(store: Path, *, pages: bool, needed: bool) -> bool:
    """Say whether the catalog can be read; raises what is wrong with it if it is ``needed``."""
    try:
        if pages:
            check.check_file(store, "catalog")
        Catalog(store).close()
    except (StoreDamagedError, StoreTooNewError) as error:
        if needed:
            raise
        click.echo(f"mlamd: {error}; making it anew", err=True)
        return False
    return True


def _print(data: dict[str, int | bool], *, running: bool) -> None:
    text.say(f"journal  {data['events']} events, all readable" + ("" if running else ", every page sound"))
    verdict = (
        "the same as rebuilt from the journal" if data["same"] else "NOT the same as rebuilt from the journal"
    )
    text.say(f"catalog  {data['rows']} rows, {verdict}")
    if data["rebuilt"]:
        text.say("the rebuilt catalog is in place now")
    elif running:
        text.say("a recorder is running, so pages were not checked and nothing was replaced")


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{count} events\r", nl=False, err=True)
