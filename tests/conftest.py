"""What tests share: a workspace of their own, the command line as a process, a recorder that always ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlamd.daemon import client
from mlamd.daemon.lock import holder
from mlamd.errors import MlamdError
from mlamd.host.capabilities import missing

NOBODY = 65_534
_AS_NOBODY = """
import os, pkgutil, sys
from importlib import import_module
import mlamd
for module in pkgutil.walk_packages(mlamd.__path__, "mlamd."):
    if not module.name.startswith(("mlamd.__main__", "mlamd.demo")):
        import_module(module.name)
for name in "lmdb.verify encodings.ascii encodings.latin_1 difflib tempfile gettext locale traceback".split():
    import_module(name)
import lmdb, tempfile
with tempfile.TemporaryDirectory() as place:
    lmdb.open(place, lib_version=0).close()
os.setgroups([]); os.setgid(65534); os.setuid(65534)
mlamd.cli.main(sys.argv[1:])
"""
"""Imports everything first: another user may not be allowed to read the installation."""


class Project:
    """A directory, and ``mlamd`` called in it as a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / ".mlamd"
        self._children: list[subprocess.Popen[str]] = []
        self._pids: set[int] = set()

    def _popen(self, command: list[str | bytes], environment: dict[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def mlamd(
        self, *arguments: str | bytes | Path, code: int | None = 0, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; its exit code must be ``code``."""
        command = [sys.executable, "-m", "mlamd", *(os.fsdecode(word) for word in arguments)]
        return self._finish(command, code, environment)

    def as_nobody(
        self, *arguments: str | Path, code: int | None = 0, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command as the user ``nobody``."""
        command = [sys.executable, "-c", _AS_NOBODY, *(os.fsdecode(word) for word in arguments)]
        return self._finish(command, code, environment)

    def _finish(
        self, command: list[Any], code: int | None, environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        with self._popen(command, environment) as process:
            out, err = process.communicate(timeout=120)
        assert code is None or process.returncode == code, (command, process.returncode, out, err)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def fails(self, error: type[MlamdError], *arguments: str | bytes | Path, nobody: bool = False) -> str:
        """Run a command that must end with one line and the exit code of ``error``; return the line."""
        call: Callable[..., subprocess.CompletedProcess[str]] = self.as_nobody if nobody else self.mlamd
        done = call(*arguments, code=error.exit_code)
        line = done.stderr
        assert line.startswith("mlamd: "), line
        assert line.endswith("\n"), line
        assert line.count("\n") == 1, line
        return line

    def ask(self, *arguments: str | bytes) -> dict[str, Any]:
        """Return the JSON document that a command prints."""
        document: dict[str, Any] = json.loads(self.mlamd(arguments[0], "--json", *arguments[1:]).stdout)
        return document

    def start(self) -> int:
        """Begin to record in the background; return the recorder's pid."""
        if not self.store.exists():
            self.mlamd("init")
        self.mlamd("start")
        pid = self.pid()
        assert pid
        return pid

    def foreground(self, *, nobody: bool = False) -> "subprocess.Popen[str]":
        """Begin to record in a child process; return it when it is ready."""
        begin = [sys.executable, *(["-c", _AS_NOBODY] if nobody else ["-m", "mlamd"])]
        reading, writing = os.pipe()
        environment = {"MLAMD_READY_FD": str(writing)}
        process = subprocess.Popen(
            [*begin, "start", "--foreground"],
            cwd=self.root,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(writing,),
        )
        self._children.append(process)
        os.close(writing)
        with os.fdopen(reading) as said:
            line = said.read()
        assert line.startswith("ready "), line
        return process

    def pid(self) -> int | None:
        """Return the pid of the recorder, if one runs."""
        pid = holder(self.store / "lock")
        if pid:
            self._pids.add(pid)
        return pid

    def sync(self) -> None:
        """Wait until everything that happened until now is stored."""
        assert client.ask(self.store, "sync", timeout_s=30) == {"done": True}

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the recorder a signal that ends it, and wait until it has ended."""
        pid = self.pid()
        assert pid
        os.kill(pid, number)
        self.wait_ended()

    def wait_ended(self, seconds: float = 30) -> None:
        """Wait until no recorder runs."""
        until(lambda: self.pid() is None, seconds)

    def clean_up(self) -> None:
        """End what this project started."""
        self.pid()
        for pid in self._pids:
            for number in (signal.SIGCONT, signal.SIGKILL):
                try:
                    if b"mlamd" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, number)
                except OSError:
                    break
        for child in self._children:
            child.kill()
            child.communicate()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that has no barrier."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for something that has no barrier."""
    return until


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty directory that is no workspace yet."""
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root)
    yield made
    made.clean_up()


@pytest.fixture
def recorded(project: Project) -> Project:
    """A workspace with a recorder, which ends with the test."""
    project.start()
    return project


@pytest.fixture
def capable() -> None:
    """Skip where this process may not capture exactly."""
    lacking = missing()
    if lacking:
        pytest.skip(f"exact capture needs {lacking}")


@pytest.fixture
def open_project() -> Iterator[Project]:
    """A directory of the user ``nobody``, reachable by everybody."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(prefix="mlamd-") as name:
        top = Path(name)
        top.chmod(0o755)
        root = top / "project"
        root.mkdir()
        for path in (top, root):
            os.chown(path, NOBODY, NOBODY)
        made = Project(root)
        yield made
        made.clean_up()
