"""What stands between this workspace and a complete record: one function a concern, nothing is changed.

Each returns what it found. ``ok`` is how it should be, ``note`` a limit that a user may want to know,
``problem`` something that makes answers wrong or incomplete.
"""

import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlamd.catalog.catalog import current
from mlamd.daemon.background import state
from mlamd.daemon.feed import service_socket
from mlamd.errors import MlamdError
from mlamd.host.capabilities import missing
from mlamd.host.files import free_bytes
from mlamd.host.mounts import OURS, filesystem_of, is_network, mount_at
from mlamd.lineage.view import View
from mlamd.model.derived import KnownGap
from mlamd.settings import load
from mlamd.workspace import Workspace

_LITTLE_BYTES = 1 << 30
_FEW_WATCHES = 65_536
_RECENT_NS = 24 * 3600 * 1_000_000_000

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what would make it better."""

    concern: str
    state: State
    found: str
    advice: str = ""


def roots_of(workspace: Workspace) -> list[Path]:
    """Return the recorded directories; raises ``SettingsError``."""
    return [workspace.root, *(Path(root) for root in load(workspace.settings_file).data_roots)]


def check_recorder(workspace: Workspace) -> Iterator[Finding]:
    """Look whether it is recording, and how."""
    said = state(workspace)
    if said["state"] == "stopped":
        kept = bool(said.get("notes"))
        found = (
            "it is stopped; the mount keeps what is done" if kept else "it is stopped: nothing is recorded"
        )
        yield Finding("recorder", "problem", found, "`mlamd start`")
    elif said["state"] == "not answering":
        yield Finding(
            "recorder",
            "problem",
            f"pid {said.get('pid')} does not answer",
            f"see {workspace.log_file}; `kill {said.get('pid')}`, then `mlamd start`",
        )
    else:
        yield Finding("recorder", "ok", f"recording; {said.get('how')}")
        for note in said.get("notes", ()):  # type: ignore[attr-defined]
            yield Finding("recorder", "note", str(note))
        if said.get("trouble"):
            yield Finding("recorder", "problem", str(said["trouble"]))


def check_mount(workspace: Workspace) -> Iterator[Finding]:
    """Look who is in the directory that a mount covers, and so does not pass the mount."""
    said = state(workspace)
    if "backing" not in said:
        return
    from mlamd.host.occupants import occupants  # noqa: PLC0415  (Linux only)

    device = os.stat(str(said["backing"])).st_dev
    ours = frozenset({os.getpid(), int(str(said["pid"])), *said["processes"]})  # type: ignore[misc]
    found = [str(one) for one in occupants(os.fsencode(workspace.root), ours, device)]
    if found:
        names = ", ".join(found)
        text = f"in the directory since before it was mounted: {names}; what they do there is not observed"
        yield Finding("mount", "problem", text, "let them enter it anew: `cd .` in a shell")
    else:
        yield Finding("mount", "ok", "nobody is in the directory below it")


def check_exact(workspace: Workspace) -> Iterator[Finding]:
    """Look whether it can be known who did what."""
    if state(workspace).get("mode") == "mount":
        return  # it does not need that
    if sys.platform != "linux":
        yield Finding("exact capture", "note", f"not on {platform.system()}: who did what is inferred")
        return
    lacking, service = missing(), service_socket()
    if not lacking:
        yield from _kernel()
    elif os.path.exists(service):
        yield _service(service)
    else:
        yield Finding(
            "exact capture",
            "note",
            f"this user lacks {lacking}, and there is no sensor service: who did what is inferred",
            "ask for `mlamd sensor` to be installed: docs/how-to/exact-capture.md",
        )


def _service(path: Path) -> Finding:
    """Ask whether anybody listens at the socket of the sensor service."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5.0)
            connection.connect(str(path))
    except OSError as error:
        text = f"the sensor service {path} does not answer: {error.strerror or error}"
        return Finding("exact capture", "problem", text, "ask for `mlamd sensor` to be started again")
    return Finding("exact capture", "ok", f"through the sensor service at {path}")


def _kernel() -> Iterator[Finding]:
    """Try what exact capture needs of the kernel."""
    from mlamd.host.connector import Connector  # noqa: PLC0415  (Linux only)
    from mlamd.host.fanotify import Group, UnsupportedError  # noqa: PLC0415
    from mlamd.host.taskstats import TaskStats, counts_delays  # noqa: PLC0415

    probes: tuple[tuple[str, Callable[[], Group | Connector | TaskStats]], ...] = (
        ("fanotify", Group),
        ("process connector", Connector),
        ("taskstats", TaskStats),
    )
    for name, probe in probes:
        try:
            probe().close()
        except (OSError, UnsupportedError) as error:
            yield Finding(
                "exact capture", "problem", f"{name}: {error}", "a kernel from Linux 5.17 on has all it needs"
            )
        else:
            yield Finding("exact capture", "ok", f"{name} works")
    if not counts_delays():
        yield Finding(
            "accounting",
            "note",
            "the kernel does not count how long processes wait for block devices",
            "sysctl kernel.task_delayacct=1",
        )


