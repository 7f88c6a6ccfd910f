"""A recorder's line to a sensor: here a listening socket, at which the test is the sensor."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlamd.daemon import feed as feeds
from mlamd.daemon.feed import Feed
from mlamd.daemon.inbox import Inbox, Item
from mlamd.errors import UnavailableError
from mlamd.host.clock import SystemClock
from mlamd.model.observations import Lost, ProcessGone
from mlamd.model.processes import ProcessKey
from mlamd.sensors import frames
from mlamd.sensors.frames import Splitter, row_of
from tests.conftest import until

BOOT = "b00t"
WELCOME = {"protocol": frames.PROTOCOL, "roots": [[b"/w", ""], [b"/net", "no file handles"]], "pid": 77}


class Sensor:
    """The other end."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(5)
        self.listener.settimeout(20)
        self.connection = socket.socket()
        self._splitter = Splitter()
        self._values: list[Any] = []

    def accept(self, answer: object = WELCOME, *more: bytes) -> dict[str, Any]:
        """Take the next recorder; return its greeting."""
        self.connection.close()
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(20)
        self._splitter, self._values = Splitter(), []
        hello: dict[str, Any] = self.hear()
        self.connection.sendall(frames.frame(answer) + b"".join(more))
        return hello

    def hear(self) -> Any:
        while not self._values:
            self._values += self._splitter.feed(self.connection.recv(1 << 16))
        return self._values.pop(0)

    def tell(self, *numbers: int) -> None:
        self.connection.sendall(_frame(*numbers))

    def close(self) -> None:
        self.connection.close()
        self.listener.close()


def _frame(*numbers: int) -> bytes:
    return frames.frame([row_of(ProcessGone(number, ProcessKey(BOOT, number, 1), 0)) for number in numbers])


class Ends:
    """A feed, its inbox, and the sensor at the other end."""

    def __init__(self, path: Path) -> None:
        self.sensor = Sensor(path)
        self.inbox = Inbox(SystemClock(), lambda: None)
        self.synced: list[int] = []
        self.feed = Feed((b"/w", b"/net"), self.inbox, BOOT, SystemClock(), path, self.synced.append)
        self.items: list[Item] = []

    def connect(self, answer: object = WELCOME, *more: bytes) -> dict[str, Any]:
        """Connect; the sensor answers from a backlog, so that one thread can be both."""

        found: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: found.append(self.sensor.accept(answer, *more)))
        thread.start()
        try:
            self.feed.connect()
        finally:
            thread.join(20)
        return found[0]

    def pids(self, count: int) -> list[int]:
        """Wait for so many items; return the pids of those that ended."""

        def enough() -> bool:
            self.items += self.inbox.take()
            return len(self.items) >= count

        until(enough)
        return [item.key.pid for item in self.items if isinstance(item, ProcessGone)]


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    monkeypatch.setattr(feeds, "_RETRY_S", 0.01)
    made = Ends(tmp_path / "s")
    yield made
    made.feed.stop()
    made.sensor.close()


def test_greeting(ends):
    hello = ends.connect()
    assert hello["protocol"] == frames.PROTOCOL
    assert hello["roots"] == [b"/w", b"/net"]
    assert ends.feed.refused() == {b"/net": "no file handles"}
    assert ends.feed.pid() == 77


def test_what_is_told_reaches_the_inbox(ends):
    ends.connect(WELCOME, _frame(1, 2))
    ends.feed.start()
    ends.sensor.tell(3)
    assert ends.pids(3) == [1, 2, 3], "the first came together with the greeting"


@pytest.mark.parametrize(
    "answer", [{"error": "you may not read it"}, {"protocol": frames.PROTOCOL, "error": "bad request"}]
)
def test_refusal(ends, answer):
    with pytest.raises(UnavailableError, match=answer["error"]):
        ends.connect(answer)


def test_nobody_listens(ends):
    ends.sensor.listener.close()
    with pytest.raises(UnavailableError, match="does not answer"):
        ends.feed.connect()


def test_garbage_for_a_greeting(ends):
    for answer in (7, [1, 2], b"x"):
        with pytest.raises(UnavailableError, match="does not answer"):
            ends.connect(answer)


def test_synchronisation(ends):
    ends.connect()
    ends.feed.start()
    ends.feed.ask_sync(5)
    assert ends.sensor.hear() == ["sync", 5]
    ends.sensor.tell(1)
    ends.sensor.connection.sendall(frames.synced(5))
    until(lambda: ends.synced == [5])
    assert ends.pids(1) == [1]


def test_sensor_that_ends_is_a_gap_and_is_asked_again(ends):
    ends.connect()
    ends.feed.start()
    ends.feed.ask_sync(5)
    assert ends.sensor.hear() == ["sync", 5]
    ends.sensor.connection.close()
    ends.sensor.accept()
    assert ends.sensor.hear() == ["sync", 5]
    ends.sensor.connection.sendall(frames.synced(5))
    ends.sensor.tell(2)
    until(lambda: ends.synced == [5])
    assert ends.pids(3) == [2]
    begun, lost = [item for item in ends.items if isinstance(item, Lost)]
    assert begun.reason == lost.reason == "sensor-down"
    assert begun.from_ns == begun.at_ns == lost.from_ns <= lost.at_ns
    assert ends.feed.down_ns == 0
    assert lost.scope == b""


def test_frame_that_was_begun_before_the_end_is_forgotten(ends):
    ends.connect()
    ends.feed.start()
    ends.sensor.connection.sendall(_frame(1)[:-1])
    ends.sensor.connection.close()
    ends.sensor.accept(WELCOME, _frame(2))
    assert ends.pids(3) == [2]


def test_garbage_is_an_end(ends):
    ends.connect()
    ends.feed.start()
    ends.sensor.connection.sendall(frames.frame([["x", 1]]))
    ends.sensor.accept(WELCOME, _frame(1))
    assert ends.pids(3) == [1]
    assert [item.reason for item in ends.items if isinstance(item, Lost)] == ["sensor-down"] * 2


def test_full_inbox_lets_the_rest_wait_in_the_socket(ends, monkeypatch):
    monkeypatch.setattr(feeds, "LIMIT", 20)
    ends.connect()
    ends.feed.start()
    for number in range(0, 100, 5):
        ends.sensor.tell(*range(number, number + 5))
    until(lambda: ends.inbox.waiting > 10)
    assert ends.inbox.waiting <= 100
    assert ends.pids(100) == list(range(100))


def test_stop_while_the_service_is_away(ends):
    ends.connect()
    ends.feed.start()
    ends.sensor.listener.close()
    ends.sensor.connection.close()
    ends.feed.stop()
    assert not ends.feed.alive()
