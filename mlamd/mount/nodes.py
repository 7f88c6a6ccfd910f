"""The table of what the kernel knows by number: each file and directory below the mount, and its path now.

A number is that of the file's inode wherever it can be, so that ``stat`` shows what it shows without us. A
path is kept as parent and name, so that a renamed directory costs nothing for what lies in it.
"""

import os
import stat
import time
from os import stat_result

ROOT = 1
_STRANGE = 1 << 62
"""Numbers from here on are ours: for files of other filesystems below, and inode 1."""


class Node:
    """A file that the kernel has been told of; without ``parent`` it has no name any more."""

    __slots__ = (
        "changing",
        "descriptors",
        "digested",
        "directory",
        "epoch",
        "generation",
        "identity",
        "kept",
        "known",
        "lookups",
        "mtime_ns",
        "name",
        "number",
        "others",
        "parent",
        "settled",
        "size",
        "told_s",
        "uncapable",
        "unkept",
        "writers",
    )

    def __init__(
        self,
        number: int,
        generation: int,
        identity: tuple[int, int],
        parent: "Node | None",
        name: bytes,
        *,
        directory: bool,
    ) -> None:
        self.number = number
        self.directory = directory
        self.generation = generation
        self.identity = identity
        self.parent = parent
        self.name = name
        self.others: dict[tuple[int, bytes], Node] | None = None
        """Further names of a file with several: by number of the directory and name, the directory."""
        self.lookups = 0
        self.size = 0
        """Its size, as far as the kernel knows."""
        self.told_s = time.monotonic()
        self.writers = 0
        """How many handles are open for writing: meanwhile the kernel knows more than we do."""
        self.mtime_ns = 0
        """When it was modified last, as far as the kernel has been told or has told us."""
        self.descriptors: list[int] = []
        """What is open of it: a way to reach it when it has no name."""
        self.settled = True
        """False if the file may have another time of modification than ``mtime_ns``, as it was changed."""
        self.changing = 0
        """The handle through which its content was changed last, 0 for none."""
        self.uncapable = False
        """True if it has no ``security.capability``: the kernel asks for that at each change."""
        self.kept = -1
        """A descriptor of what has lost its last name (``O_PATH``), -1 if it has one."""
        self.unkept: tuple[int, int] | None = None
        """Size and time of the content that somebody has read, and of which no digest is known."""
        self.digested = (-1, -1)
        """Size and time of the content of which a digest is known."""
        self.known = b""
        self.epoch = -1


class Nodes:
    """All nodes; for one thread."""

    def __init__(self, device: int, root: tuple[int, int]) -> None:
        self._device = device
        self._epoch = 0
        self._generations = 0
        self._strange = _STRANGE
        self.root = Node(ROOT, 0, root, None, b"", directory=True)
        self.root.lookups = 1
        self._by_number: dict[int, Node] = {ROOT: self.root}
        self._by_identity: dict[tuple[int, int], Node] = {root: self.root}

    def __len__(self) -> int:
        return len(self._by_number)

    def __getitem__(self, number: int) -> Node:
        return self._by_number[number]

    def path(self, node: Node) -> bytes | None:
        """Return the path of a node relative to the root, None if it has no name any more."""
        above: list[Node] = []
        while node.epoch != self._epoch:
            if node is self.root:
                node.known, node.epoch = b".", self._epoch
            elif node.parent is None:
                return None
            else:
                above.append(node)
                node = node.parent
        path = node.known
        for node in reversed(above):
            path = node.name if path == b"." else path + b"/" + node.name
            node.known, node.epoch = path, self._epoch
        return path

    def found(self, parent: Node, name: bytes, status: stat_result) -> Node:
        """Return the node of what stands at a name, and note that it stands there."""
        identity = (status.st_dev, status.st_ino)
        node = self._by_identity.get(identity)
        if node is None:
            return self._made(parent, name, status)
        if node.parent is parent and node.name == name:
            return node
        if node.parent is None:
            if node is self.root:
                return node
            node.parent, node.name = parent, name
            node.epoch = -1
        elif status.st_nlink > 1 and not node.directory:
            if node.others is None:
                node.others = {}
            node.others[parent.number, name] = parent
        else:  # it was moved behind our back
            self._put(node, parent, name)
        return node

    def _made(self, parent: Node, name: bytes, status: stat_result) -> Node:
        identity = device, inode = status.st_dev, status.st_ino
        number = inode
        if device != self._device or inode == ROOT or inode >= _STRANGE or inode in self._by_number:
            self._strange += 1
            number = self._strange
        self._generations += 1
        directory = stat.S_ISDIR(status.st_mode)
        node = Node(number, self._generations, identity, parent, name, directory=directory)
        node.mtime_ns, node.size = status.st_mtime_ns, status.st_size
        self._by_number[number] = self._by_identity[identity] = node
        return node

    def _put(self, node: Node, parent: Node, name: bytes) -> None:
        node.parent, node.name = parent, name
        node.epoch = -1
        if node.directory:
            self._epoch += 1

    def of(self, status: stat_result) -> Node | None:
        """Return the node of a file, if the kernel knows it."""
        return self._by_identity.get((status.st_dev, status.st_ino))

    def renew(self, node: Node) -> None:
        """Let the file be another one for the kernel when it is looked up next: what it knows is not true."""
        if self._by_identity.get(node.identity) is node:
            del self._by_identity[node.identity]

    def with_identity(self, device: int, inode: int) -> Node | None:
        """Return the node of a file by its device and inode, if the kernel knows it."""
        return self._by_identity.get((device, inode))

    def unnamed(self, node: Node, parent: Node, name: bytes) -> None:
        """Note that a name was removed."""
        if node.others is not None:
            node.others.pop((parent.number, name), None)
        if not (node.parent is parent and node.name == name):
            return
        node.epoch = -1
        if node.others:
            (_, node.name), node.parent = node.others.popitem()
            return
        node.parent = None

    def moved(self, node: Node, source: tuple[Node, bytes], target: tuple[Node, bytes]) -> None:
        """Note that a name of a node became another one."""
        if node.others is not None and node.others.pop((source[0].number, source[1]), None) is not None:
            node.others[target[0].number, target[1]] = target[0]
            return
        self._put(node, *target)

    def forget(self, number: int, lookups: int) -> None:
        """Note that the kernel has forgotten a node so many times."""
        node = self._by_number.get(number)
        if node is None or node is self.root:
            return
        node.lookups -= lookups
        if node.lookups <= 0 and not node.descriptors:
            self.drop(node)

    def drop(self, node: Node) -> None:
        """Forget a node that the kernel has forgotten."""
        if node.kept >= 0:
            os.close(node.kept)
            node.kept = -1
        self._by_number.pop(node.number, None)
        if self._by_identity.get(node.identity) is node:
            del self._by_identity[node.identity]
