"""Which file system a directory lies on. Source: proc_pid_mountinfo(5)."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "9p"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.juicefs", "ocfs2"}
)
"""File systems on which a memory-mapped database must not live, and where inotify sees one side only."""

OURS = "mlamd"
"""What the mounts of the mount mode call their source."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), field)


def filesystem_of(path: Path, table: str | None = None) -> str:
    """Return the type of the file system below ``path`` ("ext4", "nfs4", ...), "" where unknown.

    ``table`` stands in for ``/proc/self/mountinfo`` in tests.
    """
    real = os.path.realpath(path)
    best, kind = -1, ""
    for fields, found, _ in _lines(table):
        point = _unescape(fields[4])
        inside = point in {"/", real} or real.startswith(point + "/")
        if inside and len(point) >= best:
            best, kind = len(point), found
    return kind


def _lines(table: str | None) -> Iterator[tuple[list[str], str, str]]:
    """Yield the first fields of each line, the type and the source; nothing where there is no such table."""
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return
    for line in table.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if separator and len(fields) > 4:
            kind, source = [*right.split(" ", 2), ""][:2]
            yield fields, kind, source


class Mounted(NamedTuple):
    """One line of the mount table: the device is ``major:minor``."""

    device: str
    place: bytes
    kind: str
    """``OURS``, or the type of the file system."""


def mounted(table: str | None = None) -> Iterator[Mounted]:
    """Yield everything that is mounted, what lies above what it covers last."""
    for fields, kind, source in _lines(table):
        yield Mounted(fields[2], os.fsencode(_unescape(fields[4])), source if source == OURS else kind)


def mount_at(place: bytes, table: str | None = None) -> str:
    """Return what is mounted exactly at a place: ``OURS``, or the type of the file system; "" if nothing."""
    kinds = [one.kind for one in mounted(table) if one.place == place]
    return kinds[-1] if kinds else ""


def unmounting(place: bytes, *, lazy: bool) -> list[str]:
    """Return the command that takes a mount of this user's away; ``lazy`` while processes are in it."""
    if os.geteuid() == 0:
        return ["umount", *(["-l"] if lazy else []), "--", os.fsdecode(place)]
    return ["fusermount3", "-u", *(["-z"] if lazy else []), "--", os.fsdecode(place)]


def is_network(path: Path, table: str | None = None) -> bool:
    """Say whether ``path`` lies on a file system that other machines change too."""
    return filesystem_of(path, table) in NETWORK


class MountTable:
    """The mount table of this process; ``descriptor`` has an exceptional condition when it changes.

    Source: proc_pid_mounts(5), proc_pid_mountinfo(5).
    """

    def __init__(self, path: str = "/proc/self/mountinfo") -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def around(self, root: bytes) -> tuple[tuple[str, bytes], ...]:
        """Return device and point of the mount that holds a directory, and of those below the directory."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        data = b""
        while part := os.read(self.descriptor, 1 << 16):
            data += part
        holding: tuple[str, bytes] = ("", b"")
        below = []
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            fields = line.split(" ")
            place = (fields[0] + " " + fields[2], os.fsencode(_unescape(fields[4])))
            if place[1].startswith(root + b"/"):
                below.append(place)
            elif place[1] in {root, b"/"} or root.startswith(place[1] + b"/"):
                holding = place if len(place[1]) >= len(holding[1]) else holding
        return (holding, *below)

    def close(self) -> None:
        """Give back the descriptor."""
        os.close(self.descriptor)


_VIRTUAL = frozenset(
    {
        "proc",
        "sysfs",
        "devpts",
        "cgroup",
        "cgroup2",
        "mqueue",
        "debugfs",
        "tracefs",
        "securityfs",
        "bpf",
        "pstore",
    }
    | {
        "configfs",
        "fusectl",
        "hugetlbfs",
        "binfmt_misc",
        "autofs",
        "rpc_pipefs",
        "nsfs",
        "devtmpfs",
        "efivarfs",
    }
)


def local_mounts(table: str | None = None) -> list[bytes]:
    """Return one mount point of each filesystem on which programs may lie."""
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return []
    points: dict[str, bytes] = {}
    for line in table.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        kind = right.split(" ", 1)[0]
        remote = kind in _VIRTUAL | NETWORK or kind.startswith("fuse")
        if separator and len(fields) >= 5 and not remote:
            points.setdefault(fields[2], os.fsencode(_unescape(fields[4])))
    return list(points.values())


def hanging_mounts(table: str | None = None) -> list[bytes]:
    """Return the mount points of filesystems that wait for another machine or a user's process."""
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return []
    points = []
    for line in table.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        kind = right.split(" ", 1)[0]
        hangs = kind in NETWORK or kind == "fuse" or kind.startswith(("fuse.", "fuseblk"))
        if separator and len(fields) >= 5 and hangs:
            points.append(os.fsencode(_unescape(fields[4])))
    return points
