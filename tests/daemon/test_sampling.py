"""The sampling task: it wakes with the poller, and by itself only for living runs."""

import subprocess
import sys

import pytest
import trio
import trio.testing

from mlamd.daemon.sampling import sample_runs
from mlamd.model.observations import RunSampled
from mlamd.model.processes import LivingRun
from mlamd.sensors.sampling import S, Sampler
from tests.sensors.fakes import FakeUsage


class TrioClock:
    """Wall clock time that goes with trio's."""

    def __init__(self) -> None:
        self.asked = 0

    def now_ns(self) -> int:
        self.asked += 1
        return 10**18 + round(trio.current_time() * S)


class Task:
    """The task, before a poller that is moved by hand."""

    def __init__(self) -> None:
        self.host = FakeUsage()
        self.clock = TrioClock()
        self.started_ns = self.clock.now_ns()
        self.sampler = Sampler(self.host, self.started_ns)
        self.runs: list[LivingRun] = []
        self.polled = trio.Event()
        self.asked = 0
        self.made: list[RunSampled] = []

    def living(self) -> list[LivingRun]:
        self.asked += 1
        return self.runs

    async def run(self) -> None:
        await sample_runs(self.sampler, self.living, lambda: self.polled, self.made.append, self.clock)

    async def poll(self) -> None:
        self.polled.set()
        self.polled = trio.Event()
        await trio.testing.wait_all_tasks_blocked(0.01)


def test_task():
    async def main() -> None:
        task = Task()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.run)
            await trio.testing.wait_all_tasks_blocked()
            wakes = task.clock.asked
            await trio.sleep(3600)
            assert task.clock.asked == wakes, "it woke by itself without a run"
            for _ in range(50):
                await task.poll()
            assert task.asked == 1, "many looks in no time cost one question"
            job = task.host.start()
            task.runs = [LivingRun(1, task.clock.now_ns(), frozenset({job.key}))]
            await trio.sleep(0.6)
            await task.poll()
            await trio.sleep(10)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert 9 <= len(task.made) <= 10
            task.runs = []
            await trio.sleep(2)
            await trio.testing.wait_all_tasks_blocked(0.01)
            asked = task.asked
            await trio.sleep(3600)
            assert task.asked == asked
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))


def test_what_was_not_reported_is_delivered_at_the_end():
    async def main() -> None:
        task = Task()
        job = task.host.start()
        begin_ns = task.started_ns - 10 * 3600 * S
        task.sampler = Sampler(task.host, begin_ns)
        task.runs = [LivingRun(1, begin_ns, frozenset({job.key}))]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.run)
            await trio.testing.wait_all_tasks_blocked()
            await task.poll()
            await trio.sleep(61)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(task.made) == 1
            nursery.cancel_scope.cancel()
        assert [sample.span_ns // S for sample in task.made] == [10 * 3600, 60]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))


_JOB = """
import subprocess, sys, time
data = bytearray(b"x") * 50_000_000
open("begun", "w").write("x")
until = time.monotonic() + 3
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 1: pass"])
while time.monotonic() < until:
    sum(range(10_000))
open("result", "w").write("x")
"""


@pytest.mark.linux
def test_recorder_samples_a_run(recorded):
    """The job is started by something that calls itself tmux, so that it is a run of its own."""
    (recorded.root / "job.py").write_text(_JOB)
    script = f"{sys.executable} job.py; true"
    subprocess.run(["tmux", "-c", script], executable="/bin/sh", cwd=recorded.root, check=True)
    recorded.sync()
    answer = recorded.ask("resources", "result")["data"]
    assert answer["command"][-1] == "job.py"
    assert (answer["source"], answer["complete"]) == ("samples", False)
    assert len(answer["samples"]) >= 2
    assert answer["peaks"]["rss_bytes"] > 50_000_000
    assert answer["peaks"]["processes"] == 2
    used = answer["used"]
    assert used["user_us"] + used["system_us"] > 1_000_000
    assert "used       CPU at least" in recorded.mlamd("show", "result").stdout
    assert "memory ┤" in recorded.mlamd("resources", "result").stdout
    recorded.mlamd("stop")
    assert recorded.ask("verify")["data"]["same"] is True
