"""Every workload under strace(1) while exact capture records it, with a busy loop on each processor."""

import shutil
from pathlib import Path

import pytest

from mlamd.host.capabilities import missing
from tests.truth import exactness
from tests.truth.workloads import WORKLOADS

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
    pytest.mark.skipif(bool(missing()), reason=f"exact capture needs {missing()}"),
]


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_edge_is_observed_and_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exactness.check(name, ("--sensor", "fanotify"), capsys)


def test_command_lines_of_short_programs_are_known(tmp_path: Path) -> None:
    exactness.check_command_lines(("--sensor", "fanotify"), tmp_path)
