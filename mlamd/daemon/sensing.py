"""The sensor process: captures the machine once, and tells each recorder what is its own.

A recorder with the needed capabilities starts one for itself, with a socket as its standard input; the system
service (``mlamd sensor``) is one that many users' recorders connect to.
"""

import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mlamd import __version__
from mlamd.daemon.outbox import MOST_BYTES, Outbox
from mlamd.errors import UnavailableError
from mlamd.host import fanotify
from mlamd.host.capabilities import missing
from mlamd.host.connector import Connector
from mlamd.host.fanotify import Group, Handles, UnsupportedError
from mlamd.host.mounts import MountTable, local_mounts
from mlamd.host.procfs import ProcFs
from mlamd.host.taskstats import TaskStats
from mlamd.model.observations import Lost, ProcessesPolled
from mlamd.model.processes import ProcessFacts
from mlamd.sensors import frames
from mlamd.sensors.capture import Batch, Capture, wall_clock
from mlamd.sensors.directories import Directories
from mlamd.sensors.executions import Executions, Known
from mlamd.sensors.frames import Splitter
from mlamd.sensors.looker import Looker
from mlamd.sensors.subscription import Access, Subscription

log = logging.getLogger("mlamd")

_MOST_ROOTS = 64
_EVERYTHING = fanotify.CONTENT | fanotify.NAMES
_RIPE_EVERY_NS = 50_000_000
_GREETING_S = 5.0


class Client:
    """One recorder: its socket, what it is told, and how far it has been told."""

    def __init__(self, connection: socket.socket, uid: int, most_bytes: int = MOST_BYTES) -> None:
        self.connection = connection
        self.uid = uid
        self.splitter = Splitter(1 << 20)
        self.outbox = Outbox(connection, most_bytes)
        self.subscription: Subscription | None = None
        self.ripe_ns = 0
        self.mounts: dict[bytes, tuple[tuple[str, bytes], ...]] = {}
        self.unread_ns = 0
        self.unread = 0


