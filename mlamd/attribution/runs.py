"""Runs and steps: made when a process touches the workspace, ended when their processes have."""

import os
from collections.abc import Callable, Iterable
from functools import lru_cache

from mlamd.attribution.jobs import is_job, key_of, kind_of, public_id
from mlamd.attribution.state import Memory, Process, RunState, StepState
from mlamd.masking.environment import environment
from mlamd.masking.words import mask_words
from mlamd.model import events
from mlamd.model.evidence import Grade, Via
from mlamd.model.processes import ProcessFacts, ProcessKey, UnfinishedStep


def ranges(reads: dict[int, int]) -> tuple[tuple[int, int, int], ...]:
    """Pack how often versions were opened again: (first version, how many in a row, further opens)."""
    rows: list[list[int]] = []
    for version in sorted(reads):
        again = reads[version] - 1
        if again <= 0:
            continue
        if rows and rows[-1][0] + rows[-1][1] == version and rows[-1][2] == again:
            rows[-1][1] += 1
        else:
            rows.append([version, 1, again])
    return tuple((first, length, again) for first, length, again in rows)


class Runs:
    """The book of runs and steps; ``emit`` takes events, ``name`` numbers command lines."""

    def __init__(
        self,
        memory: Memory,
        emit: Callable[[events.Event], None],
        name: Callable[[bytes | tuple[str, ...]], int],
    ) -> None:
        self._memory = memory
        self._emit = emit
        self._name = name
        counters = memory.counters()
        self._last_run, self._last_step = counters[0], counters[1]
        self._by_key: dict[object, RunState] = {}
        self._past: dict[object, int] = {}
        self._resumable: dict[ProcessKey, list[UnfinishedStep]] = {}
        for row in memory.unfinished():
            self._resumable.setdefault(row.key, []).append(row)

    def step_of(self, process: Process, at_ns: int) -> StepState:
        """Return the step that a deed of this process at this time belongs to; make it if need be."""
        owner = process.owner
        step = _stepped(owner, at_ns)
        if step is None:
            step = self._resume(owner) or self._begin(owner)
            owner.step = step
            owner.steps.append(step)
            step.run.first = step.run.first or step
            step.run.members.append(owner)
        self._join(step, process)
        return step

    def _join(self, step: StepState, process: Process) -> None:
        if process.gone_ns is None:
            # Of a worker too, which has no step of its own: the run ends when it has ended.
            process.run = step.run
            step.run.live.add(process.key)

    def run_of(self, process: Process) -> RunState:
        """Return the run of a process; make it if need be.

        A job that begins after all of its process group had ended has got a recycled number.
        """
        key, root = key_of(process)
        run = self._by_key.get(key)
        past_ns = run.last_ns if run is not None and run.ended else self._past.get(key)
        if past_ns is not None and root.facts.started_ns > past_ns:
            recycled = public_id((key, root.facts.started_ns))
            run = self._by_key[key] = self._start_run(key, root, recycled)
            self._past.pop(key, None)
        elif run is None:
            run = self._by_key[key] = self._start_run(key, root, public_id(key))
        run.ended = False
        node: Process | None = process
        while node is not None and not (node is not process and node.role.anchors):
            node.run = run
            if node.gone_ns is None:
                run.live.add(node.key)
            if node is root:
                break
            node = node.parent
        return run

    def known(self, process: Process) -> RunState | None:
        """Return the run of a process if there is one already."""
        key, root = key_of(process)
        run = self._by_key.get(key)
        recycled = run is not None and run.ended and root.facts.started_ns > run.last_ns
        return None if recycled else run

    def under_way(self) -> bool:
        """Say whether any run has not ended."""
        return any(not run.ended for run in self._by_key.values())

    def _start_run(self, key: object, root: Process, public: str) -> RunState:
        known = self._memory.run(public)
        facts = root.facts
        if known:
            return RunState(known, public, key, started_ns=facts.started_ns)
        self._last_run += 1
        argv, cwd = self._name(_shown(facts)), self._name((facts.cwd,))
        self._emit(
            events.RunStarted(self._last_run, public, facts.started_ns, kind_of(root), argv, cwd, facts.uid)
        )
        return RunState(self._last_run, public, key, started_ns=facts.started_ns)

    def _begin(self, process: Process) -> StepState:
        run = self.run_of(process)
        self._last_step += 1
        facts = process.facts
        step = StepState(self._last_step, run, process, process.image_ns)
        argv, cwd = self._name(_shown(facts)), self._name((facts.cwd,))
        program = self._name((facts.executable,))
        key = process.key
        self._emit(
            events.StepStarted(
                step.step,
                run.run,
                process.image_ns,
                key.boot,
                key.pid,
                key.start,
                argv,
                cwd,
                program,
                self._name((facts.cgroup,)) if facts.cgroup not in {"", "/"} else 0,
                self._name((facts.container,)) if facts.container else 0,
                facts.inner_pid,
                self._name(_masked_variables(facts.variables)) if facts.variables else 0,
                self._name((_program(facts),)) if _is_told(facts) else 0,
            )
        )
        above = _step_above(process)
        if above is not None:
            source, at_ns = above
            self._emit(events.Flowed(source.step, step.step, at_ns, Via.START, Grade.OBSERVED))
        self._link_below(step)
        return step

    def _link_below(self, step: StepState) -> None:
        """Link a new step to those of its descendants that became steps before it."""
        for other in step.run.members:
            if other is step.process or not other.steps or other.steps[0].ended:
                continue
            above = _step_above(other, pending=step)
            if above is not None and above[0] is step and step.step not in other.steps[0].linked:
                other.steps[0].linked.add(step.step)
                self._emit(events.Flowed(step.step, other.steps[0].step, above[1], Via.START, Grade.OBSERVED))

    def _resume(self, process: Process) -> StepState | None:
        """Go on with a step of an earlier recorder whose process is still running the same program."""
        for row in self._resumable.get(process.key, ()):
            if row.argv != _shown(process.facts):
                continue
            key, root = key_of(process)
            run = self._by_key.get(key)
            if run is None:
                run = RunState(row.run, row.public, key, started_ns=root.facts.started_ns)
                self._by_key[key] = run
            if run.run != row.run:
                continue
            self._resumable[process.key].remove(row)
            process.run = run
            return StepState(row.step, run, process, row.started_ns, resumed=True)
        return None

    def abandon(self, alive: Callable[[ProcessKey], Process | None], at_ns: int) -> None:
        """End the steps of an earlier recorder whose processes are gone; call it after the first poll."""
        runs: set[int] = set()
        living: set[int] = set()
        for key, rows in list(self._resumable.items()):
            process = alive(key)
            for row in list(rows):
                runs.add(row.run)
                if process is not None:
                    living.add(row.run)
                    if not row.ended and row.argv == _shown(process.facts):
                        self.step_of(process, at_ns)
                        continue
                if not row.ended:
                    self._emit(events.StepEnded(row.step, at_ns, None))
        self._resumable.clear()
        for run in sorted(runs - living):
            self._emit(events.RunEnded(run, at_ns, None))

    def ended(self, process: Process) -> None:
        """Take note that a process ended, and end its step and run if nothing of them is left."""
        at_ns = process.gone_ns or 0
        for step in process.steps:
            self.end_step(step, at_ns, process.exit_code if step is process.step else None)
        run = process.run
        if run is None:
            return
        run.live.discard(process.key)
        if not is_job(run.key) and process in run.members:
            run.members.remove(process)
        run.last_ns = max(run.last_ns, at_ns)
        order = (process.facts.started_ns, process.key.pid)
        _, root = key_of(process)
        if process is root and order >= run.exit_order:
            run.exit_order, run.exit_code = order, process.exit_code

    def end_step(self, step: StepState, at_ns: int, exit_code: int | None) -> None:
        """End a step, with the counts of its repeated reads."""
        if not step.ended:
            step.ended = True
            self._emit(events.StepEnded(step.step, at_ns, exit_code, ranges(step.reads)))
            step.reads = {}

    def close_finished(self, alive: Iterable[Process], at_ns: int) -> None:
        """End the runs that have no living process left, at ``at_ns`` where nobody saw when that was."""
        waiting = [run for run in self._by_key.values() if not run.live and not run.ended]
        if not waiting:
            return
        keys = {key_of(process)[0] for process in alive}
        for run in waiting:
            if run.key not in keys:
                run.ended = True
                self._emit(events.RunEnded(run.run, run.last_ns or at_ns, run.exit_code))

    def forget_ended(self, before_ns: int) -> None:
        """Drop runs that ended long ago."""
        for key, run in list(self._by_key.items()):
            if run.ended and run.last_ns < before_ns:
                del self._by_key[key]
                if isinstance(key, tuple) and key[0] == "job":
                    self._past[key] = run.last_ns


