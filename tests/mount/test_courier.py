"""The line from who answers the kernel to who attributes: nobody waits, and nothing is lost silently."""

import os
import socket
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlamd.mount import courier
from mlamd.mount.backing import Backing
from mlamd.mount.courier import Courier
from mlamd.mount.keeper import KEPT, Keeper
from mlamd.mount.nodes import ROOT, Node
from mlamd.mount.witness import DEED, IMAGE, Row

pytestmark = pytest.mark.linux


class Line:
    """Both ends of a channel."""

    def __init__(self, place: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(place.with_suffix(".sock")))
        self._listener.listen()
        self.rows: deque[Row] = deque()
        self._descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        self.backing = Backing(self._descriptor)
        self.keeper = Keeper(self.backing, self.rows)
        self.courier = Courier(self._listener, self._descriptor, self.rows, self.keeper)
        self.theirs = self.come()

    def come(self) -> socket.socket:
        """Come to be told; be greeted."""
        theirs = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.connect(self._listener.getsockname())
        assert self.courier.accept() >= 0
        directory, pid, options = courier.greeted(theirs, 5)
        assert options == []
        assert os.path.sameopenfile(directory, self._descriptor)
        assert pid == os.getpid()
        os.close(directory)
        return theirs

    def deeds(self, count: int, size: int = 10) -> None:
        """Let the witness take down some deeds."""
        self.rows.extend((DEED, number, 32, 7, b"a" * size, b"") for number in range(count))

    def close(self) -> None:
        self.theirs.close()
        self.courier.close()
        self._listener.close()
        self.backing.close()
        os.close(self._descriptor)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.close()


def received(line: Line) -> list[list[object]]:
    found = courier.messages(line.theirs)
    assert found is not None
    return found


def test_request_is_answered_after_everything_before_it(line: Line) -> None:
    line.deeds(3)
    courier.ask(line.theirs, 5)
    assert line.courier.hear()
    line.courier.send()
    ((number, until_ns, lost, rows),) = received(line)
    assert (number, lost, len(rows)) == (5, 0, 3)  # type: ignore[arg-type]
    assert until_ns
    assert not line.courier.waits


def test_only_the_last_of_many_messages_says_that_all_is_told(line: Line) -> None:
    line.deeds(5_000)
    found = []
    while line.courier.waits:
        line.courier.send()
        found += received(line)
    assert len(found) > 1
    assert [bool(message[1]) for message in found] == [False] * (len(found) - 1) + [True]
    assert sum(len(message[3]) for message in found) == 5_000  # type: ignore[arg-type]


def test_who_does_not_read_blocks_nobody_and_what_is_dropped_is_counted(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_MOST_ROWS", 1_000)
    line.deeds(20_000, 100)
    line.courier.send()
    assert line.courier.pause_ms
    line.deeds(5_000, 100)
    line.courier.send()
    assert len(line.rows) == 1_000
    found = received(line)
    while line.courier.waits:
        line.courier.send()
        found += received(line)
    told = sum(len(message[3]) for message in found)  # type: ignore[arg-type]
    lost = sum(message[2] for message in found)  # type: ignore[misc]
    assert told + lost == 25_000
    assert lost > 0


def test_command_line_that_is_too_long_is_counted(line: Line) -> None:
    line.rows.append((IMAGE, 1, 7, [b"x" * (1 << 20)]))
    line.deeds(1)
    line.courier.send()
    found = received(line)
    assert sum(message[2] for message in found) == 1  # type: ignore[misc]


def test_what_is_done_while_nobody_listens_is_told_to_the_next(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of two that come one after the other: the last one is told. Rows are kept up to a bound."""
    monkeypatch.setattr(courier, "_MOST_ROWS", 1_000)
    line.theirs.close()
    assert not line.courier.hear()
    line.deeds(1_500)
    assert not line.courier.waits
    line.courier.send()
    another = line.come()
    line.theirs = line.come()
    assert another.recv(10) == b"", "it was parted with"
    another.close()
    found = []
    while line.courier.waits:
        line.courier.send()
        found += received(line)
    assert sum(len(message[3]) for message in found) == 1_000  # type: ignore[arg-type]
    assert sum(message[2] for message in found) == 500  # type: ignore[misc]


def _read(line: Line, name: bytes) -> Node:
    """Look a file up and read it, as somebody would."""
    node, status = line.backing.lookup(ROOT, name)
    line.keeper.read(node, status)
    return node


def test_what_is_about_to_be_lost_comes_with_its_descriptor(line: Line, tmp_path: Path) -> None:
    """Also many at once; nothing stays open here."""
    before = len(os.listdir("/proc/self/fd"))
    for number in range(150):
        (tmp_path / f"{number}").write_text(f"text {number}")
        _read(line, b"%d" % number)
        line.backing.remove(ROOT, b"%d" % number)
    (tmp_path / "changed").write_text("before")
    changed = _read(line, b"changed")
    line.keeper.before_change(changed)
    (tmp_path / "changed").write_text("after")
    line.keeper.before_change(changed)
    rows = []
    while line.courier.waits:
        line.courier.send()
        rows += [row for message in received(line) for row in message[3]]  # type: ignore[attr-defined]
    contents = []
    for kind, _, descriptor, _, _, why_not in rows:
        assert (kind, why_not) == (KEPT, "")
        os.lseek(descriptor, 0, os.SEEK_SET)
        contents.append(os.read(descriptor, 100))
        os.close(descriptor)
    assert contents == [*(b"text %d" % number for number in range(150)), b"before"]
    assert line.keeper.open == 0
    line.backing.nodes.drop(changed)
    kept = [line.backing.nodes[number] for number in list(line.backing.nodes._by_number) if number != ROOT]
    for node in kept:
        line.backing.nodes.drop(node)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_digested_already_is_not_kept(line: Line, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    node = _read(line, b"a")
    status = (tmp_path / "a").stat()
    courier.tell_known(line.theirs, [[status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]])
    assert line.courier.hear()
    line.keeper.before_change(node)
    _read(line, b"a")
    line.backing.remove(ROOT, b"a")
    assert not line.rows