class Sensor:
    """Captures until ``stop``. Raises ``UnavailableError`` where the machine or the user cannot."""

    def __init__(self, *, limited: bool = False, access: Callable[[int], Access] | None = None) -> None:
        self._access = access
        lacking = missing()
        if lacking:
            raise UnavailableError(f"exact capture needs {lacking}")
        self._clients: dict[int, Client] = {}
        self._table = ProcFs()
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
        self._mounts = MountTable()
        self._capture = Capture(self._group, self._connector, accounts, self._executions, self._take)
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

    def attach(self, connection: socket.socket, uid: int, most_bytes: int = MOST_BYTES) -> None:
        """Begin to listen to a recorder of this user (-1: it may know everything)."""
        client = Client(connection, uid, most_bytes)
        self._clients[connection.fileno()] = client
        self._capture.extra[connection.fileno()] = lambda: self._hear(client)

    def _detach(self, client: Client) -> None:
        number = client.connection.fileno()
        self._clients.pop(number, None)
        self._capture.extra.pop(number, None)
        client.outbox.close()
        client.connection.close()
        if not self._clients and self.ends_alone:
            self._capture.stop()

    ends_alone = False
    """True if the sensor is one recorder's own, and ends with it."""

    def _hear(self, client: Client) -> None:
        try:
            data = client.connection.recv(1 << 16)
            values = client.splitter.feed(data) if data else []
        except (OSError, ValueError) as error:
            log.warning("a recorder of uid %d is cut off: %s", client.uid, error)
            data, values = b"", []
        if not data:
            self._detach(client)
            return
        for value in values:
            try:
                self._request(client, value)
            except (TypeError, ValueError, LookupError) as error:
                client.outbox.put(frames.frame({"error": f"bad request: {error}"}))
                self._detach(client)
                return

    def _request(self, client: Client, value: Any) -> None:
        if isinstance(value, dict) and client.subscription is None:
            self._welcome(client, value)
        elif isinstance(value, list) and value[0] == "sync" and client.subscription is not None:
            self._capture.drain()
            self._ripe(client, time.time_ns())
            client.outbox.flush()
            client.outbox.put(frames.synced(int(value[1])))
        else:
            raise ValueError("neither a greeting nor a request")

    def _welcome(self, client: Client, hello: dict[str, Any]) -> None:
        roots = tuple(bytes(root) for root in hello["roots"])[:_MOST_ROOTS]
        if hello.get("protocol") != frames.PROTOCOL or not all(root.startswith(b"/") for root in roots):
            raise ValueError(f"this sensor speaks protocol {frames.PROTOCOL}")
        access = None if client.uid < 0 or self._access is None else self._access(client.uid)
        answers: dict[bytes, str] = {}
        good = []
        for root in roots:
            answers[root] = self._refused(root, access)
            if not answers[root]:
                good.append(root)
        directories = Directories(tuple(good), self._handles, self._mark_inner)
        subscription = Subscription(
            tuple(good), directories, self._executions, client.outbox.tell, client.uid, access
        )
        subscription.own = {os.getpid(), *(int(pid) for pid in hello.get("own", ()))}
        directories.build()
        welcome = {
            "protocol": frames.PROTOCOL,
            "version": __version__,
            "roots": [[root, why] for root, why in answers.items()],
        }
        welcome |= {
            "accounts": self._accounts is not None,
            "directories": len(directories),
            "pid": os.getpid(),
        }
        client.outbox.put(frames.frame(welcome))
        self._capture.drain()
        client.subscription = subscription
        client.mounts = {root: self._mounts.around(root) for root in good}
        now_ns = time.time_ns()
        subscription.survey(now_ns, self._table.held)
        client.outbox.tell(ProcessesPolled(now_ns, now_ns, frozenset()))
        client.outbox.flush()

    def _refused(self, root: bytes, access: Access | None) -> str:
        """Say why a root cannot be recorded exactly, "" if it can."""
        if access is not None and not access.allowed(root, changed=True):
            return "you may not read it"
        try:
            self._mark(root, os.stat(root).st_dev)
        except (OSError, UnsupportedError) as error:
            return str(error)
        if self._handles.key_of(root) is None:
            return "its filesystem has no file handles"
        return ""

    def _mark_inner(self, directory: bytes, device: int) -> None:
        """Mark a filesystem that is mounted inside a root."""
        try:
            self._mark(directory, device)
        except (OSError, UnsupportedError) as error:
            now_ns = time.time_ns()
            for client in self._clients.values():
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
                why = self._refused(root, None)
                detail = f"a filesystem was mounted or unmounted there{': ' if why else ''}{why}"
                now_ns = time.time_ns()
                client.outbox.tell(Lost(now_ns, now_ns, root, "remounted", detail))
            if changed:
                client.subscription.directories.build()
                client.outbox.flush()

    # --- what happens ------------------------------------------------------------------------

    def _wanted(self, known: Known, facts: ProcessFacts) -> bool:
        wanted = [
            client.subscription.wants(known, facts)
            for client in self._clients.values()
            if client.subscription
        ]
        return any(wanted)

    def _take(self, batch: Batch) -> None:
        for client in list(self._clients.values()):
            subscription = client.subscription
            if subscription is None:
                continue
            subscription.take(batch)
            if batch.lost:
                subscription.directories.build()
            client.unread += subscription.unread
            subscription.unread = 0
            self._ripe(client, batch.at_ns)
            client.outbox.flush()

    def _ripe(self, client: Client, now_ns: int) -> None:
        """Let the recorder end now and then what has ended."""
        if client.unread and now_ns - client.unread_ns > 1_000_000_000:
            detail = f"{client.unread} programs ended before their command line could be read"
            client.outbox.tell(Lost(now_ns, client.unread_ns or now_ns, b"", "unreadable", detail))
            client.unread, client.unread_ns = 0, now_ns
        elif not client.unread:
            client.unread_ns = now_ns

    def run(self) -> None:
        """Capture until stopped."""
        self._capture.run()

    def listen(self, listener: socket.socket, greet: Callable[[socket.socket], None]) -> None:
        """Let ``greet`` take each connection to a listening socket."""

        def accept() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                greet(connection)

        self._capture.extra[listener.fileno()] = accept

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


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end of a Unix socket, as the kernel says (``SO_PEERCRED``, unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def run_attached(connection: socket.socket, *, limited: bool = False) -> None:
    """Be the sensor of the one recorder at the other end, and end with it."""
    try:
        sensor = Sensor(limited=limited)
    except UnavailableError as error:
        connection.sendall(frames.frame({"error": str(error)}))
        return
    sensor.ends_alone = True
    sensor.attach(connection, -1)
    try:
        sensor.run()
    finally:
        sensor.close()
