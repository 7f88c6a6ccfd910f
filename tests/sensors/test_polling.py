"""The process sensor: on a table made by hand, and on real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from mlamd.host.clock import ManualClock, SystemClock
from mlamd.host.processes import Pulse, process_host
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, HeldPipe
from mlamd.sensors.polling import ProcessPoller
from tests.sensors.fakes import FakeProcesses
from tests.sensors.watching import Collector

Seen = TypeVar("Seen", bound=seen.Observation)
S = 1_000_000_000
linux = pytest.mark.linux


class Table:
    """A poller on a table made by hand."""

    def __init__(self) -> None:
        self.host = FakeProcesses()
        self.clock = ManualClock()
        self.collector = Collector()
        self.poller = ProcessPoller(self.host, ("/w",), self.collector, self.clock)

    def poll(self) -> list[seen.Observation]:
        """Poll; return what was delivered by it."""
        before = len(self.collector.items)
        self.clock.advance(20_000_000)
        self.poller.poll()
        return self.collector.items[before:]  # type: ignore[return-value]


@pytest.fixture
def table() -> Table:
    made = Table()
    made.host.start(1, "init", parent=0, cwd="/")
    made.poll()
    return made


def of(kind: type[Seen], found: list) -> list[Seen]:
    return [one for one in found if isinstance(one, kind)]


def test_a_poll_ends_with_a_report_that_says_when_it_began(table: Table) -> None:
    polled = table.poll()[-1]
    assert isinstance(polled, seen.ProcessesPolled)
    assert polled.began_ns <= polled.at_ns == table.clock.now_ns()


def test_a_process_is_reported_once_and_after_its_parents(table: Table) -> None:
    table.host.start(9, "bash")
    table.host.start(5, "make", parent=9)
    table.host.start(3, "cc", parent=5)
    found = of(seen.ProcessSeen, table.poll())
    assert [one.facts.key.pid for one in found] == [9, 5, 3]
    assert of(seen.ProcessSeen, table.poll()) == []


def test_an_end_is_reported_once_with_its_exit_code(table: Table) -> None:
    key = table.host.start(5, "python")
    table.poll()
    table.host.end(5, code=3)
    (gone,) = of(seen.ProcessGone, table.poll())
    assert (gone.key, gone.exit_code) == (key, 3)
    assert of(seen.ProcessGone, table.poll()) == []


def test_a_zombie_has_ended(table: Table) -> None:
    key = table.host.start(5, "python")
    table.poll()
    table.host.pulses[5] = Pulse(1, ("python", 0), 0, ended=-9)
    (gone,) = of(seen.ProcessGone, table.poll())
    assert (gone.key, gone.exit_code) == (key, -9)
    table.host.end(5)
    assert of(seen.ProcessGone, table.poll()) == []


def test_a_recycled_pid_is_an_end_and_a_beginning(table: Table) -> None:
    old = table.host.start(5, "python", start=1)
    table.poll()
    new = table.host.start(5, "python", start=2)
    found = table.poll()
    assert [one.key for one in of(seen.ProcessGone, found)] == [old]
    assert [one.facts.key for one in of(seen.ProcessSeen, found)] == [new]


def test_a_pid_that_was_recycled_after_its_end_was_noted_is_a_beginning(table: Table) -> None:
    table.host.start(5, "python", start=1)
    table.poll()
    table.host.pulses[5] = Pulse(1, ("python", 0), 0, ended=0)
    table.poll()
    new = table.host.start(5, "python", start=2)
    found = table.poll()
    assert [one.facts.key for one in of(seen.ProcessSeen, found)] == [new]
    assert of(seen.ProcessGone, found) == []


def test_an_exec_is_reported(table: Table) -> None:
    table.host.start(5, "bash")
    table.poll()
    table.host.facts[5] = replace(table.host.facts[5], argv=("python", "a.py"), executable="python")
    table.host.pulses[5] = Pulse(1, ("python", 77), 1)
    (found,) = of(seen.ProcessSeen, table.poll())
    assert found.facts.argv == ("python", "a.py")


def test_a_command_line_that_was_empty_while_the_program_was_loaded_is_reported_later(table: Table) -> None:
    """The kernel sets the beginning of the arguments, which an image is known by, before their end."""
    table.host.start(5, "python")
    loaded = table.host.facts[5]
    table.host.facts[5] = replace(loaded, argv=())
    table.poll()
    assert of(seen.ProcessSeen, table.poll()) == []
    table.host.facts[5] = loaded
    (found,) = of(seen.ProcessSeen, table.poll())
    assert found.facts.argv == ("python",)


def test_who_has_not_run_since_the_last_look_is_idle(table: Table) -> None:
    key = table.host.start(5, "python")
    table.poll()
    assert key in table.poll()[-1].idle  # type: ignore[union-attr]
    table.host.pulses[5] = Pulse(1, ("python", 0), 7)
    assert key not in table.poll()[-1].idle  # type: ignore[union-attr]
    table.host.pulses[5] = Pulse(1, ("python", 0), None)
    table.poll()
    assert key not in table.poll()[-1].idle, "where it cannot be told nobody is idle"  # type: ignore[union-attr]


def test_held_files_of_the_workspace_and_all_pipes_are_reported(table: Table) -> None:
    table.host.start(5, "python")
    pipe = HeldPipe("pipe:[1]", reads=True, writes=False)
    inside = HeldFile(b"/w/a", reads=True, writes=False)
    table.host.descriptors[5] = ((inside, HeldFile(b"/etc/b", reads=True, writes=False)), (pipe,))
    (held,) = of(seen.ProcessHeld, table.poll())
    assert (held.files, held.pipes) == ((inside,), (pipe,))


def test_descriptors_of_who_works_elsewhere_are_not_looked_at(table: Table) -> None:
    table.host.start(5, "python", cwd="/home")
    table.host.start(6, "python", "--data=/w/x", cwd="/home")
    found = of(seen.ProcessHeld, table.poll())
    assert [one.key.pid for one in found] == [6]
    assert [key.pid for key in table.host.watched] == [6]


def test_a_process_that_vanishes_while_it_is_looked_at_is_passed_over(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.host.start(5, "python")
    monkeypatch.setattr(table.host, "look", lambda pid: None)  # noqa: ARG005
    assert of(seen.ProcessSeen, table.poll()) == []


def test_the_recorder_knows_itself(table: Table) -> None:
    table.host.start(os.getpid(), "python", "-m", "mlamd")
    (found,) = of(seen.ProcessSeen, table.poll())
    assert found.facts.own


# --- real processes --------------------------------------------------------------------------


class Real:
    """A poller on this machine's processes, and children in a workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.collector = Collector()
        self.poller = ProcessPoller(process_host(), (str(root),), self.collector, SystemClock())
        self.children: list[subprocess.Popen[bytes]] = []

    def python(self, code: str, **options: object) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen([sys.executable, "-S", "-c", code], cwd=self.root, **options)  # type: ignore[call-overload]
        self.children.append(child)
        return child

    def of(self, kind: type[Seen], pid: int) -> list[Seen]:
        return [
            one
            for one in of(kind, self.collector.items)
            if (one.facts.key.pid if isinstance(one, seen.ProcessSeen) else one.key.pid) == pid  # type: ignore[attr-defined]
        ]

    def wait(self, true: Callable[[], object]) -> None:
        """Ask for looks until a condition holds."""
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline
            self.poller.wake()
            time.sleep(0.005)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    made = Real(tmp_path.resolve())
    made.poller.start()
    yield made
    made.poller.stop()
    for child in made.children:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


