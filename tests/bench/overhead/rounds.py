"""The order of a measurement: every way once a round, each round beginning with another one."""

import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.overhead.tools import StepError, Tools, do
from tests.bench.overhead.ways import Task, Trial, Way
from tests.bench.overhead.workloads import Workload

_PROBES = 100
_SLOW = 3
_MOST_PLACES = 20


@dataclass(slots=True)
class Results:
    """What was measured: trials by workload and way.

    ``left_out`` says why a way could not be gone at all, ``failed`` why not with one workload.
    """

    rounds: int
    sensor: str
    trials: dict[str, dict[str, list[Trial]]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)


class Bench:
    """Runs workloads; every trial happens in a directory of its own.

    ext4 passes over inodes that were freed a short while ago, one by one, whenever it makes a file
    (``recently_deleted`` in ``fs/ext4/ialloc.c``): beside some thousands of them, the same trial takes
    five times as long. So nothing is removed before the end; the directory of trials is marked as the top
    of unrelated trees (``chattr +T``), which ext4 lays out far from each other; and a place where making
    files is slow all the same is passed over.
    """

    def __init__(self, tools: Tools, ways: list[Way], results: Results) -> None:
        self.tools = tools
        self.ways = ways
        self.results = results
        self.places = 0
        self.fastest_s = math.inf
        self.place = tools.work / "trials"
        self.place.mkdir()
        with suppress(StepError):  # no chattr(1), or another file system, which has no need of it
            do("chattr +T", ["chattr", "+T", str(self.place)], tools.environment)

    def measure(self, workload: Workload) -> None:
        """Run a workload ``rounds`` times in every way; raises ``StepError`` if it fails bare."""
        environment = dict(self.tools.environment)
        if workload.needs_science:
            environment["PYTHON"] = str(self.tools.science())
        template = self._directory()
        trials: dict[str, list[Trial]] = {way.name: [] for way in self.ways}
        workload.prepare(template, self.tools)
        self._trial(self.ways[0], workload, template, environment)  # once for the caches
        for number in range(self.results.rounds):
            for way in _rotated(self.ways, number):
                if way.name in trials and (trial := self._attempt(way, workload, template, environment)):
                    trials[way.name].append(trial)
                else:
                    trials.pop(way.name, None)
        self.results.trials[workload.name] = trials
        self.results.titles[workload.name] = workload.title

    def _directory(self) -> Path:
        """Make a directory, in a part of the file system where making files is fast."""
        for _ in range(_MOST_PLACES):
            self.places += 1
            place = self.place / f"{self.places:04d}"
            took_s = _probed(place)
            self.fastest_s = min(self.fastest_s, took_s)
            if took_s <= _SLOW * self.fastest_s:
                break
        workspace = place / "workspace"
        workspace.mkdir()
        return workspace

    def _attempt(
        self, way: Way, workload: Workload, template: Path, environment: dict[str, str]
    ) -> Trial | None:
        """Return a trial, None if it failed; raises ``StepError`` if the workload fails bare."""
        try:
            return self._trial(way, workload, template, environment)
        except StepError as error:
            if way.name == "bare":
                raise
            print(error, file=sys.stderr, flush=True)
            self.results.failed.setdefault(workload.name, {})[way.name] = str(error)
            return None

    def _trial(self, way: Way, workload: Workload, template: Path, environment: dict[str, str]) -> Trial:
        """Give a trial its files, on the disk and in the page cache, and run it."""
        workspace = self._directory()
        task = Task(workload.script, workspace, environment, workload.least_events)
        if workload.moved:
            _move(template, workspace)
        else:
            subprocess.run(["cp", "-a", f"{template}/.", workspace], check=True)
        os.sync()
        try:
            trial = way.run(task)
        except StepError as error:
            raise StepError(f"{workload.name}, {way.name}: {error}") from error
        finally:
            if workload.moved:
                _move(workspace, template, besides=".mlamd")
        print(f"{workload.name}, {way.name}: {trial.seconds:.3f} s", file=sys.stderr, flush=True)
        return trial


def _probed(place: Path) -> float:
    """Make a place, and some files there that stay; return the seconds that this took."""
    probe = place / "probe"
    probe.mkdir(parents=True)
    began = time.perf_counter()
    for number in range(_PROBES):
        (probe / str(number)).touch()
    return time.perf_counter() - began


def _move(source: Path, target: Path, besides: str = "") -> None:
    for path in list(source.iterdir()):
        if path.name != besides:
            path.rename(target / path.name)


def _rotated(ways: list[Way], number: int) -> list[Way]:
    first = number % len(ways)
    return ways[first:] + ways[:first]
