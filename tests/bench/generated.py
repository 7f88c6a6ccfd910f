"""A store as years of work would leave it: many runs, many versions, made event by event."""

import random
from collections.abc import Iterator
from pathlib import Path

from mlamd.catalog.catalog import Catalog
from mlamd.journal.log import Journal
from mlamd.model import events
from mlamd.model.evidence import Grade
from mlamd.model.files import FileStat
from mlamd.workspace import Workspace, create

_BATCH = 20_000
_SECOND = 1_000_000_000
_BEGAN = 1_700_000_000 * _SECOND


def history(runs: int, versions: int, reads: int) -> Iterator[events.Event]:
    """Yield the events of ``runs`` runs that together make ``versions`` versions, ``reads`` reads each.

    Every run reads fixed sources, some data and what the run before it wrote, and rewrites files of a
    fixed set of paths and one checkpoint of its own.
    """
    rng = random.Random(1)
    each = versions // runs
    yield events.SessionStarted(
        _BEGAN, "0" * 32, "watch", ("inotify", "process polling"), "boot", "host", 1, "0.1.0"
    )
    name = version = 0
    paths: dict[bytes, int] = {}

    def named(value: bytes | tuple[str, ...]) -> Iterator[events.Event]:
        nonlocal name
        name += 1
        yield events.Named(name, value)

    yield from named(("/home/user/project",))
    cwd = name
    yield from named(("/usr/bin/python3.11",))
    program = name
    current: dict[int, int] = {}
    previous: list[int] = []
    for run in range(1, runs + 1):
        at_ns = _BEGAN + run * 600 * _SECOND
        yield from named(("python", "train.py", "--lr", f"{rng.random():.4f}", "--run", str(run)))
        argv = name
        yield events.RunStarted(run, f"{rng.getrandbits(64):016x}", at_ns, "job", argv, cwd, 1000)
        yield events.StepStarted(run, run, at_ns, "boot", 1000 + run % 30000, run, argv, cwd, program)
        for number in dict.fromkeys([*previous[: reads // 2], *_some(rng, version, reads)]):
            at_ns += 1_000_000
            yield events.Read(run, number, at_ns, Grade.INFERRED)
        made = []
        for place in range(each):
            path = b"out/metrics_%03d.json" % place if place else b"checkpoints/run_%05d.pt" % run
            if path not in paths:
                yield from named(path)
                paths[path] = name
            version += 1
            at_ns += 1_000_000
            number = paths[path]
            stat = FileStat(2049, 10_000 + number, 1000 + version % 900, at_ns, at_ns)
            yield events.Sealed(
                version,
                number,
                at_ns,
                stat,
                rng.randbytes(32),
                events.Origin.WRITTEN,
                current.get(number, 0),
                False,
                ((run, Grade.INFERRED),),
            )
            current[number] = version
            made.append(version)
        previous = made
        yield events.StepEnded(run, at_ns + 1000, 0)
        yield events.RunEnded(run, at_ns + 1000, 0)
    yield events.SessionEnded(at_ns + _SECOND, "0" * 32, "stopped")


def _some(rng: random.Random, version: int, reads: int) -> list[int]:
    """Return older versions, most of them not very old."""
    if version < reads:
        return []
    return [max(1, version - int(rng.paretovariate(0.5) * 50) % version) for _ in range(reads // 2)]


def make(root: Path, runs: int = 10_000, versions: int = 1_000_000, reads: int = 60) -> Workspace:
    """Make a workspace whose store holds such a history."""
    root.mkdir(parents=True, exist_ok=True)
    workspace, _ = create(root)
    journal = Journal(workspace.store, write=True)
    catalog = Catalog(workspace.store, write=True)
    batch: list[events.Event] = []
    position = 1

    def flush() -> None:
        nonlocal position
        following = journal.append(batch, position)
        catalog.fold(position, batch)
        position = following

    for event in history(runs, versions, reads):
        batch.append(event)
        if len(batch) >= _BATCH:
            flush()
            batch = []
    flush()
    catalog.close()
    journal.close()
    return workspace
