"""The events of a test, read back in words; every event is checked for referring only to what is known."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mlamd.model import events
from mlamd.model.evidence import Grade

E = TypeVar("E", bound=events.Event)


@dataclass
class RunRow:
    """A run as it was recorded."""

    number: int
    public: str
    kind: str
    command: str
    steps: list[str] = field(default_factory=list)
    ended: bool = False
    exit_code: int | None = None


class Book:
    """Reads events; raises ``AssertionError`` for a reference to something that was not introduced."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self._values: dict[int, bytes | tuple[str, ...]] = {}
        self._runs: dict[int, RunRow] = {}
        self._labels: dict[int, str] = {}
        self._sealed: dict[int, events.Sealed] = {}
        self._gaps = 0
        self.rereads: dict[str, tuple[tuple[int, int, int], ...]] = {}
        self._at: dict[int, int] = {}
        self._replaced: dict[int, int] = {}

    def add(self, made: Iterable[events.Event]) -> None:
        for event in made:
            self._check(event)
            self.events.append(event)

    def _check(self, event: events.Event) -> None:
        match event:
            case events.Named():
                assert event.name == len(self._values) + 1, "names are numbered from 1, without holes"
                assert event.value not in self._values.values(), f"{event.value!r} has a number already"
                self._values[event.name] = event.value
            case events.RunStarted():
                assert event.run == len(self._runs) + 1
                self._runs[event.run] = RunRow(event.run, event.public, event.kind, self._words(event.argv))
                self._words(event.cwd)
            case events.RunEnded():
                self._runs[event.run].ended = True
                self._runs[event.run].exit_code = event.exit_code
            case events.StepStarted():
                assert event.step == len(self._labels) + 1
                self._labels[event.step] = self._words(event.argv)
                self._words(event.cwd)
                self._words(event.executable)
                self._runs[event.run].steps.append(self._labels[event.step])
            case events.StepEnded():
                self.rereads[self._labels[event.step]] = event.rereads
                for first, length, again in event.rereads:
                    assert first >= 1
                    assert first + length - 1 <= len(self._sealed)
                    assert again >= 1
            case events.Flowed():
                assert event.source in self._labels
                assert event.target in self._labels
                assert event.source != event.target
            case events.Used():
                assert event.step in self._labels
            case events.Sampled():
                assert event.run in self._runs
            case events.Gap():
                assert event.gap == self._gaps + 1
                assert event.from_ns <= event.to_ns
                self._gaps = event.gap
                assert not event.scope or self._path(event.scope)
            case _:
                self._check_file(event)

    def _check_file(self, event: events.Event) -> None:
        match event:
            case events.Sealed():
                assert event.version == len(self._sealed) + 1
                assert event.previous < event.version
                assert event.previous or not event.derived
                self._check_actors(event.writers)
                self._path(event.path)
                self._sealed[event.version] = event
                self._at[event.path] = event.version
            case events.Read() | events.WriterAdded():
                assert event.step in self._labels
                assert event.version in self._sealed
            case events.Moved():
                assert event.version in self._sealed
                assert event.replaced == 0 or event.replaced in self._sealed
                self._check_actors(event.movers)
                self._path(event.source)
                self._path(event.path)
                self._at.pop(event.source, None)
                self._at[event.path] = event.version
                if event.replaced:
                    self._replaced[event.version] = event.replaced
            case events.Linked():
                assert event.version in self._sealed
                self._path(event.path)
                self._at[event.path] = event.version
            case events.Removed():
                assert event.version in self._sealed
                self._check_actors(event.removers)
                assert self._at.pop(event.path, None) == event.version

    def _check_actors(self, actors: events.Actors) -> None:
        assert len({step for step, _ in actors}) == len(actors), "a step stands once among the actors"
        for step, grade in actors:
            assert step in self._labels
            assert isinstance(grade, Grade)

    def _words(self, name: int) -> str:
        value = self._values[name]
        assert isinstance(value, tuple)
        return " ".join(value)

    def _path(self, name: int) -> str:
        value = self._values[name]
        assert isinstance(value, bytes)
        return value.decode("utf-8", "surrogateescape")

    def used(self, step: str) -> events.Used:
        """Return the newest totals of a step."""
        return [event for event in self.of(events.Used) if self._labels[event.step] == step][-1]

    # --- questions ---------------------------------------------------------------------------

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def runs(self) -> list[RunRow]:
        return list(self._runs.values())

    def run_of(self, step: str) -> RunRow:
        """Return the run that has a step with this command line."""
        (found,) = [run for run in self._runs.values() if step in run.steps]
        return found

    @property
    def steps(self) -> list[str]:
        return list(self._labels.values())

    def reads(self) -> dict[tuple[str, str], Grade]:
        """Return (path, step) → grade."""
        return {
            (self._path(self._sealed[event.version].path), self._labels[event.step]): event.grade
            for event in self.of(events.Read)
        }

    def writes(self) -> dict[tuple[str, str], Grade]:
        """Return (step, path) → grade."""
        found = {
            (self._labels[step], self._path(event.path)): grade
            for event in self.of(events.Sealed)
            for step, grade in event.writers
        }
        for event in self.of(events.WriterAdded):
            path = self._path(self._sealed[event.version].path)
            found[self._labels[event.step], path] = event.grade
        return found

    def flows(self) -> dict[tuple[str, str], events.Via]:
        """Return (step, step) → how."""
        return {
            (self._labels[event.source], self._labels[event.target]): event.via
            for event in self.of(events.Flowed)
        }

    def edges(self) -> set[tuple[str, str]]:
        """Return all edges, in the direction in which data flows."""
        return {*self.reads(), *self.writes(), *self.flows()}

    def gaps(self) -> list[tuple[str, str, int]]:
        """Return (reason, scope, count)."""
        return [
            (gap.reason, self._path(gap.scope) if gap.scope else "", gap.count) for gap in self.of(events.Gap)
        ]

    def current(self, path: str) -> int:
        """Return the number of the version that stands at a path, 0 if none does."""
        return next((self._at[name] for name in self._at if self._path(name) == path), 0)

    def version(self, path: str) -> events.Sealed:
        return self._sealed[self.current(path)]

    def versions(self, path: str) -> list[events.Sealed]:
        """Return the versions that were sealed at a path."""
        return [event for event in self.of(events.Sealed) if self._path(event.path) == path]

    def history(self, path: str) -> list[int]:
        """Return the numbers of the versions that stood at a path, newest first, names changed or not."""
        found = []
        version = self.current(path)
        while version:
            found.append(version)
            version = self._replaced.get(version) or self._sealed[version].previous
        return found

    def writers(self, path: str) -> set[str]:
        return {self._labels[step] for step, _ in self.version(path).writers}

    def read_versions(self, step: str) -> list[int]:
        """Return the versions that a step read, in the order of the events."""
        return [event.version for event in self.of(events.Read) if self._labels[event.step] == step]

    def sources(self, path: str) -> set[str]:
        """Return the paths of everything that the newest version of a path depends on."""
        found: set[int] = set()
        waiting = [self.current(path)]
        while waiting:
            version = self._sealed[waiting.pop()]
            above = {version.previous} if version.derived else set()
            for step, _ in version.writers:
                above |= self._inputs(step, version.at_ns, set())
            waiting += above - found - {version.version}
            found |= above - {version.version}
        return {self._path(self._sealed[number].path) for number in found}

    def _inputs(self, step: int, until_ns: int, seen: set[int]) -> set[int]:
        found = {
            read.version for read in self.of(events.Read) if read.step == step and read.at_ns <= until_ns
        }
        for flow in self.of(events.Flowed):
            if flow.target == step and flow.source not in seen:
                until = min(until_ns, flow.at_ns) if flow.at_ns else until_ns
                found |= self._inputs(flow.source, until, {*seen, step})
        return found
