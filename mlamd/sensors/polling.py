"""The process sensor: looks at the process table, often while files move, seldom while nothing does."""

import os
import threading
import time
from dataclasses import replace

from mlamd.host.clock import Clock
from mlamd.host.processes import ProcessHost, Pulse
from mlamd.model import observations as seen
from mlamd.model.processes import ProcessFacts, ProcessKey, concerns
from mlamd.sensors.signals import Deliver

FASTEST_S = 0.01
SLOWEST_S = 1.5
_YOUNG_NS = 3_000_000_000
_FULL_NS = 2_000_000_000
_HELD_NS = 500_000_000
_RETRIES = 5
_KERNEL = frozenset({0, 2})


class _Known:
    """A process that was seen alive."""

    __slots__ = (
        "child_ended",
        "ended",
        "facts",
        "held_ns",
        "held_set",
        "owed",
        "pulse",
        "relevant",
        "seen_ns",
    )

    def __init__(self, facts: ProcessFacts, seen_ns: int) -> None:
        self.facts = facts
        self.seen_ns = seen_ns
        self.pulse: Pulse | None = None
        self.relevant = False
        self.held_ns = 0
        self.held_set: object = None
        self.owed = False
        """True if it has run, and its descriptors are still to be looked at."""
        self.ended = False
        self.child_ended = False


