"""Processes as the operating system shows them."""

from dataclasses import dataclass
from typing import NamedTuple


class ProcessKey(NamedTuple):
    """Identity of a process: pids are recycled, this is not.

    ``start`` is the start time in clock ticks since boot (field 22 of ``/proc/PID/stat``, proc(5)).
    """

    boot: str
    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One look at one process. Text that is not UTF-8 carries surrogate escapes."""

    key: ProcessKey
    parent_pid: int
    parent: ProcessKey | None
    group: int
    session: int
    terminal: int
    """Device number of the controlling terminal, 0 without one."""
    uid: int
    started_ns: int
    """Wall clock, rounded down to the tick (10 ms on most machines)."""
    name: str
    argv: tuple[str, ...]
    cwd: str
    executable: str
    own: bool = False
    """True for the recorder itself."""
    cgroup: str = ""
    """Its control group, where it is in one of its own; "" where nobody looked."""
    container: str = ""
    """The id of the container that the control group is that of."""
    inner_pid: int = 0
    """Its pid in its own pid namespace, 0 if that is ours."""
    variables: tuple[str, ...] = ()
    """Those of its environment that say how it computes, as ``NAME=VALUE``."""
    program: str = ""
    """The path by which it was started: of an interpreter it tells the virtual environment."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A regular file that a process had open at one look at its descriptors."""

    path: bytes
    reads: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class HeldPipe:
    """One end of a pipe or of a connected socket pair; both ends share ``channel``."""

    channel: str
    reads: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class UnfinishedStep:
    """A recorded step of a run that had not ended when the last recorder stopped."""

    step: int
    run: int
    public: str
    key: ProcessKey
    argv: tuple[str, ...]
    started_ns: int
    ended: bool


class LivingRun(NamedTuple):
    """A run of which processes are alive; those that touched no file are among them."""

    run: int
    started_ns: int
    processes: frozenset[ProcessKey]


def lies_below(path: str, root: str) -> bool:
    """Say whether an absolute path is ``root`` or lies below it."""
    return path == root or path.startswith(root + "/") or root == "/"


def concerns(facts: ProcessFacts, roots: tuple[str, ...]) -> bool:
    """Say whether a process works in, or names on its command line, one of the directories."""
    if any(lies_below(facts.cwd, root) for root in roots):
        return True
    return any(root in word for root in roots for word in facts.argv)
