"""A memory made of dictionaries, for the state machine's only port; it can fold events."""

from collections.abc import Iterable

from mlamd.model import events
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessKey, UnfinishedStep


class FakeMemory:
    """What was recorded before; empty at first, ``fold`` adds events as a catalog would."""

    def __init__(self, *folded: events.Event) -> None:
        self.names: dict[bytes | tuple[str, ...], int] = {}
        self.values: dict[int, bytes | tuple[str, ...]] = {}
        self.paths: dict[int, tuple[int, int, FileStat | None]] = {}
        self.runs: dict[str, int] = {}
        self.publics: dict[int, str] = {}
        self.reads: set[tuple[int, int]] = set()
        self.steps: dict[int, events.StepStarted] = {}
        self.ended_steps: set[int] = set()
        self.ended_runs: set[int] = set()
        self.used: dict[int, events.Used] = {}
        self.last = [0, 0, 0, 0, 0]
        self.fold(folded)

    def name(self, value: bytes | tuple[str, ...]) -> int:
        return self.names.get(value, 0)

    def path(self, name: int) -> tuple[int, int, FileStat | None]:
        return self.paths.get(name, (0, 0, None))

    def below(self, prefix: bytes) -> Iterable[bytes]:
        return [path for path, _ in self.known() if path.startswith(prefix)]

    def inode(self, device: int, inode: int) -> bytes | None:
        for path, stat in self.known():
            if stat is not None and stat[:2] == (device, inode):
                return path
        return None

    def known(self) -> Iterable[tuple[bytes, FileStat | None]]:
        for name, (version, _, stat) in self.paths.items():
            value = self.values[name]
            if version and isinstance(value, bytes):
                yield value, stat

    def run(self, public: str) -> int:
        return self.runs.get(public, 0)

    def has_read(self, step: int, version: int) -> bool:
        return (step, version) in self.reads

    def counters(self) -> list[int]:
        return list(self.last)

    def unfinished(self) -> Iterable[UnfinishedStep]:
        for number, step in self.steps.items():
            if step.run not in self.ended_runs:
                argv = self.values[step.argv]
                assert isinstance(argv, tuple)
                key = ProcessKey(step.boot, step.pid, step.start)
                ended = number in self.ended_steps
                public = self.publics[step.run]
                yield UnfinishedStep(number, step.run, public, key, argv, step.at_ns, ended)

    def usage(self, step: int) -> events.Used | None:
        return self.used.get(step)

    def fold(self, made: Iterable[events.Event]) -> None:
        for event in made:
            self._fold(event)

    def _fold(self, event: events.Event) -> None:
        match event:
            case events.Named():
                self.names[event.value] = event.name
                self.values[event.name] = event.value
                self.last[4] = event.name
            case events.RunStarted():
                self.runs[event.public] = event.run
                self.publics[event.run] = event.public
                self.last[0] = event.run
            case events.RunEnded():
                self.ended_runs.add(event.run)
            case events.StepStarted():
                self.steps[event.step] = event
                self.ended_runs.discard(event.run)
                self.last[1] = event.step
            case events.StepEnded():
                self.ended_steps.add(event.step)
            case events.Read():
                self.reads.add((event.step, event.version))
            case events.Used():
                self.used[event.step] = event
            case events.Gap():
                self.last[3] = event.gap
            case _:
                self._fold_file(event)

    def _fold_file(self, event: events.Event) -> None:
        match event:
            case events.Sealed():
                self.paths[event.path] = (event.version, event.version, event.stat)
                self.last[2] = event.version
            case events.Moved():
                self.paths[event.path] = (event.version, event.version, event.stat)
                self.paths[event.source] = (0, 0 if event.temporary else event.version, None)
            case events.Linked():
                stat = next(stat for version, _, stat in self.paths.values() if version == event.version)
                self.paths[event.path] = (event.version, event.version, stat)
            case events.Removed():
                self.paths[event.path] = (0, self.paths[event.path][1], None)
