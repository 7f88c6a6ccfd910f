"""Finds out in what surroundings the steps of experiments run: machine, packages, state of the code.

Each is a document that is stored once, so that a step costs a few numbers. It is found out behind the
recording, a moment after the step was seen; what has not changed since the last step is not looked at again.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from mlamd.daemon.documents import Documents
from mlamd.host import containers, interpreters, machine, repositories
from mlamd.host.clock import Clock
from mlamd.host.containers import Inside
from mlamd.host.variables import variables
from mlamd.journal import documents
from mlamd.journal.documents import CODE, CONTAINER, HOST, PACKAGES, VARIABLES
from mlamd.masking.environment import environment, is_also_kept
from mlamd.masking.text import mask_text
from mlamd.model.events import Event, Surrounded
from mlamd.model.observations import Lost
from mlamd.model.processes import ProcessKey

_MOST_WAITING = 1_000
_MOST_CONTAINERS = 1_000
_MOST_LATELY = 5_000
_REST = 3.0
"""Between two looks at repositories is this many times as long as the first took; steps wait for that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step runs: its directory, the path by which its program was started, and its executable.

    ``cgroup`` is its control group, "" where nobody looked. ``variables`` are those of its environment that
    the user wants to have kept.
    """

    step: int
    directory: str
    program: str
    executable: str
    process: ProcessKey | None = None
    cgroup: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    changes: int = 0
    """How many files of the workspace had been changed when it was seen."""


class Contexts:
    """Has the surroundings of steps found out; ``code_changed`` says that files of the workspace changed.

    ``keep`` are patterns of variables that are kept besides those that always are. At most so many as
    ``most`` wait.
    """

    def __init__(
        self,
        book: Documents,
        clock: Clock,
        woken: Callable[[], None],
        keep: tuple[str, ...] = (),
        most: int = _MOST_WAITING,
    ) -> None:
        self._keep = keep
        self._most = most
        self._missed = self._missed_ns = 0
        self._book = book
        self._clock = clock
        self._woken = woken
        self._waiting: deque[Place] = deque()
        self._host: bytes | None = None
        self._mine = Inside()
        self._containers: dict[tuple[object, ...], bytes] = {}
        self._packages: dict[tuple[object, ...], bytes] = {}
        self._code: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._changes = 0
        self._lately: deque[tuple[int, bytes]] = deque(maxlen=_MOST_LATELY)
        self._changed = True
        self._rest_until_s = 0.0
        self._done: list[Event] = []
        self._busy = False
        self._news = trio.Event()
        self._idle = trio.Event()

    @property
    def waiting(self) -> int:
        """How many steps wait."""
        return len(self._waiting) + self._busy

    def code_changed(self, path: bytes = b"") -> None:
        """Take note that the state of the code may be another one now: a file was changed."""
        self._changed = True
        self._changes += 1
        self._lately.append((self._changes, path))

    def want(self, place: Place) -> None:
        """Have the surroundings of a step found out, unless very many wait for that already."""
        if len(self._waiting) < self._most:
            place = replace(place, changes=self._changes)
            if self._keep and place.process is not None:  # at once: it may end before its turn comes
                place = replace(place, variables=self._variables(place.process))
            self._waiting.append(place)
            self._news.set()
            return
        self._missed_ns = self._missed_ns or self._clock.now_ns()
        self._missed += 1

    def _variables(self, process: ProcessKey) -> dict[str, str]:
        found = variables(process, lambda name: is_also_kept(name, self._keep))
        return environment(found.items(), self._keep)

    def take_missed(self, *, final: bool = False) -> Lost | None:
        """Return that too many waited, when that is over, or for now if it is ``final``."""
        if not self._missed or (len(self._waiting) > self._most // 2 and not final):
            return None
        detail = f"nobody looked where {self._missed} programs ran: too many began at once"
        lost = Lost(self._clock.now_ns(), self._missed_ns, b"", "surroundings-missed", detail)
        self._missed = self._missed_ns = 0
        return lost

    def take(self) -> list[Event]:
        """Return what has been found out since the last call."""
        done, self._done = self._done, []
        return done

    async def settled(self) -> None:
        """Wait until nobody waits any more."""
        while self.waiting:
            await self._idle.wait()

    async def run(self) -> None:
        """Find out until cancelled."""
        while True:
            while not self._waiting:
                self._idle.set()
                self._news = trio.Event()
                await self._news.wait()
            if self._idle.is_set():  # else somebody may wait for it
                self._idle = trio.Event()
            if self._changed:
                await trio.sleep(max(0.0, self._rest_until_s - time.monotonic()))
                self._changed = False
                self._code.clear()
            place = self._waiting.popleft()
            self._busy = True
            found = await trio.to_thread.run_sync(self._look, place)
            self._busy = False
            numbers = []
            for sort, value in found:
                number, new = self._book.number(sort, value)
                self._done += new
                numbers.append(number)
            self._done.append(Surrounded(place.step, self._clock.now_ns(), tuple(numbers)))
            self._woken()

    def _look(self, place: Place) -> list[tuple[str, bytes]]:
        if self._host is None:
            self._mine = containers.inside()
            self._host = documents.pack(machine.machine(self._mine, place.directory))
        found = [(HOST, self._host)]
        inside = self._inside(place)
        if inside:
            found.append((CONTAINER, inside))
        if interpreters.is_python(place.executable):
            with suppress(OSError):  # it was removed, or may not be read: then it is not known
                found.append((PACKAGES, self._installed(place)))
        code = self._code_of(place)
        if code:
            found.append((CODE, code))
        if place.variables:
            found.append((VARIABLES, documents.pack(place.variables)))
        return found

    def _inside(self, place: Place) -> bytes:
        """Return the container of a step, b"" where it is in the same as we are, or nobody knows."""
        seen = containers.look(place.process) if place.process is not None else None
        if seen is None:
            found = containers.by_cgroup(place.cgroup)
            return documents.pack(found.row()) if found.kind else b""
        known = self._containers.get(seen)
        if known is None:
            if len(self._containers) > _MOST_CONTAINERS:
                self._containers.clear()
            found = containers.inside(place.process)
            known = documents.pack(found.row()) if found != self._mine else b""
            self._containers[seen] = known
        return known

    def _installed(self, place: Place) -> bytes:
        marks = interpreters.marks(place.program, place.executable)
        known = self._packages.get(marks)
        if known is None:
            known = documents.pack(interpreters.installed(place.program, place.executable))
            self._packages[marks] = known
        return known

    def _code_of(self, place: Place) -> bytes:
        """Return the state of the code, b"" where there is no repository.

        What differs from the commit, and was changed between the start of the step and our look, is named.
        """
        packed, state = self._code_in(place.directory)
        if not packed:
            return b""
        lately = {path for count, path in list(self._lately) if count > place.changes}
        names = [*state["dirty"], *state["untracked"]]
        root = state["root"]
        since = [name for name in names if os.fsencode(os.path.join(root, name)) in lately]
        return documents.pack(state | {"changed_since_start": since}) if since else packed

    def _code_in(self, directory: str) -> tuple[bytes, dict[str, Any]]:
        known = self._code.get(directory)
        if known is not None:
            return known
        began_s = time.monotonic()
        state: dict[str, Any] | None = repositories.state(directory)
        took_s = time.monotonic() - began_s
        self._rest_until_s = time.monotonic() + _REST * took_s
        if state is not None:
            state["diff"] = mask_text(str(state["diff"]))
        packed = documents.pack(state) if state is not None else b""
        self._code[directory] = packed, state or {}
        return self._code[directory]
