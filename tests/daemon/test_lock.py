import fcntl
import os
import subprocess
import sys

import pytest

from mlamd.daemon.lock import StoreLock, holder
from mlamd.errors import AlreadyRecordedError


def test_lock_is_held_until_closed(tmp_path):
    path = tmp_path / "lock"
    assert holder(path) is None
    lock = StoreLock(path)
    assert holder(path) == os.getpid()
    with pytest.raises(AlreadyRecordedError, match=str(os.getpid())):
        StoreLock(path)
    lock.close()
    assert holder(path) is None
    StoreLock(path).close()


def test_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    script = (
        "import sys; from pathlib import Path; from mlamd.daemon.lock import StoreLock\n"
        f"lock = StoreLock(Path({str(path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert holder(path) == process.pid
        process.kill()
        process.wait()
        assert holder(path) is None


def test_empty_lock_file_is_not_held(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    assert holder(path) is None


def test_another_who_asks_is_not_taken_for_the_recorder(tmp_path):
    path = tmp_path / "lock"
    StoreLock(path).close()
    with path.open("r+b") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert holder(path) is None
