"""``mlamd start``."""

import os
import sys

import click

from mlamd.cli.answer import workspace_of
from mlamd.cli.text import say
from mlamd.errors import AlreadyRecordedError, MlamdError
from mlamd.workspace import Workspace


@click.command(name="start")
@click.option("--foreground", is_flag=True, help="Record in this process, for a supervisor such as systemd.")
@click.option(
    "--mode", type=click.Choice(["watch", "mount"]), help="Force a mode instead of the best that is possible."
)
@click.option(
    "--sensor",
    type=click.Choice(["inotify", "fanotify"]),
    help="Force a file sensor of the watch mode; never falls back to another.",
)
@click.option("--allow-other", is_flag=True, help="With --mode mount: let other users in, too.")
@click.option("--read-only", is_flag=True, help="With --mode mount: let nobody change anything.")
@click.pass_context
def command(
    context: click.Context,
    foreground: bool,
    mode: str | None,
    sensor: str | None,
    allow_other: bool,
    read_only: bool,
) -> None:
    """Begin to record, in the background; returns when everything from now on is seen."""
    if mode != "mount" and (allow_other or read_only):
        raise click.UsageError("--allow-other and --read-only belong to --mode mount")
    if mode == "mount" and sensor is not None:
        raise click.UsageError("--sensor belongs to the watch mode")
    from mlamd.daemon.mounts import is_mounted  # noqa: PLC0415

    workspace = workspace_of(context, clean=True)
    mount = None
    if mode == "mount":
        mount = frozenset({"allow_other"} if allow_other else ()) | frozenset({"ro"} if read_only else ())
    elif is_mounted(workspace):  # its recorder has ended: this one goes on with it
        if mode == "watch" or sensor is not None:
            raise AlreadyRecordedError(f"{workspace.root} is mounted: `mlamd stop` takes the mount away")
        mount = frozenset()
    if not foreground:
        from mlamd.daemon.background import start  # noqa: PLC0415  (each way imports only its own)

        flags = {"--mode=mount": mount is not None, "--allow-other": allow_other, "--read-only": read_only}
        say(start(workspace, sensor, tuple(flag for flag, given in flags.items() if given)))
        return
    from mlamd.daemon.background import say_ready  # noqa: PLC0415
    from mlamd.daemon.foreground import record, set_up_logging  # noqa: PLC0415  (trio, watchdog)

    try:
        set_up_logging(workspace, to_terminal=sys.stderr.isatty())
        record(workspace, lambda line: say_ready("ready", line), sensor, mount)
    except MlamdError as error:
        _log(str(error))
        say_ready("error", str(error))
        if _logged_to_stderr(workspace):
            sys.exit(error.exit_code)
        raise


def _logged_to_stderr(workspace: Workspace) -> bool:
    """Say whether standard error is the recorder's log, as it is in the background."""
    try:
        return os.path.samestat(os.fstat(2), workspace.log_file.stat())
    except OSError:
        return False


def _log(message: str) -> None:
    import logging  # noqa: PLC0415  (only the recorder logs)

    logging.getLogger("mlamd").error(message)
