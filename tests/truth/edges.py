"""The true edges: what a workload's steps read, wrote and piped, by what the kernel saw."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class StepKey(NamedTuple):
    """A program image: the process, and how many images of its own it had before this one."""

    pid: int
    image: int


@dataclass(slots=True)
class Step:
    """One step; ``pids`` are the processes that are part of it, its own first."""

    key: StepKey
    argv: tuple[str, ...]
    parent: StepKey | None
    began: int
    """Position in the log."""
    began_s: float
    """Wall clock."""
    pids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Touch:
    """A read at its open, or a write at its seal.

    ``names`` are all names by which a record may call it, ``name`` the one to print. An edge that
    is not required may be recorded or not: the kernel allows both readings.
    """

    step: StepKey
    name: str
    names: frozenset[str]
    at: int
    required: bool = True
    derived: bool = False
    """True for a write that kept part of what was there before."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Bytes that went from one step to another through a pipe, or could have."""

    source: StepKey
    target: StepKey
    since: int
    """Position of the first write."""
    required: bool = True


@dataclass(slots=True)
class Truth:
    """Everything true about one session. ``anchor`` is the step of the shell that was typed at."""

    steps: dict[StepKey, Step] = field(default_factory=dict)
    reads: list[Touch] = field(default_factory=list)
    writes: list[Touch] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    anchor: StepKey | None = None

    def of_pid(self, pid: int, command: Iterable[str] | None = None) -> list[StepKey]:
        """Return the steps that contain a process.

        Of several, those with this command; else those that the process itself began by exec; else all.
        """
        keys = [key for key, step in self.steps.items() if pid in step.pids]
        if len(keys) < 2:
            return keys
        words = tuple(command or ())
        same = [key for key in keys if words and self.steps[key].argv == words]
        return same or [key for key in keys if key.pid == pid] or keys

    def since(self, began_s: float) -> "Truth":
        """Return the truth about the steps that began at a wall clock time or later, and the shell."""
        steps = {
            key: step for key, step in self.steps.items() if step.began_s >= began_s or key == self.anchor
        }
        return Truth(
            steps=steps,
            reads=[touch for touch in self.reads if touch.step in steps],
            writes=[touch for touch in self.writes if touch.step in steps],
            flows=[flow for flow in self.flows if flow.source in steps and flow.target in steps],
            anchor=self.anchor,
        )

    def read_before(self, write: Touch) -> frozenset[str]:
        """Return what the writing step had opened for reading before this write was sealed."""
        return frozenset(
            touch.name
            for touch in self.reads
            if touch.step == write.step and touch.at < write.at and touch.required
        )

    def text(self, touch: Touch, relation: str) -> str:
        """Return one line about an edge."""
        return f"{touch.step.pid} {relation} {touch.name} ({' '.join(self.steps[touch.step].argv)[:60]})"
