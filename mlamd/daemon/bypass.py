"""Notices that something was changed in the directory that a mount covers, without passing the mount.

Whoever was in the directory before it was covered, or reaches it by another way, changes files that the mount
knows nothing of. inotify says in which directories something was changed, but not by whom, and nearly always
it was done through the mount. So a watch says only once that there is something, and then the directory is
held against what is known: what differs, and was told by nobody, was changed by somebody else.
"""

import os
import stat as modes
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mlamd.host import inotify
from mlamd.host.fanotify import ATTRIB, CREATE, RENAME
from mlamd.host.files import FileHost, file_stat
from mlamd.host.inotify import Inotify
from mlamd.model.files import FileStat

DELAY_S = 1.0
BUSY_S = 10.0
"""When to look again at files that are open for writing, at least."""
REST = 20.0
"""How many times as long as a look to wait after it."""
NAMING = CREATE | ATTRIB | RENAME
"""What is done to names and attributes, so that a file that nobody has used looks new or changed."""
_MASK = (
    inotify.MODIFY
    | inotify.CLOSE_WRITE
    | inotify.MOVED_FROM
    | inotify.MOVED_TO
    | inotify.CREATE
    | inotify.DELETE
    | inotify.ONLYDIR
    | inotify.DONT_FOLLOW
    | inotify.ONESHOT
)
_MOST_TOUCHED = 100_000
_TOUCHED_NS = 60_000_000_000
_RECENT_NS = 120_000_000_000
"""Looks follow each other within about a minute, even where one takes long."""


class Sight(NamedTuple):
    """What stands in a directory now: its regular files. ``new`` and ``gone`` are names of any kind."""

    directory: bytes
    files: dict[bytes, FileStat]
    new: set[bytes]
    gone: set[bytes]


class Bypass:
    """``files`` reaches the covered directory; ``store`` is a directory that is left out. For one task."""

    def __init__(self, root: bytes, files: FileHost, store: bytes) -> None:
        self._root = root
        self._files = files
        self._store = store
        self._inotify = Inotify()
        self._directories: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self._changed: set[bytes] = set()
        self._names: dict[bytes, set[bytes]] = {}
        self._touched: dict[bytes, int] = {}
        """By name: until when what is new or other about it, or below it, was done through the mount."""
        self.since_ns = self._looked_ns = time.time_ns()
        """Files that nobody has used yet, and that were changed after this, were changed by somebody."""
        self.unwatched = 0
        """How many directories could not be watched."""
        self.descriptor = self._inotify.descriptor

    def start(self) -> None:
        """Watch everything, and take down what stands there; takes a while."""
        self._watch(self._root)
        self.since_ns = self._looked_ns = time.time_ns()
        for directory in self._changed:
            self._names[directory] = self._listed(directory)[0]
        self._changed.clear()

    def _watch(self, directory: bytes) -> None:
        """Watch a directory; what is not watched yet below it, or is another than was, counts as changed."""
        waiting = [directory]
        while waiting:
            directory = waiting.pop()
            try:
                number = self._inotify.watch(self._files.reach(directory), _MASK)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                self._watches.pop(directory, None)
                continue
            except OSError:
                self.unwatched += 1
                continue
            if self._watches.get(directory) == number and self._directories.get(number) == directory:
                continue  # as before, with all below
            before = self._directories.get(number)
            if before is not None and self._watches.get(before) == number:
                del self._watches[before]  # it was renamed
            self._directories[number] = directory
            self._watches[directory] = number
            self._changed.add(directory)
            waiting += self._inner(directory)

    def _inner(self, directory: bytes) -> Iterator[bytes]:
        try:
            with os.scandir(self._files.reach(directory)) as entries:
                for entry in entries:
                    path = os.path.join(directory, entry.name)
                    if entry.is_dir(follow_symlinks=False) and path != self._store:
                        yield path
        except OSError:
            return

    def read(self) -> bool:
        """Take in what inotify has to say; return whether there are directories to look at."""
        for number, mask in self._inotify.events():
            if mask & inotify.OVERFLOW:
                self._changed.update(self._watches)
            directory = self._directories.pop(number, None)
            if directory is not None:
                if self._watches.get(directory) == number:
                    del self._watches[directory]
                self._changed.add(directory)
        return bool(self._changed)

    def touched(self, path: bytes) -> None:
        """Take note of a name that was given, or of attributes that were set, through the mount."""
        self._touched.pop(path, None)
        self._touched[path] = time.time_ns() + _TOUCHED_NS
        if len(self._touched) > _MOST_TOUCHED:
            del self._touched[next(iter(self._touched))]

    def look(self) -> list[Sight]:
        """Watch the directories again in which something was changed, and return what stands there."""
        changed, self._changed = self._changed, set()
        for directory in sorted(changed):
            self._watch(directory)
            for inner in self._inner(directory):
                self._watch(inner)
        changed |= self._changed
        self._changed = set()
        self._looked_ns = time.time_ns()
        return [self._sight(directory) for directory in sorted(changed)]

    def _sight(self, directory: bytes) -> Sight:
        names, files = self._listed(directory)
        before = self._names.get(directory, set())
        self._names[directory] = names
        return Sight(directory, files, names - before, before - names)

    def again(self, directories: Iterable[bytes]) -> None:
        """Look at directories once more, later."""
        self._changed.update(directories)

    def _listed(self, directory: bytes) -> tuple[set[bytes], dict[bytes, FileStat]]:
        """Return all names in a directory, and its regular files."""
        names: set[bytes] = set()
        files: dict[bytes, FileStat] = {}
        try:
            with os.scandir(self._files.reach(directory)) as entries:
                for entry in entries:
                    path = os.path.join(directory, entry.name)
                    if path == self._store:
                        continue
                    names.add(path)
                    status = entry.stat(follow_symlinks=False)
                    if modes.S_ISREG(status.st_mode):
                        files[path] = file_stat(status)
        except OSError:
            pass
        return names, files

    def recent(self, sight: Sight) -> list[bytes]:
        """Return what the kernel may remember otherwise: names that came or went, files changed lately."""
        since_ns = self._looked_ns - _RECENT_NS
        lately = {path for path, stat in sight.files.items() if stat.mtime_ns > since_ns}
        return [*sight.gone, *(sight.new | lately)]

    def is_foreign(self, path: bytes, sight: Sight, known: FileStat | None) -> bool:
        """Say whether somebody else changed a file, if it was seen so, and is known to have been otherwise.

        Of one that nobody has used yet nothing is known: it is foreign if it is new, or was modified.
        """
        now = sight.files.get(path)
        if now is None:
            return known is not None
        if known is not None:
            return not now.same_content(known)
        return (path in sight.new or now.mtime_ns > self.since_ns) and not self._was_touched(path)

    def _was_touched(self, path: bytes) -> bool:
        now_ns = time.time_ns()
        while len(path) >= len(self._root):
            if self._touched.get(path, 0) > now_ns:
                return True
            path = os.path.dirname(path)
        return False

    def close(self) -> None:
        """End."""
        self._inotify.close()
