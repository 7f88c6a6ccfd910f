"""Storing under load and on a full disk."""

import os
import subprocess
from pathlib import Path

import pytest
import trio

from mlamd import workspace
from mlamd.daemon.storing import Writer
from mlamd.errors import StoreDamagedError, StoreFullError
from mlamd.journal.log import Journal
from mlamd.model.events import Named, SessionStarted


def _events(first: int, count: int) -> list[Named]:
    return [Named(number, b"path %d" % number) for number in range(first, first + count)]


def test_commits_from_several_tasks_store_everything_once(tmp_path):
    made, _ = workspace.create(tmp_path)

    async def feed(writer: Writer) -> None:
        async with trio.open_nursery() as nursery:
            for round_ in range(40):
                writer.add(_events(1 + 300 * round_, 300))
                nursery.start_soon(_commit, writer, round_ % 3 == 0)
                await trio.sleep(0)
        await writer.commit(fold=True)

    async def _commit(writer: Writer, fold: bool) -> None:
        await writer.commit(fold=fold, force=True)

    writer = Writer(made)
    trio.run(feed, writer)
    assert writer.stored == 12_000
    writer.close()
    journal = Journal(made.store)
    stored = [event for _, events in journal.blocks() for event in events]
    journal.close()
    assert stored == _events(1, 12_000)


def test_reading_while_another_thread_makes_the_map_grow(tmp_path):
    """A resized map ends the readings of other threads, unless they are waited for."""
    made, _ = workspace.create(tmp_path)
    writer = Writer(made)

    async def read(done: trio.Event) -> None:
        while not done.is_set():
            for _ in range(50):
                with writer.catalog.tables() as tables:
                    list(zip(tables.scan("names"), range(40), strict=False))
            await trio.sleep(0)

    async def grow() -> None:
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, done)
            for round_ in range(6):
                paths = [Named(1 + 8000 * round_ + n, os.urandom(2048)) for n in range(8000)]
                writer.add(paths)
                await writer.commit(fold=True)
            done.set()

    trio.run(grow)
    assert writer.catalog.used_bytes() > 64 << 20
    writer.close()


def test_a_lost_journal_is_not_begun_anew(tmp_path):
    made, _ = workspace.create(tmp_path)
    writer = Writer(made)
    writer.add([SessionStarted(1, "s", "watch", (), "b", "h", 1, "0")])
    trio.run(lambda: writer.commit(fold=True))
    writer.close()
    (made.store / "journal" / "data.mdb").unlink()
    with pytest.raises(StoreDamagedError, match="missing"):
        Writer(made)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


_MANY = 1500
"""More files than the store has room for in pages that it has used before."""


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


@pytest.mark.root
@pytest.mark.slow
def test_full_disk(project, small_disk, wait_until):
    store = small_disk / "store"
    project.mlamd("init", "--store", store)
    project.store = store
    project.mlamd("start")
    pid = project.pid()
    (project.root / "before").write_text("x")
    project.sync()
    ballast = _fill(small_disk)
    for number in range(_MANY):
        (project.root / f"during{number}").write_text(f"content {number}")
    wait_until(lambda: "full" in project.ask("status")["data"]["trouble"])
    assert "trouble    the disk of" in project.mlamd("status").stdout
    assert project.pid() == pid
    assert "before" in project.mlamd("log").stdout
    ballast.unlink()
    wait_until(lambda: project.ask("status")["data"]["trouble"] == "")
    project.sync()
    (project.root / "after").write_text("x")
    rows = project.ask("log", "-n", "0")["data"]
    expected = {"before", "after", *(f"during{number}" for number in range(_MANY))}
    assert {row["path"] for row in rows} - {".mlamd"} == expected
    assert project.pid() == pid
    project.mlamd("stop")
    assert project.ask("verify")["data"]["same"] is True


@pytest.mark.root
def test_start_on_a_full_disk(project, small_disk):
    store = small_disk / "store"
    project.mlamd("init", "--store", store)
    project.store = store
    ballast = _fill(small_disk)
    project.fails(StoreFullError, "start")
    ballast.unlink()
    project.mlamd("start")
    project.mlamd("stop")
