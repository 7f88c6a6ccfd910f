"""A mount from outside: whether there can be one, is one, who is in it; how it begins and is taken away."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlamd.daemon.client import address_of
from mlamd.errors import UnavailableError
from mlamd.host.mounts import OURS, mount_at, unmounting
from mlamd.host.occupants import occupants
from mlamd.sensors import frames
from mlamd.workspace import Workspace

NAME, SERVER_NAME = "mount.sock", "server.sock"
"""Where the sensor of a mount listens, and the process that answers the kernel."""


def is_stale(place: bytes) -> bool:
    """Say whether a mount of ours stands at a place, and nobody answers there."""
    if mount_at(place) != OURS:
        return False
    try:
        os.statvfs(place)  # not answered from the kernel's cache, as stat(2) is
    except OSError:
        return True
    return False


def clean(place: bytes) -> None:
    """Take away a mount whose process has ended."""
    for _ in range(5):
        if not is_stale(place):
            return
        detach(place)


def detach(place: bytes) -> None:
    """Take a mount of ours away from its place, even while processes are in it."""
    if mount_at(place) != OURS:
        return
    subprocess.run(unmounting(place, lazy=True), check=False, capture_output=True, cwd="/")


def clean_above(place: Path) -> bool:
    """Take away the mount that holds a directory, if its process has ended; say if that was so."""
    path = os.fsencode(os.path.abspath(place))
    while path != b"/":
        if is_stale(path):
            clean(path)
            return True
        path = os.path.dirname(path)
    return False


def refusal(root: Path, options: frozenset[str] = frozenset()) -> str:
    """Say why a directory cannot be mounted over by this user, "" if it can."""
    if sys.platform != "linux":
        return "mount mode is a part of Linux: leave out --mode mount"
    why = _lacking(options)
    if why:
        return why
    clean(os.fsencode(root))
    kind = mount_at(os.fsencode(root))
    if kind:
        return f"{root} is a mount point already ({kind}): mount mode cannot be laid over it"
    status = root.stat()
    if os.geteuid() not in {0, status.st_uid}:
        return f"{root} belongs to another user (uid {status.st_uid}): only its owner may mount over it"
    if not status.st_mode & stat.S_IWUSR and os.geteuid():
        return f"{root} cannot be written by its owner: `chmod u+w {root}`"
    return ""


def _lacking(options: frozenset[str]) -> str:
    """Say what the machine lacks, or does not allow this user."""
    if not os.path.exists("/dev/fuse"):
        return (
            "there is no /dev/fuse: load the module (`modprobe fuse`), or let the container have the device"
        )
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "this user may not open /dev/fuse: ask for the right to read and write it (mode 666 is usual)"
    if "allow_other" in options and os.geteuid() and not _others_are_allowed():
        return "--allow-other needs a line `user_allow_other` in /etc/fuse.conf"
    if shutil.which("fusermount3") is None:
        return "there is no fusermount3: install the package fuse3"
    try:
        import pyfuse3  # noqa: F401, PLC0415  (Linux only)
    except ImportError as error:
        return f"pyfuse3 cannot be loaded ({error}): `pip install pyfuse3`, which needs libfuse3"
    return ""


def _others_are_allowed() -> bool:
    """Say whether users may let others in. Source: mount.fuse3(8)."""
    try:
        lines = Path("/etc/fuse.conf").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip() == "user_allow_other" for line in lines)


@contextmanager
def talk(workspace: Workspace, timeout_s: float = 5.0) -> Iterator[socket.socket | None]:
    """Give a connection to the mount's sensor, None if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with address_of(workspace.store, NAME) as address:
                connection.connect(address)
        except OSError:
            yield None
            return
        yield connection


def is_mounted(workspace: Workspace) -> bool:
    """Say whether a workspace is mounted, and somebody answers there."""
    root = os.fsencode(workspace.root)
    return mount_at(root) == OURS and not is_stale(root)


def server_of(workspace: Workspace) -> socket.socket | None:
    """Return a channel to the process that answers the kernel for a mount that stands, None without one."""
    if not is_mounted(workspace):
        return None
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with address_of(workspace.store, SERVER_NAME) as address:
            channel.connect(address)
    except OSError:
        channel.close()
        return None
    return channel


def take_away(workspace: Workspace, *, lazy: bool) -> str:
    """Unmount a workspace; return why that cannot be done, "" if it was."""
    with talk(workspace, 60.0) as connection:
        if connection is None:
            return _unmounted(os.fsencode(workspace.root), lazy=lazy)
        connection.sendall(frames.frame(["unmount", lazy]))
        splitter = frames.Splitter()
        while True:
            data = connection.recv(1 << 16)
            if not data:
                return ""
            for value in splitter.feed(data):
                return str(value.get("why", ""))


def _unmounted(place: bytes, *, lazy: bool) -> str:
    """Unmount what nobody but the kernel's server stands behind; return why that cannot be done."""
    if mount_at(place) != OURS:
        return ""
    done = subprocess.run(unmounting(place, lazy=lazy), check=False, capture_output=True, text=True, cwd="/")
    return done.stderr.strip() if done.returncode else ""


def busy_with(workspace: Workspace, but: frozenset[int]) -> list[str]:
    """Name the processes that are in a mounted workspace."""
    root = os.fsencode(workspace.root)
    device = os.stat(root).st_dev
    return [str(one) for one in occupants(root, but, device)]


def begin(workspace: Workspace, options: frozenset[str]) -> None:
    """Mount a workspace in a process of its own; returns when it is mounted.

    Raises ``UnavailableError`` where that is not possible.
    """
    clean(os.fsencode(workspace.root))  # its processes may have ended together
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "mlamd", "-C", str(workspace.root), "mounted"]
    command += ["--options", ",".join(sorted(options)), "--ready", str(writing)]
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    try:
        text = os.read(reading, 1 << 16).decode("utf-8", "replace")
    finally:
        os.close(reading)
    if text != "ready":
        raise UnavailableError(text or f"the mount's process has ended: see {workspace.log_file}")
