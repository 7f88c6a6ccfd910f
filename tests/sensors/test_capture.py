"""The loop that reads the kernel, over queues that are filled by hand."""

import os
import threading
import time

import pytest

from mlamd.host.connector import Kind, ProcessEvent
from mlamd.host.fanotify import CREATE, OVERFLOW, Raw
from mlamd.host.taskstats import Spent
from mlamd.sensors.capture import Batch, Capture, wall_clock
from tests.host.test_fanotify_buffers import pack
from tests.sensors.machinery import Machine


class Queue:
    """Something with a descriptor that is readable while anything waits."""

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        self.waiting: list = []
        self._lock = threading.Lock()

    def put(self, *items) -> None:
        with self._lock:
            self.waiting += items
            os.write(self._writing, b"x" * len(items))

    def next(self):
        with self._lock:
            if not self.waiting:
                return None
            os.read(self.descriptor, 1)
            return self.waiting.pop(0)

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._writing)


class FakeGroup(Queue):
    def read(self) -> bytes:
        return self.next() or b""


class FakeConnector(Queue):
    lost = False

    def read(self) -> tuple[list[ProcessEvent], bool]:
        found = []
        while (event := self.next()) is not None:
            found.append(event)
        lost, self.lost = self.lost, False
        return found, lost


class FakeAccounts:
    def __init__(self) -> None:
        self.lost = 0
        self.waiting: list[Spent] = []

    def read(self) -> list[Spent]:
        found, self.waiting = self.waiting, []
        return found


