"""What changed while nobody looked: the files as they are, held against the versions we know."""

import os
from collections.abc import Callable, Iterable, Iterator

from mlamd.host.files import FileHost, file_stat
from mlamd.model import observations as seen
from mlamd.model.files import FileStat


def walk(top: bytes, skip: Callable[[bytes], bool], files: FileHost) -> Iterator[tuple[bytes, FileStat]]:
    """Yield the regular files below a directory; what vanishes or may not be read is passed over."""
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        try:
            with os.scandir(files.reach(directory)) as entries:
                for entry in entries:
                    path = os.path.join(directory, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        if not skip(path):
                            waiting.append(path)
                    elif entry.is_file(follow_symlinks=False):
                        yield path, file_stat(entry.stat(follow_symlinks=False))
        except OSError:
            continue


def changes(
    roots: Iterable[bytes],
    known: Iterable[tuple[bytes, FileStat | None]],
    skip: Callable[[bytes], bool],
    files: FileHost,
    since_ns: int,
    now_ns: int,
) -> Iterator[seen.Observation]:
    """Yield what a scan finds, moves first.

    ``known`` are the absolute paths with a current version. Files that were never touched count as
    found if their inode changed (``ctime``) after ``since_ns``.
    """
    versions = dict(known)
    missing: dict[tuple[int, int], bytes] = {}
    found: list[seen.Observation] = []
    for path, stat in versions.items():
        current = files.stat(path)
        if current is None:
            if stat is not None:
                missing[stat[:2]] = path
            else:
                found.append(seen.FileMissing(now_ns, path))
        elif stat is None or not current.same_content(stat):
            found.append(seen.FileFound(now_ns, path, current, since_ns, live=False))
    for root in roots:
        for path, current in walk(root, skip, files):
            if path in versions or current.ctime_ns <= since_ns:
                continue
            source = missing.get(current[:2])
            if source is not None and current.same_content(versions[source]):
                del missing[current[:2]]
                yield seen.FileMissing(now_ns, source, path, current)
            else:
                found.append(seen.FileFound(now_ns, path, current, since_ns, live=False))
    for path in missing.values():
        yield seen.FileMissing(now_ns, path)
    yield from found
