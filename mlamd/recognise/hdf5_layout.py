"""The layout of HDF5 files: groups, and of datasets and attributes what describes them. No data is read.

Written after the HDF5 file format specification, version 3. Attributes of an object that has very many are
not read where the newest layout keeps them in a heap; ``partial`` says so.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Reader, RecogniseError
from mlamd.recognise.hdf5_heap import NOWHERE, Heap, link, links_in
from mlamd.recognise.hdf5_types import Type, space, type_of

MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS = 4_000
_MOST_MESSAGES = 40_000
_MOST_ATTRIBUTE = 2 << 20
_SPACE, _LINK_INFO, _TYPE, _LINK, _ATTRIBUTE, _MORE, _TABLE, _ATTRIBUTES = 1, 2, 3, 6, 12, 16, 17, 21


@dataclass(slots=True)
class Node:
    """A group or a dataset: a dataset has a type and a shape. Attributes are those of the root only."""

    path: str
    type: Type | None = None
    shape: tuple[int, ...] = ()
    attributes: dict[str, object] = field(default_factory=dict)
    links: dict[str, int] = field(default_factory=dict)


class Layout:
    """Goes through a file from its root. Bounded in objects and in messages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._messages = _MOST_MESSAGES
        self._base = 0
        self._root = self._superblock()
        self._heaps: dict[int, bytes] = {}
        self.partial = False

    def walk(self) -> Iterator[Node]:
        """Yield every object once, parents first. ``path`` is like ``/a/b``."""
        waiting = [("/", self._root)]
        seen = {self._root}
        for _ in range(MOST_OBJECTS):
            if not waiting:
                return
            path, place = waiting.pop()
            node = self._object(path, place)
            yield node
            for name, where in reversed(node.links.items()):
                if where not in seen:
                    seen.add(where)
                    waiting.append((f"{path.rstrip('/')}/{name}", where))
        self.partial = self.partial or bool(waiting)

    def _superblock(self) -> int:
        cursor = Cursor(self._reader, 8, block=256)
        version = cursor.byte()
        if version in {0, 1}:
            cursor.skip(4)
            sizes = cursor.take(2)
            cursor.skip(9 if version == 0 else 13)
            self._base = cursor.u64()
            cursor.skip(24 + 8)
        elif version in {2, 3}:
            sizes = cursor.take(2)
            cursor.skip(1)
            self._base = cursor.u64()
            cursor.skip(16)
        else:
            raise RecogniseError(f"superblock of version {version}")
        if sizes != b"\x08\x08":
            raise RecogniseError("addresses of an unusual size")
        return cursor.u64()

    def _cursor(self, place: int, block: int = 1_024) -> Cursor:
        return Cursor(self._reader, self._base + place, block=block)

    def _object(self, path: str, place: int) -> Node:
        node = Node(path)
        for kind, data in self._object_messages(place):
            try:
                self._message(node, kind, data)
            except (struct.error, IndexError) as error:
                raise RecogniseError("a description is too short") from error
        return node

    def _object_messages(self, place: int) -> Iterator[tuple[int, bytes]]:
        cursor = self._cursor(place)
        head = cursor.take(4)
        if head == b"OHDR":
            cursor.skip(1)
            flags = cursor.byte()
            cursor.skip((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
            size = int.from_bytes(cursor.take(1 << (flags & 3)), "little")
            yield from self._new_messages(cursor, size, flags)
        elif head[0] == 1:
            cursor.skip(4)
            size = cursor.u32()
            cursor.skip(4)
            yield from self._old_messages(cursor, size)
        else:
            raise RecogniseError("an object of an unknown version")

    def _old_messages(self, cursor: Cursor, size: int) -> Iterator[tuple[int, bytes]]:
        waiting = [(cursor, size)]
        while waiting:
            cursor, size = waiting.pop()
            end = cursor.at + size
            while cursor.at + 8 <= end:
                self._count()
                kind, length = cursor.u16(), cursor.u16()
                cursor.skip(4)
                data = cursor.take(length)
                if kind == _MORE and length >= 16:
                    where, much = struct.unpack_from("<2Q", data)
                    waiting.append((self._cursor(where), much))
                else:
                    yield kind, data

    def _new_messages(self, cursor: Cursor, size: int, flags: int) -> Iterator[tuple[int, bytes]]:
        waiting = [(cursor, size)]
        between = 2 if flags & 4 else 0
        while waiting:
            cursor, size = waiting.pop()
            end = cursor.at + size
            while cursor.at + 4 + between <= end:
                self._count()
                kind, length = cursor.byte(), cursor.u16()
                cursor.skip(1 + between)
                data = cursor.take(length)
                if kind == _MORE and length >= 16:
                    where, much = struct.unpack_from("<2Q", data)
                    inner = self._cursor(where)
                    inner.skip(4)
                    waiting.append((inner, much - 8))
                else:
                    yield kind, data

    def _count(self) -> None:
        self._messages -= 1
        if self._messages < 0:
            raise RecogniseError("too many parts")

    def _message(self, node: Node, kind: int, data: bytes) -> None:
        if kind == _SPACE:
            node.shape = space(data)
        elif kind == _TYPE:
            node.type = type_of(data)
        elif kind == _LINK:
            name, where, _ = link(data)
            if where:
                node.links[name] = where
        elif kind == _LINK_INFO:
            heap = struct.unpack_from("<Q", data, 10 if data[1] & 1 else 2)[0]
            if heap != NOWHERE:
                self._dense(node, heap)
        elif kind == _TABLE:
            tree, heap = struct.unpack_from("<2Q", data)
            self._symbols(node, tree, self._local_heap(heap))
        elif kind == _ATTRIBUTES:
            heap = struct.unpack_from("<Q", data, 4 if data[1] & 1 else 2)[0]
            self.partial = self.partial or heap != NOWHERE
        elif kind == _ATTRIBUTE and node.path == "/" and len(node.attributes) < 200:
            name, value = self._attribute(data)
            node.attributes[name] = value

    def _dense(self, node: Node, place: int) -> None:
        """Read the links of a group that has many."""
        heap = Heap(self._reader, self._base, place)
        for block in heap.blocks():
            for name, where in links_in(block):
                self._count()
                node.links[name] = where
        self.partial = self.partial or len(node.links) < heap.objects

    def _local_heap(self, place: int) -> bytes:
        cursor = self._cursor(place)
        if cursor.take(4) != b"HEAP":
            raise RecogniseError("no heap of names where it should be")
        cursor.skip(4)
        size = cursor.u64()
        cursor.skip(8)
        return self._cursor(cursor.u64()).take(min(size, 1 << 20))

    def _symbols(self, node: Node, tree: int, names: bytes) -> None:
        waiting = [tree]
        seen = {tree}
        while waiting and len(node.links) < MOST_OBJECTS:
            self._count()
            cursor = self._cursor(waiting.pop())
            kind = cursor.take(4)
            if kind == b"TREE":
                cursor.skip(2)
                count = cursor.u16()
                cursor.skip(16)
                for _ in range(count):
                    cursor.skip(8)
                    child = cursor.u64()
                    if child not in seen:
                        seen.add(child)
                        waiting.append(child)
            elif kind == b"SNOD":
                cursor.skip(2)
                for _ in range(cursor.u16()):
                    where, header = cursor.u64(), cursor.u64()
                    cursor.skip(24)
                    end = names.find(b"\0", where)
                    name = names[where : end if end >= 0 else where]
                    node.links[name[:500].decode("utf-8", "backslashreplace")] = header
            else:
                raise RecogniseError("no group where one should be")
        node.links = dict(sorted(node.links.items()))

    def _attribute(self, data: bytes) -> tuple[str, object]:
        version = data[0]
        name_size, type_size, space_size = struct.unpack_from("<3H", data, 2)
        place = 9 if version == 3 else 8
        parts = []
        for size in (name_size, type_size, space_size):
            parts.append(data[place : place + size])
            place += size if version > 1 else (size + 7) // 8 * 8
        name = parts[0].split(b"\0")[0].decode("utf-8", "backslashreplace")[:500]
        kind, shape = type_of(parts[1]), space(parts[2])
        if shape:
            return name, self._texts(kind, shape, data[place:])
        return name, self._text(data[place : place + 16]) if kind.name == "text" else kind.value(data[place:])

    def _texts(self, kind: Type, shape: tuple[int, ...], data: bytes) -> object:
        if len(shape) != 1 or shape[0] > 500:
            return None
        if kind.name == "text":
            return [self._text(data[16 * place : 16 * place + 16]) for place in range(shape[0])]
        size = kind.size_bytes
        return [kind.value(data[size * place : size * place + size]) for place in range(shape[0])]

    def _text(self, reference: bytes) -> str:
        """Return text of variable length: a length, and where in a global heap it is."""
        length, place, index = struct.unpack("<IQI", reference)
        if length == 0:
            return ""
        if place not in self._heaps:
            cursor = self._cursor(place)
            if cursor.take(4) != b"GCOL" or len(self._heaps) > 16:
                raise RecogniseError("no heap of texts where it should be")
            cursor.skip(4)
            self._heaps[place] = cursor.take(min(max(16, cursor.u64()) - 16, _MOST_ATTRIBUTE))
        heap, at = self._heaps[place], 0
        while at + 16 <= len(heap):
            self._count()
            number, _, _, size = struct.unpack_from("<2HIQ", heap, at)
            if number == index:
                return heap[at + 16 : at + 16 + min(size, length)].decode("utf-8", "backslashreplace")
            if number == 0:
                break
            at += 16 + (size + 7) // 8 * 8
        raise RecogniseError("a text that is not where it should be")
