"""Opening a file that is not what it should be: one exception, never a crash."""

import os
import subprocess
import sys

import lmdb
import pytest

from mlamd.errors import AccessError, StoreDamagedError, StoreFullError
from mlamd.journal.environment import Environment, find_damage, translate
from mlamd.journal.log import Journal
from mlamd.model.events import Named


@pytest.fixture
def data(tmp_path):
    journal = Journal(tmp_path, write=True)
    for number in range(1, 300):
        journal.append([Named(number, os.urandom(100))], number)
    journal.close()
    return tmp_path / "journal" / "data.mdb"


def test_missing_file(tmp_path):
    with pytest.raises(StoreDamagedError, match="missing"):
        Journal(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("size", [0, 1, 100, 4096, 8192, 20_000])
def test_file_that_is_cut_off(data, size, write):
    os.truncate(data, size)
    assert find_damage(data)
    with pytest.raises(StoreDamagedError):
        Journal(data.parent.parent, write=write)


@pytest.mark.parametrize("write", [False, True])
def test_file_of_something_else(data, write):
    data.write_bytes(b"\x89PNG" * 20_000)
    assert find_damage(data)
    with pytest.raises(StoreDamagedError):
        Journal(data.parent.parent, write=write)


@pytest.mark.parametrize("write", [False, True])
def test_database_of_something_else(tmp_path, write):
    directory = tmp_path / "journal"
    directory.mkdir()
    lmdb.open(str(directory), lib_version=0).close()
    if write:
        Journal(tmp_path, write=True).close()
        return
    with pytest.raises(StoreDamagedError, match="lacks a table"):
        Journal(tmp_path)


def test_sound_file(data):
    assert find_damage(data) == ""


def test_readers_never_see_half_a_new_file(tmp_path):
    """Whenever the making is interrupted: there is no file, or a whole one."""
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom mlamd.journal.log import Journal\n"
        "print('ready', flush=True)\nJournal(Path(sys.argv[1]), write=True)\nprint('done', flush=True)\n"
        "sys.stdin.read()"
    )
    for number in range(12):
        store = tmp_path / str(number)
        store.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", script, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdout.readline()
            try:
                process.wait(0.0005 * number)
            except subprocess.TimeoutExpired:
                process.kill()
        if (store / "journal" / "data.mdb").exists():
            Journal(store).close()
        again = Journal(store, write=True)
        again.append([Named(1, b"x")], 1)
        again.close()


def test_reading_fails_as_a_damaged_store(data):
    """LMDB's own exceptions do not leave this room."""
    environment = Environment(data.parent, ("events", "meta"), write=False)
    with pytest.raises(StoreDamagedError, match="MDB_"), environment.reading():
        raise lmdb.CorruptedError("MDB_CORRUPTED")
    environment.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), StoreFullError),
        (OSError(122, "Disk quota exceeded"), StoreFullError),
        (PermissionError(13, "Permission denied"), AccessError),
        (lmdb.ReadonlyError("x"), AccessError),
        (lmdb.CorruptedError("x"), StoreDamagedError),
        (OSError(5, "Input/output error"), StoreDamagedError),
    ],
)
def test_translation(tmp_path, error, expected):
    assert type(translate(error, tmp_path)) is expected
