"""What holds of every workload where the kernel says who did what."""

import subprocess
from pathlib import Path

import pytest

from tests.truth import report
from tests.truth.judgement import busy, judge
from tests.truth.recorder import Recorder
from tests.truth.workloads import WORKLOADS

LOADS = 2
COMMAND_LINES = 0.98
"""Share of the processes of a millisecond of which the command line is known, at least."""


def check(name: str, how: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Play a workload beside a busy loop on each processor: every edge is observed, true, and there."""
    verdict = judge(WORKLOADS[name], how, LOADS)
    with capsys.disabled():
        print("", report.head(), report.line(verdict), *report.details(verdict), sep="\n")
    scores = verdict.comparison.scores
    assert not verdict.comparison.violations
    assert scores["all"].recall == 1.0
    assert scores["all"].precision == 1.0
    assert scores["observed"].recall == 1.0
    assert verdict.descent.recall == 1.0


def check_command_lines(how: tuple[str, ...], top: Path) -> None:
    """Run five hundred short copies beside the loads: each is seen, nearly all with the whole command."""
    workspace = top / "workspace"
    WORKLOADS["copies"].layout(workspace)
    with Recorder(workspace, top / "home", how) as recorder, busy(LOADS):
        subprocess.run(["sh", "copy.sh"], cwd=workspace, check=True)
        rows = recorder.log()["data"]
    commands = [row["command"] for row in rows if row["action"] == "wrote" and row["path"].startswith("out/")]
    assert len(commands) == 500
    whole = sum(words[:1] == ["cp"] and len(words) == 3 for words in commands)
    assert whole >= COMMAND_LINES * len(commands)
