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
from typing import Any, Protocol

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
from mlamd.sensors.directories import Directories, Listed
from mlamd.sensors.executions import Executions, Known
from mlamd.sensors.frames import Splitter
from mlamd.sensors.looker import Looker
from mlamd.sensors.subscription import Access, Subscription

log = logging.getLogger("mlamd")

NICE = -5
"""The stamps of what happened are only as good as the sensor is prompt; its recorder gives way instead."""
_MOST_ROOTS = 64
_EVERYTHING = fanotify.CONTENT | fanotify.NAMES
_GREETING_S = 5.0
_MOST_REQUESTS = 1000
_MOST_REFUSED_BYTES = 1 << 20


class Eye(Access, Protocol):
    """What a user may know, and may make us look at: see ``mlamd.daemon.access.View``."""

    def refuses(self, root: bytes, *, workspace: bool) -> str:
        """Say why a root is not recorded for this user, "" if it is."""
        ...

    def listed(self, directories: list[bytes]) -> list[Listed | None]:
        """List directories as this user sees them."""
        ...

    def room(self, count: int) -> bool:
        """Say whether so many more directories may be looked at."""
        ...


class Client:
    """One recorder: its socket, what it is told, and how far it has been told.

    ``uid`` is -1, and ``eye`` None, for one that may know everything.
    """

    def __init__(
        self, connection: socket.socket, uid: int, most_bytes: int = MOST_BYTES, eye: Eye | None = None
    ) -> None:
        self.connection = connection
        self.uid = uid
        self.eye = eye
        self.most_bytes = most_bytes
        self.since_s = time.monotonic()
        self.asked = 0
        self.asked_s = 0
        self.splitter = Splitter(1 << 20)
        self.outbox = Outbox(connection, most_bytes)
        self.subscription: Subscription | None = None
        self.ripe_ns = 0
        self.mounts: dict[bytes, tuple[tuple[str, bytes], ...]] = {}
        self.unread_ns = 0
        self.unread = 0


