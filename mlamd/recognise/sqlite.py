"""SQLite: tables, their columns, and how many rows they have. The file is not opened as a database.

Written after SQLite's page about its file format. What the write-ahead log beside the file holds is not seen.
"""

import re
from dataclasses import dataclass

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject

_MAGIC = b"SQLite format 3\0"
_MOST_PAGES = 4_000
_MOST_BYTES = 16 << 20
_MOST_LEVELS = 24
_MOST_TABLES = 300
_MOST_SQL = 20_000
_MOST_SQL_IN_ALL = 400_000
_CELLS_LIKE_A_PAGE = 1_000
_INNER, _LEAF = 5, 13
_WORD = re.compile(
    r'"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|\'(?:[^\']|\'\')*(?:\'|\Z)|--[^\n]*'
    r"|/\*.*?(?:\*/|\Z)|[\w$]+|[(),]|\S",
    re.DOTALL,
)
"""A word of SQL. What is not closed goes to the end, so that no place is looked at twice."""
_NO_COLUMN = frozenset({"constraint", "primary", "unique", "check", "foreign"})
_NO_TYPE = frozenset((
    "constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references",
    "generated", "as", "on", "autoincrement",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the schema says of a table."""

    name: str
    root: int
    sql: str


class Sqlite:
    """Facts: ``tables`` with ``columns`` and ``rows`` of each, ``table_count``."""

    name = "sqlite"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a database, by its magic."""
        if not subject.head.startswith(_MAGIC):
            return None
        if len(subject.head) < 100:
            raise RecogniseError("it ends early")
        pages = _Pages(subject.reader, subject.head)
        tables: dict[str, Fact] = {}
        room = _MOST_SQL_IN_ALL
        entries = pages.schema()
        for place, entry in enumerate(entries):
            rows, exact = pages.count(entry.root, pages.left // (len(entries) - place))
            room -= len(entry.sql)
            one: dict[str, Fact] = {"columns": columns_of(entry.sql) if room > 0 else {}, "rows": rows}
            tables[entry.name[:200]] = one if exact else one | {"rows_estimated": True}
        return Finding("dataset", "sqlite", {"tables": tables, "table_count": len(entries)})


class _Pages:
    """Reads pages by their numbers, from 1 on; bounded in how many."""

    def __init__(self, reader: Reader, head: bytes) -> None:
        self._reader = reader
        size = int.from_bytes(head[16:18], "big")
        self._size = 65_536 if size == 1 else size
        self._usable = self._size - head[20]
        if self._size < 512 or self._usable < 480:
            raise RecogniseError("pages of an impossible size")
        self._encoding = {2: "utf-16-le", 3: "utf-16-be"}.get(int.from_bytes(head[56:60], "big"), "utf-8")
        self.left = min(_MOST_PAGES, _MOST_BYTES // self._size)

    def schema(self) -> list[_Entry]:
        """Return the tables that the user made."""
        found: list[_Entry] = []
        waiting, seen = [1], {1}
        while waiting and self.left > 0 and len(found) < _MOST_TABLES:
            place = waiting.pop()
            page, kind, cells = self._page(place)
            for child in self._children(page, kind, cells):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
            for cell in _offsets(cells) if kind == _LEAF else []:
                entry = self._entry(page, cell)
                if entry is not None:
                    found.append(entry)
        return sorted(found, key=lambda one: one.name)

    def count(self, root: int, most: int) -> tuple[int, bool]:
        """Return how many rows a table has, and whether all its pages were counted; ``most`` pages are read.

        All leaves of a tree have the same depth: so it is gone through level by level, and of a level that is
        too large a part is read, evenly taken.
        """
        level, share, rows = [root], 1.0, 0.0
        for _ in range(_MOST_LEVELS):
            most = min(most, self.left)
            if len(level) > most:
                part = level[:: -(-len(level) // most)] if most > 0 else []
                share *= len(level) / max(1, len(part))
                level = part
            following: list[int] = []
            for number in level:
                if self.left <= 0:
                    raise RecogniseError("pages of too many cells")
                page, kind, cells = self._page(number)
                # Tables without row numbers are kept as indexes are (2 and 10): there inner cells are rows.
                rows += 0 if kind == _INNER else len(cells) // 2 * share
                following += self._children(page, kind, cells)
            most -= len(level)
            level = following
            if not level:
                return round(rows), share == 1.0
        raise RecogniseError("a table of too many levels")

    def _page(self, number: int) -> tuple[bytes, int, bytes]:
        """Return a page, its kind, and where its cells are: two bytes for each."""
        self.left -= 1
        at = (number - 1) * self._size
        page = self._reader.read(at, self._size) if 0 <= at < self._reader.size_bytes else b""
        at = 100 if number == 1 else 0
        if len(page) < at + 12:
            raise RecogniseError("a page beyond its end")
        kind = page[at]
        if kind not in {2, _INNER, 10, _LEAF}:
            raise RecogniseError("a page of an unknown kind")
        count = int.from_bytes(page[at + 3 : at + 5], "big")
        begin = at + (12 if kind in {2, _INNER} else 8)
        raw = page[begin : begin + 2 * count]
        if len(raw) < 2 * count:
            raise RecogniseError("a page of too many cells")
        return page, kind, raw

    def _children(self, page: bytes, kind: int, cells: bytes) -> list[int]:
        if kind not in {2, _INNER}:
            return []
        self.left -= len(cells) // _CELLS_LIKE_A_PAGE
        at = 100 if page.startswith(_MAGIC) else 0
        last = page[at + 8 : at + 12]
        return [int.from_bytes(page[cell : cell + 4], "big") for cell in _offsets(cells)] + [
            int.from_bytes(last, "big")
        ]

    def _entry(self, page: bytes, cell: int) -> _Entry | None:
        """Return a row of the schema: type, name, table, root page, SQL."""
        length, at = _varint(page, cell)
        _, at = _varint(page, at)
        record = self._payload(page, at, length)
        header, at = _varint(record, 0)
        body, values = header, list[tuple[int, bytes]]()
        while at < header and len(values) < 5:
            kind, at = _varint(record, at)
            size = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
            values.append((kind, record[body : body + size]))
            body += size
        if len(values) < 5:
            raise RecogniseError("its schema is damaged")
        texts = [raw.decode(self._encoding, "backslashreplace") for _, raw in values]
        root = 1 if values[3][0] == 9 else int.from_bytes(values[3][1][:8], "big")
        if texts[0] != "table" or texts[1].startswith("sqlite_") or root == 0:
            return None
        return _Entry(texts[1], root, texts[4][:_MOST_SQL])

    def _payload(self, page: bytes, at: int, length: int) -> bytes:
        """Return a record, also one that goes on in further pages."""
        most, least = self._usable - 35, (self._usable - 12) * 32 // 255 - 23
        if length <= most:
            return page[at : at + length]
        local = least + (length - least) % (self._usable - 4)
        local = local if local <= most else least
        pieces = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        left = min(length, _MOST_SQL * 4) - local
        while following and left > 0 and self.left > 0:
            self.left -= 1
            more = self._reader.read((following - 1) * self._size, self._usable)
            pieces.append(more[4 : 4 + left])
            left -= self._usable - 4
            following = int.from_bytes(more[:4], "big")
        return b"".join(pieces)


def _offsets(cells: bytes) -> list[int]:
    return [int.from_bytes(cells[place : place + 2], "big") for place in range(0, len(cells), 2)]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, min(at + 9, len(data))):
        if place == at + 8:
            return value << 8 | data[place], place + 1
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    raise RecogniseError("it ends early")


def columns_of(sql: str) -> dict[str, Fact]:
    """Return the columns of a ``CREATE TABLE`` and their declared types, in lower case."""
    words = [word for word in _WORD.findall(sql) if not word.startswith(("--", "/*"))]
    if "(" not in words:
        return {}
    found: dict[str, Fact] = {}
    depth, column = 0, list[str]()
    for word in words[words.index("(") :]:
        depth += (word == "(") - (word == ")")
        if (word == "," and depth == 1) or depth == 0:
            if column and column[0].lower() not in _NO_COLUMN and len(found) < MOST_ITEMS:
                found[_unquoted(column[0])[:200]] = _declared(column[1:])
            column = []
            if depth == 0:
                break
        elif word != "(" or depth > 1:
            column.append(word)
    return found


def _declared(words: list[str]) -> str:
    kept = []
    for word in words:
        if word.lower() in _NO_TYPE:
            break
        kept.append(word)
    return " ".join(kept).lower().replace(" ( ", "(").replace(" )", ")").replace(" , ", ",")[:100]


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[:1] in {'"', "`", "[", "'"} and len(name) > 1 else name
