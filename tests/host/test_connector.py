"""The process connector of this kernel, held against pyroute2's decoding and against what we did."""

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlamd.host import connector
from mlamd.host.connector import Connector, Kind, ProcessEvent, QueueFullError, parse
from mlamd.host.procfs import ProcFs

_THREADS = """
import threading
threads = [threading.Thread(target=int) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


class Listening:
    """Collects events, and the messages that they came in."""

    def __init__(self, made: Connector) -> None:
        self.connector = made
        self.events: list[ProcessEvent] = []

    def until(self, true: Callable[[ProcessEvent], bool]) -> list[ProcessEvent]:
        """Read until an event has come; return all so far."""
        deadline = time.monotonic() + 20
        while not any(map(true, self.events)):
            assert time.monotonic() < deadline, "the event did not come"
            select.select([self.connector.descriptor], [], [], 0.1)
            found, lost = self.connector.read()
            assert not lost
            self.events += found
        return self.events

    def of(self, pid: int) -> list[ProcessEvent]:
        """Return what happened to a process, which has ended."""
        events = self.until(lambda event: event.kind == Kind.EXIT and event.process == event.thread == pid)
        return [event for event in events if event.process == pid]


@pytest.fixture
def listening(capable: None) -> Iterator[Listening]:
    del capable
    made = Connector()
    yield Listening(made)
    made.close()


def _kinds(events: list[ProcessEvent]) -> list[int]:
    return [event.kind for event in events]


@pytest.mark.root
def test_fork_exec_exit(listening):
    before_ns = time.monotonic_ns()
    with subprocess.Popen(["sh", "-c", "exit 7"]) as process:
        pass
    after_ns = time.monotonic_ns()
    fork, execed, ended = [event for event in listening.of(process.pid) if event.kind in iter(Kind)]
    assert _kinds([fork, execed, ended]) == [Kind.FORK, Kind.EXEC, Kind.EXIT]
    assert fork.parent == os.getpid()
    assert fork.thread == process.pid
    assert os.waitstatus_to_exitcode(ended.status) == 7
    assert before_ns <= fork.monotonic_ns <= execed.monotonic_ns <= ended.monotonic_ns <= after_ns


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_end_by_a_signal(listening, number):
    with subprocess.Popen(["sh", "-c", f"kill -{number:d} $$"]) as process:
        pass
    assert os.waitstatus_to_exitcode(listening.of(process.pid)[-1].status) == -number


@pytest.mark.root
def test_child_that_only_forks(listening):
    pid = os.fork()
    if not pid:
        os._exit(3)
    os.waitpid(pid, 0)
    fork, ended = listening.of(pid)
    assert (fork.kind, fork.parent) == (Kind.FORK, os.getpid())
    assert os.waitstatus_to_exitcode(ended.status) == 3


@pytest.mark.root
def test_parent_of_one_that_a_thread_started(listening):
    """Told is the process that forked, not the thread."""
    started: list[int] = []

    def start() -> None:
        with subprocess.Popen(["true"]) as process:
            started.append(process.pid)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert listening.of(started[0])[0].parent == os.getpid()


@pytest.mark.root
def test_threads(listening):
    with subprocess.Popen([sys.executable, "-c", _THREADS]) as process:
        pass
    events = listening.of(process.pid)
    begun = {event.thread for event in events if event.kind == Kind.FORK} - {process.pid}
    ended = {event.thread for event in events if event.kind == Kind.EXIT} - {process.pid}
    assert len(begun) == 5
    assert begun == ended
    assert _kinds(events).count(Kind.EXEC) == 1


@pytest.mark.root
def test_exec_by_a_thread(listening):
    """Everything but the new program ends, and the process keeps its id."""
    script = "import os, threading; threading.Thread(target=os.execlp, args=('true', 'true')).start()"
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        assert process.wait() == 0
    events = listening.of(process.pid)
    assert _kinds(events).count(Kind.EXEC) == 2
    assert events[-1].thread == process.pid


@pytest.mark.root
def test_start_time_of_a_fork_is_that_in_proc(listening):
    table = ProcFs()
    for _ in range(20):
        with subprocess.Popen(["sleep", "60"]) as process:
            facts = table.look(process.pid)
            process.kill()
        assert facts is not None
        start, started_ns = table.start_of(listening.of(process.pid)[0].monotonic_ns)
        assert 0 <= start - facts.key.start <= 1, "the kernel takes the start just before it tells"
        assert abs(started_ns - facts.started_ns) < 30_000_000
    table.close()


@pytest.mark.root
def test_our_decoding_is_that_of_pyroute2(capable, monkeypatch):
    """The messages are real; ``parse`` gets the same bytes as pyroute2's decoder."""
    del capable
    proc = pytest.importorskip("pyroute2.netlink.connector.cn_proc")
    messages: list[bytes] = []

    def taking(data: bytes) -> ProcessEvent | None:
        messages.append(data)
        return parse(data)

    monkeypatch.setattr(connector, "parse", taking)
    made = Connector()
    listening = Listening(made)
    with subprocess.Popen([sys.executable, "-c", _THREADS + "raise SystemExit(3)"]) as process:
        pass
    listening.of(process.pid)
    made.close()
    compared = set()
    for data in messages:
        ours = parse(data)
        (theirs,) = proc.ProcEventMarshal().parse(data)
        if ours is None:
            assert theirs["what"] not in {Kind.FORK, Kind.EXEC, Kind.EXIT}
            continue
        compared.add(ours.kind)
        assert (ours.kind, ours.monotonic_ns) == (theirs["what"], theirs["timestamp_ns"])
        if ours.kind == Kind.FORK:
            assert (ours.process, ours.thread) == (theirs["child_tgid"], theirs["child_pid"])
            assert ours.parent == theirs["parent_tgid"]
        else:
            assert (ours.process, ours.thread) == (theirs["process_tgid"], theirs["process_pid"])
        if ours.kind == Kind.EXIT:
            assert ours.status == theirs["exit_code"]
    assert compared == {Kind.FORK, Kind.EXEC, Kind.EXIT}


