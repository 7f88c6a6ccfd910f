"""Processes as ``psutil`` shows them, for systems without ``/proc``."""

import os
import threading
from collections.abc import Iterable

import psutil

from mlamd.host.processes import Pulse
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey

_MS = 1000


def _session(pid: int) -> int:
    try:
        return os.getsid(pid) if hasattr(os, "getsid") else 0
    except OSError:
        return 0


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid) if hasattr(os, "getpgid") else 0
    except OSError:
        return 0


class PsutilHost:
    """The process table through psutil; ``start`` of a key is in milliseconds since the epoch."""

    def __init__(self) -> None:
        self.boot = f"boot-{int(psutil.boot_time())}"
        self._wake = threading.Event()

    def pids(self) -> Iterable[int]:
        """Return the ids of all processes."""
        return psutil.pids()

    def look(self, pid: int) -> ProcessFacts | None:
        """Look at one process."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                started = process.create_time()
                parent_pid = process.ppid()
                return ProcessFacts(
                    key=ProcessKey(self.boot, pid, int(started * _MS)),
                    parent_pid=parent_pid,
                    parent=self._key(parent_pid),
                    group=_group(pid),
                    session=_session(pid),
                    terminal=_terminal(process),
                    uid=_uid(process),
                    started_ns=int(started * 1e9),
                    name=process.name(),
                    argv=_argv(process),
                    cwd=str(_allowed(process, "cwd", "")),
                    executable=str(_allowed(process, "exe", "")),
                )
        except (psutil.Error, OSError):
            return None

    def _key(self, pid: int) -> ProcessKey | None:
        try:
            return ProcessKey(self.boot, pid, int(psutil.Process(pid).create_time() * _MS)) if pid else None
        except psutil.Error:
            return None

    def pulse(self, pid: int) -> Pulse | None:
        """Look at the signs of life of a process; whether it ran cannot be told."""
        try:
            process = psutil.Process(pid)
            return Pulse(int(process.create_time() * _MS), (process.name(), 0), None)
        except psutil.Error:
            return None

    def held(self, pid: int) -> tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]] | None:
        """Look at the open files of a process; pipes cannot be told."""
        try:
            opened = psutil.Process(pid).open_files()
        except (psutil.Error, OSError):
            return None
        files = []
        for file in opened:
            mode = getattr(file, "mode", "r")
            writes = any(letter in mode for letter in "wa+")
            files.append(HeldFile(os.fsencode(file.path), "r" in mode or "+" in mode, writes))
        return tuple(files), ()

    def watch_exit(self, key: ProcessKey) -> None:
        """Do nothing: only parents learn how a process ended."""

    def exit_code(self, key: ProcessKey) -> int | None:
        """Return None: only parents learn how a process ended."""
        del key
        return None

    def wait(self, timeout_s: float) -> tuple[list[ProcessKey], bool]:
        """Wait for ``wake`` or the time; nobody tells us of ends."""
        woken = self._wake.wait(timeout_s)
        self._wake.clear()
        return [], woken

    def wake(self) -> None:
        """Let ``wait`` return."""
        self._wake.set()

    def close(self) -> None:
        """Do nothing."""


def _allowed(process: psutil.Process, question: str, otherwise: object) -> object:
    try:
        return getattr(process, question)()
    except (psutil.Error, OSError):
        return otherwise


def _argv(process: psutil.Process) -> tuple[str, ...]:
    words = _allowed(process, "cmdline", [])
    return tuple(words) if isinstance(words, list) else ()


def _terminal(process: psutil.Process) -> int:
    return 1 if _allowed(process, "terminal", None) else 0


def _uid(process: psutil.Process) -> int:
    uids = _allowed(process, "uids", None)
    return int(uids.real) if uids is not None and hasattr(uids, "real") else -1
