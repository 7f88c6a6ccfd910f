"""A small store made of events that are written down by hand; times are whole seconds."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mlamd.catalog.catalog import Catalog
from mlamd.journal import documents
from mlamd.journal.log import Journal
from mlamd.model import events
from mlamd.model.evidence import Grade, Origin, Via
from mlamd.model.files import FileStat

S = 1_000_000_000


class Story:
    """Collects events; ``tell`` stores them."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self._names: dict[bytes | tuple[str, ...], int] = {}
        self._current: dict[bytes, int] = {}
        self._path_of: dict[int, bytes] = {}
        self._runs = self._steps = self._versions = self._gaps = self._documents = 0

    def name(self, value: bytes | tuple[str, ...]) -> int:
        if value not in self._names:
            self._names[value] = len(self._names) + 1
            self.events.append(events.Named(self._names[value], value))
        return self._names[value]

    def session(self, at: int = 0) -> None:
        self.events.append(events.SessionStarted(at * S, "s", "watch", ("inotify",), "boot", "host", 1, "0"))

    def run(self, command: str, at: int = 1, public: str = "", kind: str = "job", cwd: str = "/w") -> int:
        self._runs += 1
        public = public or hashlib.blake2b(b"%d" % self._runs, digest_size=8).hexdigest()
        argv, place = self.name(tuple(command.split())), self.name((cwd,))
        self.events.append(events.RunStarted(self._runs, public, at * S, kind, argv, place, 1000))
        return self._runs

    def step(
        self,
        run: int,
        command: str = "python a.py",
        at: int = 1,
        cwd: str = "/w",
        inside: tuple[str, str, int] = ("", "", 0),
        variables: tuple[str, ...] = (),
        executable: str = "/usr/bin/python3",
    ) -> int:
        """Begin a step; ``inside`` are its control group, its container, and its pid there."""
        self._steps += 1
        argv, place = self.name(tuple(command.split())), self.name((cwd,))
        program = self.name((executable,))
        cgroup, container = (self.name((text,)) if text else 0 for text in inside[:2])
        pid, inner_pid = 100 + self._steps, inside[2]
        self.events.append(
            events.StepStarted(
                self._steps,
                run,
                at * S,
                "boot",
                pid,
                pid,
                argv,
                place,
                program,
                cgroup,
                container,
                inner_pid,
                self.name(variables) if variables else 0,
            )
        )
        return self._steps

    def end(self, run: int, steps: Iterable[int], at: int, code: int | None = 0) -> None:
        self.events += [events.StepEnded(step, at * S, code) for step in steps]
        self.events.append(events.RunEnded(run, at * S, code))

    def again(self, step: int, version: int, times: int, at: int) -> None:
        self.events.append(events.StepEnded(step, at * S, 0, ((version, 1, times),)))

    def read(self, step: int, version: int, at: int, grade: Grade = Grade.INFERRED) -> None:
        self.events.append(events.Read(step, version, at * S, grade))

    def write(
        self,
        steps: int | Iterable[int],
        path: str | bytes,
        at: int,
        content: str | None = None,
        *,
        derived: bool = False,
        origin: Origin = Origin.WRITTEN,
    ) -> int:
        """Seal a version; several steps are candidates, none is nobody known."""
        self._versions += 1
        path = path.encode() if isinstance(path, str) else path
        actors = (steps,) if isinstance(steps, int) else tuple(steps)
        grade = Grade.INFERRED if len(actors) == 1 else Grade.AMBIGUOUS
        text = (f"content {self._versions}" if content is None else content).encode()
        self.events.append(
            events.Sealed(
                self._versions,
                self.name(path),
                at * S,
                FileStat(1, self._versions, len(text), at * S, at * S),
                hashlib.blake2b(text, digest_size=32).digest() if text else None,
                origin,
                self._current.get(path, 0),
                derived,
                tuple((step, grade) for step in actors),
            )
        )
        self._current[path] = self._versions
        self._path_of[self._versions] = path
        return self._versions

    def add_writer(self, version: int, step: int, at: int = 0) -> None:
        self.events.append(events.WriterAdded(version, step, Grade.OBSERVED, at * S))

    def existing(self, path: str | bytes, at: int = 1, content: str | None = None) -> int:
        return self.write((), path, at, content, origin=Origin.EXISTING)

    def move(self, version: int, path: bytes, at: int) -> None:
        source = self._path_of[version]
        replaced = self._current.get(path, 0)
        stat = FileStat(1, version, 9, at * S, at * S)
        moved = events.Moved(version, self.name(source), self.name(path), at * S, stat, replaced, False, ())
        self.events.append(moved)
        del self._current[source]
        self._current[path] = version
        self._path_of[version] = path

    def remove(self, version: int, at: int, steps: Iterable[int] = ()) -> None:
        path = self._path_of[version]
        removers = tuple((step, Grade.INFERRED) for step in steps)
        self.events.append(events.Removed(version, self.name(path), at * S, removers))

    def flow(self, source: int, target: int, via: Via, at: int = 0) -> None:
        self.events.append(events.Flowed(source, target, at * S, via, Grade.INFERRED))

    def gap(self, start: int, end: int, scope: bytes = b"", reason: str = "killed") -> int:
        self._gaps += 1
        place = self.name(scope) if scope else 0
        gap = events.Gap(self._gaps, start * S, end * S, place, reason, "the recorder was killed")
        self.events.append(gap)
        return self._gaps

    def document(self, sort: str, knowledge: dict[str, object]) -> int:
        self._documents += 1
        self.events.append(events.Documented(self._documents, sort, documents.pack(knowledge)))
        return self._documents

    def mean(self, version: int, kind: str, facts: dict[str, object], form: str = "", made: str = "") -> None:
        """Say what a version is."""
        knowledge = {"kind": kind, "format": form, "made": made, "facts": facts}
        number = self.document(documents.MEANING, knowledge)
        self.events.append(events.Recognised(version, number))

    def surround(self, step: int, at: int, **knowledge: dict[str, object]) -> None:
        """Say in what surroundings a step ran: a document of each sort."""
        numbers = tuple(self.document(sort, known) for sort, known in knowledge.items())
        self.events.append(events.Surrounded(step, at * S, numbers))

    def use(self, step: int, at: int, *, block_delay_ns: int | None = None) -> None:
        """Account for 3 s of processor time."""
        self.events.append(
            events.Used(step, at * S, 2, 2_000_000, 1_000_000, 3_000_000, 10, 20, block_delay_ns)
        )

    def sample(
        self, run: int, at: int, *, user_us: int = 1_000_000, pss_bytes: int | None = 3_000_000
    ) -> None:
        """Sample the second before ``at``, in which 1.5 s of processor time were used."""
        self.events.append(events.Sampled(run, at * S, S, 2, 4, user_us, 500_000, 4_000_000, pss_bytes, 1, 2))

    def tell(self, store: Path, *, folded: int | None = None) -> None:
        """Store the events, the first ``folded`` of them (default: all) in the catalog too."""
        catalog = Catalog(store, write=True)
        journal = Journal(store, write=True)
        journal.append(self.events, 1)
        catalog.fold(1, self.events[:folded])
        catalog.close()
        journal.close()
