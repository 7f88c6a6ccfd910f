"""The sensor for systems without inotify: watchdog's own observer (FSEvents, kqueue, Windows).

These systems do not report opens for reading, so reads are seen only while a look at the processes
finds the file open; the recorder says so with a gap when it starts.
"""

import os
from collections.abc import Callable
from typing import ClassVar

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from mlamd.host.clock import Clock
from mlamd.sensors.signals import Act, Deliver, Signal

_ACTS = {
    "opened": Act.OPEN,
    "closed": Act.CLOSE_WRITE,
    "closed_no_write": Act.CLOSE_READ,
    "created": Act.CLOSE_WRITE,
    "modified": Act.CLOSE_WRITE,
    "deleted": Act.DELETE,
}


class ObserverSensor(FileSystemEventHandler):
    """Watches directory trees through ``watchdog.observers``; takes the same arguments as inotify's."""

    name: ClassVar[str] = "watchdog"

    def __init__(
        self, roots: tuple[bytes, ...], skip: Callable[[bytes], bool], deliver: Deliver, clock: Clock
    ) -> None:
        self._roots = roots
        self._skip = skip
        self._deliver = deliver
        self._clock = clock
        self._observer = Observer()
        self._cookie = 0

    def start(self) -> None:
        """Begin to watch."""
        for root in self._roots:
            self._observer.schedule(self, os.fsdecode(root), recursive=True)
        self._observer.start()
        now_ns = self._clock.now_ns()
        self._deliver(
            Signal(
                Act.LOST,
                now_ns,
                b"",
                from_ns=now_ns,
                detail="unsupported: opens for reading are not reported",
            )
        )

    def stop(self) -> None:
        """End the threads of watchdog."""
        self._observer.stop()
        self._observer.join(2)

    def alive(self) -> bool:
        """Say whether watchdog's threads still run."""
        return self._observer.is_alive()

    def watched(self) -> int:
        """Return the number of watched trees."""
        return len(self._roots)

    def watch_extra(self, directory: bytes) -> None:
        """Watch one more directory."""
        self._observer.schedule(self, os.fsdecode(directory), recursive=False)

    def refresh(self) -> None:
        """Do nothing: the system watches whole trees."""

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take one event from watchdog."""
        now_ns = self._clock.now_ns()
        path = os.fsencode(event.src_path)
        directory = event.is_directory
        if event.event_type == "moved":
            self._cookie += 1
            self._deliver(Signal(Act.MOVED_FROM, now_ns, path, directory, self._cookie, now_ns))
            target = os.fsencode(event.dest_path)
            self._deliver(Signal(Act.MOVED_TO, now_ns, target, directory, self._cookie, now_ns))
            return
        act = _ACTS.get(event.event_type)
        if act is None or (directory and act is not Act.DELETE) or self._skip(os.path.dirname(path)):
            return
        self._deliver(Signal(act, now_ns, path, directory, 0, now_ns))