@linux
def test_a_long_process_is_seen_with_its_facts(real: Real) -> None:
    child = real.python("input()", stdin=subprocess.PIPE)
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid))
    facts = real.of(seen.ProcessSeen, child.pid)[-1].facts
    assert facts.argv == (sys.executable, "-S", "-c", "input()")
    assert facts.cwd == str(real.root)
    assert facts.parent_pid == os.getpid()
    assert facts.parent is not None
    assert facts.uid == os.getuid()
    assert os.path.samefile(facts.executable, sys.executable)
    assert abs(facts.started_ns - time.time_ns()) < 60 * S
    assert facts.group == os.getpgid(child.pid)
    assert not facts.own


@linux
@pytest.mark.parametrize("code", [0, 3, 255])
def test_an_exit_code_is_told_although_it_is_not_our_child_to_wait_for(real: Real, code: int) -> None:
    child = real.python(f"input(); raise SystemExit({code})", stdin=subprocess.PIPE)
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid))
    child.communicate(b"\n")
    real.wait(lambda: real.of(seen.ProcessGone, child.pid))
    (gone,) = real.of(seen.ProcessGone, child.pid)
    assert gone.exit_code in {code, None}
    if _kernel() >= (6, 15):
        assert gone.exit_code == code


@linux
def test_a_zombie_has_ended_with_its_signal(real: Real) -> None:
    child = real.python("input()", stdin=subprocess.PIPE)
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid))
    child.send_signal(signal.SIGKILL)
    real.wait(lambda: real.of(seen.ProcessGone, child.pid))
    assert [gone.exit_code for gone in real.of(seen.ProcessGone, child.pid)] == [-9]


