"""Finds out which native libraries the steps of experiments load: BLAS, OpenMP, CUDA and the like.

A program loads them while it imports, and some only when they are first needed; nobody tells when. So its
memory map is read some times while it lives, behind the recording and less and less often. What was found
is told when two looks have found the same, or when the step ends.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import trio

from mlamd.daemon.documents import Documents
from mlamd.host.clock import Clock
from mlamd.host.libraries import NOTHING, Loaded, loaded
from mlamd.journal import documents
from mlamd.journal.documents import NATIVE
from mlamd.model.events import Event, Surrounded
from mlamd.model.processes import ProcessKey

LOOKS_S = (0.5, 1.0, 3.0, 10.0, 30.0, 120.0, 600.0, 3600.0)
"""How long after it was first seen a step is looked at."""
_MOST_WATCHED = 2_000
_MOST_PROCESSES = 5
"""Of the processes of a step so many are looked at, with the first: workers load the same."""
_REST = 50.0
"""Between two looks is this many times as long as the first took: 2 % of a processor at most."""


@dataclass(slots=True)
class _Watched:
    """A step that lives. ``looks`` says how often it was looked at."""

    began_s: float
    looks: int = 0
    found: Loaded = NOTHING
    told: Loaded = NOTHING

    @property
    def due_s(self) -> float:
        return self.began_s + LOOKS_S[self.looks] if self.looks < len(LOOKS_S) else float("inf")


class Libraries:
    """Watches living steps. ``at_work`` gives the living processes of each step, its own first.

    ``woken`` is called when there is something new.
    """

    def __init__(
        self,
        book: Documents,
        clock: Clock,
        at_work: Callable[[Collection[int]], Mapping[int, list[ProcessKey]]],
        woken: Callable[[], None],
    ) -> None:
        self._book = book
        self._clock = clock
        self._at_work = at_work
        self._woken = woken
        self._watched: dict[int, _Watched] = {}
        self._done: list[Event] = []
        self._news = trio.Event()

    def begun(self, step: int) -> None:
        """Watch a step, unless very many are watched already."""
        if len(self._watched) < _MOST_WATCHED:
            self._watched[step] = _Watched(time.monotonic())
            self._news.set()

    def ended(self, step: int) -> None:
        """Tell what was found of a step, which is over."""
        watched = self._watched.pop(step, None)
        if watched is not None:
            self._tell(step, watched)

    def take(self) -> list[Event]:
        """Return what has been found out since the last call."""
        done, self._done = self._done, []
        return done

    def finish(self) -> None:
        """Tell what was found of all that still live: nobody will look any more."""
        for step in list(self._watched):
            self.ended(step)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            due_s = min((watched.due_s for watched in self._watched.values()), default=float("inf"))
            self._news = trio.Event()
            with trio.move_on_after(max(0.0, due_s - time.monotonic())) as wait:
                await self._news.wait()
            if not wait.cancelled_caught:
                continue
            now_s = time.monotonic()
            due = {step: watched for step, watched in self._watched.items() if watched.due_s <= now_s}
            for step, processes in self._at_work(due).items():
                found, took_s = await trio.to_thread.run_sync(_looked, processes[:_MOST_PROCESSES])
                self._take_in(step, due[step], found)
                await trio.sleep(_REST * took_s)
            for watched in due.values():
                watched.looks += 1

    def _take_in(self, step: int, watched: _Watched, found: Loaded) -> None:
        joined = watched.found.joined(found)
        settled, watched.found = joined == watched.found, joined
        if settled or step not in self._watched:  # it may have ended meanwhile
            self._tell(step, watched)

    def _tell(self, step: int, watched: _Watched) -> None:
        if watched.found == watched.told:
            return
        watched.told = watched.found
        number, new = self._book.number(NATIVE, documents.pack(watched.found.row()))
        self._done += [*new, Surrounded(step, self._clock.now_ns(), (number,))]
        self._woken()


def _looked(processes: list[ProcessKey]) -> tuple[Loaded, float]:
    """Return what some processes have loaded, and how many seconds of processor time it took to look."""
    began_s = time.thread_time()
    found = NOTHING
    for process in processes:
        found = found.joined(loaded(process) or NOTHING)
    return found, time.thread_time() - began_s
