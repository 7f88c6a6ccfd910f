"""The port to the process table, and the choice of what stands behind it on this machine."""

import sys
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey


class ProcessHost(Protocol):
    """What the recorder asks about processes. None or empty for what is gone or not ours to read."""

    boot: str
    """Identity of this boot of the machine."""

    def pids(self) -> Iterable[int]:
        """Return the ids of all processes."""
        ...

    def look(self, pid: int) -> ProcessFacts | None:
        """Look at one process."""
        ...

    def pulse(self, pid: int) -> "Pulse | None":
        """Look at the few things that change while a process lives; much cheaper than ``look``."""
        ...

    def held(self, pid: int) -> tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]] | None:
        """Look at the descriptors of a process."""
        ...

    def watch_exit(self, key: ProcessKey) -> None:
        """Prepare to learn when and how a process ends, while it lives."""
        ...

    def exit_code(self, key: ProcessKey) -> int | None:
        """Return how a process ended (negative for a signal), None where nobody can tell; forget it."""
        ...

    def wait(self, timeout_s: float) -> tuple[list[ProcessKey], bool]:
        """Wait for the end of a watched process, for ``wake`` or for the time.

        Returns who ended since the last call, as far as the system tells, and whether ``wake`` was called.
        """
        ...

    def wake(self) -> None:
        """Let ``wait`` return; may be called from any thread."""
        ...

    def close(self) -> None:
        """Give back what the system lent."""
        ...


class Pulse(NamedTuple):
    """Signs of life of one process."""

    start: int
    """Start time as in ``ProcessKey``."""
    image: tuple[str, int]
    """Changes when the process replaces its program."""
    ran: int | None
    """Changes when the process has run on a processor; None if that cannot be told."""
    reaped: int = 0
    """Changes when the process has waited for a child that ended."""
    ended: int | None = None
    """The exit code of a process that ended and was not reaped yet, as in ``exit_code``."""


def process_host() -> ProcessHost:
    """Return the best process table that this machine offers."""
    return _proc() if sys.platform == "linux" else _other()


def _proc() -> ProcessHost:
    from mlamd.host.procfs import ProcFs  # noqa: PLC0415  (Linux only)

    return ProcFs()


def _other() -> ProcessHost:
    from mlamd.host.portable import PsutilHost  # noqa: PLC0415  (psutil takes 20 ms to import)

    return PsutilHost()
