"""What is kept for a recorder: in order, once, bounded, and on disk when it becomes much."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mlamd.daemon.spool import Spool
from mlamd.host.fanotify import CLOSE_WRITE, MODIFY, OPEN
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, ProcessFacts, ProcessKey
from mlamd.sensors import frames
from mlamd.sensors.frames import Numbered, Reader, Splitter
from mlamd.sensors.signals import Deed

pytestmark = pytest.mark.linux
WHO = ProcessKey("boot", 7, 1)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


_open: list[socket.socket] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for one in _open:
        one.close()
    _open.clear()


class Recorder:
    """The other end of a spool."""

    def __init__(self, spool: Spool, after: int | None) -> None:
        ours, its = socket.socketpair()
        _open.extend((ours, its))
        self.connection = ours
        ours.settimeout(0.5)
        spool.attach(its, [frames.frame({"welcome": True})], after)
        self._splitter = Splitter()
        self._epoch = spool.epoch

    def hears(self) -> list[object]:
        """Return everything that comes, without the welcome."""
        found = []
        while True:
            try:
                data = self.connection.recv(1 << 20)
            except TimeoutError:
                return found
            for value in self._splitter.feed(data):
                if not isinstance(value, dict):
                    found += Reader("boot", self._epoch).items(value)


def deed(number: int, mask: int = OPEN) -> Deed:
    return Deed(mask, number, number, b"/w/%d" % number, WHO)


def told(items: list[object]) -> list[int]:
    return [item.at_ns for item in items if isinstance(item, Deed)]


def say(spool: Spool, *numbers: int) -> None:
    for number in numbers:
        spool.tell(deed(number))
    spool.flush()


def test_what_is_not_stored_is_told_again(directory: int) -> None:
    spool = Spool(directory, 1 << 20)
    say(spool, 1, 2)
    first = Recorder(spool, None)
    items = first.hears()
    assert told(items) == [1, 2]
    assert items[-1] == Numbered(spool.epoch, 1)
    say(spool, 3)
    say(spool, 4)
    assert told(first.hears()) == [3, 4]
    spool.took(2)
    first.connection.close()
    spool.close()
    say(spool, 5)
    assert told(Recorder(spool, None).hears()) == [4, 5]
    assert told(Recorder(spool, 3).hears()) == [5], "it has the others already"
    assert spool.has(spool.epoch, 2)
    assert not spool.has(spool.epoch, 1)
    assert not spool.has(spool.epoch, 9)
    assert not spool.has("another", 2)
    with pytest.raises(ValueError, match="never sent"):
        spool.took(9)


def test_who_is_there_is_told_first(directory: int) -> None:
    """Processes that have ended are not, nor files that were closed."""
    spool = Spool(directory, 1 << 20)
    ended = ProcessKey("boot", 8, 1)
    for key in (WHO, ended):
        spool.tell(
            seen.ProcessSeen(1, ProcessFacts(key, 1, None, 7, 7, 0, 0, 1, "x", ("x",), "/w", "/bin/x"))
        )
    spool.tell(deed(2))
    spool.tell(deed(3))
    spool.tell(deed(3, MODIFY | CLOSE_WRITE))
    spool.tell(seen.ProcessGone(4, ended, 0))
    spool.flush()
    spool.took(1)
    say(spool, 5)
    items = Recorder(spool, None).hears()
    assert [type(item) for item in items] == [
        seen.ProcessSeen,
        seen.ProcessHeld,
        seen.ProcessesPolled,
        Deed,
        Numbered,
    ]
    assert items[1].files == (HeldFile(b"/w/2", reads=True, writes=True),)
    assert told(items) == [5]


def test_much_is_kept_on_disk(directory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlamd.daemon.spool._MEMORY_BYTES", 2_000)
    monkeypatch.setattr("mlamd.daemon.spool._SEGMENT_BYTES", 5_000)
    spool = Spool(directory, 1 << 20)

    def files() -> int:
        found = 0
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                found += "(deleted)" in os.readlink(f"/proc/self/fd/{name}")
        return found

    before = files()
    for number in range(1000):
        say(spool, number)
    assert files() > before + 2
    assert told(Recorder(spool, None).hears()) == list(range(1000))
    spool.took(500)
    assert told(Recorder(spool, None).hears()) == list(range(500, 1000))
    spool.took(1000)
    assert files() == before
    assert not spool.waiting_bytes
    spool.drop()


def test_too_much_is_lost_and_told(directory: int) -> None:
    spool = Spool(directory, 10_000)
    for number in range(1000):
        say(spool, number)
    items = Recorder(spool, None).hears()
    kept = told(items)
    assert kept == list(range(len(kept)))
    assert 100 < len(kept) < 1000
    spool.took(len(kept))
    say(spool, 2000)
    items = Recorder(spool, None).hears()
    (lost,) = [item for item in items if isinstance(item, seen.Lost)]
    assert lost.reason == "sensor-full"
    assert str(1000 - len(kept)) in lost.detail
    assert told(items) == [2000]


def test_a_recorder_that_stops_reading_delays_nobody(directory: int) -> None:
    spool = Spool(directory, 1 << 26)
    recorder = Recorder(spool, None)
    began = time.monotonic()
    for number in range(20_000):
        say(spool, number)
    assert time.monotonic() - began < 20
    assert told(recorder.hears()) == list(range(20_000))