class Bench:
    """A capture over queues, and the batches that it hands over."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.group, self.connector, self.accounts = FakeGroup(), FakeConnector(), FakeAccounts()
        self.batches: list[Batch] = []
        self.capture = Capture(
            self.group,  # type: ignore[arg-type]
            self.connector,  # type: ignore[arg-type]
            self.accounts,  # type: ignore[arg-type]
            self.machine.executions,
            self.batches.append,
        )

    def files(self, *names: bytes) -> None:
        self.group.put(b"".join(_event(name) for name in names))

    def fork(self, pid: int) -> None:
        self.machine.table.put(pid, 1, "cat")
        self.connector.put(ProcessEvent(Kind.FORK, self.machine.tick(), pid, pid, 1))

    def names(self) -> list[list[bytes]]:
        return [[raw.name for raw in batch.raws] for batch in self.batches]


def _event(name: bytes, mask: int = CREATE) -> bytes:
    key = bytes(16)
    return pack(Raw(mask, 7, key, name, b"") if name else Raw(mask, 0, b"", b"", b""))


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.group.close()
    made.connector.close()


def test_what_waits_is_one_batch_in_order(bench):
    bench.files(b"a", b"b")
    bench.files(b"c")
    bench.fork(10)
    bench.capture.drain()
    (batch,) = bench.batches
    assert [raw.name for raw in batch.raws] == [b"a", b"b", b"c"]
    assert [change.known.key.pid for change in batch.changes] == [10]
    assert batch.from_ns <= batch.ripe_ns <= batch.at_ns
    assert batch.lost == []


def test_nothing_is_no_batch(bench):
    bench.capture.drain()
    assert bench.batches == []


def test_batches_follow_each_other_in_time(bench):
    for name in (b"a", b"b", b"c"):
        bench.files(name)
        bench.capture.drain()
    assert all(batch.from_ns <= batch.ripe_ns <= batch.at_ns for batch in bench.batches)
    begun = [batch.from_ns for batch in bench.batches[1:]]
    assert begun == [batch.ripe_ns for batch in bench.batches[:-1]]


def test_large_queue_is_several_batches_and_only_the_last_is_ripe(bench):
    """What processes did is not told of as long as file events of that time may wait."""
    for number in range(0, 9_000, 300):
        bench.files(*(b"%d" % name for name in range(number, number + 300)))
    bench.capture.drain()
    assert sum(map(len, bench.names())) == 9_000
    assert [bool(batch.ripe_ns) for batch in bench.batches] == [False, False, True]
    assert [name for names in bench.names() for name in names] == [b"%d" % name for name in range(9_000)]


def test_overflow_is_a_loss(bench):
    bench.group.put(_event(b"a") + _event(b"", OVERFLOW) + _event(b"b"))
    bench.capture.drain()
    (batch,) = bench.batches
    assert [raw.name for raw in batch.raws] == [b"a", b"b"]
    assert [reason for reason, _ in batch.lost] == ["overflow"]


def test_lost_process_events_are_a_look_at_everybody(bench):
    bench.fork(10)
    bench.capture.drain()
    del bench.machine.table.facts[10]
    bench.machine.table.put(11, 1, "dog")
    bench.connector.lost = True
    bench.capture.drain()
    batch = bench.batches[-1]
    assert [reason for reason, _ in batch.lost] == ["process-overflow"]
    assert {(change.kind, change.known.key.pid) for change in batch.changes} == {
        (Kind.FORK, 11),
        (Kind.EXIT, 10),
    }


def test_lost_accounts_are_told_once(bench):
    bench.accounts.lost = 2
    bench.files(b"a")
    bench.capture.drain()
    bench.files(b"b")
    bench.capture.drain()
    assert [[reason for reason, _ in batch.lost] for batch in bench.batches] == [["accounts-overflow"], []]


def test_account_comes_before_the_end(bench):
    bench.fork(10)
    bench.capture.drain()
    bench.accounts.waiting = [Spent(10, 10, "cat", 5, 0, 0, 0, 0, 0)]
    bench.connector.put(ProcessEvent(Kind.EXIT, bench.machine.tick(), 10, 10, 0, 0))
    bench.capture.drain()
    (change,) = bench.batches[-1].changes
    assert change.known.usage is not None
    assert change.known.usage.user_us == 5


def test_loop_reads_until_it_is_stopped(bench):
    stop = Queue()

    def stopped() -> None:
        stop.next()
        bench.capture.drain()
        bench.capture.stop()

    bench.capture.extra[stop.descriptor] = stopped
    thread = threading.Thread(target=bench.capture.run)
    thread.start()
    for number in range(50):
        bench.files(b"%d" % number)
        bench.fork(100 + number)
        time.sleep(0.0005)
    stop.put(1)
    thread.join(20)
    assert not thread.is_alive()
    assert [name for names in bench.names() for name in names] == [b"%d" % number for number in range(50)]
    pids = [change.known.key.pid for batch in bench.batches for change in batch.changes]
    assert pids == list(range(100, 150))
    stop.close()


def test_events_after_a_wait_are_not_dated_back(bench):
    """A loop that has slept knows that nothing had happened before it was woken."""
    thread = threading.Thread(target=bench.capture.run)
    bench.capture.extra[bench.group.descriptor] = lambda: None
    thread.start()
    time.sleep(0.2)
    before_ns = time.time_ns()
    bench.files(b"a")
    deadline = time.monotonic() + 20
    while not bench.batches and time.monotonic() < deadline:
        time.sleep(0.005)
    bench.capture.stop()
    bench.files(b"b")
    thread.join(20)
    assert bench.batches[0].from_ns > before_ns - 150_000_000


def test_time_in_which_the_sensor_could_not_run_is_a_gap(bench):
    slow = Queue()

    def stand() -> None:
        slow.next()
        bench.files(b"a")
        time.sleep(0.7)

    bench.capture.extra[slow.descriptor] = stand
    thread = threading.Thread(target=bench.capture.run)
    thread.start()
    slow.put(1)
    deadline = time.monotonic() + 20
    while not bench.batches and time.monotonic() < deadline:
        time.sleep(0.005)
    bench.files(b"b")
    while len(bench.batches) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    bench.capture.stop()
    bench.files(b"c")
    thread.join(20)
    reasons = [[reason for reason, _ in batch.lost] for batch in bench.batches]
    assert reasons[:2] == [["stalled"], []]
    assert bench.batches[0].at_ns - bench.batches[0].from_ns > 600_000_000
    slow.close()


def test_loop_with_nothing_to_do_is_no_gap(bench):
    """Also not for one who asks for all that has happened, while something happens."""
    ask = Queue()

    def asked() -> None:
        ask.next()
        bench.files(b"a")
        bench.capture.drain()
        bench.capture.stop()

    bench.capture.extra[ask.descriptor] = asked
    thread = threading.Thread(target=bench.capture.run)
    thread.start()
    time.sleep(1.5)
    ask.put(1)
    thread.join(20)
    assert [batch.lost for batch in bench.batches] == [[]]
    ask.close()


def test_wall_clock():
    wall_ns = wall_clock()
    assert abs(wall_ns(time.monotonic_ns()) - time.time_ns()) < 100_000_000
