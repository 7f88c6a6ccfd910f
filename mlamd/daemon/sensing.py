"""The sensor process: captures the machine once, and tells each recorder what is its own.

A recorder with the needed capabilities starts one for itself, with a socket as its standard input; the system
service (``mlamd sensor``) is one that many users' recorders connect to.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from mlamd.daemon.telling import Client, Eye, Teller
from mlamd.errors import UnavailableError
from mlamd.host import fanotify
from mlamd.host.capabilities import missing
from mlamd.host.connector import Connector
from mlamd.host.fanotify import Group, Handles, UnsupportedError
from mlamd.host.mounts import MountTable, local_mounts
from mlamd.host.procfs import ProcFs
from mlamd.host.taskstats import TaskStats
from mlamd.model.observations import Lost
from mlamd.sensors import frames
from mlamd.sensors.capture import Capture, wall_clock
from mlamd.sensors.directories import Directories
from mlamd.sensors.executions import Executions
from mlamd.sensors.looker import Looker

log = logging.getLogger("mlamd")

NICE = -5
"""The stamps of what happened are only as good as the sensor is prompt; its recorder gives way instead."""
_EVERYTHING = fanotify.CONTENT | fanotify.NAMES


class Sensor(Teller):
    """Captures until ``stop``. Raises ``UnavailableError`` where the machine or the user cannot."""

    def __init__(self, *, limited: bool = False) -> None:
        lacking = missing()
        if lacking:
            raise UnavailableError(f"exact capture needs {lacking}")
        super().__init__(ProcFs(), {})
        self._looker = Looker()
        self._executions = Executions(self._table, self._looker.image, self._wanted, wall_clock())
        self._handles = Handles()
        self._masks: dict[int, int] = {}
        try:
            self._group = Group(limited=limited)
            self._connector = Connector()
        except UnsupportedError as error:
            raise UnavailableError(f"exact capture is not possible here: {error}") from error
        except OSError as error:
            raise UnavailableError(
                f"exact capture is not possible here: {error.strerror or error}"
            ) from error
        try:
            accounts: TaskStats | None = TaskStats()
        except OSError as error:
            log.warning("the kernel keeps no accounts of processes that end: %s", error)
            accounts = None
        self._accounts = accounts
        self._counts = accounts is not None
        self._mounts = MountTable()
        self._capture = Capture(self._group, self._connector, accounts, self._executions, self._take)
        self._waits = self._capture.extra
        self._capture.urgent[self._mounts.descriptor] = self._remounted
        self._executions.survey()
        self._mark_programs()

    # --- marks -------------------------------------------------------------------------------

    def _mark_programs(self) -> None:
        """Hear of every program that is opened to be executed: it is where a process becomes another one."""
        for point in local_mounts():
            with suppress(OSError, UnsupportedError):
                self._group.mark(point, fanotify.OPEN_EXEC)

    def _mark(self, directory: bytes, device: int) -> None:
        """Hear of everything on the filesystem of a directory."""
        if device not in self._masks:
            self._group.mark(directory, _EVERYTHING)
            self._masks[device] = 1

    # --- recorders ---------------------------------------------------------------------------

    ends_alone = False
    """True if the sensor is one recorder's own, and ends with it."""

    def _own(self) -> tuple[int, ...]:
        return (os.getpid(),)

    def _drain(self) -> None:
        self._capture.drain()

    def _greeted(self, client: Client, roots: tuple[bytes, ...]) -> None:
        client.mounts = {root: self._mounts.around(root) for root in roots}

    def _left(self) -> None:
        if not self._clients and self.ends_alone:
            self._capture.stop()

    def _directories(self, roots: tuple[bytes, ...], client: Client) -> Directories:
        def mark_inner(directory: bytes, device: int) -> None:
            self._mark_inner(client, directory, device)

        if client.eye is None:
            return Directories(roots, self._handles, mark_inner)
        return Directories(roots, self._handles, mark_inner, client.eye.listed, client.eye.room)

    def _refused(self, root: bytes, eye: Eye | None, *, workspace: bool) -> str:
        """Say why a root cannot be recorded exactly, "" if it can."""
        why = "" if eye is None else eye.refuses(root, workspace=workspace)
        if why:
            return why
        try:
            self._mark(root, os.stat(root).st_dev)
        except (OSError, UnsupportedError) as error:
            return str(error)
        if self._handles.key_of(root) is None:
            return "its filesystem has no file handles"
        return ""

    def _mark_inner(self, client: Client, directory: bytes, device: int) -> None:
        """Mark a filesystem that is mounted inside a root."""
        try:
            self._mark(directory, device)
        except (OSError, UnsupportedError) as error:
            now_ns = time.time_ns()
            client.outbox.tell(Lost(now_ns, now_ns, directory, "unwatchable", str(error)))

    def _remounted(self) -> None:
        """Take note that something was mounted or unmounted; if it was at a root, mark and walk that anew."""
        marked = self._group.marked(_EVERYTHING)
        self._masks.clear()
        self._handles.forget()
        self._mark_programs()
        for client in self._clients.values():
            if client.subscription is None:
                continue
            now = {root: self._mounts.around(root) for root in client.mounts}
            changed = [
                root for root in now if now[root] != client.mounts[root] or _device(root) not in marked
            ]
            client.mounts = now
            for root in changed:
                why = self._refused(root, client.eye, workspace=False)
                detail = f"a filesystem was mounted or unmounted there{': ' if why else ''}{why}"
                now_ns = time.time_ns()
                client.outbox.tell(Lost(now_ns, now_ns, root, "remounted", detail))
            if changed:
                client.subscription.directories.build()
                client.outbox.flush()

    # --- what happens ------------------------------------------------------------------------

    def run(self) -> None:
        """Capture until stopped."""
        self._capture.run()

    def wait_on(self, descriptor: int, action: Callable[[], None]) -> None:
        """Call ``action`` in the sensor's thread whenever a descriptor is readable."""
        self._capture.extra[descriptor] = action

    def stop(self) -> None:
        """End; to be called from the sensor's own thread."""
        self._capture.stop()

    def close(self) -> None:
        """Give back what the system lent."""
        self._looker.close()
        self._mounts.close()
        self._group.close()
        self._connector.close()
        if self._accounts is not None:
            self._accounts.close()


def _device(path: bytes) -> int:
    """Return the device of a directory, -1 if it is not there."""
    try:
        return os.stat(path).st_dev
    except OSError:
        return -1


def run_attached(connection: socket.socket, *, limited: bool = False) -> None:
    """Be the sensor of the one recorder at the other end, and end with it."""
    try:
        sensor = Sensor(limited=limited)
    except UnavailableError as error:
        connection.sendall(frames.frame({"error": str(error)}))
        return
    sensor.ends_alone = True
    sensor.attach(connection, -1)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        sensor.run()
    finally:
        sensor.close()
