"""Versions are looked at by a process of its own, which may hang or crash."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mlamd.daemon import client
from mlamd.daemon.recognising import Worker
from mlamd.host.files import ContentError
from mlamd.model import codec
from tests.conftest import Project, until

pytestmark = pytest.mark.linux


def _is_looker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "recogniser" in process.cmdline()
    return False


def ask(worker: Worker, path: Path) -> dict[str, object]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return dict(codec.unpack(worker.ask(os.fsencode(path.name), descriptor)))
    finally:
        os.close(descriptor)


def test_a_file_that_nobody_knows_is_generic(tmp_path: Path) -> None:
    file = tmp_path / "a.unknown"
    file.write_bytes(b"\x01\x02")
    worker = Worker()
    try:
        assert ask(worker, file) == {"kind": "generic", "format": "", "made": "", "facts": {}}
    finally:
        worker.end()


def test_a_process_that_has_ended_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.unknown"
    file.write_bytes(b"\x01\x02")
    worker = Worker()
    try:
        ask(worker, file)
        (child,) = [one for one in psutil.Process().children() if _is_looker(one)]
        os.kill(child.pid, signal.SIGKILL)
        child.wait(5)
        with pytest.raises(ContentError, match="crashed"):
            ask(worker, file)
        assert ask(worker, file)["kind"] == "generic"
    finally:
        worker.end()


def test_what_looks_at_files_leaves_no_trace(recorded: Project) -> None:
    """It is neither a run nor a reader, and the recorder goes on when it is killed."""
    for number in range(20):
        (recorded.root / f"a{number}.json").write_text('{"acc": 0.5}')
    recorded.sync()
    recorder = psutil.Process(recorded.pid())

    for one in recorder.children():
        if _is_looker(one):
            one.kill()
    (recorded.root / "b.json").write_text("{}")
    until(lambda: client.ask(recorded.store, "status", timeout_s=10)["recognising"] == 0)
    assert not [row for row in recorded.ask("log", "--all")["data"] if row["action"] == "read"]
    commands = [row["command"] for row in recorded.ask("runs", "--all")["data"]]
    assert not [command for command in commands if "recogniser" in str(command)]


def test_what_nobody_looked_at_is_looked_at_by_the_next_recorder(project: Project) -> None:
    """A recorder that is stopped, killed or does not recognise leaves files that it knew."""
    project.mlamd("init")
    settings = project.store / "settings.toml"
    settings.write_text("recognise = false\n")
    project.start()
    (project.root / "m.json").write_text('{"acc": 0.5, "epoch": 3}')
    project.sync()
    assert project.ask("show", "m.json")["data"]["meaning"] is None
    project.mlamd("stop")
    settings.write_text("recognise = true\n")
    project.start()
    until(lambda: project.ask("show", "m.json")["data"]["meaning"] is not None)
