"""The processes that are, or were lately, alive, and those of them that may have touched a file."""

from collections import deque

from mlamd.attribution.roles import Role
from mlamd.attribution.state import Process
from mlamd.model.processes import ProcessKey, concerns

_NEVER = frozenset({Role.RECORDER, Role.ANCHOR})


class People:
    """``everybody`` and, of them, the ``candidates``: who has to do with the recorded directories."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self.everybody: dict[ProcessKey, Process] = {}
        self.candidates: dict[ProcessKey, Process] = {}
        self._hidden: deque[tuple[int, int]] = deque(maxlen=256)

    def had_hidden_child(self, key: ProcessKey, from_ns: int, to_ns: int) -> None:
        """Take note that a process had a child in this time which nobody has seen."""
        process = self.candidates.get(key)
        if process is not None and process.role is not Role.MLAMD:
            self._hidden.append((from_ns, to_ns))

    def may_have_hidden(self, from_ns: int, to_ns: int) -> bool:
        """Say whether somebody unseen may have been there at a time."""
        return any(begin <= to_ns and end >= from_ns for begin, end in self._hidden)

    def add(self, process: Process) -> None:
        """Take in a process, or that it has become another program."""
        self.everybody[process.key] = process
        if process.role not in _NEVER and concerns(process.facts, self._roots):
            self.candidates[process.key] = process
        else:
            self.candidates.pop(process.key, None)

    def drop(self, process: Process) -> None:
        """Forget a process that has ended."""
        self.everybody.pop(process.key, None)
        self.candidates.pop(process.key, None)
