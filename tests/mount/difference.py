"""Random operations, done alike in two directories: what the one answers, the other must answer.

``Twin`` plays one operation in both and compares results and errors; ``tree`` says what a tree is. What a
step does follows from the seed, its number, and how many files are open: ``shrunk`` can leave steps out.
"""

import ctypes
import mmap
import os
import random
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

NAMES = ["a", "b", "c", "d", "e e", "ü", "x" * 200]
_MODES = [0o600, 0o644, 0o755, 0o400, 0o7777, 0o2755]
_MOST = 200_000
_COMPARED_EVERY = 3_000
_LONG_AGO_NS = 10**18
"""Times before this one were set by an operation, not by the clock."""
_C = ctypes.CDLL(None, use_errno=True)
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
    os.O_RDONLY | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT | os.O_SYNC,
    os.O_PATH,
]
Action = Callable[["Place"], Any]


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
        self.random = random.Random()
        self.seed = seed
        self.did: list[str] = []
        self._operations: list[Callable[[], tuple[str, Action]]] = [
            getattr(self, name) for name in sorted(dir(self)) if name.startswith("op_")
        ]

    def path(self) -> str:
        depth = self.random.choice([1, 1, 2, 2, 3])
        return "/".join(self.random.choice(NAMES) for _ in range(depth))

    def play(self, steps: Iterable[int]) -> None:
        """Play some steps, and compare what is there from time to time, and at the end."""
        for count, number in enumerate(steps):
            self.step(number)
            if count % _COMPARED_EVERY == _COMPARED_EVERY - 1:
                self.compare()
        self.compare()

    def compare(self) -> None:
        """Compare the two trees; raises ``AssertionError``."""
        self.close_files()
        left, right = (tree(place.root) for place in self.places)
        assert left == right, "\n".join(
            f"{path[:20]}: {left.get(path)!r:.200} and {right.get(path)!r:.200}"
            for path in _different(left, right)
        )

    def step(self, number: int) -> None:
        """Play one operation; raises ``AssertionError`` where the two differ."""
        self.random.seed(self.seed << 32 | number)
        name, operation = self.random.choice(self._operations)()
        self.did.append(name)
        answers = []
        for place in self.places:
            try:
                answers.append(("done", operation(place)))
            except OSError as error:
                answers.append(("error", error.errno))
        assert answers[0] == answers[1], f"{name}: {answers[0]} and {answers[1]}"

    def close_files(self) -> None:
        for place in self.places:
            place.close_files()

    def close(self) -> None:
        for place in self.places:
            place.close()

    # --- operations: each returns its name, and what is to be done in a place ------------------

    def op_mkdir(self) -> tuple[str, Action]:
        path, mode = self.path(), self.random.choice([0o755, 0o700, 0o1777])
        return f"mkdir {path}", lambda place: os.mkdir(path, mode, dir_fd=place.descriptor)

    def op_rmdir(self) -> tuple[str, Action]:
        path = self.path()
        return f"rmdir {path}", lambda place: os.rmdir(path, dir_fd=place.descriptor)

    def op_unlink(self) -> tuple[str, Action]:
        path = self.path()
        return f"unlink {path}", lambda place: os.unlink(path, dir_fd=place.descriptor)

    def op_rename(self) -> tuple[str, Action]:
        old, new = self.path(), self.path()
        return f"rename {old} {new}", lambda place: os.rename(
            old, new, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor
        )

    def op_rename_in_a_way(self) -> tuple[str, Action]:
        old, new, flags = self.path(), self.path(), self.random.choice([1, 2])
        return f"rename {old} {new} flags {flags}", lambda place: _renameat2(
            place.descriptor, os.fsencode(old), os.fsencode(new), flags
        )

    def op_chown(self) -> tuple[str, Action]:
        path, user, group = self.path(), self.random.choice([-1, 0, 7]), self.random.choice([-1, 0, 8])
        return f"chown {path} {user} {group}", lambda place: os.chown(
            path, user, group, dir_fd=place.descriptor, follow_symlinks=False
        )

    def op_node(self) -> tuple[str, Action]:
        path, kind = self.path(), self.random.choice([stat.S_IFSOCK, stat.S_IFIFO])
        return f"mknod {path} {kind:o}", lambda place: os.mknod(path, kind | 0o600, dir_fd=place.descriptor)

    def op_link(self) -> tuple[str, Action]:
        old, new = self.path(), self.path()
        return f"link {old} {new}", lambda place: os.link(
            old, new, src_dir_fd=place.descriptor, dst_dir_fd=place.descriptor, follow_symlinks=False
        )

    def op_symlink(self) -> tuple[str, Action]:
        target, path = self.path(), self.path()
        return f"symlink {target} {path}", lambda place: os.symlink(target, path, dir_fd=place.descriptor)

    def op_readlink(self) -> tuple[str, Action]:
        path = self.path()
        return f"readlink {path}", lambda place: os.readlink(path, dir_fd=place.descriptor)

    def op_chmod(self) -> tuple[str, Action]:
        path, mode = self.path(), self.random.choice(_MODES)
        return f"chmod {path} {mode:o}", lambda place: os.chmod(path, mode, dir_fd=place.descriptor)

    def op_times(self) -> tuple[str, Action]:
        path = self.path()
        times = (self.random.randrange(10**18), self.random.randrange(10**18))
        return f"utime {path} {times}", lambda place: os.utime(
            path, ns=times, dir_fd=place.descriptor, follow_symlinks=False
        )

    def op_truncate(self) -> tuple[str, Action]:
        path, size = self.path(), self.random.randrange(_MOST)
        return f"truncate {path} {size}", lambda place: os.truncate(f"{place.root}/{path}", size)

    def op_list(self) -> tuple[str, Action]:
        path = self.path()
        return f"list {path}", lambda place: sorted(os.listdir(place.root / path))

    def op_stat(self) -> tuple[str, Action]:
        path = self.path()
        return f"stat {path}", lambda place: _shown(
            os.stat(path, dir_fd=place.descriptor, follow_symlinks=False)
        )

    def op_open(self) -> tuple[str, Action]:
        return self._open(self.random.choice(_OPENS))

    def op_open_or_make(self) -> tuple[str, Action]:
        return self._open(os.O_RDWR | os.O_CREAT)

    op_make = op_open_or_make

    def _open(self, flags: int) -> tuple[str, Action]:
        path = self.path()
        flags |= os.O_NONBLOCK

        def opened(place: Place) -> int:
            place.open.append(os.open(path, flags, 0o640, dir_fd=place.descriptor))
            return len(place.open)

        return f"open {path} {flags:o}", opened

    def _on_open(self, name: str, action: Callable[[int], Any]) -> tuple[str, Action]:
        count = len(self.places[0].open)
        number = self.random.randrange(count) if count else 0
        return f"{name} #{number}", lambda place: action(place.open[number]) if count else None

    def op_close(self) -> tuple[str, Action]:
        count = len(self.places[0].open)
        number = self.random.randrange(count) if count else 0
        return f"close #{number}", lambda place: os.close(place.open.pop(number)) if count else None

    def op_write(self) -> tuple[str, Action]:
        data = self.random.randbytes(self.random.choice([1, 10, 4096, 70_000]))
        return self._on_open(f"write {len(data)}", lambda descriptor: os.write(descriptor, data))

    def op_pwrite(self) -> tuple[str, Action]:
        data = self.random.randbytes(self.random.choice([1, 100, 5000]))
        at = self.random.randrange(_MOST)
        return self._on_open(f"pwrite {len(data)} at {at}", lambda fd: os.pwrite(fd, data, at))

    def op_pread(self) -> tuple[str, Action]:
        at, size = self.random.randrange(_MOST), self.random.choice([1, 5000, 100_000])
        return self._on_open(f"pread {size} at {at}", lambda fd: os.pread(fd, size, at))

    def op_read(self) -> tuple[str, Action]:
        at, size = self.random.randrange(_MOST), self.random.choice([1, 5000, 100_000])

        def read(descriptor: int) -> tuple[int, bytes]:
            return os.lseek(descriptor, at, os.SEEK_SET), os.read(descriptor, size)

        return self._on_open(f"read {size} at {at}", read)

    def op_map(self) -> tuple[str, Action]:
        """Read and change a part of a file through a shared mapping."""
        at, data = self.random.randrange(_MOST), self.random.randbytes(self.random.choice([1, 5000]))

        def mapped(descriptor: int) -> bytes:
            size = os.fstat(descriptor).st_size
            if size == 0:
                return b""
            with mmap.mmap(descriptor, size) as memory:
                start, some = at % size, data[: size - at % size]
                before = memory[start : start + len(some)]
                memory[start : start + len(some)] = some
                return before

        return self._on_open(f"map {len(data)} at {at}", mapped)

    def op_copy_within(self) -> tuple[str, Action]:
        """copy_file_range(2) from one open file into another, if they are two."""
        at, size = self.random.randrange(_MOST), self.random.choice([1, 5000, 100_000])
        count = len(self.places[0].open)
        source, target = (self.random.randrange(count) if count else 0 for _ in range(2))

        def copied(place: Place) -> bool | None:
            if not count or os.path.sameopenfile(place.open[source], place.open[target]):
                return None
            return os.copy_file_range(place.open[source], place.open[target], size, 0, at) > 0

        return f"copy {size} from #{source} to #{target} at {at}", copied

    def op_fstat(self) -> tuple[str, Action]:
        return self._on_open("fstat", lambda fd: _shown(os.fstat(fd)))

    def op_ftruncate(self) -> tuple[str, Action]:
        size = self.random.randrange(_MOST)
        return self._on_open(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def op_fsync(self) -> tuple[str, Action]:
        return self._on_open("fsync", os.fsync)

    def op_fchmod(self) -> tuple[str, Action]:
        mode = self.random.choice(_MODES)
        return self._on_open(f"fchmod {mode:o}", lambda fd: os.fchmod(fd, mode))

    def op_xattr(self) -> tuple[str, Action]:
        path, name = self.path(), "user." + self.random.choice("xy")
        value = self.random.randbytes(self.random.randrange(20))
        return f"setxattr {path} {name}", lambda place: os.setxattr(
            place.root / path, name, value, follow_symlinks=False
        )

    def op_no_xattr(self) -> tuple[str, Action]:
        path, name = self.path(), "user." + self.random.choice("xy")
        return f"removexattr {path} {name}", lambda place: os.removexattr(
            place.root / path, name, follow_symlinks=False
        )

    def op_xattrs(self) -> tuple[str, Action]:
        path = self.path()
        return f"listxattr {path}", lambda place: {
            name: os.getxattr(place.root / path, name, follow_symlinks=False)
            for name in sorted(os.listxattr(place.root / path, follow_symlinks=False))
        }


def _renameat2(root: int, old: bytes, new: bytes, flags: int) -> None:
    if _C.renameat2(root, old, root, new, ctypes.c_uint(flags)) < 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def _shown(status: os.stat_result) -> tuple[Any, ...]:
    """Return what must be the same: not the number of the inode, nor times of today."""
    size = status.st_size if not stat.S_ISDIR(status.st_mode) else 0
    # FUSE does not stamp a FIFO that is used.
    known = status.st_mtime_ns < _LONG_AGO_NS and not stat.S_ISFIFO(status.st_mode)
    changed = status.st_mtime_ns if known else 0
    return (oct(status.st_mode), status.st_nlink, status.st_uid, status.st_gid, size, changed)


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
        names = sorted(os.listxattr(path, follow_symlinks=False))
        row.append([(name, os.getxattr(path, name, follow_symlinks=False)) for name in names])
        found[str(path.relative_to(root))] = row
    return found


def _different(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    return sorted(path for path in left.keys() | right.keys() if left.get(path) != right.get(path))


def shrunk(steps: Sequence[int], fails: Callable[[Sequence[int]], bool], seconds: float) -> Sequence[int]:
    """Leave out what is not needed for a sequence to fail, greater parts first, as long as there is time."""
    deadline = time.monotonic() + seconds
    part = len(steps) // 2
    while part:
        at = 0
        while at < len(steps) and time.monotonic() < deadline:
            fewer = [*steps[:at], *steps[at + part :]]
            if fails(fewer):
                steps = fewer
            else:
                at += part
        part //= 2
    return steps
