"""Who is in a directory: processes that stand in it, run from it, or have something of it open.

Source: proc_pid_cwd(5), proc_pid_fd(5), proc_pid_map_files(5). Those of other users are seen by root only.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

_MOST = 50


@dataclass(frozen=True, slots=True)
class Occupant:
    """A process in a directory; ``stands`` says that it only stands there, and has nothing open."""

    pid: int
    command: str
    stands: bool

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


def occupants(root: bytes, but: frozenset[int] = frozenset(), device: int = -1) -> list[Occupant]:
    """Return who is in a directory or below, some fifty at most; ``but`` are not counted.

    With ``device`` only what lies on that file system counts: a mount and what it covers have one path.
    """
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in but:
            continue
        places = list(_places(f"/proc/{name}", root, device))
        if places:
            found.append(Occupant(int(name), _command(name), places == ["cwd"]))
        if len(found) >= _MOST:
            break
    return found


def _places(base: str, root: bytes, device: int) -> Iterator[str]:
    for kind in ("cwd", "exe", "root"):
        if _inside(f"{base}/{kind}", root, device):
            yield kind
    for kind in ("fd", "map_files"):
        try:
            numbers = os.listdir(f"{base}/{kind}")
        except OSError:
            continue
        if any(_inside(f"{base}/{kind}/{number}", root, device) for number in numbers):
            yield kind


def _inside(link: str, root: bytes, device: int) -> bool:
    try:
        target = os.fsencode(os.readlink(link))
        if target != root and not target.startswith(root.rstrip(b"/") + b"/"):
            return False
        return device < 0 or os.stat(link).st_dev == device
    except OSError:
        return False


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"


def mapped_for_writing(root: bytes) -> frozenset[bytes]:
    """Return the files below a directory that processes have mapped to write to them: no event tells of that.

    Source: proc_pid_maps(5). Mappings of other users are seen by root only.
    """
    found = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/maps", "rb") as lines:
                for line in lines:
                    fields = line.rstrip(b"\n").split(b" ", 5)
                    path = fields[5].lstrip() if len(fields) > 5 else b""
                    if fields[1][1:2] == b"w" and fields[1][3:4] == b"s" and path.startswith(root + b"/"):
                        found.add(path)
        except OSError:
            continue
    return frozenset(found)
