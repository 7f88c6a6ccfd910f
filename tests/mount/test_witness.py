"""Who asks: looked at once for each program, and never taken for the one before."""

import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import pytest

from mlamd.mount.witness import IMAGE, Row, Tasks, closer
from tests.conftest import until

pytestmark = [pytest.mark.linux]


def images(rows: "deque[Row]") -> list[list[bytes]]:
    """Return the command lines that were looked at."""
    return [row[3][0].rstrip(b"\0").split(b"\0") if row[3] else [] for row in rows if row[0] == IMAGE]  # type: ignore[index]


def test_program_is_looked_at_once() -> None:
    rows: deque[Row] = deque()
    tasks = Tasks(rows)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        until(lambda: b"input()" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        assert [tasks.process(process.pid) for _ in range(5)] == [process.pid] * 5
        process.kill()
    assert [line[-1] for line in images(rows)] == [b"input()"]
    tasks.clear()


def test_program_that_begins_in_the_same_process_is_looked_at_again() -> None:
    rows: deque[Row] = deque()
    tasks = Tasks(rows)
    with subprocess.Popen(["sh", "-c", "read x; exec sleep 60"], stdin=subprocess.PIPE) as process:
        until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sh"))
        tasks.process(process.pid)
        process.stdin.write(b"\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sleep"))
        tasks.process(process.pid)
        tasks.process(process.pid)
        process.kill()
    assert [line[0] for line in images(rows)] == [b"sh", b"sleep"]
    tasks.clear()


def test_thread_stands_for_its_process() -> None:
    rows: deque[Row] = deque()
    tasks = Tasks(rows)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(tasks.process(threading.get_native_id())))
    thread.start()
    thread.join()
    assert found == [os.getpid()]
    tasks.clear()


def test_process_that_is_gone_has_no_image() -> None:
    rows: deque[Row] = deque()
    process = subprocess.Popen(["true"])
    process.wait()
    assert Tasks(rows).process(process.pid) == process.pid
    assert images(rows) == [[]]


def test_child_that_borrows_the_memory_of_its_parent_is_not_remembered() -> None:
    """vfork(2): it soon is another program, and the memory of the parent would not tell."""
    rows: deque[Row] = deque()
    tasks = Tasks(rows)
    child = "import ctypes, os\nc = ctypes.CDLL(None)\nif not c.syscall(56, 0x4111, 0, 0, 0, 0): c.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", child]) as process:
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        until(lambda: Path(children).read_text().strip() != "")
        number = int(Path(children).read_text())
        tasks.process(number)
        tasks.process(number)
        os.kill(number, 9)
        process.kill()
    assert len(images(rows)) == 2
    tasks.clear()


def test_who_has_no_children_closes_what_it_opened() -> None:
    looks: list[int] = []

    def awake(process: int) -> bytes:
        looks.append(process)
        return b"0"

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert closer(process.pid, awake) == process.pid
        assert set(looks) == {process.pid}
        assert len(looks) > 1
        looks.clear()
        assert closer(process.pid, lambda _: b"do_wait") == process.pid
        process.kill()


def test_what_a_process_sleeps_in_is_told_until_it_ends() -> None:
    tasks = Tasks(deque())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        until(lambda: b"input()" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
        tasks.process(process.pid)
        until(lambda: tasks.waiting(process.pid) != b"0")
        assert tasks.waiting(process.pid) == Path(f"/proc/{process.pid}/wchan").read_bytes()
        process.kill()
    with pytest.raises(OSError, match="No such"):
        tasks.waiting(process.pid)
    tasks.clear()
