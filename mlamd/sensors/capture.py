"""The loop that reads the kernel: fanotify, the process connector and taskstats, in one thread.

The file queue is not read the moment something is in it, as waking a reader for each event would cost the
one who opens a file several times as much: after a read the loop rests, and hears only of processes
meanwhile. What one read finds happened between two known times. Events of the file queue and of processes
are put in order by ``Subscription``, which gets both.
"""

import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from mlamd.host import fanotify
from mlamd.host.connector import Connector
from mlamd.host.fanotify import Raw
from mlamd.host.taskstats import TaskStats
from mlamd.sensors.executions import PROCESSES_LOST, Change, Executions

REST_S = 0.002
_IDLE_S = 1.0
_SOON_S = 0.02
_SLACK_NS = 5_000_000
"""How long it may take until a waiting reader runs; events are no older than this, if it had to wait."""
_STALLED_NS = 500_000_000
_STALLED = "the sensor could not run for {:.1f} s: of what was changed twice meanwhile only the last is known"
_MOST = 4_000


@dataclass(slots=True)
class Batch:
    """What was read at once. All happened between ``from_ns`` and ``at_ns``.

    What processes did until ``ripe_ns`` has no file event left in the queue. ``lost`` are reason and detail
    of what the kernel dropped since ``from_ns``. ``more`` says that another batch follows at once.
    """

    from_ns: int
    at_ns: int
    raws: list[Raw]
    changes: list[Change]
    ripe_ns: int
    lost: list[tuple[str, str]] = field(default_factory=list)
    more: bool = False


