"""The mount mode against strace: every edge is observed, and none is missing."""

import os
import shutil
from pathlib import Path

import pytest

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