@lru_cache(maxsize=1024)
def _masked(argv: tuple[str, ...]) -> tuple[str, ...]:
    return mask_words(argv)


def _shown(facts: ProcessFacts) -> tuple[str, ...]:
    """Return the command line of a program as it is stored: without secrets."""
    return _masked(facts.argv or (facts.name,))


def _is_told(facts: ProcessFacts) -> bool:
    """Say whether the path by which a program was started tells more than its executable."""
    return "/" in facts.program and _program(facts) != facts.executable


def _program(facts: ProcessFacts) -> str:
    """Return the absolute path by which a program was started: a venv is known by it."""
    return os.path.join(facts.cwd, facts.program.removeprefix("./"))


@lru_cache(maxsize=256)
def _masked_variables(variables: tuple[str, ...]) -> tuple[str, ...]:
    pairs = (variable.partition("=")[::2] for variable in variables)
    return tuple(f"{name}={value}" for name, value in environment(pairs).items())


def _stepped(owner: Process, at_ns: int) -> StepState | None:
    """Return the step of the image that a process ran at a time, if it has touched anything."""
    if at_ns >= owner.image_ns or not owner.steps:
        return owner.step
    for step in reversed(owner.steps):
        if step.started_ns <= at_ns:
            return step
    return owner.steps[0]


def _step_above(process: Process, pending: StepState | None = None) -> tuple[StepState, int] | None:
    """Return the step that the first step of a program's data may come from, and until when.

    That is the image that the process ran before (all that it did came before, hence no bound), else
    the nearest ancestor in the run that has touched the workspace, up to the moment when it started the
    branch that leads here. ``pending`` is a step that its process does not list yet.
    """
    if process.steps and pending is None:
        return process.steps[-1], 0
    node, at_ns = process, process.facts.started_ns
    while node.parent is not None and not node.parent.role.anchors:
        node = node.parent
        owner = node.owner
        listed = [*owner.steps, pending] if pending is not None and pending.process is owner else owner.steps
        for step in reversed(listed):
            if step.started_ns <= at_ns:
                return step, at_ns
        at_ns = node.facts.started_ns
    return None