@pytest.mark.root
def test_loss_is_told_once_and_reading_goes_on(listening):
    """A socket with room for some events only, and nobody who reads."""
    listening.connector._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        subprocess.run(["true"], check=True)
    events, lost = listening.connector.read()
    assert lost
    assert 0 < len(events) < 300
    with subprocess.Popen(["true"]) as process:
        pass
    assert Kind.EXIT in _kinds(listening.of(process.pid))


@pytest.mark.root
def test_user_without_the_capability():
    """Older kernels refuse; since Linux 6.6 everybody may listen."""
    script = (
        "import os; from mlamd.host.connector import Connector\n"
        "os.setgroups([]); os.setuid(65534)\n"
        "try:\n Connector()\n"
        "except PermissionError: raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    release = tuple(int(word) for word in os.uname().release.split(".")[:2])
    assert done.returncode == (7 if release < (6, 6) else 0), done.stderr


@pytest.mark.root
def test_two_listeners_in_one_process_hear_the_same(listening):
    other = Listening(Connector())
    with subprocess.Popen(["true"]) as process:
        pass
    assert listening.of(process.pid) == other.of(process.pid)
    other.connector.close()
    with subprocess.Popen(["true"]) as process:
        pass
    assert listening.of(process.pid), "the end of one subscription is not the end of the other"


# --- the format ------------------------------------------------------------------------------


def _message(what: int, *words: int, pad: int = 0) -> bytes:
    body = struct.pack("=IIQ", what, 0, 99) + struct.pack(f"={len(words)}I", *words) + bytes(pad)
    head = struct.pack("=IIIIHH", 1, 1, 0, 0, len(body), 0)
    return struct.pack("=IHHII", 36 + len(body), 3, 0, 0, 0) + head + body


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (_message(1, 10, 11, 12, 13, pad=8), ProcessEvent(Kind.FORK, 99, 13, 12, 11)),
        (_message(2, 10, 11, pad=16), ProcessEvent(Kind.EXEC, 99, 11, 10)),
        (_message(2, 10, 11, pad=8), ProcessEvent(Kind.EXEC, 99, 11, 10)),
        (_message(1 << 31, 10, 11, 256, 17, 1, 1), ProcessEvent(Kind.EXIT, 99, 11, 10, 0, 256)),
        (_message(0, 0, pad=20), None),
        (_message(4, 10, 11, 0, 0, pad=8), None),
        (b"", None),
        (bytes(30), None),
    ],
)
def test_format(data, event):
    assert parse(data) == event


def test_loss_is_an_error_of_its_own(monkeypatch):
    class Full:
        def recv(self, size: int) -> bytes:
            raise OSError(105, f"no room for {size}")

    made = Connector.__new__(Connector)
    monkeypatch.setattr(made, "_socket", Full(), raising=False)
    with pytest.raises(QueueFullError):
        made.one()
