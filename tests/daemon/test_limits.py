"""What the kernel or the modes of directories do not allow."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlamd.errors import AccessError, WatchLimitError

_LIMITED = """
import os, sys
from pathlib import Path
Path("/proc/sys/user", sys.argv[1]).write_text(sys.argv[2])
os.execv(sys.executable, [sys.executable, "-m", "mlamd", "start", "--foreground"])
"""
"""The limits of a user name space hold for it alone: user_namespaces(7), /proc/sys/user."""


def _in_namespace(project, limit: str, value: int) -> "subprocess.CompletedProcess[str]":
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _LIMITED, limit, str(value)]
    try:
        probe = subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=False)
    except FileNotFoundError:
        pytest.skip("there is no program unshare")
    if probe.returncode or not Path("/proc/sys/user", limit).exists():
        pytest.skip("user name spaces cannot be made here")
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("limit", "value", "named"),
    [
        ("max_inotify_watches", 5, "fs.inotify.max_user_watches"),
        ("max_inotify_instances", 0, "fs.inotify.max_user_instances"),
    ],
)
def test_no_watches_left(project, limit, value, named):
    for number in range(20):
        (project.root / f"directory{number}").mkdir()
    project.mlamd("init")
    done = _in_namespace(project, limit, value)
    assert done.returncode == WatchLimitError.exit_code, done
    assert done.stderr.startswith("mlamd: ")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr
    assert project.pid() is None
    project.start()


@pytest.mark.root
def test_directory_without_permission(open_project):
    """One directory that may not be read does not keep the others from being recorded."""
    closed = open_project.root / "closed"
    closed.mkdir(mode=0o000)
    os.chown(closed, 0, 0)
    open_project.as_nobody("init")
    process = open_project.foreground(nobody=True)
    (open_project.root / "file").write_text("x")
    late = open_project.root / "late"
    late.mkdir(mode=0o000)
    unreadable = open_project.root / "unreadable"
    unreadable.write_text("x")
    unreadable.chmod(0o000)
    open_project.sync()
    rows = {row["path"]: row for row in open_project.ask("log")["data"]}
    assert {"file", "unreadable"} <= set(rows)
    scopes = {gap["scope"] for gap in open_project.ask("status")["gaps"]}
    assert {"closed", "late"} <= scopes
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


@pytest.mark.root
def test_workspace_without_permission(open_project):
    open_project.as_nobody("init")
    os.chown(open_project.root, 0, 0)
    open_project.root.chmod(0o711)
    open_project.fails(AccessError, "-C", str(open_project.root), "start", "--foreground", nobody=True)
