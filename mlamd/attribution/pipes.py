"""Data between the steps of a run through pipes and socket pairs."""

from collections import deque
from collections.abc import Callable, Iterable

from mlamd.attribution.jobs import is_job
from mlamd.attribution.roles import Role
from mlamd.attribution.runs import Runs
from mlamd.attribution.state import Process
from mlamd.model import events
from mlamd.model.evidence import Grade, Via
from mlamd.model.processes import HeldPipe

_KEEP_NS = 5_000_000_000


class Pipes:
    """Who holds which end of which channel.

    A process that shares a channel with a step of its run carries that step's data, so it is made a
    step too (``cat a | tr x y | sort > b``: ``tr`` opens no file).
    """

    def __init__(self, emit: Callable[[events.Event], None]) -> None:
        self._emit = emit
        self._holders: dict[str, dict[Process, tuple[bool, bool]]] = {}
        self._ended: deque[tuple[int, Process]] = deque()

    def held(self, process: Process, pipes: Iterable[HeldPipe], runs: Runs, at_ns: int) -> None:
        """Take note of what a look at a process's descriptors showed.

        The newest look at a channel counts: who makes a pipe holds both ends until the other party has one.
        """
        if process.role.anchors:
            return
        now: dict[str, tuple[bool, bool]] = {}
        for pipe in pipes:
            ends = now.get(pipe.channel, (False, False))
            now[pipe.channel] = (ends[0] or pipe.reads, ends[1] or pipe.writes)
        fresh = False
        for channel, ends in now.items():
            if any(ends) and process.pipes.get(channel) != ends:
                process.pipes[channel] = ends
                self._holders.setdefault(channel, {})[process] = ends
                fresh = True
        if fresh:
            self._connect(process, runs, at_ns)

    def touched(self, process: Process, runs: Runs, at_ns: int) -> None:
        """Take note that a process has become a step."""
        if process.pipes:
            self._connect(process, runs, at_ns)

    def _connect(self, process: Process, runs: Runs, at_ns: int) -> None:
        for channel, (reads, writes) in list(process.pipes.items()):
            if reads and writes:
                continue
            for other, (other_reads, other_writes) in list(self._holders.get(channel, {}).items()):
                if other.owner is process.owner or (other_reads and other_writes):
                    continue
                if other.owner.step is None and process.owner.step is None:
                    continue
                if reads and other_writes:
                    self._flow(other, process, runs, at_ns)
                if writes and other_reads:
                    self._flow(process, other, runs, at_ns)

    def _flow(self, source: Process, target: Process, runs: Runs, at_ns: int) -> None:
        if runs.run_of(source) is not runs.run_of(target):
            return
        giver, taker = runs.step_of(source, at_ns), runs.step_of(target, at_ns)
        if giver is taker or giver.step in taker.linked:
            return
        taker.linked.add(giver.step)
        self._emit(events.Flowed(giver.step, taker.step, 0, Via.PIPE, Grade.INFERRED))
        self.touched(source.owner, runs, at_ns)
        self.touched(target.owner, runs, at_ns)

    def join_unread(self, process: Process) -> None:
        """Join the steps of one shell job if nobody could look at this one's descriptors in time.

        Only what the interactive shell itself started is one pipeline; a script may have started several.
        """
        step, run, shell = process.step, process.run, process.parent
        if step is None or run is None or shell is None or shell.role is not Role.SHELL:
            return
        if not is_job(run.key):
            return
        for other in run.members:
            if other is process or other.step is None or other.parent is not process.parent:
                continue
            if process.held_at_ns is not None and other.held_at_ns is not None:
                continue
            first, second = sorted((process, other), key=_begun)
            if first.step is None or second.step is None or first.step.step in second.step.linked:
                continue
            second.step.linked.add(first.step.step)
            self._emit(events.Flowed(first.step.step, second.step.step, 0, Via.JOB, Grade.INFERRED))

    def forget(self, process: Process) -> None:
        """Forget what a process held before it replaced its image."""
        for channel in process.pipes:
            self._holders.get(channel, {}).pop(process, None)
        process.pipes.clear()

    def gone(self, process: Process) -> None:
        """Forget the channels that nobody living has held for a while: the other end is looked at later."""
        now_ns = process.gone_ns or 0
        if process.pipes:
            self._ended.append((now_ns, process))
        while self._ended and now_ns - self._ended[0][0] > _KEEP_NS:
            _, ended = self._ended.popleft()
            for channel in ended.pipes:
                holders = self._holders.get(channel)
                if holders is not None and all(holder.gone_ns is not None for holder in holders):
                    del self._holders[channel]


def _begun(process: Process) -> tuple[int, int]:
    return process.facts.started_ns, process.key.pid
