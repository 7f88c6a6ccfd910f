"""Real fanotify groups on a directory of their own, and buffers as fanotify(7) describes them."""

import mmap
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlamd.host.fanotify import (
    ACCESS,
    ATTRIB,
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CONTENT,
    CREATE,
    DELETE,
    MODIFY,
    NAMES,
    ONDIR,
    OPEN,
    OPEN_EXEC,
    OVERFLOW,
    RENAME,
    Group,
    Handles,
    Raw,
    UnsupportedError,
    events_in,
)

pytestmark = [pytest.mark.root, pytest.mark.linux, pytest.mark.usefixtures("capable")]


class Watched:
    """A directory whose filesystem is marked."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self.group = Group()
        self.group.mark(self.root, CONTENT | NAMES)
        self.handles = Handles()
        self.keys = {self.key(b""): b"."}
        self.group.read()

    def key(self, name: bytes) -> bytes:
        found = self.handles.key_of(self.root + b"/" + name if name else self.root)
        assert found is not None
        return found

    def knows(self, name: bytes) -> None:
        """Take in a directory."""
        self.keys[self.key(name)] = name

    def __truediv__(self, name: bytes) -> bytes:
        return self.root + b"/" + name

    def raws(self) -> list[Raw]:
        """Return what has happened in the directories that are known."""
        found: list[Raw] = []
        while data := self.group.read():
            found += events_in(data)
        return [raw for raw in found if raw.directory in self.keys or raw.new_directory in self.keys]

    def masks(self, pid: int | None = None) -> dict[bytes, int]:
        """Return what was done to each name, by one process or by anybody."""
        masks: dict[bytes, int] = {}
        for raw in self.raws():
            if pid in {None, raw.pid}:
                masks[raw.name] = masks.get(raw.name, 0) | raw.mask
        return masks


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.group.close()


def in_child(action: Callable[[], object]) -> int:
    """Do something in a process of its own; return its pid."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    return pid


def _write(path: bytes, data: bytes = b"x", flags: int = os.O_WRONLY | os.O_CREAT | os.O_TRUNC) -> None:
    descriptor = os.open(path, flags)
    os.write(descriptor, data)
    os.close(descriptor)


def _read(path: bytes) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 100)
    os.close(descriptor)


def test_new_file_is_one_event_of_its_writer(watched):
    pid = in_child(lambda: _write(watched / b"a"))
    (raw,) = [raw for raw in watched.raws() if raw.name == b"a"]
    assert raw.mask == CREATE | OPEN | MODIFY | CLOSE_WRITE
    assert raw.pid == pid
    assert raw.directory == watched.key(b"")
    assert raw.target == watched.key(b"a")


def test_events_of_two_processes_are_not_joined(watched):
    first = in_child(lambda: _write(watched / b"a"))
    second = in_child(lambda: _read(watched / b"a"))
    third = in_child(lambda: _write(watched / b"a"))
    found = [(raw.pid, raw.mask) for raw in watched.raws()]
    assert found == [
        (first, CREATE | OPEN | MODIFY | CLOSE_WRITE),
        (second, OPEN | CLOSE_NOWRITE),
        (third, OPEN | MODIFY | CLOSE_WRITE),
    ]


@pytest.mark.parametrize(
    ("action", "mask"),
    [
        (_read, OPEN | CLOSE_NOWRITE),
        (lambda path: os.close(os.open(path, os.O_RDONLY)), OPEN | CLOSE_NOWRITE),
        (lambda path: os.close(os.open(path, os.O_RDWR)), OPEN | CLOSE_WRITE),
        (lambda path: _write(path, flags=os.O_WRONLY | os.O_APPEND), OPEN | MODIFY | CLOSE_WRITE),
        (lambda path: os.truncate(path, 1), MODIFY),
        (lambda path: os.chmod(path, 0o600), ATTRIB),
        (lambda path: os.utime(path, (1, 1)), ATTRIB),
        (os.stat, 0),
        (os.unlink, DELETE),
    ],
)
def test_what_is_done_to_a_file(watched, action, mask):
    _write(watched / b"a", b"some")
    watched.raws()
    pid = in_child(lambda: action(watched / b"a"))
    assert watched.masks(pid).get(b"a", 0) & ~(ATTRIB if mask & DELETE else 0) == mask


