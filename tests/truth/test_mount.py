"""The mount mode against strace: every edge is observed, and none is missing."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests import ordinary
from tests.truth import exactness
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


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_edge_is_observed_and_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exactness.check(name, ("--mode", "mount"), capsys)


def test_command_lines_of_short_programs_are_known(tmp_path: Path) -> None:
    exactness.check_command_lines(("--mode", "mount"), tmp_path)


@pytest.mark.skipif(not ordinary.is_possible(), reason="needs setpriv(1)")
def test_every_edge_is_observed_and_true_for_an_ordinary_user(capsys: pytest.CaptureFixture[str]) -> None:
    """All workloads, recorded and traced by a user without any capability, beside two busy loops."""
    top = Path(tempfile.mkdtemp())
    try:
        top.chmod(0o755)
        words = f"umask 022; cd ~; exec $PYTHON -m tests.truth --mode mount --loads {exactness.LOADS} --json"
        done = ordinary.runs(words, top, 600)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    rows = document["workloads"]
    assert {row["workload"] for row in rows} == set(WORKLOADS)
    for row in rows:
        scores = row["comparison"]["scores"]
        with capsys.disabled():
            print(
                f"\n{row['workload']:<16} {scores['observed']['found']}/{scores['all']['true']} observed",
                end="",
            )
        assert not row["comparison"]["violations"], row
        assert scores["all"]["recall"] == scores["all"]["precision"] == 1.0, row
        assert scores["observed"]["recall"] == 1.0, row
        assert row["descent"]["recall"] == 1.0, row
