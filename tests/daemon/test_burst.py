"""Bursts are let pass: with real sockets, and with a clock where the time matters."""

import socket
import threading
import time

import pytest

from mlamd.daemon.burst import Burst

MUCH = b"x" * 20_000


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_little_is_read_at_once(pair):
    ours, theirs = pair
    burst = Burst(lambda: 0.0, step_s=60)
    for _ in range(5):
        theirs.sendall(b"x" * 100)
        burst.let_pass(ours)
        assert len(ours.recv(1 << 18)) == 100


def test_a_burst_is_let_pass_until_it_ends(pair):
    ours, theirs = pair
    burst = Burst(most_s=60, step_s=0.2)
    theirs.sendall(MUCH)
    sender = threading.Timer(0.1, theirs.sendall, (MUCH,))
    sender.start()
    burst.let_pass(ours)  # the first step brought more, the second nothing
    sender.join()
    assert len(ours.recv(1 << 18)) == 2 * len(MUCH)


def test_many_small_reads_are_a_burst_too(pair):
    ours, theirs = pair
    times = iter([0.0, *[0.01] * 10, 0.02, 100.0, 100.0])
    burst = Burst(lambda: next(times), most_s=50, step_s=0.03)
    for _ in range(9):
        theirs.sendall(b"x" * 1300)
        burst.let_pass(ours)
        ours.recv(1 << 18)
    assert not burst.waits
    waiting = threading.Event()
    watcher = threading.Thread(target=lambda: waiting.set() if _soon(lambda: burst.waits) else None)
    watcher.start()
    theirs.sendall(b"x" * 1300)
    burst.let_pass(ours)
    watcher.join()
    assert waiting.is_set()


def _soon(true):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if true():
            return True
    return False


def test_it_waits_no_longer_than_it_may(pair):
    ours, theirs = pair
    seconds = iter([0.0, 0.0, 2.0, 2.0, 2.0])
    burst = Burst(lambda: next(seconds), most_s=1.0, step_s=0.001)
    theirs.sendall(MUCH)
    burst.let_pass(ours)
    burst.let_pass(ours)  # what has been waited for is read to its end
    assert ours.recv(1 << 18)


def test_a_question_ends_the_wait(pair):
    ours, theirs = pair
    burst = Burst(most_s=1000, step_s=1000)
    theirs.sendall(MUCH)
    asking = threading.Timer(0.1, burst.hurry)
    asking.start()
    burst.let_pass(ours)
    asking.join()
    assert not burst.waits


def test_the_end_of_the_sensor_is_heard(pair):
    ours, theirs = pair
    theirs.close()
    Burst().let_pass(ours)
    assert ours.recv(10) == b""
