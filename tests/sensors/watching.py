"""A file sensor at work in a directory, and what it has delivered so far."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlamd.host.clock import SystemClock
from mlamd.model.observations import Observation
from mlamd.sensors.base import FileSensor
from mlamd.sensors.inotify import InotifySensor
from mlamd.sensors.signals import Act, Signal


def nothing(directory: bytes) -> bool:
    """Skip no directory."""
    del directory
    return False


class Collector:
    """Takes what a sensor delivers, from any thread."""

    def __init__(self) -> None:
        self.items: list[Signal | Observation] = []
        self._news = threading.Condition()

    def __call__(self, item: Signal | Observation) -> None:
        with self._news:
            self.items.append(item)
            self._news.notify_all()

    def wait_for(self, true: Callable[[], object], seconds: float = 20) -> None:
        """Wait until the items delivered so far satisfy a condition."""
        with self._news:
            assert self._news.wait_for(true, seconds), self.items[-20:]


class Watch:
    """A started sensor; ``sync`` waits until everything done before is delivered."""

    def __init__(
        self, root: Path, sensor: FileSensor, collector: Collector, *, barrier: Path | None = None
    ) -> None:
        self.root = root
        self.sensor = sensor
        self.collector = collector
        self._barrier = barrier
        self._syncs = 0

    @property
    def signals(self) -> list[Signal]:
        return [item for item in self.collector.items if isinstance(item, Signal)]

    def sync(self) -> list[Signal]:
        """Write a marker and wait for it; return all signals but those of markers."""
        self._syncs += 1
        name = os.fsencode((self._barrier or self.root) / f"sync-{self._syncs}")
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        self.collector.wait_for(lambda: any(signal.path == name for signal in self.signals))
        time.sleep(0.01)
        return [signal for signal in self.signals if b"/sync-" not in signal.path]

    def acts(self, path: str | bytes = b"") -> list[tuple[Act, bytes]]:
        """Return act and relative path of each signal so far, below ``path``."""
        top = os.fsencode(self.root) + b"/"
        below = top + os.fsencode(path)
        return [
            (signal.act, signal.path.removeprefix(top))
            for signal in self.sync()
            if signal.path.startswith(below)
        ]


@contextmanager
def watching(
    root: Path,
    *,
    skip: Callable[[bytes], bool] = nothing,
    sensor: type[FileSensor] = InotifySensor,
    roots: tuple[Path, ...] = (),
    barrier: Path | None = None,
) -> Iterator[Watch]:
    """Watch a directory as long as the block lasts."""
    collector = Collector()
    paths = tuple(os.fsencode(path) for path in (root, *roots))
    made = sensor(paths, skip, collector, SystemClock())
    made.start()
    try:
        yield Watch(root, made, collector, barrier=barrier)
    finally:
        made.stop()
