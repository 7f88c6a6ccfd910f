"""Which names count as lineage, and which names one file had over time."""

import itertools
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

IGNORED = frozenset({".git", ".hg", ".svn", ".jj", ".mlamd", ".ipynb_checkpoints"})
ENVIRONMENT = frozenset({"site-packages", "dist-packages", ".venv", "venv", ".conda", "node_modules"})
_SWAP = re.compile(r"^(\..*\.sw[a-px]|.*~|\.#.*|#.*#|4913)$")
_BYTECODE = re.compile(r"^((?:.*/)?)__pycache__/([^/.]+)\.[^/.]+(?:\.opt-\w+)?\.pyc$")
_TEMPORARY = re.compile(r"^(\.|~|tmp)|([.~_-](tmp|temp|part|partial|swp|new|bak)|~)(\W|\d|$)", re.IGNORECASE)


def counts(path: str) -> bool:
    """Say whether a workspace-relative path can be lineage, bytecode left aside."""
    parts = path.split("/")
    if any(part in IGNORED or part in ENVIRONMENT for part in parts[:-1]):
        return False
    return parts[-1] not in IGNORED and not _SWAP.match(parts[-1])


def source_of(path: str) -> str | None:
    """Return ``m.py`` for ``__pycache__/m.cpython-311.pyc``; None for a name of any other form."""
    found = _BYTECODE.match(path)
    return found.group(1) + found.group(2) + ".py" if found else None


def is_bytecode(path: str) -> bool:
    """Say whether a path lies in a bytecode cache."""
    return "__pycache__" in path.split("/")[:-1]


def looks_temporary(path: str, target: str) -> bool:
    """Say whether a file was plainly written only to be renamed to ``target``."""
    name, final = posixpath.basename(path), posixpath.basename(target)
    return bool(_TEMPORARY.search(name)) or final in name


@dataclass(slots=True, eq=False)
class Node:
    """A file, whatever it is called; ``history`` holds (position in the log, name), oldest first."""

    number: int
    history: list[tuple[int, str]] = field(default_factory=list)
    standing: set[str] = field(default_factory=set)
    temporary: set[str] = field(default_factory=set)
    """Names that an atomic save made vanish."""
    created_by: object = None
    """The step that created it while the log ran; None for a file that was there before."""
    written_by: set[object] = field(default_factory=set)

    def current(self, preferred: str) -> str:
        """Return the name that stands now: the preferred one of several, the last one if none is left."""
        if preferred in self.standing or not self.history:
            return preferred
        standing = [name for _, name in self.history if name in self.standing]
        return standing[-1] if standing else self.history[-1][1]

    def names_from(self, position: int, name: str) -> frozenset[str]:
        """Return every name by which a record may call an edge that was made under ``name``."""
        later = {other for since, other in self.history if since > position}
        names = ({name} | later) - self.temporary
        return frozenset(names or {name})


class Namespace:
    """The names below the workspace, as calls change them. Paths are workspace-relative."""

    def __init__(self, files: Iterable[str] = (), directories: Iterable[str] = ()) -> None:
        self._numbers = itertools.count(1)
        self._nodes: dict[str, Node] = {}
        self.directories = {"", *directories}
        for path in files:
            self.node(path, 0)

    def __contains__(self, path: str) -> bool:
        return path in self._nodes

    def node(self, path: str, position: int) -> Node:
        """Return the file at a path; one that is not known begins here."""
        node = self._nodes.get(path)
        if node is None:
            node = Node(next(self._numbers))
            self._name(node, path, position)
        return node

    def _name(self, node: Node, path: str, position: int) -> None:
        self.remove(path)
        self._nodes[path] = node
        node.standing.add(path)
        node.history.append((position, path))

    def rename(self, old: str, new: str, position: int, step: object) -> None:
        """Rename a file, or a directory with all that is in it."""
        if old == new:
            return
        if old in self.directories:
            self._rename_directory(old, new, position)
            return
        node = self._nodes.pop(old, None)
        if node is None:
            self.remove(new)
            self.node(new, position)
            return
        replaces = new in self._nodes
        node.standing.discard(old)
        saved = node.created_by == step and node.written_by <= {step}
        if saved and (replaces or looks_temporary(old, new)):
            node.temporary.add(old)
        self._name(node, new, position)

    def _rename_directory(self, old: str, new: str, position: int) -> None:
        inner = [path for path in self.directories if path == old or path.startswith(old + "/")]
        self.directories.difference_update(inner)
        self.directories.update(new + path[len(old) :] for path in inner)
        for path in [path for path in self._nodes if path.startswith(old + "/")]:
            node = self._nodes.pop(path)
            node.standing.discard(path)
            self._name(node, new + path[len(old) :], position)

    def exchange(self, one: str, other: str, position: int) -> None:
        """Swap two names (``RENAME_EXCHANGE``)."""
        first, second = self._nodes.pop(one, None), self._nodes.pop(other, None)
        for node, was, becomes in ((first, one, other), (second, other, one)):
            if node is not None:
                node.standing.discard(was)
                self._name(node, becomes, position)

    def link(self, old: str, new: str, position: int) -> None:
        """Give a file a further name."""
        self._name(self.node(old, position), new, position)

    def remove(self, path: str) -> None:
        """Take a name away, of a file or of an empty directory."""
        node = self._nodes.pop(path, None)
        if node is not None:
            node.standing.discard(path)
        self.directories.discard(path)
