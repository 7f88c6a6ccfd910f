"""Random operations, done alike in two directories: what the one answers, the other must answer.

``Twin`` plays one operation in both and compares results and errors; ``compare`` compares the trees.
"""

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ["a", "b", "c", "d", "e e", "ü", "x" * 200]
_MODES = [0o600, 0o644, 0o755, 0o400, 0o7777, 0o2755]
_MOST = 200_000
_OPENS = [
    os.O_RDONLY,
    os.O_WRONLY,
    os.O_RDWR,
    os.O_RDWR | os.O_CREAT,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_WRONLY | os.O_APPEND | os.O_CREAT,
    os.O_RDWR | os.O_APPEND,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_RDONLY | os.O_NOFOLLOW,
]


class Place:
    """One of the two directories, and what is open in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.descriptor = os.open(root, os.O_RDONLY)
        self.open: list[int] = []

    def close_files(self) -> None:
        for descriptor in self.open:
            os.close(descriptor)
        self.open.clear()

    def close(self) -> None:
        self.close_files()
        os.close(self.descriptor)


class Twin:
    """Plays operations in two directories; ``seed`` makes them the same in every run."""

    def __init__(self, left: Path, right: Path, seed: int) -> None:
        self.places = (Place(left), Place(right))
        self.random = random.Random(seed)
        self.did: list[str] = []
        self._operations: list[Callable[[], tuple[str, Callable[[Place], Any]]]] = [
            getattr(self, name) for name in sorted(dir(self)) if name.startswith("op_")
        ]

    def path(self) -> str:
        depth = self.random.choice([1, 1, 2, 2, 3])
        return "/".join(self.random.choice(NAMES) for _ in range(depth))

    def step(self) -> None:
        """Play one operation; raises ``AssertionError`` where the two differ."""
        name, operation = self.random.choice(self._operations)()
        self.did.append(name)
        answers = []
        for place in self.places:
            try:
                answers.append(("done", operation(place)))
            except OSError as error:
                answers.append(("error", error.errno))
        assert answers[0] == answers[1], "\n".join(
            [*self.did[-12:], f"{answers[0]} here, {answers[1]} there"]
        )

    def close_files(self) -> None:
        for place in self.places:
            place.close_files()

    def close(self) -> None:
        for place in self.places:
            place.close()

    # --- operations: each returns its name, and what is to be done in a place ------------------

    def op_mkdir(self) -> tuple[str, Callable[[Place], Any]]:
        path, mode = self.path(), self.random.choice([0o755, 0o700, 0o1777])
        return f"mkdir {path}", lambda place: os.mkdir(path, mode, dir_fd=place.descriptor)

    def op_rmdir(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"rmdir {path}", lambda place: os.rmdir(path, dir_fd=place.descriptor)

    def op_unlink(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"unlink {path}", lambda place: os.unlink(path, dir_fd=place.descriptor)

    def op_rename(self) -> tuple[str, Callable[[Place], Any]]:
        old, new = self.path(), self.path()
        return f"rename {old} {new}", lambda place: os.rename(
            old, new, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor
        )

    def op_link(self) -> tuple[str, Callable[[Place], Any]]:
        old, new = self.path(), self.path()
        return f"link {old} {new}", lambda place: os.link(
            old, new, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor, follow_symlinks=False
        )

    def op_symlink(self) -> tuple[str, Callable[[Place], Any]]:
        target, path = self.path(), self.path()
        return f"symlink {target} {path}", lambda place: os.symlink(target, path, dir_fd=place.descriptor)

    def op_readlink(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"readlink {path}", lambda place: os.readlink(path, dir_fd=place.descriptor)

    def op_fifo(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"mkfifo {path}", lambda place: os.mkfifo(path, 0o600, dir_fd=place.descriptor)

    def op_chmod(self) -> tuple[str, Callable[[Place], Any]]:
        path, mode = self.path(), self.random.choice(_MODES)
        return f"chmod {path} {mode:o}", lambda place: os.chmod(path, mode, dir_fd=place.descriptor)

    def op_times(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        times = (self.random.randrange(10**18), self.random.randrange(10**18))
        return f"utime {path} {times}", lambda place: os.utime(
            path, ns=times, dir_fd=place.descriptor, follow_symlinks=False
        )

    def op_truncate(self) -> tuple[str, Callable[[Place], Any]]:
        path, size = self.path(), self.random.randrange(_MOST)
        return f"truncate {path} {size}", lambda place: os.truncate(f"{place.root}/{path}", size)

    def op_list(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"list {path}", lambda place: sorted(os.listdir(place.root / path))

    def op_stat(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"stat {path}", lambda place: _shown(
            os.stat(path, dir_fd=place.descriptor, follow_symlinks=False)
        )

    def op_open(self) -> tuple[str, Callable[[Place], Any]]:
        path, flags = self.path(), self.random.choice(_OPENS) | os.O_NONBLOCK

        def opened(place: Place) -> int:
            place.open.append(os.open(path, flags, 0o640, dir_fd=place.descriptor))
            return len(place.open)

        return f"open {path} {flags:o}", opened

    op_open_again = op_open

    def _on_open(self, name: str, action: Callable[[int], Any]) -> tuple[str, Callable[[Place], Any]]:
        count = len(self.places[0].open)
        number = self.random.randrange(count) if count else 0
        return f"{name} #{number}", lambda place: action(place.open[number]) if count else None

    def op_close(self) -> tuple[str, Callable[[Place], Any]]:
        count = len(self.places[0].open)
        number = self.random.randrange(count) if count else 0
        return f"close #{number}", lambda place: os.close(place.open.pop(number)) if count else None

    def op_write(self) -> tuple[str, Callable[[Place], Any]]:
        data = self.random.randbytes(self.random.choice([1, 10, 4096, 70_000]))
        return self._on_open(f"write {len(data)}", lambda descriptor: os.write(descriptor, data))

    def op_pwrite(self) -> tuple[str, Callable[[Place], Any]]:
        data = self.random.randbytes(self.random.choice([1, 100, 5000]))
        at = self.random.randrange(_MOST)
        return self._on_open(f"pwrite {len(data)} at {at}", lambda fd: os.pwrite(fd, data, at))

    def op_pread(self) -> tuple[str, Callable[[Place], Any]]:
        at, size = self.random.randrange(_MOST), self.random.choice([1, 5000, 100_000])
        return self._on_open(f"pread {size} at {at}", lambda fd: os.pread(fd, size, at))

    def op_fstat(self) -> tuple[str, Callable[[Place], Any]]:
        return self._on_open("fstat", lambda fd: _shown(os.fstat(fd)))

    def op_ftruncate(self) -> tuple[str, Callable[[Place], Any]]:
        size = self.random.randrange(_MOST)
        return self._on_open(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def op_fsync(self) -> tuple[str, Callable[[Place], Any]]:
        return self._on_open("fsync", os.fsync)

    def op_fchmod(self) -> tuple[str, Callable[[Place], Any]]:
        mode = self.random.choice(_MODES)
        return self._on_open(f"fchmod {mode:o}", lambda fd: os.fchmod(fd, mode))

    def op_xattr(self) -> tuple[str, Callable[[Place], Any]]:
        path, name = self.path(), "user." + self.random.choice("xy")
        value = self.random.randbytes(self.random.randrange(20))
        return f"setxattr {path} {name}", lambda place: os.setxattr(
            place.root / path, name, value, follow_symlinks=False
        )

    def op_xattrs(self) -> tuple[str, Callable[[Place], Any]]:
        path = self.path()
        return f"listxattr {path}", lambda place: {
            name: os.getxattr(place.root / path, name, follow_symlinks=False)
            for name in sorted(os.listxattr(place.root / path, follow_symlinks=False))
        }


def _shown(status: os.stat_result) -> tuple[Any, ...]:
    """Return what must be the same: not the number of the inode, nor times of today."""
    size = status.st_size if not stat.S_ISDIR(status.st_mode) else 0
    return (oct(status.st_mode), status.st_nlink, status.st_uid, status.st_gid, size)


def tree(root: Path) -> dict[str, Any]:
    """Return everything below a directory: attributes, contents, targets, attributes set by users."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        row: list[Any] = [*_shown(status)]
        if stat.S_ISLNK(status.st_mode):
            row.append(os.readlink(path))
        elif stat.S_ISREG(status.st_mode):
            row.append(path.read_bytes())
        if status.st_mtime_ns < 10**18 and not stat.S_ISFIFO(
            status.st_mode
        ):  # FUSE does not stamp a FIFO that is used
            row.append(status.st_mtime_ns)
        row.append(sorted(os.listxattr(path, follow_symlinks=False)))
        found[str(path.relative_to(root))] = row
    return found
