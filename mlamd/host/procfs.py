"""Processes as ``/proc`` shows them. Sources: proc_pid_stat(5), proc_pid_fdinfo(5), pidfd_open(2)."""

import os
import stat
import time
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from mlamd.host.containers import cgroup_of, container_in
from mlamd.host.exits import ExitWatch
from mlamd.host.processes import Pulse
from mlamd.host.sockets import unix_peers
from mlamd.masking.environment import is_kept
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_MOST_DESCRIPTORS = 1024
_MANY_DESCRIPTORS = 256
_ACCESS = 0o3


def read(path: str) -> bytes:
    """Return the content of a small file of ``/proc``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 17)
    finally:
        os.close(descriptor)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


class ProcFs:
    """The process table of this machine; ``root`` is another ``/proc`` in tests."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self.boot = _text(read(f"{root}/sys/kernel/random/boot_id")).strip()
        self._boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._exits = ExitWatch()

    def pids(self) -> Iterable[int]:
        """Return the ids of all processes."""
        if self._root == "/proc":
            return psutil.pids()
        return [int(name) for name in os.listdir(self._root) if name.isdigit()]

    def _stat(self, pid: int) -> tuple[str, list[bytes]] | None:
        """Return the name and the fields from the third on ("state" is the first)."""
        try:
            data = read(f"{self._root}/{pid}/stat")
        except OSError:
            return None
        open_, close = data.find(b"("), data.rfind(b")")
        fields = data[close + 2 :].split()
        return (_text(data[open_ + 1 : close]), fields) if len(fields) > 20 else None

    def look(self, pid: int) -> ProcessFacts | None:
        """Look at one process; what it may not be asked (cwd, program) is empty."""
        found = self._stat(pid)
        if found is None:
            return None
        name, fields = found
        base = f"{self._root}/{pid}"
        try:
            uid = os.stat(base).st_uid  # first, as in look_at_image
            argv = read(f"{base}/cmdline")
        except OSError:
            return None
        start = int(fields[19])
        parent_pid = int(fields[1])
        parent = self._stat(parent_pid) if parent_pid else None
        return ProcessFacts(
            key=ProcessKey(self.boot, pid, start),
            parent_pid=parent_pid,
            parent=None if parent is None else ProcessKey(self.boot, parent_pid, int(parent[1][19])),
            group=int(fields[2]),
            session=int(fields[3]),
            terminal=int(fields[4]),
            uid=uid,
            started_ns=self._boot_ns + start * (1_000_000_000 // _TICKS),
            name=name,
            argv=tuple(_text(word) for word in argv.rstrip(b"\0").split(b"\0")) if argv else (),
            cwd=_link(f"{base}/cwd"),
            executable=_link(f"{base}/exe").removesuffix(" (deleted)"),
            **_environment(base, argv),
        )

    def threads(self, pid: int) -> int:
        """Return how many threads a process has, at least 1."""
        found = self._stat(pid)
        return max(1, int(found[1][17])) if found is not None else 1

    def start_of(self, monotonic_ns: int) -> tuple[int, int]:
        """Return the start, as in a key, and wall clock of a process that was forked at a monotonic time.

        The kernel takes the start time some microseconds before it tells of the fork: a tick can lie between.
        """
        boot_ns = monotonic_ns + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        return boot_ns * _TICKS // 1_000_000_000, self._boot_ns + boot_ns

    def container(self, pid: int) -> tuple[str, str, int]:
        """Return control group, container id and pid in its own namespace; see ``ProcessFacts``."""
        base = f"{self._root}/{pid}"
        try:
            cgroup = cgroup_of(_text(read(f"{base}/cgroup")))
            status = read(f"{base}/status")
        except OSError:
            return "", "", 0
        place = status.find(b"\nNSpid:")
        inner = status[place:].split(b"\n", 2)[1].split()[1:] if place >= 0 else []
        return cgroup, container_in(cgroup), int(inner[-1]) if len(inner) > 1 else 0

    def opened(self, pid: int, paths: Collection[bytes]) -> tuple[HeldFile, ...]:
        """Return those of some files that a process has open now; none where it has very many."""
        base = f"{self._root}/{pid}"
        try:
            numbers = os.listdir(f"{base}/fd")
        except OSError:
            return ()
        found = []
        for number in numbers if len(numbers) <= _MANY_DESCRIPTORS else ():
            path = os.fsencode(_link(f"{base}/fd/{number}"))
            if path in paths:
                found.append(HeldFile(path, *_access(base, number)))
        return tuple(found)

    def mapped(self, pid: int) -> frozenset[bytes]:
        """Return the files that a process has in its memory. Source: proc_pid_maps(5)."""
        try:
            with open(f"{self._root}/{pid}/maps", "rb") as lines:
                return frozenset(line[line.index(b"/") : -1] for line in lines if b"/" in line)
        except OSError:
            return frozenset()

    def pulse(self, pid: int) -> Pulse | None:
        """Look at the signs of life of a process.

        ``image`` holds the name and the address of the arguments, both of which an exec changes.
        ``ran`` is the processor time in nanoseconds of a process with one thread (schedstat).
        """
        found = self._stat(pid)
        if found is None:
            return None
        name, fields = found
        ran: int | None = None
        if fields[17] == b"1":
            try:
                ran = int(read(f"{self._root}/{pid}/schedstat").split()[0])
            except (OSError, ValueError, IndexError):
                ran = None
        arguments = int(fields[45]) if len(fields) > 45 else 0
        ended = None
        if fields[0] in {b"Z", b"X"} and len(fields) > 49:
            ended = os.waitstatus_to_exitcode(int(fields[49]))
        return Pulse(int(fields[19]), (name, arguments), ran, int(fields[8]), ended)

    def held(self, pid: int) -> tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]] | None:
        """Look at the descriptors of a process: regular files by path, pipes and socket pairs."""
        base = f"{self._root}/{pid}"
        try:
            numbers = os.listdir(f"{base}/fd")
        except OSError:
            return None
        files: list[HeldFile] = []
        pipes: list[HeldPipe] = []
        for number in numbers[:_MOST_DESCRIPTORS]:
            target = _link(f"{base}/fd/{number}")
            if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
                reads, writes = _access(base, number)
                if not _is_no_file(f"{base}/fd/{number}"):
                    files.append(HeldFile(os.fsencode(target), reads, writes))
            elif target.startswith("pipe:["):
                reads, writes = _access(base, number)
                pipes.append(HeldPipe(target, reads, writes))
            elif target.startswith("socket:["):
                pipes += self._socket(int(target[8:-1]))
        return tuple(files), tuple(pipes)

    def _socket(self, inode: int) -> list[HeldPipe]:
        """Name a connected socket pair by its lower inode, and its two directions apart."""
        peer = unix_peers().get(inode)
        if peer is None:
            return []
        low, high = sorted((inode, peer))
        up, down = f"socket:[{low}>{high}]", f"socket:[{high}>{low}]"
        mine, theirs = (up, down) if inode == low else (down, up)
        return [HeldPipe(mine, reads=False, writes=True), HeldPipe(theirs, reads=True, writes=False)]

    def watch_exit(self, key: ProcessKey) -> None:
        """Hold a pidfd of the process, as far as descriptors allow."""
        self._exits.watch(key)

    def exit_code(self, key: ProcessKey) -> int | None:
        """Return the exit code from the zombie or, if it was reaped already, from the pidfd."""
        pulse = self.pulse(key.pid)
        if pulse is not None and pulse.start == key.start and pulse.ended is not None:
            code: int | None = pulse.ended
        else:
            code = self._exits.exit_code(key)
        self._exits.drop(key)
        return code

    def wait(self, timeout_s: float) -> tuple[list[ProcessKey], bool]:
        """Wait on the pidfds."""
        return self._exits.wait(timeout_s)

    def wake(self) -> None:
        """Let ``wait`` return."""
        self._exits.wake()

    def close(self) -> None:
        """Close the pidfds."""
        self._exits.close()