class Capture:
    """Reads until ``stop``; ``take`` gets every batch.

    ``extra`` are further descriptors to wait on, each with a callback.
    """

    def __init__(
        self,
        group: fanotify.Group,
        connector: Connector,
        accounts: TaskStats | None,
        executions: Executions,
        take: Callable[[Batch], None],
    ) -> None:
        self._group = group
        self._connector = connector
        self._accounts = accounts
        self._executions = executions
        self._take = take
        self.extra: dict[int, Callable[[], None]] = {}
        self.urgent: dict[int, Callable[[], None]] = {}
        """Descriptors that have an exceptional condition when something happens (select(2), POLLPRI)."""
        self._changes: list[Change] = []
        self._lost: list[tuple[str, str]] = []
        self._lost_accounts = 0
        self._last_ns = time.time_ns()
        self._rest_until = 0.0
        self._continued_ns = 0
        """When this process was last continued after a stop: what it waited for may have come long before."""
        self._returned_ns = 0
        self._stood_ns = 0
        """The longest time since the last batch in which this loop should have run and did not."""
        self._stopping = False

    def stop(self) -> None:
        """End the loop; to be called from a callback of ``extra``."""
        self._stopping = True

    def run(self) -> None:
        """Read until stopped."""
        with suppress(ValueError):  # only the main thread hears of signals
            signal.signal(signal.SIGCONT, self._continued)
        self._returned_ns = time.monotonic_ns()
        files, processes = self._group.descriptor, self._connector.descriptor
        while not self._stopping:
            left = self._rest_until - time.monotonic()
            watched = [processes, *self.extra] if left > 0 else [files, processes, *self.extra]
            pending = bool(self._changes)
            timeout = (
                left if left > 0 else (0.0 if pending else _SOON_S if self._executions.waits else _IDLE_S)
            )
            asked_ns, began_ns = time.time_ns(), time.monotonic_ns()
            ready, _, changed = select.select(watched, [], list(self.urgent), timeout)
            now_ns = time.time_ns()
            waited_ns = now_ns - asked_ns
            prompt = waited_ns < timeout * 1e9 + _SLACK_NS and self._continued_ns < asked_ns
            if left <= 0 and files not in ready and self._continued_ns < asked_ns:
                self._empty_at(min(now_ns, asked_ns + round(timeout * 1e9)))
            elif left <= 0 and waited_ns > _SLACK_NS:
                self._empty_at(asked_ns)
            self._note_pace(began_ns, timeout if self._continued_ns < asked_ns else 0)
            if processes in ready:
                self._processes()
            if self._executions.waits:
                self._changes += self._executions.later(now_ns)
            for descriptor in ready:
                if descriptor in self.extra:
                    self.extra[descriptor]()
            for descriptor in changed:
                self.urgent[descriptor]()
            if left <= 0 and (files in ready or self._changes):
                self.drain(now_ns - _SLACK_NS if prompt and waited_ns > _SLACK_NS else 0)
                self._rest_until = time.monotonic() + REST_S

    def _note_pace(self, began_ns: int, timeout: float) -> None:
        """Note how long this loop has not waited for events, or waited longer than it wanted.

        ``began_ns`` is when it began to wait; ``timeout`` is 0 if it was stopped meanwhile. The time is
        monotonic: that a machine is suspended is no fault.
        """
        now_ns = time.monotonic_ns()
        over_ns = max(0, now_ns - began_ns - round(timeout * 1e9))
        self._stood_ns = max(self._stood_ns, began_ns - self._returned_ns + over_ns)
        self._returned_ns = now_ns

    def _empty_at(self, at_ns: int) -> None:
        """Note that the queue of files was seen to be empty."""
        self._last_ns = max(self._last_ns, at_ns - _SLACK_NS)

    def _continued(self, *_: object) -> None:
        """Note it. Other threads block the signal: else one of them may get it after this one has gone on."""
        self._continued_ns = time.time_ns()

    def drain(self, not_before_ns: int = 0) -> None:
        """Read everything that waits, and hand it over; nothing in it is older than ``not_before_ns``."""
        self._executions.forget(self._last_ns)
        first = True
        while True:
            raws, empty_ns = self._read()
            self._processes()
            if not (raws or self._changes or self._lost):
                if first:
                    self._last_ns = max(self._last_ns, empty_ns)
                return
            started = min((change.at_ns for change in self._changes), default=not_before_ns)
            from_ns = (
                max(self._last_ns, min(not_before_ns, started - _SLACK_NS))
                if not_before_ns
                else self._last_ns
            )
            at_ns = time.time_ns()
            changes, self._changes = self._changes, []
            if first and raws and self._stood_ns > _STALLED_NS:
                self._lost.append(("stalled", _STALLED.format(self._stood_ns / 1e9)))
            self._stood_ns = 0
            lost, self._lost = self._lost, []
            self._take(Batch(from_ns, at_ns, raws, changes, empty_ns, lost))
            first = False
            if empty_ns:
                # Not ``at_ns``: what came since the queue was seen to be empty is in the next batch.
                self._last_ns = max(self._last_ns, empty_ns)
                return

    def _read(self) -> tuple[list[Raw], int]:
        """Return some events, and the time before which everything has been read, 0 if more waits."""
        raws: list[Raw] = []
        while len(raws) < _MOST:
            before_ns = time.time_ns()
            data = self._group.read()
            if not data:
                return raws, before_ns
            for raw in fanotify.events_in(data):
                if raw.mask & fanotify.OVERFLOW:
                    self._lost.append(("overflow", "the kernel's queue of file events was full"))
                else:
                    raws.append(raw)
            self._processes()
        return raws, 0

    def _processes(self) -> None:
        """Take in what processes did, at once: what is to be seen of a short one is gone soon."""
        changes, lost = self._executions.read(self._connector, self._accounts)
        self._changes += changes
        if lost:
            self._lost.append(("process-overflow", PROCESSES_LOST))
        if self._accounts is not None and self._accounts.lost > self._lost_accounts:
            self._lost_accounts = self._accounts.lost
            self._lost.append(("accounts-overflow", "the kernel's queue of process accounts was full"))


def wall_clock() -> Callable[[int], int]:
    """Return a function from the kernel's monotonic time to the wall clock, both in nanoseconds."""

    def wall_ns(monotonic_ns: int) -> int:
        return monotonic_ns + time.time_ns() - time.monotonic_ns()

    return wall_ns
