"""The mount mode against strace: every edge is observed, and none is missing."""

import os
import shutil

import pytest

from tests.truth import report
from tests.truth.judgement import judge
from tests.truth.workloads import WORKLOADS

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="needs root and /dev/fuse"
    ),
]

LOADS = 2


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_edge_is_observed_and_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = judge(WORKLOADS[name], ("--mode", "mount"), LOADS)
    with capsys.disabled():
        print("", report.head(), report.line(verdict), *report.details(verdict), sep="\n")
    scores = verdict.comparison.scores
    assert not verdict.comparison.violations
    assert scores["all"].recall == 1.0
    assert scores["all"].precision == 1.0
    assert scores["observed"].recall == 1.0
    assert verdict.descent.recall == 1.0
