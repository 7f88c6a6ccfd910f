"""What every sensor process tells its recorders, and how: greetings, requests, and what happens."""

import logging
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from mlamd import __version__
from mlamd.daemon.outbox import MOST_BYTES, Outbox
from mlamd.host.procfs import ProcFs
from mlamd.model.observations import Lost, ProcessesPolled
from mlamd.model.processes import ProcessFacts
from mlamd.sensors import frames
from mlamd.sensors.capture import Batch
from mlamd.sensors.directories import Directories, Listed
from mlamd.sensors.executions import Executions, Known
from mlamd.sensors.frames import Splitter
from mlamd.sensors.subscription import Access, Subscription

log = logging.getLogger("mlamd")

_MOST_ROOTS = 64
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


class Teller(ABC):
    """A sensor's recorders; its loop waits on the descriptors in ``waits``, each with a callback."""

    _executions: Executions

    def __init__(self, table: ProcFs, waits: dict[int, Callable[[], None]]) -> None:
        self._table = table
        self._waits = waits
        self._clients: dict[int, Client] = {}
        self._counts = False
        """True if the kernel keeps accounts of what ended processes have used."""

    @abstractmethod
    def _refused(self, root: bytes, eye: Eye | None, *, workspace: bool) -> str:
        """Say why a root cannot be recorded exactly, "" if it can."""

    @abstractmethod
    def _directories(self, roots: tuple[bytes, ...], client: Client) -> Directories:
        """Return the table of the directories below some roots."""

    @abstractmethod
    def _drain(self) -> None:
        """Tell everything that has happened so far."""

    @abstractmethod
    def _own(self) -> tuple[int, ...]:
        """Return the processes of this sensor."""

    def _greeted(self, client: Client, roots: tuple[bytes, ...]) -> None:
        """Take note that a recorder will be told of these roots."""
        del client, roots

    def _offer(self, client: Client) -> dict[str, Any]:
        """Return what else is to stand in the welcome."""
        del client
        return {}

    def _left(self) -> None:  # noqa: B027  (most have nothing to do then)
        """Take note that a recorder has gone."""

    def _answer(self, client: Client, value: object) -> None:
        """Answer a request that only this sensor understands."""
        del client, value
        raise ValueError("neither a greeting nor a request")

    # --- recorders ---------------------------------------------------------------------------

    def attach(
        self, connection: socket.socket, uid: int, most_bytes: int = MOST_BYTES, eye: Eye | None = None
    ) -> None:
        """Begin to listen to a recorder of this user (-1: it may know everything)."""
        client = Client(connection, uid, most_bytes, eye)
        self._clients[connection.fileno()] = client
        self._waits[connection.fileno()] = lambda: self._hear(client)

    def clients(self) -> list[Client]:
        """Return those who are connected."""
        return list(self._clients.values())

    def _resumes(self, client: Client, hello: dict[str, Any]) -> bool:
        """Go on with a recorder where an earlier one has ended, if it asks for that and it can be done."""
        del client, hello
        return False

    def expire(self) -> None:
        """Cut off who has not said what they want in time."""
        late_s = time.monotonic() - _GREETING_S
        for client in self.clients():
            if client.uid >= 0 and client.subscription is None and client.since_s < late_s:
                self._cut_off(client, "no greeting came")

    def _detach(self, client: Client) -> None:
        number = client.connection.fileno()
        self._clients.pop(number, None)
        self._waits.pop(number, None)
        client.outbox.close()
        client.connection.close()
        self._left()

    def _cut_off(self, client: Client, why: object) -> None:
        log.warning("a recorder of uid %d is cut off: %s", client.uid, why)
        with suppress(OSError):
            client.connection.send(frames.frame({"error": str(why)}), socket.MSG_DONTWAIT)
        self._detach(client)

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
                syncs.append(number_in(value[1]))
            else:
                self._answer(client, value)
        if syncs:
            self._drain()
            self._tell_unread(client, time.time_ns())
            client.outbox.flush()
            for number in syncs:
                client.outbox.put(frames.synced(number))

    def _welcome(self, client: Client, hello: dict[str, Any]) -> None:
        roots = tuple(_path(root) for root in hello["roots"])[:_MOST_ROOTS]
        if hello.get("protocol") != frames.PROTOCOL or not roots:
            raise ValueError(f"this sensor speaks protocol {frames.PROTOCOL}")
        if self._resumes(client, hello):
            return
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
        subscription.own = {*self._own(), *(number_in(pid) for pid in hello.get("own", ()))}
        directories.build()
        if client.eye is not None and directories.missed:
            self._refuse(client, "it has too many directories")
            return
        welcome = self._greeting(client, answers, len(directories))
        self._drain()
        # The welcome says that everything from now on is told: nothing may be drained and dropped after it.
        client.outbox.put(frames.frame(welcome))
        client.subscription = subscription
        self._greeted(client, good)
        now_ns = time.time_ns()
        subscription.survey(now_ns, self._table.held)
        client.outbox.tell(ProcessesPolled(now_ns, now_ns, frozenset()))
        client.outbox.flush()
        self._drain()

    def _greeting(self, client: Client, answers: dict[bytes, str], directories: int) -> dict[str, Any]:
        """Return what a recorder is told first; ``answers`` say of each root why it is not recorded."""
        return {
            "protocol": frames.PROTOCOL,
            "version": __version__,
            "roots": [[root, why] for root, why in answers.items()],
            "accounts": self._counts,
            "directories": directories,
            "pid": os.getpid(),
            **self._offer(client),
        }

    def _refuse(self, client: Client, why: str) -> None:
        why = f"the sensor service does not record this workspace: {why}"
        client.outbox.put(frames.frame({"error": why}))

    def _wanted(self, known: Known, facts: ProcessFacts) -> bool:
        wanted = [client.subscription.wants(known, facts) for client in self.clients() if client.subscription]
        return any(wanted)

    def _take(self, batch: Batch) -> None:
        self._tell(batch)
        self._flush()

    def _flush(self) -> None:
        for client in self.clients():
            client.outbox.flush()

    def _tell(self, batch: Batch) -> None:
        for client in self.clients():
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
            if client.outbox.lost:
                client.outbox.lost = False
                subscription.survey_again(time.time_ns(), self._table.held)

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


def number_in(value: object) -> int:
    """Return a number that somebody sent; raises ``TypeError`` for anything else."""
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