def check_filesystems(workspace: Workspace) -> Iterator[Finding]:
    """Look whether the filesystems report what happens on them."""
    for root in roots_of(workspace):
        kind = filesystem_of(root) or "unknown"
        if mount_at(os.fsencode(root)) == OURS:
            continue
        if not root.is_dir():
            yield Finding(
                "filesystem", "problem", f"{root} is no directory", "correct data_roots in settings.toml"
            )
        elif is_network(root):
            yield Finding(
                "filesystem", "note", f"{root} ({kind}): changes by other machines are not reported"
            )
        elif missing():
            yield Finding("filesystem", "ok", f"{root} ({kind})")
        else:
            why = _unmarkable(root)
            told = f"{root} ({kind})"
            if why:
                yield Finding("filesystem", "note", f"{told} is watched through inotify: {why}")
            else:
                yield Finding("filesystem", "ok", told)


def _unmarkable(root: Path) -> str:
    from mlamd.host import fanotify  # noqa: PLC0415  (Linux only)

    try:
        group = fanotify.Group()
    except (OSError, fanotify.UnsupportedError) as error:
        return str(error)
    try:
        group.mark(os.fsencode(root), fanotify.OPEN)
    except (OSError, fanotify.UnsupportedError) as error:
        return str(error)
    finally:
        group.close()
    return "" if fanotify.Handles().key_of(os.fsencode(root)) else "its filesystem has no file handles"


def check_limits(workspace: Workspace) -> Iterator[Finding]:
    """Look whether the portable mode would have enough watches."""
    del workspace
    try:
        limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if limit < _FEW_WATCHES:
        yield Finding(
            "inotify",
            "note",
            f"at most {limit} directories can be watched in the portable mode",
            "sysctl fs.inotify.max_user_watches=1048576",
        )
    else:
        yield Finding("inotify", "ok", f"{limit} watches are allowed")


def check_store(workspace: Workspace) -> Iterator[Finding]:
    """Look whether there is room for the record."""
    free = free_bytes(workspace.store)
    told = f"{workspace.store}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_BYTES:
        yield Finding(
            "store", "problem", told, "free some space: what cannot be stored waits in memory, then is lost"
        )
    else:
        yield Finding("store", "ok", told)


def check_gaps(workspace: Workspace) -> Iterator[Finding]:
    """Look what may have been missed in the last day."""
    since_ns = time.time_ns() - _RECENT_NS
    with current(workspace.store) as tables:
        recent = [gap for gap in View(tables).gaps() if gap.to_ns >= since_ns]
    if not recent:
        yield Finding("gaps", "ok", "none in the last 24 hours")
        return
    by_reason: dict[str, list[KnownGap]] = {}
    for gap in recent:
        by_reason.setdefault(gap.reason, []).append(gap)
    for reason, gaps in sorted(by_reason.items()):
        times = sum(gap.count for gap in gaps)
        what = f"{reason}, {times} times in the last 24 hours; the last: {gaps[-1].detail or reason}"
        state_: State = "note" if reason in _LIMITS else "problem"
        yield Finding("gaps", state_, what, _ADVICE.get(reason, ""))


_LIMITS = frozenset({"not-running", "unattributed", "unreadable", "late", "surroundings-missed"})
_ADVICE = {
    "overflow": "raise fs.inotify.max_queued_events, or use exact capture, which has no such limit",
    "inbox-full": "was the recorder stopped, or the machine overloaded?",
    "sensor-full": "the recorder did not read for a long time: was it stopped?",
    "sensor-down": "see recorder.log for why the sensor ended",
    "surroundings-missed": "lineage is complete; only packages, code and machine of those are unknown",
    "killed": "see why the recorder was killed: dmesg, journalctl",
}

CHECKS: tuple[Callable[[Workspace], Iterator[Finding]], ...] = (
    check_recorder,
    check_mount,
    check_exact,
    check_filesystems,
    check_limits,
    check_store,
    check_gaps,
)


def examine(workspace: Workspace) -> list[Finding]:
    """Look at everything; a check that fails is a finding of its own."""
    findings: list[Finding] = []
    for check in CHECKS:
        concern = check.__name__.removeprefix("check_")
        try:
            findings += check(workspace)
        except MlamdError as error:
            findings.append(Finding(concern, "problem", str(error)))
    return findings
