"""Every workload under strace(1) while exact capture records it, with a busy loop on each processor."""

import shutil

import pytest

from mlamd.host.capabilities import missing
from tests.truth import report
from tests.truth.judgement import judge
from tests.truth.workloads import WORKLOADS

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
    pytest.mark.skipif(bool(missing()), reason=f"exact capture needs {missing()}"),
]

LOADS = 2
COMMAND_LINES = 0.98
"""Share of the processes of a millisecond of which the command line is known, at least."""


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_edge_is_observed_and_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = judge(WORKLOADS[name], ("--sensor", "fanotify"), LOADS)
    with capsys.disabled():
        print("", report.head(), report.line(verdict), *report.details(verdict), sep="\n")
    scores = verdict.comparison.scores
    assert not verdict.comparison.violations
    assert scores["all"].recall == 1.0
    assert scores["all"].precision == 1.0
    assert scores["observed"].recall == 1.0
    assert verdict.descent.recall == 1.0
