"""Has the versions that were digested looked at by a process of its own, behind the recording.

That process may hang, grow or crash over a file: it is ended, and another one is started for the next file.
While there is nothing to look at for some time there is none.
"""

import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import trio

from mlamd.catalog.memory import CatalogMemory
from mlamd.daemon.documents import Documents
from mlamd.host.files import ContentError, FileHost
from mlamd.journal import documents
from mlamd.journal.documents import MEANING
from mlamd.model import codec
from mlamd.model.events import TOO_MANY, Event, Recognised
from mlamd.model.files import FileStat
from mlamd.recognise.finding import depends_on_path, is_sampled
from mlamd.recognise.worker import LENGTH, MOST_ANSWER_BYTES

_PATIENCE_S = 10.0
"""The process ends its work itself after a second; this is for when it cannot."""
_IDLE_S = 60.0
_DELAY_S = 0.2
"""A file that is saved under another name first is looked at under its own."""
_MOST_WAITING = 100_000
_MOST_KEPT = 20_000
_MOST_PLACES = 1_000
_MANY, _ONE_OF = 500, 50
"""Of more media files with one ending in one directory than this, only one in so many is looked at."""


@dataclass(slots=True)
class _Task:
    """A version to be looked at. ``path`` is absolute, ``name`` relative to the workspace."""

    version: int
    path: bytes
    name: bytes
    stat: FileStat
    digest: bytes
    due_s: float

    @property
    def content(self) -> tuple[bytes, bytes]:
        """What an answer depends on."""
        return self.digest, self.name if depends_on_path(self.name) else self.name.rpartition(b"/")[2]


