"""Who is alive: processes as they are seen, replace their image, hold descriptors and end."""

from collections.abc import Collection

from mlamd.attribution.jobs import kind_of, parent_in_run
from mlamd.attribution.people import People
from mlamd.attribution.pipes import Pipes
from mlamd.attribution.runs import Runs
from mlamd.attribution.state import Process, RunState
from mlamd.attribution.usage import Usage
from mlamd.model import observations as seen
from mlamd.model.derived import EXPERIMENTS
from mlamd.model.processes import LivingRun, ProcessKey

SETTLE_NS = 60_000_000
"""How long after a process was last seen its late accesses may still come in."""

_KEEP_ENDED_NS = 60_000_000_000


class Census:
    """The book of processes."""

    def __init__(self, people: People, runs: Runs, pipes: Pipes, usage: Usage) -> None:
        self._people = people
        self._processes = people.everybody
        self._runs = runs
        self._pipes = pipes
        self._usage = usage
        self._ending: list[Process] = []
        self._last_poll_ns = 0
        self._resumed = False

    def looked_at(self, observation: seen.ProcessSeen) -> None:
        """Take in a look at a process."""
        facts = observation.facts
        process = self._processes.get(facts.key)
        if process is None:
            parent = self._processes.get(facts.parent) if facts.parent is not None else None
            process = Process(facts, parent, observation.at_ns)
            process.begun_ns = max(facts.started_ns, self._last_poll_ns)
            process.image_ns = observation.since_ns or process.image_ns
            self._people.add(process)
            return
        if (facts.argv, facts.executable) != (process.facts.argv, process.facts.executable):
            self._exec(process, observation)
        else:
            process.adopt(facts)
            self._people.add(process)

    def _exec(self, process: Process, observation: seen.ProcessSeen) -> None:
        """Take in that a process replaced its image, at some time after the look before this one."""
        process.image_ns = observation.since_ns or max(self._last_poll_ns, process.facts.started_ns)
        process.adopt(observation.facts)
        self._people.add(process)
        process.step = None
        self._pipes.forget(process)
        process.held_at_ns = None

    def held(self, observation: seen.ProcessHeld) -> Process | None:
        """Take in a look at its descriptors; return whose they were, if that is known."""
        process = self._processes.get(observation.key)
        if process is None:
            return None
        if observation.whole:
            process.held_at_ns = observation.at_ns
        if observation.files:
            process.files.append((observation.at_ns, observation.files))
        self._pipes.held(process, observation.pipes, self._runs, observation.at_ns)
        return process

    def gone(self, observation: seen.ProcessGone) -> None:
        """Take in its end."""
        process = self._processes.get(observation.key)
        if process is not None and process.gone_ns is None:
            process.gone_ns = observation.at_ns
            process.exit_code = observation.exit_code
            process.active.append((self._last_poll_ns, observation.at_ns))
            self._ending.append(process)

    def polled(self, observation: seen.ProcessesPolled) -> None:
        """Take in that everybody alive has been looked at."""
        window = (self._last_poll_ns, observation.at_ns)
        for key, process in self._people.candidates.items():
            if key in observation.idle or process.gone_ns is not None:
                continue
            active = process.active
            if active and active[-1][1] >= window[0]:
                active[-1] = (active[-1][0], window[1])
            else:
                active.append(window)
        for key in observation.hidden:
            self._people.had_hidden_child(key, *window)
        if not self._resumed:
            self._resumed = True
            self._runs.abandon(self._alive, observation.at_ns)
        self._last_poll_ns = observation.began_ns

    def _alive(self, key: ProcessKey) -> Process | None:
        process = self._processes.get(key)
        return process if process is not None and process.gone_ns is None else None

    def settle(self, before_ns: int) -> None:
        """End the processes that were gone some time before, and the runs of which nobody is left."""
        waiting = []
        for process in self._ending:
            if (process.gone_ns or 0) + SETTLE_NS < before_ns:
                self._pipes.join_unread(process)
                self._runs.ended(process)
                self._usage.settled(process)
                self._pipes.gone(process)
                self._people.drop(process)
            else:
                waiting.append(process)
        self._ending = waiting
        self._usage.settle(before_ns)
        self._runs.close_finished(list(self._processes.values()), before_ns)
        self._runs.forget_ended(before_ns - _KEEP_ENDED_NS)

    def living(self) -> list[LivingRun]:
        """Return the runs that are jobs or notebooks and have living processes, with all of these."""
        if not self._runs.under_way():
            return []
        known: dict[ProcessKey, RunState | None] = {}
        found: dict[int, tuple[RunState, set[ProcessKey]]] = {}
        for process in self._processes.values():
            if process.gone_ns is None:
                run = self._run_of(process, known)
                if run is not None and not run.ended:
                    found.setdefault(run.run, (run, set()))[1].add(process.key)
        return [LivingRun(number, run.started_ns, frozenset(keys)) for number, (run, keys) in found.items()]

    def at_work(self, steps: Collection[int]) -> dict[int, list[ProcessKey]]:
        """Return the living processes of these steps, of each its own first, then its workers'."""
        found: dict[int, list[ProcessKey]] = {}
        for process in self._processes.values():
            step = process.owner.step
            if step is None or step.step not in steps or process.gone_ns is not None:
                continue
            keys = found.setdefault(step.step, [])
            keys.insert(0 if process.owner is process else len(keys), process.key)
        return found

    def _run_of(self, process: Process, known: dict[ProcessKey, RunState | None]) -> RunState | None:
        """Return the run of a process if it is sampled; ``known`` keeps it for all on the way to the root."""
        way = [process]
        while way[-1].key not in known and (parent := parent_in_run(way[-1])) is not None:
            way.append(parent)
        root = way[-1]
        if root.key not in known:
            known[root.key] = self._runs.known(root) if kind_of(root) in EXPERIMENTS else None
        for node in way:
            known[node.key] = known[root.key]
        return known[root.key]
