"""What is read of a process is that of exactly this one."""

import os
from pathlib import Path

import pytest

from mlamd.host.entries import is_same, read_of
from mlamd.model.processes import ProcessKey

pytestmark = pytest.mark.linux


@pytest.fixture
def mine() -> ProcessKey:
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return ProcessKey("", os.getpid(), int(fields[19]))


def test_of_this_process(mine: ProcessKey) -> None:
    assert is_same(mine)
    assert read_of(mine, "cmdline", 5) == Path("/proc/self/cmdline").read_bytes()[:5]


def test_of_one_whose_number_is_anothers_by_now(mine: ProcessKey) -> None:
    other = mine._replace(start=mine.start + 1)
    assert not is_same(other)
    assert read_of(other, "cmdline", 5) is None


def test_of_nobody(tmp_path: Path) -> None:
    nobody = ProcessKey("", 1, 1)
    assert read_of(nobody, "cmdline", 5, str(tmp_path)) is None
    for odd in ("", "1 (a) S 1", "1 (a) " + "x " * 30):
        (tmp_path / "1").mkdir(exist_ok=True)
        (tmp_path / "1/stat").write_text(odd)
        (tmp_path / "1/cmdline").write_text("a")
        assert read_of(nobody, "cmdline", 5, str(tmp_path)) is None