def test_reading_is_told_if_it_is_asked_for(watched):
    group = Group()
    group.mark(watched.root, ACCESS)
    _write(watched / b"a")
    pid = in_child(lambda: _read(watched / b"a"))
    found = [raw.mask for raw in events_in(group.read()) if raw.pid == pid]
    group.close()
    assert found == [ACCESS]


def test_failed_calls_say_nothing(watched):
    def fail() -> None:
        for flags in (os.O_RDONLY, os.O_WRONLY):
            with pytest.raises(FileNotFoundError):
                os.open(watched / b"none", flags)

    assert watched.masks(in_child(fail)) == {}


def test_mapped_file(watched):
    _write(watched / b"a", b"x" * 100)
    watched.raws()

    def look() -> None:
        descriptor = os.open(watched / b"a", os.O_RDONLY)
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as data:
            assert data[5] == ord("x")
        os.close(descriptor)

    assert watched.masks(in_child(look))[b"a"] == OPEN | CLOSE_NOWRITE


def test_rename_of_a_file(watched):
    _write(watched / b"a")
    key = watched.key(b"a")
    os.mkdir(watched / b"d")
    watched.knows(b"d")
    watched.raws()
    pid = in_child(lambda: os.rename(watched / b"a", watched / b"d/b"))
    (raw,) = [raw for raw in watched.raws() if raw.mask & RENAME]
    assert raw == Raw(RENAME, pid, watched.key(b""), b"a", key, watched.key(b"d"), b"b")


def test_rename_of_a_directory(watched):
    os.mkdir(watched / b"d")
    key = watched.key(b"d")
    pid = in_child(lambda: os.rename(watched / b"d", watched / b"e"))
    made, renamed = [raw for raw in watched.raws() if raw.mask & (CREATE | RENAME)]
    assert made == Raw(CREATE | ONDIR, os.getpid(), watched.key(b""), b"d", key)
    assert renamed == Raw(RENAME | ONDIR, pid, watched.key(b""), b"d", key, watched.key(b""), b"e")
    assert watched.key(b"e") == key, "a rename keeps the handle"
    in_child(lambda: os.rmdir(watched / b"e"))
    (removed,) = [raw for raw in watched.raws() if raw.mask & DELETE]
    assert (removed.mask & ~ATTRIB, removed.target) == (DELETE | ONDIR, key)


def test_rename_across_the_border(watched):
    with tempfile.TemporaryDirectory(dir=os.fsdecode(watched / b"..")) as name:
        outside = os.fsencode(name)
        _write(watched / b"a")
        watched.raws()
        os.rename(watched / b"a", outside + b"/a")
        os.rename(outside + b"/a", watched / b"b")
        out, back = [raw for raw in watched.raws() if raw.mask & RENAME]
        assert (out.directory, out.new_directory) == (watched.key(b""), watched.handles.key_of(outside))
        assert (back.directory, back.new_directory) == (out.new_directory, out.directory)


def test_hard_link_is_made_without_an_open(watched):
    _write(watched / b"a")
    watched.raws()
    pid = in_child(lambda: os.link(watched / b"a", watched / b"b"))
    raws = [raw for raw in watched.raws() if raw.name == b"b"]
    assert [(raw.mask & CREATE, raw.mask & OPEN, raw.pid) for raw in raws] == [(CREATE, 0, pid)]
    assert raws[0].target == watched.key(b"a") == watched.key(b"b")


