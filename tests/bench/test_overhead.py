"""The program that measures the overhead runs, and judges what it measured."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.overhead import report
from tests.bench.overhead.rounds import Results
from tests.bench.overhead.ways import Trial

ROOT = Path(__file__).parents[2]
BARE = [Trial(1.0, 0.0), Trial(1.2, 0.0), Trial(0.9, 0.0)]


def measured(*mlamd: Trial) -> Results:
    results = Results(rounds=3, sensor="fanotify")
    results.trials["work"] = {"bare": BARE, "mlamd": list(mlamd)}
    results.titles["work"] = "some work"
    return results


@pytest.mark.linux
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_small_workload_bare_and_traced(tmp_path: Path) -> None:
    words = ["--only", "processes", "--rounds", "1", "--ways", "bare,strace", "--work", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.overhead", *words, "--json"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    ways = json.loads(done.stdout)["workloads"]["processes"]
    assert ways["bare"]["median_s"] > 0
    assert ways["strace"]["ratio"] > 1
    assert list(tmp_path.iterdir()) == []


def test_medians_are_compared_and_the_processor_time_is_a_share_of_bare() -> None:
    results = measured(Trial(1.0, 0, 0.2), Trial(1.04, 0, 0.3), Trial(3.0, 0, 0.1))
    assert report.ratio(results, "work", "mlamd") == pytest.approx(1.04)
    assert report.cpu_share(results, "work", "mlamd") == pytest.approx(20)
    assert report.passed(results)


@pytest.mark.parametrize(
    "trial",
    [Trial(1.1, 0), Trial(1.3, 0), Trial(1.0, 0, trouble="events were lost")],
    ids=["mean too high", "row too high", "events lost"],
)
def test_a_missed_bar_or_a_bad_record_fails(trial: Trial) -> None:
    assert not report.passed(measured(trial, trial, trial))


def test_mlamd_that_was_not_measured_fails() -> None:
    results = measured(Trial(1.0, 0))
    results.left_out["mlamd"] = "it cannot be started"
    assert not report.passed(results)


def test_gaps_and_noise_are_shown() -> None:
    trial = Trial(1.0, 0, 0.1, 7, ("overflow: the queue was full",), "events were lost")
    assert report.remarks(measured(trial), "work") == [
        "  NOISY: the bare trials are up to 1.3 times apart",
        "  NOT VALID, mlamd, round 1: events were lost",
        "  gap, mlamd, round 1: overflow: the queue was full",
    ]
