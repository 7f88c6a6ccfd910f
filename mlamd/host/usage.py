"""What living processes use: through ``/proc`` on Linux, through ``psutil`` elsewhere.

psutil takes seven times as long for the same on Linux: it reads four files, we need two.
"""

import os
import sys
import time
from collections.abc import Collection
from typing import NamedTuple, Protocol

import psutil

from mlamd.model.processes import ProcessKey

if sys.platform == "linux":
    from mlamd.host.procfs import read

_SLACK_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_TICK_US = 1_000_000 // _TICKS
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class ProcessUsage(NamedTuple):
    """One look at one living process. Times and bytes are totals since it began.

    ``children_user_us`` and ``children_system_us`` are those of children that ended and were waited for.
    ``read_bytes`` and ``written_bytes`` went from and to storage, on Linux by waited-for children too;
    they are 0 where the system does not tell.
    """

    parent_pid: int
    user_us: int
    system_us: int
    children_user_us: int
    children_system_us: int
    threads: int
    rss_bytes: int
    read_bytes: int
    written_bytes: int


class UsageHost(Protocol):
    """What the sampler asks about processes. None for what is gone or not ours to read."""

    def look(self, key: ProcessKey) -> ProcessUsage | None:
        """Look at what a process has used."""
        ...

    def pss(self, key: ProcessKey) -> int | None:
        """Return its proportional set size in bytes: a page that n processes share counts 1/n; slow."""
        ...

    def keep(self, keys: Collection[ProcessKey]) -> None:
        """Forget all other processes."""
        ...

    def spent_ns(self) -> int:
        """Return the processor time that the calling thread has used."""
        ...


def usage_host() -> UsageHost:
    """Return what this machine offers."""
    return ProcUsage() if sys.platform == "linux" else PsutilUsage()


class ProcUsage:
    """Reads ``stat``, ``io`` and ``smaps_rollup`` of ``/proc/PID`` (proc_pid_stat(5), proc_pid_io(5)).

    The start time in ``stat`` says that a pid still belongs to the same process.
    """

    def look(self, key: ProcessKey) -> ProcessUsage | None:
        """Look at what a process has used."""
        try:
            data = read(f"/proc/{key.pid}/stat")
            fields = data[data.rfind(b")") + 2 :].split()
            if int(fields[19]) != key.start or fields[0] in {b"Z", b"X"}:
                return None
            user, system, children_user, children_system = (int(ticks) * _TICK_US for ticks in fields[11:15])
            parent_pid, threads, resident = int(fields[1]), int(fields[17]), int(fields[21]) * _PAGE
        except (OSError, ValueError, IndexError):
            return None
        read_bytes, written_bytes = self._transferred(key.pid)
        return ProcessUsage(
            parent_pid,
            user,
            system,
            children_user,
            children_system,
            threads,
            resident,
            read_bytes,
            written_bytes,
        )

    def _transferred(self, pid: int) -> tuple[int, int]:
        """Return bytes read and written; another user's are not ours to read."""
        try:
            words = read(f"/proc/{pid}/io").split()
            return int(words[9]), int(words[11])
        except (OSError, ValueError, IndexError):
            return 0, 0

    def pss(self, key: ProcessKey) -> int | None:
        """Return the proportional set size."""
        try:
            words = read(f"/proc/{key.pid}/smaps_rollup").split()
            return int(words[words.index(b"Pss:") + 1]) * 1024
        except (OSError, ValueError, IndexError):
            return None

    def keep(self, keys: Collection[ProcessKey]) -> None:
        """Do nothing: nothing is kept."""
        del keys

    def spent_ns(self) -> int:
        """Return the processor time that the calling thread has used."""
        return time.thread_time_ns()


class PsutilUsage:
    """Asks psutil. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._processes: dict[ProcessKey, psutil.Process] = {}

    def _process(self, key: ProcessKey) -> psutil.Process | None:
        """Return the process with this identity; a pid that belongs to another one by now is none."""
        known = self._processes.get(key)
        if known is None:
            known = psutil.Process(key.pid)
            if abs(known.create_time() - _began(key)) > _SLACK_S:
                return None
            self._processes[key] = known
        return known

    def look(self, key: ProcessKey) -> ProcessUsage | None:
        """Look at what a process has used."""
        try:
            process = self._process(key)
            if process is None:
                return None
            with process.oneshot():
                times = process.cpu_times()
                resident = process.memory_info().rss
                threads = process.num_threads()
                parent_pid = process.ppid()
            read_bytes, written_bytes = _transferred(process)
        except (psutil.Error, OSError):
            return None
        return ProcessUsage(
            parent_pid,
            _us(times.user),
            _us(times.system),
            _us(getattr(times, "children_user", 0.0)),
            _us(getattr(times, "children_system", 0.0)),
            threads,
            resident,
            read_bytes,
            written_bytes,
        )

    def pss(self, key: ProcessKey) -> int | None:
        """Return the proportional set size, None where the system does not know it."""
        try:
            process = self._process(key)
            return None if process is None else getattr(process.memory_full_info(), "pss", None)
        except (psutil.Error, OSError):
            return None

    def keep(self, keys: Collection[ProcessKey]) -> None:
        """Forget all other processes."""
        for key in [key for key in self._processes if key not in keys]:
            del self._processes[key]

    def spent_ns(self) -> int:
        """Return the processor time that the calling thread has used."""
        return time.thread_time_ns()


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _began(key: ProcessKey) -> float:
    """Return the start time of a key in seconds since the epoch; see ``PsutilHost`` and ``ProcessKey``."""
    if psutil.LINUX:
        return psutil.boot_time() + key.start / _TICKS
    return key.start / 1000


def _transferred(process: psutil.Process) -> tuple[int, int]:
    """Return bytes read and written; another user's are not ours to read."""
    if not hasattr(process, "io_counters"):
        return 0, 0
    try:
        counters = process.io_counters()
    except (psutil.Error, OSError, NotImplementedError):
        return 0, 0
    return counters.read_bytes, counters.write_bytes
