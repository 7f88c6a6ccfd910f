"""From deeds to observations: looks at the files, and takes joined events apart.

The kernel joins what one process does to one file until the queue is read, and then does not tell in which
order it was done. Of a file that was opened, read or written, and closed, only one order is possible. Where
a process opened a file both for reading and for writing, it is taken to have read what was there before,
unless it made the file.

A file is looked at later than it was used, unless the sensor says how it stood. If it was changed by then,
its content from before is not known: of one that was written that is told as a loss, and who only read it
has read the version that is known, or one without a content.
"""

from collections.abc import Callable, Iterator

from mlamd.host.fanotify import (
    ACCESS,
    ATTRIB,
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    ONDIR,
    OPEN,
    OPEN_EXEC,
    RENAME,
)
from mlamd.host.files import FileHost
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.sensors.scan import walk
from mlamd.sensors.signals import Deed

_OPENED = OPEN | OPEN_EXEC
_CLOCK_NS = 20_000_000
"""Two changes that are no further apart count as one."""
_MOST_TOLD = 10_000
_LATE = "it was changed again before it could be looked at: its content from before is not known"
_CHANGING = CREATE | CLOSE_WRITE | MODIFY | ATTRIB
_LOOKED_AT = CREATE | OPEN | CLOSE_WRITE | MODIFY | ATTRIB | ACCESS


class DeedTranslator:
    """Turns deeds into observations; to be used by one task. The arguments are those of ``Translator``."""

    def __init__(
        self,
        files: FileHost,
        wanted: Callable[[bytes], int],
        source_of: Callable[[bytes], bytes | None],
        skip: Callable[[bytes], bool],
    ) -> None:
        self._files = files
        self._wanted = wanted
        self._source_of = source_of
        self._skip = skip
        self._told: dict[bytes, int] = {}
        """Until when it was told that a file was looked at too late."""

    def translate(self, deed: Deed) -> Iterator[seen.Observation]:
        """Yield the observations that a deed amounts to."""
        mask = deed.mask
        if mask & RENAME:
            yield from self._renamed(deed)
            return
        if mask & ONDIR:
            return
        wanted = self._wanted(deed.path)
        if wanted == 1:
            yield from self._file(deed)
        elif wanted == 2 and mask & OPEN and not mask & (CREATE | MODIFY | CLOSE_WRITE):
            yield from self._bytecode(deed)
        if mask & DELETE:
            yield seen.FileRemoved(deed.at_ns, deed.path, is_directory=False, process=deed.process)

    def _renamed(self, deed: Deed) -> Iterator[seen.Observation]:
        directory = bool(deed.mask & ONDIR)
        at_ns, process = deed.at_ns, deed.process
        if not deed.target:
            yield seen.FileRemoved(at_ns, deed.path, directory, process)
        elif deed.path:
            stat = None if directory else deed.stat or self._files.stat(deed.target)
            yield seen.FileMoved(at_ns, deed.path, deed.target, directory, stat, process)
        elif directory:
            for path, stat in walk(deed.target, self._skip, self._files):
                yield seen.FileFound(at_ns, path, stat, deed.from_ns, live=True, process=process)
        else:
            stat = deed.stat or self._files.stat(deed.target)
            yield seen.FileArrived(at_ns, deed.target, stat, process)

    def _late(self, deed: Deed, stat: FileStat) -> Iterator[seen.Observation]:
        """Tell if a file that was closed had been changed again before we looked; once for all until then."""
        late_ns = deed.at_ns + _CLOCK_NS
        if stat.mtime_ns <= late_ns or stat.ctime_ns <= late_ns or deed.at_ns <= self._told.get(deed.path, 0):
            return
        until_ns = min(stat.mtime_ns, stat.ctime_ns)
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[deed.path] = until_ns
        yield seen.Lost(until_ns, deed.from_ns, deed.path, "late", _LATE)

    def _file(self, deed: Deed) -> Iterator[seen.Observation]:
        mask = deed.mask
        stat = deed.stat
        if stat is None and mask & _LOOKED_AT:
            stat = self._files.stat(deed.path)
            if stat is None and self._files.special(deed.path):
                return
            if stat is not None and not mask & _CHANGING and min(stat.mtime_ns, stat.ctime_ns) > deed.at_ns:
                stat = None  # somebody has changed it since: how it stood when it was opened is not known
        if mask & CLOSE_WRITE and stat is not None and deed.stat is None:
            yield from self._late(deed, stat)
        if mask & CREATE and not mask & _OPENED:
            if stat is not None and stat.links > 1:
                yield seen.FileLinked(deed.at_ns, deed.path, stat, deed.process)
            else:
                yield seen.FileCreated(deed.at_ns, deed.path, deed.process)
        both = mask & CLOSE_NOWRITE and mask & CLOSE_WRITE
        reading = mask & ~(MODIFY | CLOSE_WRITE | CREATE)
        writing = mask & ~(ACCESS | CLOSE_NOWRITE | OPEN_EXEC) | (OPEN if mask & OPEN_EXEC else 0)
        if both and mask & CREATE:
            yield from self._one_open(deed, stat, writing)
            yield from self._one_open(deed, stat, reading)
        elif both:
            yield from self._one_open(deed, stat, reading)
            yield from self._one_open(deed, stat, writing)
        else:
            yield from self._one_open(deed, stat, mask)
        if mask & ATTRIB and stat is not None:
            yield seen.FileTouched(deed.at_ns, deed.path, stat)

    def _one_open(self, deed: Deed, stat: FileStat | None, mask: int) -> Iterator[seen.Observation]:
        """Yield what was done through one open: opened, read, changed, closed."""
        path, process = deed.path, deed.process
        if mask & _OPENED:
            changed = bool(mask & MODIFY)
            created = bool(mask & CREATE)
            yield seen.FileOpened(deed.from_ns, path, stat, process, created=created, changed=changed)
        if mask & (ACCESS | OPEN_EXEC):
            yield seen.FileRead(deed.from_ns, path, process, stat)
        if mask & MODIFY:
            yield seen.FileModified(deed.at_ns, path, process, stat)
        if mask & CLOSE_NOWRITE:
            yield seen.FileClosed(deed.at_ns, path, wrote=False, process=process)
        if mask & CLOSE_WRITE:
            yield seen.FileClosed(deed.at_ns, path, wrote=True, stat=stat, process=process)

    def _bytecode(self, deed: Deed) -> Iterator[seen.Observation]:
        source = self._source_of(deed.path)
        stat = None if source is None else self._files.stat(source)
        if stat is not None:
            mark = self._files.source_mark(deed.path)
            yield seen.FileOpened(deed.from_ns, deed.path, stat, deed.process, source_mark=mark)
