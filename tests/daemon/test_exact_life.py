"""The recorder and its sensor process: which sensor is taken, and what happens if one of the two stops."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mlamd.errors import UnavailableError
from mlamd.model import events
from tests.conftest import until
from tests.daemon.exactly import Scene, book_of, recording, sensor_pid

pytestmark = [pytest.mark.linux]

_TICK_NS = 20_000_000
"""Files are stamped by a clock that is some milliseconds behind."""
_MANY = """
import os
for number in range(5_000):
    name = f"d/f{number}"
    with open(name, "w") as file: file.write("x")
    os.rename(name, name + "-")
    with open(name + "-") as file: file.read()
    if number % 2: os.remove(name + "-")
"""


@pytest.fixture
def started(capable, tmp_path):
    del capable
    with recording(tmp_path / "project") as project:
        yield project


@pytest.mark.root
def test_status_names_the_sensors(started):
    status = started.ask("status")["data"]
    assert status["sensors"][:2] == ["fanotify", "process connector"]
    assert "observed" in status["how"]


@pytest.mark.root
def test_portable_sensor_that_was_asked_for_is_not_replaced(capable, project):
    del capable
    project.mlamd("init")
    project.mlamd("start", "--sensor", "inotify")
    status = project.ask("status")["data"]
    assert status["sensors"][0] == "inotify"
    assert sensor_pid(project) == 0


def test_exact_sensor_that_was_asked_for_is_not_replaced(open_project, tmp_path):
    """A user without capabilities, and no service."""
    open_project.as_nobody("init")
    words = ("start", "--foreground", "--sensor", "fanotify")
    socket = str(tmp_path / "none")
    done = open_project.as_nobody(*words, code=UnavailableError.exit_code, MLAMD_SENSOR_SOCKET=socket)
    assert done.stderr.startswith("mlamd: exact capture needs CAP_SYS_ADMIN")
    assert done.stderr.count("\n") == 1
    assert open_project.pid() is None


def test_best_sensor_that_is_possible_is_taken(open_project, tmp_path, monkeypatch):
    monkeypatch.setenv("MLAMD_SENSOR_SOCKET", str(tmp_path / "none"))
    open_project.as_nobody("init")
    open_project.foreground(nobody=True)
    status = open_project.ask("status")["data"]
    assert status["sensors"][0] == "inotify"
    assert any("CAP_SYS_ADMIN" in note for note in status["notes"])


@pytest.mark.root
def test_filesystem_that_cannot_be_recorded_exactly(capable, project):
    """What was asked for by name fails there, with one line that says why."""
    del capable
    if subprocess.run(["mount", "-t", "ramfs", "none", project.root], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        project.mlamd("init")
        said = project.mlamd("start", "--sensor", "fanotify", code=None)
        if said.returncode == 0:
            project.mlamd("stop")
            pytest.skip("this kernel has file handles on ramfs")
        assert said.returncode == UnavailableError.exit_code
        assert "leave out --sensor" in said.stderr
        project.mlamd("start")
        assert "inotify" in project.ask("status")["data"]["sensors"]
        project.mlamd("stop")
    finally:
        subprocess.run(["umount", "-l", project.root], check=True)


@pytest.mark.root
def test_sensor_that_is_killed_is_started_anew(started):
    scene = Scene(started, "s")
    scene.put(a="x")
    before = sensor_pid(started)
    os.kill(before, signal.SIGKILL)
    until(lambda: sensor_pid(started) not in {0, before})
    until(lambda: "sensor-down" in {gap[0] for gap in book_of(started).gaps()})
    book = scene.run("cp a b")
    assert {("a", "cp a b"), ("cp a b", "b")} <= scene.edges(book)
    assert {gap[:2] for gap in book.gaps() if gap[0] == "sensor-down"} == {("sensor-down", "")}


@pytest.mark.root
def test_what_was_written_without_a_sensor_is_found(started):
    """Written by nobody known, after a gap."""
    scene = Scene(started, "s")
    pid = sensor_pid(started)
    os.kill(pid, signal.SIGSTOP)
    (scene.root / "a").write_text("unseen")
    os.kill(pid, signal.SIGKILL)
    until(lambda: "sensor-down" in {gap[0] for gap in book_of(started).gaps()})
    book = scene.book()
    assert book.version(scene.path("a")).writers == ()


@pytest.mark.root
def test_recorder_that_is_stopped_misses_nothing(started):
    """20,000 operations meanwhile: the sensor keeps them."""
    scene = Scene(started, "s")
    (scene.root / "d").mkdir()
    scene.put(**{"p.py": _MANY})
    pid = started.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        subprocess.run([sys.executable, "p.py"], cwd=scene.root, check=True)
    finally:
        os.kill(pid, signal.SIGCONT)
    book = scene.book()
    assert scene.gaps(book) == []
    wrote = {path for step, path in book.writes() if step == f"{sys.executable} p.py"}
    assert {scene.path(f"d/f{number}") for number in range(5_000)} - wrote == set()
    standing = {number for number in range(5_000) if book.current(scene.path(f"d/f{number}-"))}
    assert standing == set(range(0, 5_000, 2))


@pytest.mark.root
@pytest.mark.usefixtures("capable")
def test_gap_covers_what_a_stopped_sensor_lost(tmp_path, monkeypatch):
    """It waited for events when it was stopped, so that they are older than its waking lets them seem."""
    monkeypatch.setenv("MLAMD_SENSOR_QUEUE", "limited")
    with recording(tmp_path / "project") as project:
        scene = Scene(project, "s")
        pid = sensor_pid(project)
        time.sleep(0.1)
        os.kill(pid, signal.SIGSTOP)
        try:
            for number in range(20_000):
                (scene.root / f"f{number}").touch()
        finally:
            os.kill(pid, signal.SIGCONT)
        book = scene.book()
        (lost,) = (gap for gap in book.of(events.Gap) if gap.reason == "overflow")
        wrote = {path for _, path in book.writes()}
        missing = [path for path in scene.root.glob("f*") if scene.path(path.name) not in wrote]
        assert missing
        times = [path.stat().st_mtime_ns for path in missing]
        assert lost.from_ns - _TICK_NS <= min(times)
        assert max(times) <= lost.to_ns + _TICK_NS


@pytest.mark.root
def test_sensor_ends_with_its_recorder(started):
    pid = sensor_pid(started)
    started.kill()
    until(lambda: not os.path.exists(f"/proc/{pid}") or _state(pid) == "Z")


@pytest.mark.root
def test_stop_ends_the_sensor(started):
    pid = sensor_pid(started)
    started.mlamd("stop")
    assert not os.path.exists(f"/proc/{pid}")


def _state(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.root
def test_recorder_that_comes_again_knows_who_reads(started):
    """Processes and what they hold are told at the start of a session."""
    scene = Scene(started, "s")
    scene.put(a="x")
    started.mlamd("stop")
    script = "file = open('a'); input(); open('b', 'w').write(file.read())"
    with subprocess.Popen([sys.executable, "-c", script], cwd=scene.root, stdin=subprocess.PIPE) as process:
        scene.wait_for_open(process.pid, "a")
        started.mlamd("start", "--sensor", "fanotify")
        started.sync()
        process.communicate(b"\n")
    started.pid()
    edges = scene.edges(scene.book())
    assert {("a", "python"), ("python", "b")} <= edges


@pytest.mark.root
def test_killed_while_a_burst_is_let_pass(started):
    """What the recorder had been told, but had not read or stored, lies in the gap."""
    (started.root / "d").mkdir()
    book_of(started)
    script = "for n in range(6000):\n with open(f'd/f{n}', 'w') as file: file.write('x')"
    subprocess.run([sys.executable, "-c", script], cwd=started.root, check=True)
    os.kill(started.pid(), signal.SIGKILL)
    until(lambda: started.pid() is None)
    started.mlamd("start")
    book = book_of(started)
    gap = next(gap for gap in book.of(events.Gap) if gap.reason == "killed")
    told = {path for _, path in book.writes()}
    unseen = [number for number in range(6000) if f"d/f{number}" not in told]
    assert unseen
    assert min((started.root / f"d/f{number}").stat().st_mtime_ns for number in unseen) > gap.from_ns


@pytest.mark.root
@pytest.mark.usefixtures("capable")
def test_what_is_written_while_the_recorder_is_stopped_was_not_read_before(tmp_path):
    """Of a file that nobody knew yet, the content that was read is gone: it must not be the new one."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "a").write_text("old")
    with recording(root) as project:
        pid = project.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            subprocess.run(["cat", "a"], cwd=root, check=True, stdout=subprocess.DEVNULL)
            time.sleep(0.1)
            (root / "a").write_text("new content")
        finally:
            os.kill(pid, signal.SIGCONT)
        project.sync()
        book = book_of(project)
        (read,) = {event.version for event in book.of(events.Read)}
        sealed = {event.version: event for event in book.of(events.Sealed)}
        (wrote,) = (version for version, event in sealed.items() if event.writers)
        assert read != wrote
        assert sealed[read].digest is None


def test_fifo_is_no_file_of_the_record(started):
    os.mkfifo(started.root / "pipe")
    subprocess.run(["sh", "-c", "cat pipe >/dev/null & echo hi > pipe; wait"], cwd=started.root, check=True)
    assert started.ask("log", "--all")["data"] == []