class Worker:
    """The process; ``ask`` may be called from one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    @property
    def running(self) -> bool:
        """True if there is a process."""
        return self._process is not None

    def ask(self, name: bytes, descriptor: int) -> bytes:
        """Return the packed map of what a file is. Raises ``ContentError`` if that cannot be found out."""
        connection = self._connection = self._connection or self._begun()
        try:
            socket.send_fds(connection, [name], [descriptor])
            (size,) = LENGTH.unpack(_received(connection, LENGTH.size))
            if size > 2 * MOST_ANSWER_BYTES:
                raise ConnectionError("it says too much")
            return _received(connection, size)
        except TimeoutError as error:
            self.end()
            raise ContentError(f"to look at it took longer than {_PATIENCE_S:g} s") from error
        except OSError as error:
            self.end()
            raise ContentError("whoever looked at it crashed") from error

    def _begun(self) -> socket.socket:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with its:
            number = its.fileno()
            command = [sys.executable, "-m", "mlamd", "recogniser", str(number)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", pass_fds=(number,)
            )
        mine.settimeout(_PATIENCE_S)
        return mine

    def end(self) -> None:
        """End the process."""
        connection, self._connection = self._connection, None
        process, self._process = self._process, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.wait()


def _received(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("it has ended")
        data += piece
    return bytes(data)


class Recognising:
    """The queue of what is to be looked at, and what was found.

    ``woken`` is called when there is something new. If it is not ``enabled``, nothing is ever wanted. Of what
    is wanted while so many as ``most`` wait, the reason why it was not looked at is told.
    """

    def __init__(
        self,
        files: FileHost,
        memory: CatalogMemory,
        book: Documents,
        woken: Callable[[], None],
        *,
        enabled: bool,
        most: int = _MOST_WAITING,
    ) -> None:
        self._most = most
        self._enabled = enabled
        self._files = files
        self._memory = memory
        self._book = book
        self._woken = woken
        self._waiting: OrderedDict[int, _Task] = OrderedDict()
        self._answers: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()
        self._names: OrderedDict[tuple[bytes, bytes], set[bytes]] = OrderedDict()
        """Of directories and endings the first names that were looked at."""
        self._counts: dict[tuple[bytes, bytes], int] = {}
        self._done: list[Event] = []
        self._worker = Worker()
        self._news = trio.Event()
        self._idle = trio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many versions wait to be looked at."""
        return len(self._waiting)

    def want(self, version: int, path: bytes, name: bytes, stat: FileStat, digest: bytes) -> None:
        """Have a version looked at, soon; a later call for the same one counts."""
        waits = version in self._waiting
        if not self._enabled or (not waits and self._is_one_of_many(name)):
            return
        if not waits and len(self._waiting) >= self._most:
            self._done.append(Recognised(version, 0, TOO_MANY))
            self._woken()
            return
        task = _Task(version, path, name, stat, digest, time.monotonic() + _DELAY_S)
        self._waiting[version] = task
        self._waiting.move_to_end(version)
        self._idle = trio.Event() if self._idle.is_set() else self._idle
        self._news.set()

    def _is_one_of_many(self, name: bytes) -> bool:
        """Say whether a file is one of those of which only some are looked at; a name stays what it was."""
        if not is_sampled(name):
            return False
        directory, _, last = name.rpartition(b"/")
        place = directory, last.rpartition(b".")[2].lower()
        names = self._names.setdefault(place, set())
        self._names.move_to_end(place)
        if last in names:
            return False
        if len(names) < _MANY:
            names.add(last)
            if len(self._names) > _MOST_PLACES:
                self._counts.pop(self._names.popitem(last=False)[0], None)
            return False
        self._counts[place] = count = self._counts.get(place, 0) + 1
        return bool(count % _ONE_OF)

    def renamed(self, version: int, path: bytes, name: bytes, stat: FileStat, digest: bytes | None) -> None:
        """Have a version looked at under its new name."""
        task = self._waiting.get(version)
        known = digest if digest is not None else task.digest if task is not None else None
        if known is not None:
            self.want(version, path, name, stat, known)

    def take(self) -> list[Event]:
        """Return what has been found since the last call."""
        done, self._done = self._done, []
        return done

    async def settled(self) -> None:
        """Wait until nothing waits any more, and without the delay."""
        for task in self._waiting.values():
            task.due_s = 0.0
        self._news.set()
        await self._idle.wait()

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                if not self._waiting:
                    self._idle.set()
                    self._news = trio.Event()
                    with trio.move_on_after(_IDLE_S) as rest:
                        await self._news.wait()
                    if rest.cancelled_caught and self._worker.running:
                        await trio.to_thread.run_sync(self._worker.end)
                    continue
                task = next(iter(self._waiting.values()))
                self._news = trio.Event()
                with trio.move_on_after(max(0.0, task.due_s - time.monotonic())) as wait:
                    await self._news.wait()
                if not wait.cancelled_caught:
                    continue
                await self._one(task)
        finally:
            self._worker.end()

    async def _one(self, task: _Task) -> None:
        number = self._answers.get(task.content) or self._memory.meaning(*task.content)
        reason = ""
        value = b""
        if not number:
            value, reason = await trio.to_thread.run_sync(self._look, task, abandon_on_cancel=True)
        if self._waiting.get(task.version) is not task:
            return  # it was renamed meanwhile
        del self._waiting[task.version]
        if value:
            number, new = self._book.number(MEANING, value)
            self._done += new
        if number:
            self._answers[task.content] = number
            if len(self._answers) > _MOST_KEPT:
                self._answers.popitem(last=False)
        self._done.append(Recognised(task.version, number, reason))
        self._woken()

    def _look(self, task: _Task) -> tuple[bytes, str]:
        """Return the document of what a file is, or why there is none."""
        try:
            with self._files.opened(task.path, task.stat) as descriptor:
                answer = self._worker.ask(task.name, descriptor)
            return documents.pack(codec.unpack(answer)), ""
        except ContentError as error:
            return b"", str(error)
        except (OSError, ValueError) as error:
            return b"", f"it could not be looked at: {error}"
