"""Which directory a file handle stands for: the recorded ones by their keys, kept true by events alone.

Every event names directories by handle. A handle that is not in this table is none of ours, and so most of
what happens on the machine is left out with one look into a dictionary. Directories are told apart by
handle, so it does not matter through which mount or mount namespace they were reached.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from mlamd.host.fanotify import Handles

SKIPPED = frozenset(
    {b".git", b".hg", b".svn", b".jj", b".mlamd", b".ipynb_checkpoints", b"node_modules", b".venv", b"venv"}
    | {
        b"site-packages",
        b"dist-packages",
        b".conda",
        b"conda-meta",
        b".tox",
        b".nox",
        b".pixi",
        b".virtualenvs",
    }
    | {b".mypy_cache", b".ruff_cache", b".pytest_cache", b".direnv"}
)
"""Directories that are noise whatever a user says; the recorder leaves out what else is."""


_AT_ONCE = 64

Listed = tuple[bytes, int, list[bytes]]
"""Key and device of a directory, and the names of those in it that are not skipped."""

Lister = Callable[[list[bytes]], list[Listed | None]]
"""Lists directories, None for one that is not there; it may answer for the first of them only."""


class Directories:
    """The directories below some roots; ``on_filesystem`` is told of each device when it is first met.

    ``lister`` looks at directories in place of us, ``room`` is asked whether so many more may be looked at.
    """

    def __init__(
        self,
        roots: tuple[bytes, ...],
        handles: Handles,
        on_filesystem: Callable[[bytes, int], None],
        lister: Lister | None = None,
        room: Callable[[int], bool] = lambda _count: True,
    ) -> None:
        self._roots = roots
        self._handles = handles
        self._on_filesystem = on_filesystem
        self._lister = lister or self._list
        self._room = room
        self.missed = 0
        """How many directories were found for which there was no room."""
        self._devices: set[int] = set()
        self._paths: dict[bytes, bytes] = {}
        self.path = self._paths.get
        """Return the path of a directory's key, None for one that is not ours."""

    def __len__(self) -> int:
        return len(self._paths)

    def build(self) -> None:
        """Walk the roots; what the table knew before is forgotten."""
        self._paths.clear()
        self._devices.clear()
        for root in self._roots:
            self.enter(root)

    def enter(self, top: bytes) -> None:
        """Take in a directory and those below it, as they stand now."""
        waiting = [top]
        while waiting:
            if not self._room(len(waiting[-_AT_ONCE:])):
                self.missed += len(waiting)
                return
            some = waiting[-_AT_ONCE:]
            answers = self._lister(some)
            del waiting[len(waiting) - len(some) :]
            waiting += some[len(answers) :]
            for directory, listed in zip(some, answers, strict=False):
                if listed is not None:
                    key, device, inner = listed
                    if device not in self._devices:
                        self._devices.add(device)
                        self._on_filesystem(directory, device)
                    self._paths[key] = directory
                    waiting += [directory + b"/" + name for name in inner]

    def _list(self, directories: list[bytes]) -> list[Listed | None]:
        return [self._look(directory) for directory in directories]

    def _look(self, directory: bytes) -> Listed | None:
        key = self._handles.key_of(directory)
        if key is None:
            return None
        inner: list[bytes] = []
        try:
            device = os.lstat(directory).st_dev
        except OSError:
            return None
        with suppress(OSError), os.scandir(directory) as entries:
            inner += (
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED
            )
        return key, device, inner

    def standing(self, pid: int) -> bytes | None:
        """Return the recorded directory in which a process stands, in whatever mount namespace."""
        key = self._handles.key_of(b"/proc/%d/cwd" % pid, follow=True)
        return None if key is None else self._paths.get(key)

    def made(self, key: bytes, parent: bytes, name: bytes) -> None:
        """Take in a new, empty directory."""
        if not key or name in SKIPPED:
            return
        if self._room(1):
            self._paths[key] = parent + b"/" + name
        else:
            self.missed += 1

    def moved(self, key: bytes, path: bytes | None) -> None:
        """Follow a directory to a new name; None for one that has left."""
        before = self._paths.pop(key, None)
        if before is None:
            if path is not None and path.rpartition(b"/")[2] not in SKIPPED:
                self.enter(path)
            return
        keep = path is not None and path.rpartition(b"/")[2] not in SKIPPED
        if keep and path is not None:
            self._paths[key] = path
        prefix = before + b"/"
        for inner, known in [item for item in self._paths.items() if item[1].startswith(prefix)]:
            if keep and path is not None:
                self._paths[inner] = path + known[len(before) :]
            else:
                del self._paths[inner]

    def removed(self, key: bytes) -> None:
        """Forget a directory."""
        self._paths.pop(key, None)
