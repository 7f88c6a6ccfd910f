"""Open file descriptions, pipes and processes, as far as edges need them."""

from dataclasses import dataclass, field

from tests.truth.edges import StepKey
from tests.truth.names import Node


@dataclass(slots=True, eq=False)
class Mark:
    """A read or write of a file by a step, before its final names are known."""

    step: StepKey
    node: Node
    name: str
    at: int
    required: bool
    derived: bool = False


@dataclass(slots=True, eq=False)
class OpenFile:
    """An open file description of a workspace file: what dup, fork and exec share."""

    node: Node
    name: str
    opener: int
    """The process that opened it."""
    reads: bool
    writes: bool
    fresh: bool
    """True if this open created or truncated the file."""
    credit: StepKey | None
    """The step that created or truncated the file, as long as nobody took the descriptor over."""
    moves: int = 0
    """How many programs took the credit over by exec in the process that opened."""
    mark: Mark | None = None
    """The read edge that was made at open."""
    readers: set[StepKey] = field(default_factory=set)
    writers: set[StepKey] = field(default_factory=set)
    holders: set[StepKey] = field(default_factory=set)
    references: int = 0

    def sealed(self, at: int) -> list[Mark]:
        """Return the write edges that the last close makes; none if nothing changed.

        Who wrote data wrote the file. Who made or emptied it did too, except where a shell made it
        for a program that it became (``> file``): then that program did, if nobody wrote data.
        """
        if not self.writers and self.credit is None:
            return []
        name = self.node.current(self.name)
        required = dict.fromkeys(self.writers, True)
        if self.credit is not None and self.credit not in required:
            required[self.credit] = self.moves == 0 or (self.moves == 1 and not self.writers)
        for holder in self.holders:
            required.setdefault(holder, False)
        return [Mark(step, self.node, name, at, must, not self.fresh) for step, must in required.items()]


@dataclass(slots=True, eq=False)
class Pipe:
    """A pipe: who held which end, who put bytes in (since when), who took bytes out (until when)."""

    sources: dict[StepKey, int] = field(default_factory=dict)
    sinks: dict[StepKey, int] = field(default_factory=dict)
    in_hands: set[StepKey] = field(default_factory=set)
    out_hands: set[StepKey] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class PipeEnd:
    """An open end of a pipe."""

    pipe: Pipe
    writes: bool

    def hold(self, step: StepKey) -> None:
        """Take note that a step has this end."""
        (self.pipe.in_hands if self.writes else self.pipe.out_hands).add(step)


Description = OpenFile | PipeEnd


@dataclass(slots=True, eq=False)
class Process:
    """A thread group. ``files`` maps descriptor numbers to (description, close on exec)."""

    pid: int
    step: StepKey
    cwd: str
    threads: set[int]
    files: dict[int, tuple[Description, bool]] = field(default_factory=dict)
    mappings: dict[int, OpenFile] = field(default_factory=dict)
    """Shared writable mappings by address: they keep a file open after its close."""

    def fork(self, pid: int) -> "Process":
        """Return a child that runs the same image with the same descriptors."""
        child = Process(pid, self.step, self.cwd, {pid}, dict(self.files), dict(self.mappings))
        for description, _ in child.files.values():
            if isinstance(description, OpenFile):
                description.references += 1
        for mapped in child.mappings.values():
            mapped.references += 1
        return child
