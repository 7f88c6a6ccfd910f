"""``mlamd mounted``: the two processes of a mount, started by the recorder."""

import sys

import click

from mlamd.cli.answer import workspace_of


@click.command(name="mounted", hidden=True)
@click.option("--options", default="", help="Options of the mount, with commas.")
@click.option("--ready", type=int, help="Where to say that it is mounted, or why it is not.")
@click.option("--serve", nargs=3, type=int, help="Answer the kernel: directory, listening socket, store.")
@click.argument("place", required=False, type=click.Path())
@click.pass_context
def command(
    context: click.Context,
    options: str,
    ready: int | None,
    serve: tuple[int, int, int] | None,
    place: str | None,
) -> None:
    """Mount the workspace over itself, and tell its recorder what is done there."""
    import os  # noqa: PLC0415
    import socket  # noqa: PLC0415

    wanted = frozenset(word for word in options.split(",") if word)
    if serve is not None:
        from mlamd.mount.serving import serve as answer  # noqa: PLC0415  (pyfuse3)

        directory, listener, store = serve
        sys.exit(answer(os.fsencode(place or "/"), directory, socket.socket(fileno=listener), store, wanted))
    import logging  # noqa: PLC0415

    from mlamd.daemon.mounting import run  # noqa: PLC0415

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s mount: %(message)s")

    def say(text: str) -> None:
        if ready is not None:
            os.write(ready, text.encode("utf-8", "surrogateescape"))
            os.close(ready)

    sys.exit(run(workspace_of(context), wanted, say))
