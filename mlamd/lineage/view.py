"""One reading of a store, as the things people ask about instead of rows."""

from collections.abc import Iterator
from typing import Any

from mlamd.catalog.memory import find_name, path_row
from mlamd.catalog.overlay import Overlay
from mlamd.catalog.state import watermark
from mlamd.catalog.tables import key, number, sampled_ns, unpack_actor
from mlamd.journal import documents
from mlamd.model.derived import (
    EXPERIMENTS,
    EarlierName,
    FileVersion,
    Flow,
    GpuSample,
    KnownGap,
    Meaning,
    Reading,
    Run,
    Sample,
    Step,
    Usage,
    Writer,
)
from mlamd.model.evidence import Grade, Origin, Via

_NO_TIMES: dict[int, int] = {}
_GRADES = {int(grade): grade for grade in Grade}


class View:
    """Reads runs, steps, versions and edges; ``alive`` says that a recorder runs now."""

    def __init__(self, tables: Overlay, *, alive: bool = False) -> None:
        self.tables = tables
        self.alive = alive
        self._versions: dict[int, FileVersion] = {}
        self._steps: dict[int, Step] = {}
        self._names: dict[int, bytes | tuple[str, ...]] = {}
        self._documents: dict[int, tuple[str, dict[str, Any]]] = {}

    # --- names -------------------------------------------------------------------------------

    def _name(self, name: int) -> bytes | tuple[str, ...]:
        value = self._names.get(name)
        if value is None:
            row = self.tables.get("names", key(name))
            value = row if isinstance(row, bytes) else tuple(row or ())
            self._names[name] = value
        return value

    def path(self, name: int) -> bytes:
        """Return the path with this number."""
        value = self._name(name) if name else b""
        return value if isinstance(value, bytes) else b""

    def words(self, name: int) -> tuple[str, ...]:
        """Return the command line with this number."""
        value = self._name(name)
        return value if isinstance(value, tuple) else ()

    # --- runs and steps ----------------------------------------------------------------------

    def run(self, run: int) -> Run:
        """Return a run by its number; raises ``KeyError``."""
        row = self.tables.get("runs", key(run))
        if row is None:
            raise KeyError(run)
        return self._run(run, row)

    def _run(self, run: int, row: list[Any]) -> Run:
        public, at_ns, kind, argv, cwd, uid, ended_ns, exit_code, inputs, outputs = row
        place = self.words(cwd)
        command = self.words(argv)
        directory = place[0] if place else ""
        return Run(
            run,
            public,
            at_ns,
            kind,
            command,
            directory,
            uid,
            ended_ns,
            exit_code,
            inputs,
            outputs,
            self.alive,
        )

    def run_ids(self, prefix: str) -> list[tuple[str, int]]:
        """Return the runs whose id begins with ``prefix``."""
        found = self.tables.prefixed("run_ids", prefix.encode())
        return [(place.decode(), row) for place, row in found]

    def runs(self, kinds: frozenset[str] | None = EXPERIMENTS) -> Iterator[Run]:
        """Yield runs, newest first; None for all kinds."""
        for place, row in self.tables.scan("runs", reverse=True):
            if kinds is None or row[2] in kinds:
                yield self._run(number(place), row)

    def steps_of(self, run: int) -> list[int]:
        """Return the numbers of a run's steps, in the order in which they were first seen."""
        return [number(place, 1) for place in self.tables.keys("run_steps", key(run))]

    def step(self, step: int) -> Step:
        """Return a step by its number; raises ``KeyError``."""
        known = self._steps.get(step)
        if known is not None:
            return known
        row = self.tables.get("steps", key(step))
        if row is None:
            raise KeyError(step)
        run, at_ns, _, pid, _, argv, cwd, executable, ended_ns, exit_code, rereads = row[:11]
        cgroup, container, inner_pid, variables, started_as = [*row[11:], 0, 0, 0, 0, 0][:5]
        public = self.run(run).id
        place = 1 + self.steps_of(run).index(step)
        directory, program = self.words(cwd), self.words(executable)
        known = Step(
            step,
            f"{public}.{place}",
            run,
            at_ns,
            pid,
            self.words(argv),
            directory[0] if directory else "",
            program[0] if program else "",
            ended_ns,
            exit_code,
            tuple((first, length, again) for first, length, again in rereads),
            self._word(cgroup),
            self._word(container),
            inner_pid,
            self.words(variables) if variables else (),
            self._word(started_as),
        )
        self._steps[step] = known
        return known

    def _word(self, name: int) -> str:
        words = self.words(name) if name else ()
        return words[0] if words else ""

    def process_of(self, step: int) -> tuple[str, int, int]:
        """Return boot, pid and start time of a step's process; raises ``KeyError``."""
        row = self.tables.get("steps", key(step))
        if row is None:
            raise KeyError(step)
        return row[2], row[3], row[4]

    def usage(self, step: int) -> Usage | None:
        """Return what the ended processes of a step used, None where that is not known."""
        row = self.tables.get("usage", key(step))
        return None if row is None else Usage(step, *row)

    def samples(self, run: int) -> Iterator[Sample]:
        """Yield the samples of a run, oldest first."""
        for place, row in self.tables.prefixed("samples", key(run)):
            yield Sample(sampled_ns(place), *row)

    def gpu_samples(self, run: int) -> Iterator[GpuSample]:
        """Yield what a run used of GPUs, oldest first."""
        for place, row in self.tables.prefixed("gpu_samples", key(run)):
            yield GpuSample(sampled_ns(place), place[-1], *row)

    # --- versions ----------------------------------------------------------------------------

    def version(self, version: int) -> FileVersion:
        """Return a version by its number; raises ``KeyError``."""
        known = self._versions.get(version)
        if known is not None:
            return known
        row = self.tables.get("versions", key(version))
        if row is None:
            raise KeyError(version)
        known = self._version(version, row)
        self._versions[version] = known
        return known

    def _version(self, version: int, row: list[Any]) -> FileVersion:
        path, at_ns, size, mtime, digest, origin, previous, derived, writers = row[:9]
        replaced, moves, gone, reason = row[9:13]
        later = dict(row[13]) if len(row) > 13 else {}
        return FileVersion(
            version,
            self.path(path),
            at_ns,
            size,
            mtime,
            digest,
            Origin(origin),
            previous,
            bool(derived),
            _writers(writers, later),
            replaced,
            tuple(
                EarlierName(self.path(name), until_ns, _writers(movers)) for name, until_ns, movers in moves
            ),
            gone[0] if gone else None,
            _writers(gone[1]) if gone else (),
            str(reason),
        )

    def version_numbers(self, *, reverse: bool = False) -> Iterator[int]:
        """Yield the numbers of all versions."""
        for place, _ in self.tables.scan("versions", reverse=reverse):
            yield number(place)

    def current(self, path: bytes) -> tuple[int, int]:
        """Return the version that stands at a path now (0: none) and the last one that stood there."""
        name = find_name(self.tables, path)
        if not name:
            return 0, 0
        version, last, _ = path_row(self.tables, name)
        return version, last

    def below(self, directory: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield each path below a directory (b"" for the workspace) with what ``current`` says of it."""
        prefix = directory.rstrip(b"/") + b"/" if directory else b""
        for place, name in self.tables.scan("names"):
            if not isinstance(name, bytes) or not name.startswith(prefix):
                continue
            if directory or not name.startswith(b"/"):
                version, last, _ = path_row(self.tables, number(place))
                if last:
                    yield name, version, last

    def history(self, version: int) -> Iterator[FileVersion]:
        """Yield a version and those that stood at the same place before it, newest first."""
        seen: set[int] = set()
        waiting = [version]
        while waiting:
            newest = max(waiting)
            waiting.remove(newest)
            if not newest or newest in seen:
                continue
            seen.add(newest)
            try:
                known = self.version(newest)
            except KeyError:
                continue
            yield known
            waiting += [known.previous, known.replaced]

    def digests(self, prefix: bytes) -> list[int]:
        """Return the versions whose digest begins with ``prefix`` (at most 8 bytes are looked at here)."""
        places = self.tables.keys("digests", prefix[:8])
        return [number(place[8:]) for place in places]

    # --- meanings ----------------------------------------------------------------------------

    def document(self, document: int) -> tuple[str, dict[str, Any]]:
        """Return sort and knowledge of a document; "" and nothing where it is missing or damaged."""
        known = self._documents.get(document)
        if known is None:
            row = self.tables.get("documents", key(document))
            try:
                known = ("", {}) if row is None else (str(row[0]), documents.unpack(row[1]))
            except ValueError:
                known = ("", {})
            self._documents[document] = known
        return known

    def meaning(self, version: int) -> Meaning | None:
        """Return what a version is, None where nobody has looked yet."""
        row = self.tables.get("meanings", key(version))
        if row is None:
            return None
        _, known = self.document(row[0]) if row[0] else ("", {})
        facts = known.get("facts", {})
        kind, made = str(known.get("kind", "generic")), str(known.get("made", ""))
        reason = str(row[1]) or str(facts.get("trouble", ""))
        return Meaning(kind, str(known.get("format", "")), made or kind, facts, reason)

    def surroundings(self, step: int) -> dict[str, dict[str, Any]]:
        """Return what is known of the surroundings of a step, by sort (``mlamd.journal.documents``)."""
        return dict(self.document(number) for number in self.tables.get("surroundings", key(step)) or ())

    # --- edges -------------------------------------------------------------------------------

    def reads(self, step: int) -> Iterator[Reading]:
        """Yield what a step opened for reading, by version."""
        again = self._counts(step)
        for place, (at_ns, grade) in self.tables.prefixed("reads", key(step)):
            version = number(place, 1)
            yield Reading(step, version, at_ns, Grade(grade), 1 + again.get(version, 0))

    def reads_between(self, step: int, first: int, last: int) -> Iterator[tuple[int, int, Grade]]:
        """Yield the versions from ``first`` to ``last`` that a step read, when first, and the evidence."""
        end = key(step, last)
        for place, (at_ns, grade) in self.tables.scan("reads", key(step, first)):
            if place > end:
                return
            yield number(place, 1), at_ns, _GRADES[grade]

    def reading(self, step: int, version: int) -> Reading:
        """Return one read edge; raises ``KeyError``."""
        row = self.tables.get("reads", key(step, version))
        if row is None:
            raise KeyError((step, version))
        return Reading(step, version, row[0], Grade(row[1]), 1 + self._counts(step).get(version, 0))

    def _counts(self, step: int) -> dict[int, int]:
        counts: dict[int, int] = {}
        for first, length, again in self.step(step).rereads:
            for version in range(first, first + length):
                counts[version] = counts.get(version, 0) + again
        return counts

    def readers(self, version: int) -> list[int]:
        """Return the steps that read a version."""
        return [number(place, 1) for place in self.tables.keys("readers", key(version))]

    def writes(self, step: int) -> list[int]:
        """Return the versions that a step wrote."""
        return [number(place, 1) for place in self.tables.keys("writes", key(step))]

    def flows_into(self, step: int) -> list[Flow]:
        """Return where a step's data came from without a file."""
        return [
            Flow(number(place, 1), step, Via(place[10]), row[0], Grade(row[1]))
            for place, row in self.tables.prefixed("flows", key(step))
        ]

    def flows_from(self, step: int) -> list[Flow]:
        """Return where a step's data went without a file."""
        found = []
        for place in self.tables.keys("flows_out", key(step)):
            target = number(place, 1)
            row = self.tables.get("flows", key(target, step) + place[10:])
            if row is not None:
                found.append(Flow(step, target, Via(place[10]), row[0], Grade(row[1])))
        return found

    # --- gaps --------------------------------------------------------------------------------

    def gaps(self) -> Iterator[KnownGap]:
        """Yield all gaps, oldest first."""
        for place, (from_ns, to_ns, scope, reason, detail, count) in self.tables.scan("gaps"):
            yield KnownGap(number(place), from_ns, to_ns, self.path(scope), reason, detail, count)

    def events(self) -> int:
        """Return how many events are stored."""
        return watermark(self.tables) - 1


def _writers(packed: list[int], later: dict[int, int] = _NO_TIMES) -> tuple[Writer, ...]:
    actors = [unpack_actor(actor) for actor in packed]
    return tuple(Writer(step, grade, later.get(step, 0)) for step, grade in actors)