def look_at_image(pid: int) -> list[object] | None:
    """Look at the program that a process has just begun; what is gone first is read first.

    Whose it is comes before that: a process that becomes another user's and execs had other arguments before.

    Returns command line, executable and directory (bytes), the targets of the standard descriptors, uid,
    name, group, session and terminal, None in the place of what could not be read; None if the command
    line is gone already. Then the variables and the path by which it was started, as in ``ProcessFacts``.
    """
    base = f"/proc/{pid}"
    try:
        uid = os.stat(base).st_uid  # first: see below
        argv = read(f"{base}/cmdline")
    except OSError:
        return None
    if not argv:
        return None
    executable = os.fsencode(_link(f"{base}/exe").removesuffix(" (deleted)"))
    cwd = os.fsencode(_link(f"{base}/cwd"))
    standard = [_link(f"{base}/fd/{number}") for number in range(3)]
    try:
        data = read(f"{base}/stat")
    except OSError:
        return [argv, executable, cwd, standard, uid, None, None, None, None, [], b""]
    open_, close = data.find(b"("), data.rfind(b")")
    fields = data[close + 2 :].split(b" ", 6)
    return [
        argv,
        executable,
        cwd,
        standard,
        uid,
        _text(data[open_ + 1 : close]),
        *(int(field) for field in fields[2:5]),
        *environment_of(base, argv),
    ]


