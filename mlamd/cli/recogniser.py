"""``mlamd recogniser``: the process that looks into files, started by the recorder."""

import click


@click.command(name="recogniser", hidden=True)
@click.argument("descriptor", type=int)
def command(descriptor: int) -> None:
    """Say what files are, asked over a socket."""
    import socket  # noqa: PLC0415

    from mlamd.recognise.worker import serve  # noqa: PLC0415

    with socket.socket(fileno=descriptor) as connection:
        serve(connection)