@linux
def test_an_end_is_noted_at_the_moment_when_it_happens(real: Real) -> None:
    child = real.python("input()", stdin=subprocess.PIPE)
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid))
    time.sleep(1.2)
    killed_ns = time.time_ns()
    child.kill()
    real.collector.wait_for(lambda: real.of(seen.ProcessGone, child.pid))
    (gone,) = real.of(seen.ProcessGone, child.pid)
    assert killed_ns <= gone.at_ns < killed_ns + S


@linux
def test_short_processes_are_seen_while_files_move(real: Real) -> None:
    children = []
    for _ in range(10):
        real.poller.wake()
        children.append(real.python("import time; time.sleep(0.15)"))
        real.poller.wake()
        children[-1].wait()
    real.wait(lambda: all(real.of(seen.ProcessGone, child.pid) for child in children))
    assert sum(bool(real.of(seen.ProcessSeen, child.pid)) for child in children) == 10


@linux
def test_a_real_exec_is_reported(real: Real) -> None:
    code = "import os, sys; input(); os.execv('/bin/sleep', ['sleep', '60'])"
    child = real.python(code, stdin=subprocess.PIPE)
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid))
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    real.wait(lambda: real.of(seen.ProcessSeen, child.pid)[-1].facts.argv == ("sleep", "60"))
    keys = {one.facts.key for one in real.of(seen.ProcessSeen, child.pid)}
    assert len(keys) == 1


@linux
def test_a_sleeping_process_is_idle_and_a_working_one_is_not(real: Real) -> None:
    sleeper = real.python("input()", stdin=subprocess.PIPE)
    worker = real.python("while True: pass")
    real.wait(lambda: real.of(seen.ProcessSeen, sleeper.pid) and real.of(seen.ProcessSeen, worker.pid))
    time.sleep(0.3)
    begin = len(real.collector.items)
    real.wait(lambda: len(of(seen.ProcessesPolled, real.collector.items[begin:])) > 5)
    polls = of(seen.ProcessesPolled, real.collector.items[begin:])
    idle = [{key.pid for key in poll.idle} for poll in polls]
    assert sum(sleeper.pid in pids for pids in idle) >= len(idle) - 1
    assert sum(worker.pid in pids for pids in idle) <= len(idle) // 2


@linux
def test_real_files_and_pipes_are_seen_in_the_hands_of_who_holds_them(real: Real) -> None:
    (real.root / "data").write_bytes(b"x")
    code = "a = open('data'); b = open('out', 'w'); input()"
    child = real.python(code, stdin=subprocess.PIPE)
    inside = os.fsencode(real.root)

    def holds() -> bool:
        held = real.of(seen.ProcessHeld, child.pid)
        files = set(held[-1].files) if held else set()
        wanted = {
            HeldFile(inside + b"/data", reads=True, writes=False),
            HeldFile(inside + b"/out", reads=False, writes=True),
        }
        return wanted <= files

    real.wait(holds)
    assert child.stdin is not None
    channel = os.readlink(f"/proc/self/fd/{child.stdin.fileno()}")
    pipes = real.of(seen.ProcessHeld, child.pid)[-1].pipes
    assert HeldPipe(channel, reads=True, writes=False) in pipes


@linux
def test_both_ends_of_a_socket_pair_share_their_channels(real: Real) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first = real.python("input()", stdin=theirs.fileno())
        second = real.python("input()", stdin=ours.fileno())

        def ends(pid: int) -> dict[str, tuple[bool, bool]]:
            held = real.of(seen.ProcessHeld, pid)
            pipes = held[-1].pipes if held else ()
            return {pipe.channel: (pipe.reads, pipe.writes) for pipe in pipes if "socket" in pipe.channel}

        real.wait(lambda: ends(first.pid) and ends(second.pid))
        one, two = ends(first.pid), ends(second.pid)
        assert set(one) == set(two)
        assert len(one) == 2
        assert all(one[channel] == two[channel][::-1] for channel in one)


@linux
def test_a_look_at_all_processes_includes_everybody_alive_when_it_began(real: Real) -> None:
    child = real.python("input()", stdin=subprocess.PIPE)
    alive_ns = time.time_ns()
    real.wait(
        lambda: any(poll.began_ns > alive_ns for poll in of(seen.ProcessesPolled, real.collector.items))
    )
    items = real.collector.items
    poll = next(
        place
        for place, one in enumerate(items)
        if isinstance(one, seen.ProcessesPolled) and one.began_ns > alive_ns
    )
    assert any(one.facts.key.pid == child.pid for one in of(seen.ProcessSeen, items[:poll]))


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor)
