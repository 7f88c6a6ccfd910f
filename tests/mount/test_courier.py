"""The line from who answers the kernel to who attributes: nobody waits, and nothing is lost silently."""

import socket
from collections import deque
from collections.abc import Iterator

import pytest

from mlamd.mount import courier
from mlamd.mount.courier import Courier
from mlamd.mount.witness import DEED, IMAGE, Row

pytestmark = pytest.mark.linux


class Line:
    """Both ends of a channel."""

    def __init__(self) -> None:
        self.theirs, ours = courier.pair()
        self.rows: deque[Row] = deque()
        self.ends = 0
        self.courier = Courier(ours, self.rows, self._ended)
        self._ours = ours

    def _ended(self) -> None:
        self.ends += 1

    def deeds(self, count: int, size: int = 10) -> None:
        """Let the witness take down some deeds."""
        self.rows.extend((DEED, number, 32, 7, b"a" * size, b"") for number in range(count))

    def close(self) -> None:
        self.theirs.close()
        self._ours.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
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


def test_end_is_heard_once(line: Line) -> None:
    line.theirs.shutdown(socket.SHUT_RDWR)
    assert not line.courier.hear()
    assert line.ends == 1