class Sensor:
    """Captures until ``stop``. Raises ``UnavailableError`` where the machine or the user cannot."""

    def __init__(self, *, limited: bool = False) -> None:
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

    def attach(
        self, connection: socket.socket, uid: int, most_bytes: int = MOST_BYTES, eye: Eye | None = None
    ) -> None:
        """Begin to listen to a recorder of this user (-1: it may know everything)."""
        client = Client(connection, uid, most_bytes, eye)
        self._clients[connection.fileno()] = client
        self._capture.extra[connection.fileno()] = lambda: self._hear(client)

    def clients(self) -> list[Client]:
        """Return those who are connected."""
        return list(self._clients.values())

    def expire(self) -> None:
        """Cut off who has not said what they want in time."""
        late_s = time.monotonic() - _GREETING_S
        for client in self.clients():
            if client.uid >= 0 and client.subscription is None and client.since_s < late_s:
                self._cut_off(client, "no greeting came")

    def _detach(self, client: Client) -> None:
        number = client.connection.fileno()
        self._clients.pop(number, None)
        self._capture.extra.pop(number, None)
        client.outbox.close()
        client.connection.close()
        if not self._clients and self.ends_alone:
            self._capture.stop()

    def _cut_off(self, client: Client, why: object) -> None:
        log.warning("a recorder of uid %d is cut off: %s", client.uid, why)
        with suppress(OSError):
            client.connection.send(frames.frame({"error": str(why)}), socket.MSG_DONTWAIT)
        self._detach(client)

    ends_alone = False
    """True if the sensor is one recorder's own, and ends with it."""

    def _hear(self, client: Client) -> None:
        try:
            data = client.connection.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return  # another one was meant, which had this descriptor before
        except OSError:
            data = b""
        if not data:
            self._detach(client)
            return
        try:
            self._requests(client, client.splitter.feed(data))
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            self._cut_off(client, f"bad request: {error}")

    def _requests(self, client: Client, values: list[Any]) -> None:
        now_s = int(time.monotonic())
        client.asked, client.asked_s = (client.asked if now_s == client.asked_s else 0) + len(values), now_s
        if client.uid >= 0 and client.asked > _MOST_REQUESTS:
            raise ValueError(f"more than {_MOST_REQUESTS} in a second")
        if client.uid >= 0 and client.outbox.waiting_bytes > client.most_bytes + _MOST_REFUSED_BYTES:
            raise ValueError("answers are asked for, but not read")
        syncs = []
        for value in values:
            if isinstance(value, dict) and client.subscription is None:
                self._welcome(client, value)
            elif isinstance(value, list) and value[0] == "sync" and client.subscription is not None:
                syncs.append(_number(value[1]))
            else:
                raise ValueError("neither a greeting nor a request")
        if syncs:
            self._capture.drain()
            self._tell_unread(client, time.time_ns())
            client.outbox.flush()
            for number in syncs:
                client.outbox.put(frames.synced(number))

    def _welcome(self, client: Client, hello: dict[str, Any]) -> None:
        roots = tuple(_path(root) for root in hello["roots"])[:_MOST_ROOTS]
        if hello.get("protocol") != frames.PROTOCOL or not roots:
            raise ValueError(f"this sensor speaks protocol {frames.PROTOCOL}")
        answers: dict[bytes, str] = {}
        for place, root in enumerate(roots):
            answers[root] = self._refused(root, client.eye, workspace=not place)
        good = tuple(root for root, why in answers.items() if not why)
        if client.eye is not None and roots[0] not in good:
            self._refuse(client, answers[roots[0]])
            return
        directories = self._directories(good, client)
        uid = client.uid
        subscription = Subscription(good, directories, self._executions, client.outbox.tell, uid, client.eye)
        subscription.own = {os.getpid(), *(_number(pid) for pid in hello.get("own", ()))}
        directories.build()
        if client.eye is not None and directories.missed:
            self._refuse(client, "it has too many directories")
            return
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
        self._capture.drain()
        # The welcome says that everything from now on is told: nothing may be drained and dropped after it.
        client.outbox.put(frames.frame(welcome))
        client.subscription = subscription
        client.mounts = {root: self._mounts.around(root) for root in good}
        now_ns = time.time_ns()
        subscription.survey(now_ns, self._table.held)
        client.outbox.tell(ProcessesPolled(now_ns, now_ns, frozenset()))
        client.outbox.flush()
        self._capture.drain()

    def _directories(self, roots: tuple[bytes, ...], client: Client) -> Directories:
        def mark_inner(directory: bytes, device: int) -> None:
            self._mark_inner(client, directory, device)

        if client.eye is None:
            return Directories(roots, self._handles, mark_inner)
        return Directories(roots, self._handles, mark_inner, client.eye.listed, client.eye.room)

    def _refuse(self, client: Client, why: str) -> None:
        why = f"the sensor service does not record this workspace: {why}"
        client.outbox.put(frames.frame({"error": why}))

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
            if any(reason == "overflow" for reason, _ in batch.lost):
                subscription.directories.build()
            self._tell_missed(client, subscription.directories, batch.at_ns)
            client.unread += subscription.unread
            subscription.unread = 0
            self._tell_unread(client, batch.at_ns)
            client.outbox.flush()

    def _tell_unread(self, client: Client, now_ns: int) -> None:
        """Tell once a second at most how many programs could not be looked at in time."""
        if client.unread and now_ns - client.unread_ns > 1_000_000_000:
            detail = f"{client.unread} programs ended before their command line could be read"
            client.outbox.tell(Lost(now_ns, client.unread_ns or now_ns, b"", "unreadable", detail))
            client.unread, client.unread_ns = 0, now_ns
        elif not client.unread:
            client.unread_ns = now_ns

    def _tell_missed(self, client: Client, directories: Directories, now_ns: int) -> None:
        if directories.missed:
            detail = f"{directories.missed} directories are too many"
            client.outbox.tell(Lost(now_ns, now_ns, b"", "unwatchable", detail))
            directories.missed = 0

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


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a number is expected")
    return value


def _path(value: object) -> bytes:
    """Return an absolute path as it is; nothing is resolved here."""
    if not isinstance(value, bytes) or b"\0" in value or not value.startswith(b"/"):
        raise ValueError("a root is an absolute path")
    if os.path.normpath(value) != value or value.startswith(b"//"):
        raise ValueError("a root is a path without detours")
    return value


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