class ProcessPoller:
    """Polls in a thread of its own; ``roots`` are the recorded directories."""

    name = "process polling"

    def __init__(self, host: ProcessHost, roots: tuple[str, ...], deliver: Deliver, clock: Clock) -> None:
        self._host = host
        self.boot = host.boot
        self._roots = roots
        self._deliver = deliver
        self._clock = clock
        self._known: dict[int, _Known] = {}
        self._woken = False
        self._hidden: set[ProcessKey] = set()
        self._stop = threading.Event()
        self._full_ns = 0
        self._thread = threading.Thread(target=self._run, name="process polling", daemon=True)

    def start(self) -> None:
        """Look once, so that everybody alive is known, then go on in the thread."""
        self.poll()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._host.wake()
        if self._thread.is_alive():
            self._thread.join(2)
        self._host.close()

    def alive(self) -> bool:
        """Say whether the thread still runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Ask for a look now: files are moving. May be called from any thread."""
        if not self._woken:
            self._woken = True
            self._host.wake()

    def _run(self) -> None:
        interval = FASTEST_S
        while not self._stop.is_set():
            ended, woken = self._host.wait(interval)
            self._ended(ended)
            if self._stop.is_set():
                return
            self._woken = False
            self.poll()
            if not woken:
                interval = min(interval * 1.5, SLOWEST_S)
                continue
            interval = 2 * FASTEST_S
            self._rest(FASTEST_S)

    def _rest(self, duration_s: float) -> None:
        """Let some time pass between two looks; ends are noted all the same, at once."""
        until = time.monotonic() + duration_s
        again = False
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            ended, woken = self._host.wait(left)
            self._ended(ended)
            again = again or woken
            if woken:
                time.sleep(max(0.0, min(0.002, until - time.monotonic())))
        if again:
            self._host.wake()

    def _ended(self, keys: list[ProcessKey]) -> None:
        """Report ends at the moment when they happen."""
        for key in keys:
            known = self._known.get(key.pid)
            if known is not None and known.facts.key == key and not known.ended:
                known.ended = True
                self._tell_parent(known)
                self._deliver(seen.ProcessGone(self._clock.now_ns(), key, self._host.exit_code(key)))

    def _tell_parent(self, known: _Known) -> None:
        """Note that the next child that a process waits for is one that we have seen."""
        parent = self._known.get(known.facts.parent_pid)
        if parent is not None:
            parent.child_ended = True

    def poll(self) -> None:
        """Look at all processes once and report what is new."""
        began_ns = self._clock.now_ns()
        alive = set(self._host.pids())
        for pid in [pid for pid in self._known if pid not in alive]:
            self._gone(pid)
        for pid in alive:
            if pid not in self._known:
                self._new(pid)
        full = began_ns - self._full_ns > _FULL_NS
        if full:
            self._full_ns = began_ns
        idle = set()
        for pid, known in list(self._known.items()):
            young = began_ns - known.seen_ns < _YOUNG_NS
            if known.ended:
                self._recycled(pid, known)
                continue
            if (full or young or known.relevant) and self._pulse(pid, known, began_ns):
                idle.add(known.facts.key)
        hidden, self._hidden = frozenset(self._hidden), set()
        self._deliver(seen.ProcessesPolled(self._clock.now_ns(), began_ns, frozenset(idle), hidden))

    def _recycled(self, pid: int, known: _Known) -> None:
        """Look whether the pid of a process that has ended belongs to another one by now."""
        pulse = self._host.pulse(pid)
        if pulse is not None and pulse.start != known.facts.key.start:
            del self._known[pid]
            self._new(pid)

    def _new(self, pid: int) -> None:
        facts = self._host.look(pid)
        for _ in range(_RETRIES):
            # While a program is being loaded, its command line is empty; that of kernel threads always is.
            if facts is None or facts.argv or facts.parent_pid in _KERNEL:
                break
            facts = self._host.look(pid)
        if facts is None:
            return
        if facts.parent_pid in self._known or facts.parent is None or facts.parent_pid == pid:
            self._note(pid, facts)
            return
        self._new(facts.parent_pid)
        self._note(pid, facts)

    def _note(self, pid: int, facts: ProcessFacts) -> None:
        if pid == os.getpid():
            facts = replace(facts, own=True)
        known = self._known.get(pid)
        now_ns = self._clock.now_ns()
        if known is None:
            known = self._known[pid] = _Known(facts, now_ns)
        known.facts = facts
        known.relevant = concerns(facts, self._roots) and not facts.own
        self._deliver(seen.ProcessSeen(now_ns, facts))
        if known.relevant:
            self._host.watch_exit(facts.key)
            self._held(pid, known, now_ns)

    def _pulse(self, pid: int, known: _Known, now_ns: int) -> bool:
        """Look at the signs of life of one process; return True if it provably has not run."""
        pulse = self._host.pulse(pid)
        if pulse is None or pulse.start != known.facts.key.start:
            self._gone(pid)
            if pulse is not None:
                self._new(pid)
            return False
        if pulse.ended is not None:
            known.ended = True
            self._tell_parent(known)
            self._deliver(seen.ProcessGone(now_ns, known.facts.key, pulse.ended))
            return False
        before, known.pulse = known.pulse, pulse
        if before is not None and before.reaped != pulse.reaped:
            if known.relevant and not known.child_ended:
                self._hidden.add(known.facts.key)
            known.child_ended = False
        loading = not known.facts.argv and known.facts.parent_pid not in _KERNEL
        if before is None or before.image != pulse.image or loading:
            known.owed = True  # it has run since its descriptors were looked at, and may rest from now on
            self._look_again(pid, known)
            return False
        idle = pulse.ran is not None and pulse.ran == before.ran
        if idle and not known.owed:
            return True
        young = now_ns - known.seen_ns < _YOUNG_NS
        if not known.relevant:
            self._look_again(pid, known)
        elif idle or young or now_ns - known.held_ns > _HELD_NS:
            known.owed = False
            self._held(pid, known, now_ns)
        else:
            known.owed = True
        return idle

    def _look_again(self, pid: int, known: _Known) -> None:
        """Report a process anew if it has become another program, or went to another directory."""
        facts = self._host.look(pid)
        if facts is not None and known.facts.argv and not facts.argv:
            return  # it is ending, and its memory is gone already
        same = facts is not None and replace(facts, own=known.facts.own) == known.facts
        if facts is not None and facts.key == known.facts.key and not same:
            self._note(pid, facts)

    def _held(self, pid: int, known: _Known, now_ns: int) -> None:
        held = self._host.held(pid)
        known.held_ns = now_ns
        if held is None:
            return
        files, pipes = held
        files = tuple(file for file in files if self._recorded(file.path))
        if files or (files, pipes) != known.held_set:
            known.held_set = (files, pipes)
            self._deliver(seen.ProcessHeld(now_ns, known.facts.key, files, pipes))

    def _recorded(self, path: bytes) -> bool:
        return any(path.startswith(os.fsencode(root) + b"/") for root in self._roots)

    def _gone(self, pid: int) -> None:
        known = self._known.pop(pid, None)
        if known is not None and not known.ended:
            key = known.facts.key
            self._tell_parent(known)
            self._deliver(seen.ProcessGone(self._clock.now_ns(), key, self._host.exit_code(key)))
