"""Every workload under strace(1) while mlamd records it."""

import shutil

import pytest

from tests.truth import report
from tests.truth.judgement import Verdict, judge, truth_of
from tests.truth.workloads import WORKLOADS

pytestmark = [
    pytest.mark.linux,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]


def shown(name: str, capsys: pytest.CaptureFixture[str]) -> Verdict:
    verdict = judge(WORKLOADS[name], ("--mode", "watch", "--sensor", "inotify"))
    with capsys.disabled():
        print("", report.head(), report.line(verdict), *report.details(verdict), sep="\n")
    assert not verdict.comparison.violations
    return verdict


@pytest.mark.parametrize("name", WORKLOADS)
def test_nothing_false_is_certain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    score = shown(name, capsys).comparison.scores["all"]
    if WORKLOADS[name].easy:
        if score.recall < 1 or score.precision < 0.9:
            # The portable mode polls, and on a busy machine a poll comes late: it gets a second try.
            score = shown(name, capsys).comparison.scores["all"]
        assert score.recall == 1.0
        assert score.precision >= 0.9


def test_the_kernel_tells_two_pipelines_apart() -> None:
    truth = truth_of(WORKLOADS["driver"])
    sides = {touch.name: truth.read_before(touch) for touch in truth.writes}
    assert sides["left.out"] == {"stage.py", "left.mid"}
    assert sides["right.mid"] == {"stage.py", "right.in"}


def test_spawned_workers_are_one_step() -> None:
    truth = truth_of(WORKLOADS["workers-spawn"])
    assert len(truth.steps.keys() - {truth.anchor}) == 1
    assert {touch.name for touch in truth.writes} == {f"part{number}.out" for number in range(4)} | {
        "sizes.txt"
    }
