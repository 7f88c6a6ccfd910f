"""From signals to observations: looks at the files, and pairs the two halves of a rename."""

from collections.abc import Callable, Iterator

from mlamd.host.files import FileHost
from mlamd.model import observations as seen
from mlamd.sensors.own import OwnReads
from mlamd.sensors.signals import Act, Signal

_PAIR_NS = 100_000_000
_LOOKED_AT = frozenset({Act.OPEN, Act.CLOSE_WRITE, Act.CREATE, Act.FOUND})


class Translator:
    """Turns the signals of one file sensor into observations; to be used by one task.

    ``wanted`` says of an absolute path whether it is lineage (1), bytecode (2) or noise (0);
    ``source_of`` gives the source of a bytecode file.
    """

    def __init__(
        self,
        files: FileHost,
        own: OwnReads,
        wanted: Callable[[bytes], int],
        source_of: Callable[[bytes], bytes | None],
    ) -> None:
        self._files = files
        self._own = own
        self._wanted = wanted
        self._source_of = source_of
        self._leaving: dict[int, Signal] = {}

    def translate(self, signal: Signal) -> Iterator[seen.Observation]:
        """Yield the observations that a signal amounts to."""
        act, path, at_ns = signal.act, signal.path, signal.at_ns
        if self._leaving and act is not Act.MOVED_TO:
            yield from self.expire(at_ns)
        if act is Act.MOVED_FROM:
            self._leaving[signal.cookie] = signal
        elif act is Act.MOVED_TO:
            yield from self._moved_to(signal)
        elif act is Act.LOST:
            reason, _, detail = signal.detail.partition(": ")
            yield seen.Lost(at_ns, signal.from_ns, path, reason, detail)
        elif act is Act.DELETE:
            yield seen.FileRemoved(at_ns, path, signal.is_directory)
        elif not signal.is_directory:
            wanted = self._wanted(path)
            if wanted == 1:
                yield from self._file(signal)
            elif wanted == 2 and act is Act.OPEN:
                yield from self._bytecode(signal)

    def expire(self, now_ns: int) -> Iterator[seen.Observation]:
        """Yield removals for names that left and did not arrive anywhere."""
        for cookie, signal in list(self._leaving.items()):
            if now_ns - signal.at_ns > _PAIR_NS:
                del self._leaving[cookie]
                yield seen.FileRemoved(signal.at_ns, signal.path, signal.is_directory)

    def _moved_to(self, signal: Signal) -> Iterator[seen.Observation]:
        left = self._leaving.pop(signal.cookie, None)
        stat = None if signal.is_directory else self._files.stat(signal.path)
        if left is not None:
            yield seen.FileMoved(signal.at_ns, left.path, signal.path, signal.is_directory, stat)
        elif not signal.is_directory:
            yield seen.FileArrived(signal.at_ns, signal.path, stat)

    def _file(self, signal: Signal) -> Iterator[seen.Observation]:
        act, path, at_ns = signal.act, signal.path, signal.at_ns
        stat = self._files.stat(path) if act in _LOOKED_AT else None
        if stat is None and act in _LOOKED_AT and self._files.special(path):
            return
        if act is Act.OPEN:
            if not self._own.took_open(path, at_ns):
                yield seen.FileOpened(at_ns, path, stat, since_ns=signal.from_ns)
        elif act is Act.CLOSE_READ:
            if not self._own.took_close(path, at_ns):
                yield seen.FileClosed(at_ns, path, wrote=False)
        elif act is Act.CLOSE_WRITE:
            yield seen.FileClosed(at_ns, path, wrote=True, stat=stat, read=signal.read)
        elif act is Act.MODIFY:
            yield seen.FileModified(at_ns, path)
        elif act is Act.CREATE:
            if stat is not None and stat.links > 1:
                yield seen.FileLinked(at_ns, path, stat)
        elif act is Act.FOUND and stat is not None:
            yield seen.FileFound(at_ns, path, stat, signal.from_ns, live=True)

    def _bytecode(self, signal: Signal) -> Iterator[seen.Observation]:
        if self._own.took_open(signal.path, signal.at_ns):
            return
        source = self._source_of(signal.path)
        stat = None if source is None else self._files.stat(source)
        if stat is not None:
            mark = self._files.source_mark(signal.path)
            yield seen.FileOpened(signal.at_ns, signal.path, stat, source_mark=mark, since_ns=signal.from_ns)
