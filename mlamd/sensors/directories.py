"""Which directory a file handle stands for: the recorded ones by their keys, kept true by events alone.

Every event names directories by handle. A handle that is not in this table is none of ours, and so most of
what happens on the machine is left out with one look into a dictionary. Directories are told apart by
handle, so it does not matter through which mount or mount namespace they were reached.
"""

import os
from collections.abc import Callable, Iterator
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


class Directories:
    """The directories below some roots; ``on_filesystem`` is told of each device when it is first met."""

    def __init__(
        self, roots: tuple[bytes, ...], handles: Handles, on_filesystem: Callable[[bytes, int], None]
    ) -> None:
        self._roots = roots
        self._handles = handles
        self._on_filesystem = on_filesystem
        self._devices: set[int] = set()
        self._paths: dict[bytes, bytes] = {}
        self.path = self._paths.get
        """Return the path of a directory's key, None for one that is not ours."""

    def __len__(self) -> int:
        return len(self._paths)

    def roots(self) -> dict[bytes, bytes]:
        """Return the keys of the roots."""
        found = ((self._handles.key_of(root), root) for root in self._roots)
        return {key: root for key, root in found if key is not None}

    def build(self) -> None:
        """Walk the roots; what the table knew before is forgotten."""
        self._paths.clear()
        self._devices.clear()
        for root in self._roots:
            self.enter(root)

    def enter(self, top: bytes) -> None:
        """Take in a directory and those below it, as they stand now."""
        for directory, device in self._walk(top):
            if device not in self._devices:
                self._devices.add(device)
                self._on_filesystem(directory, device)
            key = self._handles.key_of(directory)
            if key is not None:
                self._paths[key] = directory

    def _walk(self, top: bytes) -> Iterator[tuple[bytes, int]]:
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            with suppress(OSError):
                yield directory, os.lstat(directory).st_dev
                with os.scandir(directory) as entries:
                    waiting.extend(
                        entry.path
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED
                    )

    def standing(self, pid: int) -> bytes | None:
        """Return the recorded directory in which a process stands, in whatever mount namespace."""
        key = self._handles.key_of(b"/proc/%d/cwd" % pid, follow=True)
        return None if key is None else self._paths.get(key)

    def made(self, key: bytes, parent: bytes, name: bytes) -> None:
        """Take in a new, empty directory."""
        if key and name not in SKIPPED:
            self._paths[key] = parent + b"/" + name

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
