"""The directory of a ZIP archive, and single members of it; several formats of models are such archives.

Written after PKWARE's APPNOTE, sections 4.3 and 4.5.
"""

import struct
from dataclasses import dataclass

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Reader, RecogniseError
from mlamd.recognise.readers import PartReader, UnpackedReader

MAGIC = b"PK\x03\x04"
MOST_ENTRIES = 20_000
_MOST_DIRECTORY = 8 << 20
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_FULL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: its name, how it is packed (0 stored, 8 deflated), and where its local header is."""

    name: str
    method: int
    packed_bytes: int
    size_bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The members of an archive, at most ``MOST_ENTRIES``; ``count`` is how many the archive says it has."""

    entries: tuple[Entry, ...]
    count: int

    def named(self, name: str) -> Entry | None:
        """Return the member with a name, below whatever directory, the least deep one first."""
        fitting = [one for one in self.entries if one.name == name or one.name.endswith("/" + name)]
        return min(fitting, key=lambda one: one.name.count("/"), default=None)


def listing(reader: Reader) -> Listing:
    """Read the directory at the archive's end."""
    tail_at = max(0, reader.size_bytes - 65_557)
    tail = reader.read(tail_at, 65_557)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + _END.size > len(tail):
        raise RecogniseError("no directory at the end of the archive")
    *_, count, size, offset, _comment = _END.unpack_from(tail, place)
    end_at = tail_at + place
    locator = place - _LOCATOR_64.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        _, _, where, _ = _LOCATOR_64.unpack_from(tail, locator)
        record = reader.read(where, _END_64.size) if where < tail_at + locator else b""
        if len(record) == _END_64.size and record[:4] == b"PK\x06\x06":
            *_, count, size, offset = _END_64.unpack(record)
            end_at = where
    # What stands before the archive (a program that unpacks itself) moves everything by as much.
    moved = end_at - size - offset
    if moved < 0:
        raise RecogniseError("the directory of the archive lies outside of it")
    cursor = Cursor(reader, offset + moved, end_at)
    entries: list[Entry] = []
    last = cursor.at + _MOST_DIRECTORY
    while len(entries) < min(count, MOST_ENTRIES) and cursor.left >= _ENTRY.size and cursor.at < last:
        entries.append(_entry(cursor, moved))
    return Listing(tuple(entries), count)


def member(reader: Reader, entry: Entry, most: int) -> Reader:
    """Return a reader over a member, of which at most ``most`` bytes are unpacked."""
    head = reader.read(entry.offset, _LOCAL.size) if entry.offset < reader.size_bytes else b""
    if len(head) < _LOCAL.size or head[:4] != MAGIC:
        raise RecogniseError("a member of the archive is not where it should be")
    *_, name_size, extra_size = _LOCAL.unpack(head)
    part = PartReader(reader, entry.offset + _LOCAL.size + name_size + extra_size, entry.packed_bytes)
    if entry.method == 0:
        return part
    if entry.method == 8:
        return UnpackedReader(part, "deflate", min(most, entry.size_bytes))
    raise RecogniseError("a member of the archive is packed in an unknown way")


def content(reader: Reader, entry: Entry, most: int) -> bytes:
    """Return what a member holds, at most ``most`` bytes."""
    return member(reader, entry, most).read(0, most)


def _entry(cursor: Cursor, moved: int) -> Entry:
    fields = _ENTRY.unpack(cursor.take(_ENTRY.size))
    if fields[0] != b"PK\x01\x02":
        raise RecogniseError("the directory of the archive is damaged")
    flags, method = fields[3], fields[4]
    packed, size, name_size, extra_size, comment_size = fields[8:13]
    offset = fields[16]
    name = cursor.take(name_size).decode("utf-8" if flags & 0x800 else "cp437", "backslashreplace")
    extra = cursor.take(extra_size)
    cursor.skip(comment_size)
    if _FULL in {packed, size, offset}:
        size, packed, offset = _wide(extra, size, packed, offset)
    return Entry(name, method, packed, size, offset + moved)


def _wide(extra: bytes, *narrow: int) -> list[int]:
    """Return the sizes and the offset from the field of 64-bit numbers, where the narrow ones are full."""
    found = list(narrow)
    place = 0
    while place + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, place)
        if tag == 1:
            at, stop = place + 4, min(place + 4 + length, len(extra))
            for index, value in enumerate(narrow):
                if value == _FULL and at + 8 <= stop:
                    found[index] = struct.unpack_from("<Q", extra, at)[0]
                    at += 8
        place += 4 + length
    return found
