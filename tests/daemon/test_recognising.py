"""Versions are looked at by a process of its own, which may hang or crash."""

import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from mlamd.catalog.catalog import Catalog
from mlamd.catalog.memory import CatalogMemory
from mlamd.daemon import client
from mlamd.daemon.documents import Documents
from mlamd.daemon.recognising import Recognising, Worker
from mlamd.host.files import ContentError, LocalFiles
from mlamd.model import codec
from mlamd.model.events import TOO_MANY, Recognised
from mlamd.model.files import FileStat
from mlamd.recognise.finding import is_sampled
from mlamd.sensors.own import OwnReads
from tests.conftest import Project, until
from tests.story import Story

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


REWRITES = """
import json, time
for turn in range(620):
    with open("m.json", "w") as file:
        json.dump({"acc": turn, "loss": 1.5}, file)
    time.sleep(0.002)
"""


def test_file_that_is_written_again_and_again_is_looked_at_to_the_end(recorded: Project) -> None:
    """Only of many pictures some are left out, and never because of how often one was written."""
    (recorded.root / "w.py").write_text(REWRITES)
    for _ in range(2):
        subprocess.run([sys.executable, "w.py"], cwd=recorded.root, check=True)
    recorded.sync()
    script = "open('m.json', 'w').write('{\"acc\": 7, \"loss\": 1.5}')"
    subprocess.run([sys.executable, "-c", script], cwd=recorded.root, check=True)
    until(lambda: recorded.ask("show", "m.json")["data"]["meaning"] is not None)
    assert recorded.ask("show", "m.json")["data"]["meaning"]["facts"]["scalars"]["acc"] == 7


def test_of_many_pictures_some_are_looked_at() -> None:
    assert is_sampled(b"a/b/1.PNG")
    assert not is_sampled(b"a/b/1.json")
    book = Recognising(None, None, None, lambda: None, enabled=True)  # type: ignore[arg-type]
    skipped = [number for number in range(3_000) if book._is_one_of_many(b"d/%d.png" % number)]
    assert len(skipped) == 2_500 - 50
    assert not any(book._is_one_of_many(b"d/%d.png" % number) for number in range(500))


def test_what_was_too_much_is_looked_at_by_the_next_recorder(tmp_path: Path) -> None:
    story = Story()
    story.session()
    looked, failed, left, new = (story.existing(name) for name in ("looked", "failed", "left", "new"))
    story.mean(looked, "generic", {})
    story.events += [Recognised(failed, 0, "it crashed"), Recognised(left, 0, TOO_MANY)]
    story.tell(tmp_path)
    with closing(Catalog(tmp_path, write=True)) as catalog:
        assert {row[0] for row in CatalogMemory(catalog).unrecognised()} == {left, new}


def test_of_what_is_too_much_it_is_told_that_nobody_looked(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path, write=True)) as catalog:
        memory = CatalogMemory(catalog)
        woken: list[int] = []
        files = LocalFiles(OwnReads(), frozenset())
        recognising = Recognising(
            files, memory, Documents(memory), lambda: woken.append(1), enabled=True, most=2
        )
        stat = FileStat(1, 1, 1, 1, 1, 1)
        for version in range(1, 4):
            recognising.want(version, b"/w/a", b"a", stat, b"d" * 32)
        recognising.renamed(2, b"/w/b", b"b", stat, None)
        (told,) = recognising.take()
        assert isinstance(told, Recognised)
        assert (told.version, told.document) == (3, 0)
        assert told.reason == TOO_MANY
        assert (recognising.waiting, woken) == (2, [1])