@pytest.mark.parametrize(
    "name", [b"new\nline", b"not utf-8 \xff\xfe", b" ", "ünï".encode(), b"n" * 255, b".x"]
)
def test_odd_names(watched, name):
    in_child(lambda: _write(watched / name))
    in_child(lambda: os.rename(watched / name, watched / b"other"))
    in_child(lambda: os.rename(watched / b"other", watched / name))
    made, gone, back = watched.raws()
    assert (made.name, gone.name, gone.new_name) == (name, name, b"other")
    assert (back.name, back.new_name) == (b"other", name)


def test_exec_of_a_script_opens_script_and_interpreter(watched):
    """The queue shows where a process becomes another program: between its file events."""
    Path(os.fsdecode(watched / b"s.sh")).write_text("#!/bin/sh\nread line < $1\n")
    os.chmod(watched / b"s.sh", 0o700)
    _write(watched / b"in", b"line\n")
    watched.raws()
    with subprocess.Popen([watched / b"s.sh", watched / b"in"]) as process:
        pass
    found = [(raw.name, raw.mask) for raw in watched.raws() if raw.pid == process.pid]
    names = [name for name, _ in found]
    assert names.index(b"s.sh") < names.index(b"in")
    assert dict(found)[b"s.sh"] & OPEN_EXEC
    assert not dict(found)[b"in"] & OPEN_EXEC


def test_thread_is_told_as_its_process(watched):
    script = "import sys, threading; threading.Thread(target=lambda: open(sys.argv[1]).read()).start()"
    _write(watched / b"a")
    watched.raws()
    with subprocess.Popen([sys.executable, "-c", script, watched / b"a"]) as process:
        pass
    assert {raw.pid for raw in watched.raws() if raw.name == b"a"} == {process.pid}


def test_queue_that_is_limited_overflows(watched, tmp_path):
    most = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    if most > 20_000:
        pytest.skip(f"the limit of this machine is {most}")
    group = Group(limited=True)
    group.mark(os.fsencode(tmp_path), CREATE)
    for number in range(most + 100):
        os.mknod(watched / b"%d" % number)
    masks = []
    while data := group.read():
        masks += [(raw.mask, raw.directory) for raw in events_in(data)]
    group.close()
    assert (OVERFLOW, b"") in masks
    assert len(watched.raws()) == most + 100, "the other one has no limit"


def test_filesystem_that_cannot_be_reported(watched):
    with pytest.raises(UnsupportedError, match="no file handles"):
        watched.group.mark(b"/proc", CONTENT | NAMES)


def test_path_that_is_not_there(watched):
    with pytest.raises(FileNotFoundError):
        watched.group.mark(watched / b"none", CONTENT)


def test_user_without_the_capability():
    script = (
        "import os; from mlamd.host.fanotify import Group\n"
        "os.setgroups([]); os.setuid(65534)\n"
        "try:\n group = Group(); group.mark(b'/', 8)\n"
        "except PermissionError: raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 7, done.stderr


def test_group_ends_once(watched):
    assert watched.raws() == []
    watched.group.close()
    watched.group.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        watched.group.read()


def test_paths_of_handles(watched):
    os.mkdir(watched / b"d \xff")
    key = watched.key(b"d \xff")
    mount = os.open(watched.root, os.O_RDONLY)
    try:
        assert watched.handles.path_of(key, mount) == os.path.realpath(watched / b"d \xff")
        os.rename(watched / b"d \xff", watched / b"e")
        assert watched.handles.path_of(key, mount) == os.path.realpath(watched / b"e")
        os.rmdir(watched / b"e")
        assert watched.handles.path_of(key, mount) is None
    finally:
        os.close(mount)


def test_key_of(watched):
    handles = watched.handles
    os.symlink(b"d", watched / b"l")
    assert handles.key_of(watched / b"none") is None
    assert handles.key_of(watched / b"l", follow=True) is None
    os.mkdir(watched / b"d")
    assert handles.key_of(watched / b"l", follow=True) == handles.key_of(watched / b"d")
    assert handles.key_of(watched / b"l") not in {None, handles.key_of(watched / b"d")}
    assert handles.key_of(b"/proc/self/cwd", follow=True) == handles.key_of(os.fsencode(os.getcwd()))
