"""The sockets in a store on which its processes listen, for their own user and root only.

Their path is reached through the directory's descriptor, as a Unix socket's address ends at 108 bytes.
"""

import os
import socket
import struct
from pathlib import Path
from typing import Any

from mlamd.daemon.client import NAME, address_of
from mlamd.errors import AccessError


def listen(store: Path, name: str = NAME, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Make a listening socket of mode 0600; to be called by the one process that may."""
    (store / name).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, kind)
    mask = os.umask(0o177)
    try:
        with address_of(store, name) as address:
            listener.bind(address)
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise AccessError(f"cannot make {store / name}: {error.strerror or error}") from error
    finally:
        os.umask(mask)
    return listener


def is_allowed(peer: socket.socket | Any) -> bool:
    """Say whether the process at the other end is this user's or root's (``SO_PEERCRED``, unix(7))."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = struct.unpack("3i", credentials)[1]
    return uid in {0, os.getuid()}
