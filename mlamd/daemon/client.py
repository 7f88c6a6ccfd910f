"""Asking a recorder something over its control socket; see ``control`` for the other end.

Imports nothing heavy: every question on the command line comes through here.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlamd.errors import AccessError, NotAnsweringError, NotRunningError

NAME = "control.sock"
MOST_BYTES = 65_536


@contextmanager
def address_of(store: Path, name: str = NAME) -> Iterator[str]:
    """Give an address of a store's socket that is short enough, for as long as the context lasts."""
    if sys.platform != "linux":
        yield str(store / name)
        return
    directory = os.open(store, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{name}"
    finally:
        os.close(directory)


def ask(store: Path, what: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """Ask the recorder of a store something.

    Raises ``NotRunningError`` where nobody listens, ``NotAnsweringError`` where nobody answers in time.
    """
    import socket  # noqa: PLC0415  (only where a recorder runs)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with address_of(store) as address:
                connection.connect(address)
            connection.sendall(json.dumps({"ask": what}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = connection.recv(MOST_BYTES)
                if not part:
                    break
                data += part
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunningError("no recorder is running here: `mlamd start`") from error
        except PermissionError as error:
            raise AccessError(f"the recorder of {store} belongs to another user") from error
        except OSError as error:
            raise NotAnsweringError(
                f"the recorder does not answer ({error}): see {store}/recorder.log"
            ) from error
    try:
        reply: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise NotAnsweringError("the recorder closed the connection without an answer") from error
    return reply
