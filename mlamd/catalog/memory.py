"""What the state machine may ask about the past, answered from the catalog."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlamd.catalog.catalog import Catalog
from mlamd.catalog.overlay import Overlay
from mlamd.catalog.state import clock, counters, document_hash, name_hash
from mlamd.catalog.tables import key, number
from mlamd.model.events import TOO_MANY
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessKey, UnfinishedStep

_MOST_ALIKE = 64
_UNSEEN = (None, [0, TOO_MANY])
"""What the catalog says of a version that nobody has looked at."""

if TYPE_CHECKING:
    from mlamd.model.events import Used


def find_name(tables: Overlay, value: bytes | tuple[str, ...]) -> int:
    """Return the number of a name, or 0."""
    wanted = value if isinstance(value, bytes) else list(value)
    for place in tables.keys("name_ids", name_hash(value)):
        if tables.get("names", place[8:]) == wanted:
            return number(place[8:])
    return 0


def path_row(tables: Overlay, name: int) -> tuple[int, int, FileStat | None]:
    """Return current version, last version and stat of a path."""
    row = tables.get("paths", key(name))
    if row is None:
        return 0, 0, None
    return row[0], row[1], (FileStat(*row[2:]) if len(row) > 2 else None)


def _standing(tables: Overlay) -> Iterator[tuple[int, bytes, FileStat, list[Any]]]:
    """Yield the versions that stand now: number, path, stat, and their row."""
    for place, row in tables.scan("paths"):
        version = tables.get("versions", key(row[0])) if row[0] and len(row) > 2 else None
        if version is not None:
            yield int(row[0]), tables.get("names", place) or b"", FileStat(*row[2:]), version


class CatalogMemory:
    """Answers from what is folded; the caller keeps what is not folded yet."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._inodes: dict[tuple[int, ...], bytes] | None = None

    def name(self, value: bytes | tuple[str, ...]) -> int:
        """Return the number of a name, or 0."""
        with self._catalog.tables() as tables:
            return find_name(tables, value)

    def path(self, name: int) -> tuple[int, int, FileStat | None]:
        """Return the current version of a path (0: none), the last one, and its stat."""
        with self._catalog.tables() as tables:
            return path_row(tables, name)

    def known(self) -> Iterator[tuple[bytes, FileStat | None]]:
        """Yield every path that has a current version."""
        with self._catalog.tables() as tables:
            for place, row in tables.scan("paths"):
                if row[0]:
                    path: bytes = tables.get("names", place) or b""
                    yield path, (FileStat(*row[2:]) if len(row) > 2 else None)

    def undigested(self) -> list[tuple[int, bytes, FileStat]]:
        """Return the versions that stand now and have no digest, and nothing says why."""
        with self._catalog.tables() as tables:
            return [
                (version, path, stat)
                for version, path, stat, row in _standing(tables)
                if row[4] is None and not row[12]
            ]

    def unrecognised(self) -> list[tuple[int, bytes, FileStat, bytes]]:
        """Return the versions that stand now, of which the digest is known and what they are is not."""
        with self._catalog.tables() as tables:
            return [
                (version, path, stat, row[4])
                for version, path, stat, row in _standing(tables)
                if row[4] is not None and tables.get("meanings", key(version)) in _UNSEEN
            ]

    def content(self, version: int) -> tuple[int, bytes] | None:
        """Return size in bytes and digest of a version, if both are known."""
        with self._catalog.tables() as tables:
            row = tables.get("versions", key(version))
        return None if row is None or row[2] is None or row[4] is None else (row[2], row[4])

    def document(self, sort: str, value: bytes) -> int:
        """Return the number of a document, or 0."""
        with self._catalog.tables() as tables:
            for place in tables.keys("document_ids", document_hash(sort, value)):
                if tables.get("documents", place[8:]) == [sort, value]:
                    return number(place[8:])
        return 0

    def meaning(self, digest: bytes, name: bytes) -> int:
        """Return what a content was found to be before: a document, or 0.

        ``name`` is the last part of the path that it had then, or the whole path.
        """
        with self._catalog.tables() as tables:
            for place in islice(tables.keys("digests", digest[:8]), _MOST_ALIKE):
                row = tables.get("versions", place[8:])
                meaning = tables.get("meanings", place[8:])
                if row is None or meaning is None or not meaning[0] or row[4] != digest:
                    continue
                path: bytes = tables.get("names", key(row[0])) or b""
                if name in {path, path.rpartition(b"/")[2]}:
                    return int(meaning[0])
        return 0

    def below(self, prefix: bytes) -> Iterable[bytes]:
        """Return the paths with a current version that begin with ``prefix``."""
        return [path for path, _ in self.known() if path.startswith(prefix)]

    def inode(self, device: int, inode: int) -> bytes | None:
        """Return a path whose current version had this inode when that was first asked."""
        if self._inodes is None:
            self._inodes = {stat[:2]: path for path, stat in self.known() if stat is not None}
        return self._inodes.get((device, inode))

    def run(self, public: str) -> int:
        """Return the number of the run with this public id, or 0."""
        with self._catalog.tables() as tables:
            return tables.get("run_ids", public.encode()) or 0

    def kind(self, run: int) -> str:
        """Return the kind of a run, "" if it is not known."""
        with self._catalog.tables() as tables:
            row = tables.get("runs", key(run))
        return "" if row is None else str(row[2])

    def has_read(self, step: int, version: int) -> bool:
        """Say whether this edge is stored."""
        with self._catalog.tables() as tables:
            return tables.get("reads", key(step, version)) is not None

    def clock(self) -> int:
        """Return the time of the newest event, 0 in an empty store."""
        with self._catalog.tables() as tables:
            return clock(tables)

    def blind_since(self) -> int:
        """Return since when the last recorder had seen nothing when it was stopped, 0 if it had seen all."""
        with self._catalog.tables() as tables:
            for _, row in tables.scan("gaps", reverse=True):
                return int(row[0]) if row[3] == "stopped" else 0
        return 0

    def session_open(self) -> bool:
        """Say whether the last recorder left without a word."""
        with self._catalog.tables() as tables:
            for _, row in tables.scan("sessions", reverse=True):
                return row[8] is None
        return False

    def counters(self) -> list[int]:
        """Return the last numbers of runs, steps, versions, gaps, names and documents."""
        with self._catalog.tables() as tables:
            return list(counters(tables))

    def usage(self, step: int) -> "Used | None":
        """Return what the ended processes of a step are known to have used."""
        from mlamd.model.events import Used  # noqa: PLC0415  (questions load this module, and no events)

        with self._catalog.tables() as tables:
            row = tables.get("usage", key(step))
        return None if row is None else Used(step, *row)

    def unfinished(self) -> list[UnfinishedStep]:
        """Return the steps of runs that had not ended."""
        found = []
        with self._catalog.tables() as tables:
            for place, run in tables.scan("runs"):
                if run[6] is not None:
                    continue
                for pair in tables.keys("run_steps", place):
                    row = tables.get("steps", pair[5:])
                    if row is None:
                        continue
                    argv = tuple(tables.get("names", key(row[5])) or ())
                    process = ProcessKey(row[2], row[3], row[4])
                    found.append(
                        UnfinishedStep(
                            number(pair, 1), number(place), run[0], process, argv, row[1], row[8] is not None
                        )
                    )
        return found
