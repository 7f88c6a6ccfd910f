"""Starting and stopping a recorder from a command."""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import BinaryIO

from mlamd.daemon import client
from mlamd.daemon.lock import holder
from mlamd.errors import (
    AccessError,
    AlreadyRecordedError,
    MlamdError,
    MountBusyError,
    NotAnsweringError,
    NotRunningError,
    StartError,
    StoreDamagedError,
)
from mlamd.workspace import Workspace

_READY_S = 120.0
_STOP_S = 60.0
_KEPT = "the mount stands, and what is done there is kept: `mlamd start` takes it in"


def start(workspace: Workspace, sensor: str | None = None, options: tuple[str, ...] = ()) -> str:
    """Start a recorder that outlives this process; return its line once it is ready.

    Raises ``AlreadyRecordedError``, or what the recorder itself failed with.
    """
    pid = holder(workspace.lock_file)
    if pid is not None:
        raise AlreadyRecordedError(
            f"{workspace.root} is recorded already, by pid {pid or '?'}: see `mlamd status`"
        )
    log = _open_log(workspace)
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "mlamd", "-C", str(workspace.root), "start", "--foreground"]
    if sensor is not None:
        command += ["--sensor", sensor]
    command += options
    environment = {**os.environ, "MLAMD_READY_FD": str(writing)}
    try:
        with open(os.devnull, "r+b") as null, log:
            process = subprocess.Popen(
                command,
                stdin=null,
                stdout=null,
                stderr=log,
                cwd="/",
                env=environment,
                pass_fds=(writing,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(reading)
        raise StartError(f"cannot start {command[0]}: {error.strerror or error}") from error
    finally:
        os.close(writing)
    try:
        return _await_ready(process, reading, workspace)
    finally:
        os.close(reading)


def _open_log(workspace: Workspace) -> BinaryIO:
    try:
        return workspace.log_file.open("ab")
    except OSError as error:
        raise AccessError(
            f"cannot write {workspace.log_file}: {error.strerror}; check the owner of the store"
        ) from error


def _await_ready(process: "subprocess.Popen[bytes]", reading: int, workspace: Workspace) -> str:
    deadline = time.monotonic() + _READY_S
    said = b""
    while time.monotonic() < deadline:
        readable, _, _ = select.select([reading], [], [], 1.0)
        if readable:
            part = os.read(reading, 65_536)
            said += part
            if not part:
                break
    else:
        raise NotAnsweringError(f"the recorder is not ready after {_READY_S:.0f} s: see {workspace.log_file}")
    kind, _, text = said.decode("utf-8", "replace").partition(" ")
    if kind == "ready":
        process.returncode = 0
        return text
    code = process.wait()
    if kind == "error":
        error = StartError(text)
        error.exit_code = code or StartError.exit_code  # type: ignore[misc]
        raise error
    if code in {-signal.SIGBUS, -signal.SIGSEGV}:
        raise StoreDamagedError(f"{workspace.store} cannot be read, a file is damaged: run `mlamd verify`")
    raise StartError(f"the recorder ended with status {code} before it was ready: see {workspace.log_file}")


def say_ready(kind: str, text: str) -> None:
    """Tell the command that started us how it went, if one did."""
    number = os.environ.pop("MLAMD_READY_FD", "")
    if not number.isdigit():
        return
    try:
        os.write(int(number), f"{kind} {text}".encode("utf-8", "surrogateescape"))
        os.close(int(number))
    except OSError:
        return


def stop(workspace: Workspace, *, lazy: bool = False) -> int:
    """Let the recorder take in and store what it has seen, and end; return its pid, 0 if there was none.

    If the workspace is mounted it is unmounted, ``lazy`` even while processes are in it. Raises
    ``MountBusyError`` if it cannot be; then nothing has been stopped.
    """
    from mlamd.daemon.mounts import busy_with, is_mounted, take_away  # noqa: PLC0415  (only stop needs it)

    os.chdir("/")
    mounted = is_mounted(workspace)
    pid = holder(workspace.lock_file)
    names = busy_with(workspace, frozenset({pid or 0, os.getpid()})) if mounted and not lazy else []
    if names:
        raise MountBusyError(
            f"{workspace.root} is mounted, and busy with {', '.join(names)}: let them leave it, or detach it "
            "under them with `mlamd stop --lazy`"
        )
    if pid is None and mounted:
        # The mount has kept what was done since: another recorder takes it in.
        with suppress(MlamdError):
            start(workspace, None, ("--mode=mount",))
            pid = holder(workspace.lock_file)
    if pid is not None:
        _stop_recorder(workspace, pid)
    elif not mounted:
        raise NotRunningError(f"no recorder is running for {workspace.root}")
    if mounted:
        why = take_away(workspace, lazy=lazy)
        if why:
            raise MountBusyError(f"the recorder is stopped, but cannot unmount {workspace.root}: {why}")
    return pid or 0


def _stop_recorder(workspace: Workspace, pid: int) -> None:
    client.ask(workspace.store, "stop", timeout_s=_STOP_S)
    deadline = time.monotonic() + _STOP_S
    while holder(workspace.lock_file) is not None:
        if time.monotonic() > deadline:
            raise NotAnsweringError(f"the recorder, pid {pid}, does not end: see {workspace.log_file}")
        time.sleep(0.01)


def state(workspace: Workspace) -> dict[str, object]:
    """Return what the recorder says of itself; ``state`` is "stopped" or "not answering" without one."""
    pid = holder(workspace.lock_file)
    if pid is None:
        from mlamd.daemon.mounts import is_mounted  # noqa: PLC0415  (only who asks in vain needs it)

        return {"state": "stopped", "notes": [_KEPT] if is_mounted(workspace) else []}
    try:
        return client.ask(workspace.store, "status", timeout_s=3.0)
    except (NotAnsweringError, NotRunningError):
        return {"state": "not answering", "pid": pid}
