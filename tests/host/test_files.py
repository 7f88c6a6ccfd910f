"""Stats and digests of real files, some of which are in the way."""

import os

import pytest
from blake3 import blake3

from mlamd.host.files import LocalFiles, file_stat, free_bytes


@pytest.fixture
def path(tmp_path):
    made = os.fsencode(tmp_path / "odd \udcff\nname")
    with open(made, "wb") as file:
        file.write(b"x" * 3_000_000)
    return made


class _Own:
    def __init__(self):
        self.announced = []
        self.separated = 0

    def announce(self, path):
        self.announced.append(path)

    def retract(self, path):
        self.announced.remove(path)

    def separate(self):
        self.separated += 1


def test_digest(path):
    own = _Own()
    files = LocalFiles(own)
    stat = files.stat(path)
    found = files.digest(path, stat, 1000)
    assert found[:3] == (blake3(b"x" * 3_000_000).digest(), blake3(b"x" * 1000).digest(), "")
    assert files.digest(path, stat, 2_000_000).prefix == blake3(b"x" * 2_000_000).digest()
    assert own.announced == [path, path]
    assert own.separated == 8


def test_empty_file(tmp_path):
    path = os.fsencode(tmp_path / "empty")
    open(path, "wb").close()
    files = LocalFiles()
    assert files.digest(path, files.stat(path)).whole == blake3(b"").digest()


def test_what_has_no_digest(path):
    files = LocalFiles()
    stat = files.stat(path)
    with open(path, "ab") as file:
        file.write(b"more")
    assert files.digest(path, stat) == (None, None, "it changed before it could be read", True)
    os.remove(path)
    assert files.digest(path, stat) == (None, None, "it was removed before it could be read", True)
    assert files.stat(path) is None


def test_what_is_no_regular_file(path, tmp_path):
    files = LocalFiles()
    stat = files.stat(path)
    link, fifo, directory = (os.fsencode(tmp_path / name) for name in ("link", "fifo", "directory"))
    os.symlink(path, link)
    os.mkfifo(fifo)
    os.mkdir(directory)
    for other in (link, fifo, directory):
        assert files.stat(other) is None
        assert files.digest(other, stat).whole is None
    assert files.stat(b"bad \0 name") is None


def test_same_content(path):
    before = LocalFiles().stat(path)
    os.chmod(path, 0o600)
    assert file_stat(os.stat(path)).same_content(before)
    os.utime(path, ns=(1, 1))
    assert not file_stat(os.stat(path)).same_content(before)
    assert not before.same_content(None)


def test_free_bytes(tmp_path):
    assert free_bytes(tmp_path) > 0


def test_what_belongs_to_the_record_is_never_opened(path):
    own = _Own()
    stat = LocalFiles().stat(path)
    files = LocalFiles(own, frozenset({stat[:2]}))
    assert files.digest(path, stat).reason == "it belongs to the record"
    assert own.announced == []
