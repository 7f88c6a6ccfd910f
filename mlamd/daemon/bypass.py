"""Notices that something was changed in the directory that a mount covers, without passing the mount.

Whoever was in the directory before it was covered, or reaches it by another way, changes files that the mount
knows nothing of. inotify says in which directories something was changed, but not by whom, and nearly always
it was done through the mount. So a watch says only once that there is something, and then the directory is
held against what is known: what differs, and was told by nobody, was changed by somebody else.
"""

import os
import stat as modes
import time
from collections.abc import Callable, Iterable, Iterator
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


class Sight(NamedTuple):
    """What stands in a directory now: its regular files. ``new`` and ``gone`` are since the last look."""

    directory: bytes
    files: dict[bytes, FileStat]
    new: set[bytes]
    gone: set[bytes]


class Bypass:
    """``files`` reaches the covered directory; ``skip`` says which directories are noise. For one task."""

    def __init__(self, root: bytes, files: FileHost, skip: Callable[[bytes], bool]) -> None:
        self._root = root
        self._files = files
        self._skip = skip
        self._inotify = Inotify()
        self._directories: dict[int, bytes] = {}
        self._watched: set[bytes] = set()
        self._changed: set[bytes] = set()
        self._names: dict[bytes, set[bytes]] = {}
        self._touched: dict[bytes, None] = {}
        self.since_ns = time.time_ns()
        """Files that nobody has used yet, and that were changed after this, were changed by somebody."""
        self.unwatched = 0
        """How many directories could not be watched."""
        self.descriptor = self._inotify.descriptor

    def start(self) -> None:
        """Watch everything, and take down what stands there; takes a while."""
        self._watch(self._root)
        self.since_ns = time.time_ns()
        for directory in self._changed:
            self._names[directory] = set(self._regular(directory))
        self._changed.clear()

    def _watch(self, directory: bytes) -> None:
        """Watch a directory and those below that are not watched yet."""
        waiting = [directory]
        while waiting:
            directory = waiting.pop()
            try:
                number = self._inotify.watch(self._files.reach(directory), _MASK)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            except OSError:
                self.unwatched += 1
                continue
            self._directories[number] = directory
            self._watched.add(directory)
            self._changed.add(directory)
            waiting += [one for one in self._inner(directory) if one not in self._watched]

    def _inner(self, directory: bytes) -> Iterator[bytes]:
        try:
            with os.scandir(self._files.reach(directory)) as entries:
                for entry in entries:
                    path = os.path.join(directory, entry.name)
                    if entry.is_dir(follow_symlinks=False) and not self._skip(path):
                        yield path
        except OSError:
            return

    def read(self) -> bool:
        """Take in what inotify has to say; return whether there are directories to look at."""
        for number, mask in self._inotify.events():
            if mask & inotify.OVERFLOW:
                self._changed |= self._watched
            directory = self._directories.pop(number, None)
            if directory is not None:
                self._watched.discard(directory)
                self._changed.add(directory)
        return bool(self._changed)

    def touched(self, path: bytes) -> None:
        """Take note of a name that was given, or of attributes that were set, through the mount."""
        self._touched[path] = None
        if len(self._touched) > _MOST_TOUCHED:
            del self._touched[next(iter(self._touched))]

    def look(self) -> list[Sight]:
        """Watch the directories again in which something was changed, and return what stands there."""
        changed, self._changed = self._changed, set()
        for directory in sorted(changed):
            if directory not in self._watched:
                self._watch(directory)
        changed |= self._changed
        self._changed = set()
        return [self._sight(directory) for directory in sorted(changed)]

    def _sight(self, directory: bytes) -> Sight:
        files = self._regular(directory)
        names, before = set(files), self._names.get(directory, set())
        self._names[directory] = names
        return Sight(directory, files, names - before, before - names)

    def again(self, directories: Iterable[bytes]) -> None:
        """Look at directories once more, later."""
        self._changed.update(directories)

    def _regular(self, directory: bytes) -> dict[bytes, FileStat]:
        found: dict[bytes, FileStat] = {}
        try:
            with os.scandir(self._files.reach(directory)) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if modes.S_ISREG(status.st_mode):
                        found[os.path.join(directory, entry.name)] = file_stat(status)
        except OSError:
            pass
        return found

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
        while len(path) >= len(self._root):
            if path in self._touched:
                return True
            path = os.path.dirname(path)
        return False

    def close(self) -> None:
        """End."""
        self._inotify.close()
