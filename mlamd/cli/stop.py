"""``mlamd stop``."""

import click

from mlamd.cli.answer import workspace_of
from mlamd.cli.text import say


@click.command(name="stop")
@click.option("--lazy", is_flag=True, help="Detach a mount even while processes are in it.")
@click.pass_context
def command(context: click.Context, lazy: bool) -> None:
    """Store everything seen so far and stop recording. Runs go on undisturbed, but unrecorded."""
    from mlamd.daemon.background import stop  # noqa: PLC0415  (subprocess)

    workspace = workspace_of(context)
    pid = stop(workspace, lazy=lazy)
    say(f"stopped recording {workspace.root} (pid {pid})" if pid else f"unmounted {workspace.root}")
