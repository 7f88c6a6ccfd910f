"""The bounded queue to one recorder: nobody waits for it, and what it loses is told exactly."""

import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from mlamd.daemon.outbox import Outbox
from mlamd.model.observations import Lost, ProcessGone
from mlamd.model.processes import ProcessKey
from mlamd.sensors import frames
from mlamd.sensors.frames import Reader, Splitter, Synced
from tests.conftest import until

BOOT = "b00t"


class Line:
    """A socket pair with small buffers, an outbox at one end and a recorder at the other."""

    def __init__(self, most_bytes: int) -> None:
        its, self.mine = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (its, self.mine):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.mine.settimeout(20)
        self.its = its
        self.outbox = Outbox(its, most_bytes)
        self._splitter = Splitter()

    def tell(self, first: int, last: int, *, flush_every: int = 1) -> None:
        """Tell of ends of processes; the number is pid and time."""
        for number in range(first, last):
            self.outbox.tell(ProcessGone(number, ProcessKey(BOOT, number, 1), 0))
            if number % flush_every == 0:
                self.outbox.flush()
        self.outbox.flush()

    def read(self, mark: int) -> list[frames.Item]:
        """Return what comes before the answer to a synchronisation."""
        self.outbox.put(frames.synced(mark))
        return self.read_until(mark)

    def read_until(self, mark: int) -> list[frames.Item]:
        found: list[frames.Item] = []
        while True:
            for value in self._splitter.feed(self.mine.recv(1 << 16)):
                for item in Reader(BOOT).items(value):
                    if item == Synced(mark):
                        return found
                    assert not isinstance(item, Synced)
                    found.append(item)

    def close(self) -> None:
        self.outbox.close()
        self.mine.close()
        self.its.close()


@pytest.fixture
def line():
    made = Line(20_000)
    yield made
    made.close()


def _pids(items):
    return [item.key.pid for item in items if isinstance(item, ProcessGone)]


def test_all_arrives_in_order(line):
    reader = threading.Thread(target=lambda: found.extend(line.read_until(1)))
    found = []
    reader.start()
    for first in range(0, 5_000, 100):
        until(lambda: line.outbox.waiting_bytes < 10_000)
        line.tell(first, first + 100, flush_every=7)
    line.outbox.put(frames.synced(1))
    reader.join(30)
    assert _pids(found) == list(range(5_000))
    assert not [item for item in found if isinstance(item, Lost)]


def test_nothing_is_sent_before_the_flush(line):
    line.outbox.tell(ProcessGone(1, ProcessKey(BOOT, 1, 1), 0))
    assert line.read(1) == []
    line.outbox.flush()
    assert _pids(line.read(2)) == [1]


def test_many_items_are_sent_without_a_flush(line):
    for number in range(20_000):
        line.outbox.tell(ProcessGone(number, ProcessKey(BOOT, number, 1), 0))
        if line.outbox.waiting_bytes:
            break
    assert line.outbox.waiting_bytes


def check(story, total):
    """Every item stands in its place, or is among those that a loss in that place counts, since its time."""
    expected = 0
    for item in story:
        if isinstance(item, Lost):
            assert item.reason == "sensor-full"
            assert item.from_ns == expected, "the time of the first that was dropped"
            assert item.at_ns > total
            expected += int(re.match(r"\d+", item.detail)[0])
        else:
            assert item.key.pid == expected
            expected += 1
    assert expected == total


def test_recorder_that_does_not_read_loses_exactly_what_is_told(line):
    line.tell(0, 10_000)
    assert line.outbox.waiting_bytes < 40_000, "nothing piles up"
    found = line.read(1)
    line.outbox.flush()
    found += line.read(2)
    check(found, 10_000)
    assert [item for item in found if isinstance(item, Lost)]
    line.tell(10_000, 10_010)
    assert _pids(line.read(3)) == list(range(10_000, 10_010))


def test_each_loss_is_told_at_its_place(line):
    story = []
    for turn in range(3):
        line.tell(turn * 5_000, (turn + 1) * 5_000)
        story += line.read(turn)
        line.outbox.flush()
    story += line.read(99)
    check(story, 15_000)
    assert len([item for item in story if isinstance(item, Lost)]) >= 3


def test_telling_does_not_wait(line):
    """The sensor's own thread fills it while nobody reads: it would hang here otherwise."""
    line.tell(0, 50_000, flush_every=100)


def test_recorder_that_has_gone(line):
    line.mine.close()
    line.tell(0, 5_000)
    line.outbox.close()
    line.outbox._thread.join(20)
    assert not line.outbox._thread.is_alive()


def test_end_while_the_recorder_does_not_read(line):
    line.tell(0, 5_000)
    line.outbox.close()
    line.outbox._thread.join(20)
    assert not line.outbox._thread.is_alive()


def test_thread_leaves_it_to_the_reader_to_hear_that_it_was_stopped(line):
    """Else the reader can go on before it knows, and takes what waited for new (signal(7))."""
    line.tell(0, 10)
    line.read(1)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "sensor outbox")
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text(encoding="ascii")
    (blocked,) = re.findall(r"^SigBlk:\s*(\w+)", status, re.MULTILINE)
    assert int(blocked, 16) >> (signal.SIGCONT - 1) & 1