def environment_of(base: str, argv: bytes) -> tuple[list[bytes], bytes]:
    """Return the variables of a process that say how it computes, and the path by which it was started.

    Source: proc_pid_environ(5); of the search path, execvp(3).
    """
    try:
        variables = read(f"{base}/environ").split(b"\0")
    except OSError:
        return [], argv.partition(b"\0")[0]
    kept = [variable for variable in variables if _is_kept(variable.partition(b"=")[0])]
    return kept, _found(argv.partition(b"\0")[0], variables)


@lru_cache(maxsize=8192)
def _is_kept(name: bytes) -> bool:
    return is_kept(_text(name))


def _found(first: bytes, variables: list[bytes]) -> bytes:
    """Return the path of an interpreter that was started by its name; of other programs the name will do."""
    if b"/" in first or not first.startswith((b"python", b"pypy", b"ipython")):
        return first
    path = next((variable[5:] for variable in variables if variable.startswith(b"PATH=")), b"")
    for directory in path.split(b":"):
        program = directory + b"/" + first
        if directory.startswith(b"/") and os.access(program, os.X_OK):
            return program
    return first


def _environment(base: str, argv: bytes) -> dict[str, Any]:
    variables, program = environment_of(base, argv)
    return {"variables": tuple(_text(variable) for variable in variables), "program": _text(program)}


def parent_of(process: int) -> int:
    """Return the parent of a process, 0 if it is gone or has none."""
    try:
        data = read(f"/proc/{process}/stat")
        return int(data[data.rfind(b")") + 2 :].split(b" ", 2)[1])
    except (OSError, ValueError, IndexError):
        return 0


def ends_of(process: int, channels: Collection[str]) -> list[list[object]]:
    """Return the ends of some pipes that the parent of a process holds: channel, reads, writes."""
    base = f"/proc/{parent_of(process)}"
    try:
        numbers = os.listdir(f"{base}/fd")
    except OSError:
        return []
    links = ((number, _link(f"{base}/fd/{number}")) for number in numbers[:_MOST_DESCRIPTORS])
    return [[link, *_access(base, number)] for number, link in links if link in channels]


def _is_no_file(link: str) -> bool:
    """Say whether a descriptor is that of a directory, or was closed since it was listed."""
    try:
        return stat.S_ISDIR(os.stat(link).st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _access(base: str, number: str) -> tuple[bool, bool]:
    """Say whether a descriptor is open for reading, and for writing."""
    try:
        data = read(f"{base}/fdinfo/{number}")
        flags = int(data[data.index(b"flags:") + 6 :].split(maxsplit=1)[0], 8)
    except (OSError, ValueError):
        return False, False
    mode = flags & _ACCESS
    return mode in {os.O_RDONLY, os.O_RDWR}, mode in {os.O_WRONLY, os.O_RDWR}


def exists(pid: int) -> bool:
    """Say whether a process has this id now."""
    return Path(f"/proc/{pid}").exists()
