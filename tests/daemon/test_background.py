"""Starting, stopping and asking a recorder, end to end."""

import os
import signal
import stat
import subprocess
import sys

from mlamd.errors import AlreadyRecordedError, NotRunningError


def test_second_start_is_refused(recorded):
    line = recorded.fails(AlreadyRecordedError, "start")
    assert str(recorded.pid()) in line
    recorded.fails(AlreadyRecordedError, "start", "--foreground")


def test_two_starts_at_once_give_one_recorder(project):
    project.mlamd("init")
    command = [sys.executable, "-m", "mlamd", "start"]
    both = [subprocess.Popen(command, cwd=project.root, stderr=subprocess.PIPE) for _ in range(2)]
    codes = []
    for process in both:
        process.communicate(timeout=60)
        codes.append(process.returncode)
    assert sorted(codes) == [0, AlreadyRecordedError.exit_code]


def test_questions_while_it_starts_do_not_disturb(project):
    """A question probes the lock; a starting recorder must not take that for another recorder."""
    project.mlamd("init")
    for _ in range(3):
        started = subprocess.Popen([sys.executable, "-m", "mlamd", "start"], cwd=project.root)
        while started.poll() is None:
            project.pid()
        assert started.returncode == 0
        project.mlamd("stop")


def test_stop_without_recorder(project):
    project.mlamd("init")
    project.fails(NotRunningError, "stop")


def test_stop_stores_what_was_written_just_before(recorded):
    for number in range(5):
        (recorded.root / f"file{number}").write_text(f"content {number}")
    recorded.mlamd("stop")
    assert recorded.pid() is None
    paths = {row["path"] for row in recorded.ask("log")["data"]}
    assert paths == {f"file{number}" for number in range(5)}
    assert recorded.ask("status")["data"]["state"] == "stopped"
    assert recorded.ask("verify")["data"]["same"] is True


def test_start_returns_when_everything_from_then_on_is_seen(project):
    project.mlamd("init")
    for number in range(3):
        project.mlamd("start")
        (project.root / f"file{number}").write_text("x")
        project.mlamd("stop")
    paths = {row["path"]: row["action"] for row in project.ask("log")["data"]}
    assert paths == {"file0": "wrote", "file1": "wrote", "file2": "wrote"}


def test_store_and_socket_are_private(recorded):
    assert stat.S_IMODE(recorded.store.stat().st_mode) == 0o700
    assert stat.S_IMODE((recorded.store / "control.sock").stat().st_mode) == 0o600
    for name in ("journal", "catalog"):
        assert stat.S_IMODE((recorded.store / name).stat().st_mode) == 0o700
        assert stat.S_IMODE((recorded.store / name / "data.mdb").stat().st_mode) == 0o600


def test_status_running_and_stopped(recorded):
    said = recorded.ask("status")["data"]
    assert said["state"] == "running"
    assert said["pid"] == recorded.pid()
    assert said["mode"] == "watch"
    assert said["trouble"] == ""
    assert "recorder   running since" in recorded.mlamd("status").stdout
    recorded.mlamd("stop")
    assert "recorder   stopped" in recorded.mlamd("status").stdout


def test_frozen_recorder_is_said_and_answers_come_from_disk(recorded):
    (recorded.root / "before").write_text("x")
    recorded.sync()
    pid = recorded.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert recorded.ask("status")["data"]["state"] == "not answering"
        done = recorded.mlamd("log", "--json")
        assert "before" in done.stdout
        assert "not-answering" in done.stdout
        assert done.stderr.startswith("mlamd: the recorder does not answer")
        assert done.stderr.count("\n") == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    (recorded.root / "after").write_text("x")
    recorded.sync()
    assert recorded.ask("status")["data"]["state"] == "running"
    assert "after" in recorded.mlamd("log").stdout


def test_questions_while_files_are_written(recorded):
    """Readers see a state that is whole, whatever the writer does, and it never goes back."""
    script = "for i in range(400):\n open(f'f{i % 40}', 'w').write(str(i))"
    writer = subprocess.Popen([sys.executable, "-c", script], cwd=recorded.root)
    counts = [len(recorded.ask("log", "-n", "0")["data"]) for _ in range(4)]
    assert writer.wait() == 0
    assert counts == sorted(counts)
    assert recorded.mlamd("verify")
