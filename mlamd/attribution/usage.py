"""What the steps used: the accounting of ended processes, charged to steps and added up.

The accounting of a process comes around the time of its end, before or after it. It is charged when
the process is settled, as only then it is known whether it was a step, or when it comes, if that is later.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from mlamd.attribution.jobs import key_of
from mlamd.attribution.runs import Runs
from mlamd.attribution.state import Memory, Process, RunState, StepState, Totals
from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.processes import ProcessKey

MOST_WAITING = 20_000
"""Accountings, and ended processes, that wait for each other; the oldest give way."""

_LATE_NS = 10_000_000_000
"""How long after its end the accounting of a process may come."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class Usage:
    """The book of what was used; ``emit`` takes events."""

    def __init__(self, memory: Memory, runs: Runs, emit: Callable[[events.Event], None]) -> None:
        self._memory = memory
        self._runs = runs
        self._emit = emit
        self._waiting: OrderedDict[ProcessKey, seen.ProcessUsed] = OrderedDict()
        self._settled: OrderedDict[ProcessKey, tuple[int, StepState | object]] = OrderedDict()
        self._unclaimed: OrderedDict[object, Totals] = OrderedDict()
        """What was used in something that may become a run, by the key of that."""
        self._changed: dict[int, StepState] = {}

    def used(self, observation: seen.ProcessUsed) -> None:
        """Take in the accounting of an ended process."""
        settled = self._settled.pop(observation.key, None)
        if settled is None:
            _keep(self._waiting, observation.key, observation)
        else:
            self._charge(settled[1], observation)

    def sampled(self, observation: seen.RunSampled) -> None:
        """Take in looks at the living processes of a run."""
        at = observation
        self._emit(
            events.Sampled(
                at.run,
                at.at_ns,
                at.span_ns,
                at.processes,
                at.threads,
                at.user_us,
                at.system_us,
                at.rss_bytes,
                at.pss_bytes,
                at.read_bytes,
                at.written_bytes,
            )
        )

    def gpu_sampled(self, observation: seen.GpuSampled) -> None:
        """Take in looks at what a run uses of a GPU."""
        at = observation
        self._emit(
            events.GpuSampled(
                at.run,
                at.at_ns,
                at.gpu,
                at.name,
                at.span_ns,
                at.processes,
                at.utilisation_percent,
                at.memory_bytes,
                at.power_mw,
            )
        )

    def settled(self, process: Process) -> None:
        """Charge an ended process, all of whose deeds have been judged."""
        target = self._target(process)
        if isinstance(target, StepState):
            self._claim(target.run)
        used = self._waiting.pop(process.key, None)
        if used is None:
            _keep(self._settled, process.key, (process.gone_ns or 0, target))
        else:
            self._charge(target, used)

    def _target(self, process: Process) -> StepState | object:
        """Return the step that a process's usage counts for, or the key of its run if that has no step yet.

        That is the process's own step, else the nearest ancestor's in the run, else the run's first.
        """
        key, root = key_of(process)
        node: Process | None = process
        while node is not None:
            owner = node.owner
            step = owner.step or (owner.steps[-1] if owner.steps else None)
            if step is not None:
                return step
            node = None if node is root else node.parent
        run = self._runs.known(process)
        return key if run is None or run.first is None else run.first

    def _claim(self, run: RunState) -> None:
        """Charge what was used in a run before it had a step."""
        totals = self._unclaimed.pop(run.key, None)
        if totals is not None and run.first is not None:
            self._totals(run.first).join(totals)
            self._changed[run.first.step] = run.first

    def _charge(self, target: StepState | object, used: seen.ProcessUsed) -> None:
        if isinstance(target, StepState):
            self._totals(target).add(used)
            self._changed[target.step] = target
            return
        totals = self._unclaimed.get(target) or Totals()
        totals.add(used)
        _keep(self._unclaimed, target, totals)

    def _totals(self, step: StepState) -> Totals:
        """Return the totals of a step; one of an earlier recorder goes on with what that stored."""
        if step.used is None:
            stored = self._memory.usage(step.step) if step.resumed else None
            step.used = Totals() if stored is None else Totals.of(stored)
        return step.used

    def settle(self, at_ns: int, *, final: bool = False) -> None:
        """Store the totals of steps that have ended, of others now and then, of all when nothing follows."""
        for number, step in list(self._changed.items()):
            if final or step.ended or at_ns - step.told_ns >= _every_ns(at_ns - step.started_ns):
                del self._changed[number]
                step.told_ns = at_ns
                self._emit(self._totals(step).event(number, at_ns))
        settled = self._settled
        while settled and next(iter(settled.values()))[0] < at_ns - _LATE_NS:
            settled.popitem(last=False)


def _every_ns(age_ns: int) -> int:
    """Return how often the totals of a living step are stored: so that a week costs 1,500 events at most."""
    return min(max(age_ns // 60, 30_000_000_000), 600_000_000_000)


def _keep(book: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    book[key] = value
    if len(book) > MOST_WAITING:
        book.popitem(last=False)
