"""From observation to catalog: events a second on one core, and bytes on disk.

    python -m tests.bench.rate [--files N]

A synthetic training project: runs that read files of a data set and write results, as the inotify
sensor reports them, through the real state machine, journal and catalog, all in one thread, fsync
included. The baseline is packing the same events with msgpack alone.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mlamd.attribution.machine import Attributor
from mlamd.attribution.noise import Noise
from mlamd.catalog.catalog import Catalog
from mlamd.catalog.memory import CatalogMemory
from mlamd.journal import envelope
from mlamd.journal.log import Journal
from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessFacts, ProcessKey
from tests.bench.figures import Figure, show

ROOT = b"/home/user/project"
MS = 1_000_000
BATCH = 4096
POLL_EVERY = 400


class World:
    """Time, processes and files of the synthetic project."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000_000_000_000
        self.pid = 1000
        self.opened = 0

    def tick(self, ns: int = 20_000) -> int:
        self.now_ns += ns
        return self.now_ns

    def process(self, *argv: str) -> ProcessFacts:
        self.pid += 1
        return ProcessFacts(
            key=ProcessKey("boot", self.pid, self.now_ns // (10 * MS)),
            parent_pid=1,
            parent=None,
            group=self.pid,
            session=self.pid,
            terminal=0,
            uid=1000,
            started_ns=self.now_ns,
            name="python",
            argv=("python", *argv),
            cwd=ROOT.decode(),
            executable="/usr/bin/python3",
        )

    def poll(self) -> seen.ProcessesPolled:
        began = self.tick()
        return seen.ProcessesPolled(self.tick(), began, frozenset())

    def read(self, path: bytes, stat: FileStat) -> Iterator[seen.Observation]:
        yield seen.FileOpened(self.tick(), path, stat)
        yield seen.FileClosed(self.tick(), path, wrote=False)
        self.opened += 1
        if self.opened % POLL_EVERY == 0:
            yield self.poll()

    def write(self, path: bytes, stat: FileStat) -> Iterator[seen.Observation]:
        yield seen.FileOpened(self.tick(), path, stat._replace(size_bytes=0))
        yield seen.FileModified(self.tick(), path)
        yield seen.FileClosed(self.tick(), path, wrote=True, stat=stat)
        self.opened += 1
        if self.opened % POLL_EVERY == 0:
            yield self.poll()


def data_file(number: int) -> tuple[bytes, FileStat]:
    path = ROOT + b"/data/train/class_%02d/image_%06d.png" % (number % 10, number)
    return path, FileStat(2049, 1_000_000 + number, 20_000 + number % 5000, 10**18 + number, 10**18 + number)


def run(world: World, inputs: list[int], outputs: int, epochs: int, name: str) -> Iterator[seen.Observation]:
    """One training run: some epochs over its inputs, then its outputs."""
    facts = world.process("train.py", "--name", name)
    yield seen.ProcessSeen(world.tick(), facts)
    for _ in range(epochs):
        for number in inputs:
            yield from world.read(*data_file(number))
    for number in range(outputs):
        path = ROOT + b"/runs/output_%03d.json" % number
        inode = 50_000_000 + world.opened
        yield from world.write(
            path, FileStat(2049, inode, 900 + world.opened % 90, world.now_ns, world.now_ns)
        )
    yield seen.ProcessGone(world.tick(), facts.key, 0)
    world.tick(100 * MS)
    yield world.poll()
    yield world.poll()


class Store:
    """The writing half of a recorder, in one thread."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory, write=True)
        self.catalog = Catalog(directory, write=True)
        self.attributor = Attributor(ROOT, CatalogMemory(self.catalog), Noise())
        self.next = 1
        self.events: list[events.Event] = []
        self.stored: list[events.Event] = []
        self.digests = 0

    def take(self, observation: seen.Observation) -> None:
        self.attributor.observe(observation)
        if self.attributor.pending >= BATCH:
            self.commit()

    def commit(self) -> None:
        made = [self._digested(event) for event in self.attributor.drain()]
        if made:
            following = self.journal.append(made, self.next)
            self.catalog.fold(self.next, made)
            self.next = following
            self.stored += made

    def _digested(self, event: events.Event) -> events.Event:
        """Stand in for the digester: a content digest of its own for every version."""
        if type(event) is events.Sealed:
            self.digests += 1
            digest = (self.digests * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 256)).to_bytes(32, "big")
            digest = digest[16:] + digest[:16]
            return events.Sealed(
                event.version,
                event.path,
                event.at_ns,
                event.stat,
                digest,
                event.origin,
                event.previous,
                event.derived,
                event.writers,
            )
        return event

    def bytes(self) -> int:
        return self.journal.used_bytes() + self.catalog.used_bytes()

    def edges(self) -> int:
        return sum(
            1 if type(event) is events.Read else len(event.writers) if type(event) is events.Sealed else 0
            for event in self.stored
        )


def measure(directory: Path, files: int, runs: int, epochs: int) -> tuple[Store, float, int]:
    """Let some runs read the same files and write results; return store, seconds and observations."""
    store, world = Store(directory), World()
    seen_count = 0
    began = time.process_time()
    for number in range(runs):
        for observation in run(world, list(range(files)), files // 10, epochs, str(number)):
            store.take(observation)
            seen_count += 1
    store.commit()
    return store, time.process_time() - began, seen_count


def packing_rate(stored: list[events.Event]) -> float:
    began = time.process_time()
    for start in range(0, len(stored), BATCH):
        envelope.encode(stored[start : start + BATCH])
    return len(stored) / (time.process_time() - began)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    files = parser.parse_args().files
    figures = []
    with tempfile.TemporaryDirectory() as work:
        store, seconds, observations = measure(Path(work), files, runs=5, epochs=1)
        packing = packing_rate(store.stored)
        rate = len(store.stored) / seconds
        figures += [
            Figure("events a second, observation to catalog", rate, "events/s", bar=20_000, at_most=False),
            Figure("  against packing alone", rate, "events/s", "packing the same events", rate / packing),
            Figure("observations a second", observations / seconds, "obs/s"),
            Figure("bytes an event, journal and catalog", store.bytes() / len(store.stored), "bytes"),
            Figure(
                "bytes a distinct edge (5 runs over one data set)",
                store.bytes() / store.edges(),
                "bytes",
                bar=250,
            ),
        ]
    with tempfile.TemporaryDirectory() as work:
        store, _, _ = measure(Path(work), files, runs=1, epochs=1)
        once, edges = store.bytes(), store.edges()
        figures.append(Figure("bytes a distinct edge (every file is new)", once / edges, "bytes"))
    with tempfile.TemporaryDirectory() as work:
        store, _, _ = measure(Path(work), files, runs=1, epochs=2)
        twice = store.bytes()
        figures.append(
            Figure(
                "growth by a second pass over the same files",
                100 * (twice / once - 1),
                "%",
                bar=1.0,
            )
        )
    return show(figures)


if __name__ == "__main__":
    sys.exit(main())
