"""``mlamd sensor``."""

import sys
from pathlib import Path

import click

from mlamd.cli.text import say


@click.command(name="sensor")
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    help="Listen here instead of /run/mlamd/sensor.sock.",
)
@click.option("--attached", is_flag=True, hidden=True, help="Serve the one recorder at standard input.")
@click.option(
    "--limited-queue", is_flag=True, help="Let the kernel drop events beyond fs.fanotify.max_queued_events."
)
@click.pass_context
def command(context: click.Context, path: Path | None, attached: bool, limited_queue: bool) -> None:
    """Capture what happens on this machine, and tell each user's recorder what is that user's own."""
    del context
    import logging  # noqa: PLC0415  (only the sensor logs)
    import socket  # noqa: PLC0415

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    if attached:
        from mlamd.daemon.sensing import run_attached  # noqa: PLC0415

        run_attached(socket.socket(fileno=0), limited=limited_queue)
        return
    from mlamd.daemon.service import serve  # noqa: PLC0415

    serve(path, say, limited=limited_queue)
