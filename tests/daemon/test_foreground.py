"""Recording under a supervisor, and the ends that a recorder can come to."""

import shutil
import signal
import socket
import subprocess
import sys

import pytest

from mlamd.errors import WorkspaceGoneError


def test_terminate_stores_what_was_written_just_before(project):
    project.mlamd("init")
    for number in range(3):
        process = project.foreground()
        (project.root / f"file{number}").write_text("x")
        process.terminate()
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
    actions = {row["path"]: row["action"] for row in project.ask("log")["data"]}
    assert actions == {"file0": "wrote", "file1": "wrote", "file2": "wrote"}


def test_service_manager_is_told(project, tmp_path):
    """Source of the protocol: sd_notify(3)."""
    project.mlamd("init")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        address = tmp_path / "notify"
        manager.bind(str(address))
        process = subprocess.Popen(
            [sys.executable, "-m", "mlamd", "start", "--foreground"],
            cwd=project.root,
            env={"NOTIFY_SOCKET": str(address)},
        )
        try:
            assert manager.recv(100) == b"READY=1"
            process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def _remove(project):
    shutil.rmtree(project.root)


def _rename(project):
    project.root.rename(project.root.with_name("elsewhere"))
    project.store = project.root.with_name("elsewhere") / ".mlamd"


@pytest.mark.parametrize("vanish", [_remove, _rename])
def test_workspace_that_vanishes(project, vanish):
    project.mlamd("init")
    process = project.foreground()
    (project.root / "file").write_text("x")
    vanish(project)
    _, err = process.communicate(timeout=30)
    assert process.returncode == WorkspaceGoneError.exit_code
    assert err == f"mlamd: {project.root} is gone: the recorder ended\n"


def test_workspace_below_a_directory_that_moves(project):
    project.mlamd("init")
    process = project.foreground()
    project.root.parent.rename(project.root.parent.with_name("elsewhere"))
    _, err = process.communicate(timeout=30)
    assert process.returncode == WorkspaceGoneError.exit_code
    assert err == f"mlamd: {project.root} is gone: the recorder ended\n"


def test_workspace_that_vanishes_while_somebody_stands_in_it(project):
    project.mlamd("init")
    process = project.foreground()
    with subprocess.Popen(["sleep", "60"], cwd=project.root) as sleeping:
        try:
            shutil.rmtree(project.root)
            _, err = process.communicate(timeout=30)
        finally:
            sleeping.kill()
    assert process.returncode == WorkspaceGoneError.exit_code
    assert err == f"mlamd: {project.root} is gone: the recorder ended\n"


def test_workspace_that_moved_can_be_asked_and_recorded_again(project):
    project.mlamd("init")
    process = project.foreground()
    (project.root / "file").write_text("x")
    project.sync()
    _rename(project)
    process.communicate(timeout=30)
    project.root = project.root.with_name("elsewhere")
    log = (project.store / "recorder.log").read_text()
    assert len([line for line in log.splitlines() if " ERROR " in line]) == 1
    assert "Traceback" not in log
    assert [row["path"] for row in project.ask("log")["data"]] == ["file"]
    project.start()
    (project.root / "more").write_text("x")
    assert {row["path"] for row in project.ask("log")["data"]} == {"file", "more"}
