"""The sampling task: it wakes with the poller, and by itself only for living runs."""

import subprocess
import sys
from collections.abc import Collection
from typing import Any

import pytest
import trio
import trio.testing

from mlamd.daemon.sampling import sample_runs
from mlamd.host.gpus import GpuUse
from mlamd.model.observations import GpuSampled, RunSampled
from mlamd.model.processes import LivingRun
from mlamd.sensors.gpus import GpuSampler
from mlamd.sensors.sampling import S, Sampler
from tests.conftest import Project
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


class OneCard:
    """A GPU that everybody uses."""

    def use(self, pids: Collection[int]) -> list[GpuUse]:
        return [GpuUse(0, "card", len(pids), 70, 10**9, 200_000)]


def test_gpus_are_sampled_beside():
    async def main() -> list[object]:
        task = Task()
        job = task.host.start()
        task.runs = [LivingRun(1, task.clock.now_ns(), frozenset({job.key}))]
        cards = GpuSampler(OneCard())
        made: list[object] = []
        async with trio.open_nursery() as nursery:
            polled, living = (lambda: task.polled), task.living
            nursery.start_soon(sample_runs, task.sampler, living, polled, made.append, task.clock, cards)
            await trio.testing.wait_all_tasks_blocked()
            await task.poll()
            await trio.sleep(5)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        return made

    made = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))
    used = [one for one in made if isinstance(one, GpuSampled)]
    assert 3 <= len(used) <= 7
    assert {(one.run, one.gpu, one.utilisation_percent) for one in used} == {(1, 0, 70)}


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
            await trio.sleep(3600)
            assert task.asked == 2, "and one more, as the last of them may have brought news"
            job = task.host.start()
            task.runs = [LivingRun(1, task.clock.now_ns(), frozenset({job.key}))]
            await trio.sleep(1)
            await task.poll()
            await trio.sleep(10)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert 9 <= len(task.made) <= 11
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


def _job(project: Project) -> dict[str, Any]:
    """Run a job below something that calls itself tmux, so that it is a run of its own; ask what it used."""
    (project.root / "job.py").write_text(_JOB)
    script = f"{sys.executable} job.py; true"
    subprocess.run(["tmux", "-c", script], executable="/bin/sh", cwd=project.root, check=True)
    project.sync()
    answer: dict[str, Any] = project.ask("resources", "result")["data"]
    assert answer["command"][-1] == "job.py"
    assert len(answer["samples"]) >= 2
    assert answer["peaks"]["rss_bytes"] > 50_000_000
    assert answer["peaks"]["processes"] == 2
    used = answer["used"]
    assert 800_000 < used["user_us"] + used["system_us"] < 8_000_000
    assert "memory ┤" in project.mlamd("resources", "result").stdout
    return answer


@pytest.mark.linux
def test_run_is_sampled_where_nothing_accounts_for_it(project):
    project.mlamd("init")
    project.mlamd("start", "--sensor", "inotify")
    answer = _job(project)
    assert (answer["source"], answer["complete"]) == ("samples", False)
    assert answer["used"]["processes"] is None
    assert "used       CPU at least" in project.mlamd("show", answer["id"]).stdout
    project.mlamd("stop")
    assert project.ask("verify")["data"]["same"] is True


@pytest.mark.linux
@pytest.mark.root
def test_run_is_accounted_for_exactly(project):
    """The helper that touched no file is counted with the step that started it."""
    project.mlamd("init")
    started = project.mlamd("start", "--sensor", "fanotify", code=None)
    if started.returncode:
        pytest.skip(started.stderr)
    answer = _job(project)
    assert (answer["source"], answer["complete"]) == ("accounting", True)
    assert answer["used"]["processes"] >= 2
    (step,) = answer["steps"]
    assert step["usage"]["peak_rss_bytes"] > 50_000_000
    assert "used       CPU " in project.mlamd("show", answer["id"]).stdout
    project.mlamd("stop")
