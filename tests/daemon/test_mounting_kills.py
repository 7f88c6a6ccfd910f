"""The processes of a mount are killed at any moment while somebody writes: what was promised is there."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlamd.host.mounts import mount_at
from tests.conftest import Project, until
from tests.daemon.test_mounting import elsewhere, processes

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs /dev/fuse"),
]

_KILLS, _SEED = 200, 7
_SENSOR_EVERY = 20
_BOTH_EVERY = 50
_LONGEST_S = 0.2
_WRITER = """
import os, sys, time
place, notes, plain, name = sys.argv[1:]
plain, number = int(plain), 0
notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def write(path, flags, data):
    # What is opened while nothing is mounted is the plain directory's, and stays so: nobody is tested there.
    descriptor = os.open(path, flags | os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        if os.fstat(descriptor).st_dev == plain:
            raise OSError("not mounted")
        done = os.write(descriptor, data)
        assert done == len(data), (done, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

while True:
    number += 1
    record = b"%08d" % number
    try:
        what = number % 3
        if what == 0:
            write(f"{place}/{name}.log", os.O_APPEND, record * 8 + b"\\n")
        elif what == 1:
            write(f"{place}/{name}.new", os.O_TRUNC, record * 10_000)
            os.rename(f"{place}/{name}.new", f"{place}/{name}.saved")
        else:
            write(f"{place}/{name}.d/{number}", os.O_EXCL, record * 100)
        os.write(notes, b"%d %d\\n" % (what, number))
    except OSError:
        time.sleep(0.002)
"""


@pytest.fixture
def mounted(project: Project) -> Iterator[Project]:
    project.mlamd("init")
    elsewhere(project, "start", "--mode", "mount")
    yield project
    elsewhere(project, "stop", "--lazy", code=None)
    subprocess.run(["umount", "-l", project.root], check=False, stderr=subprocess.DEVNULL)


def test_kills_at_any_moment_lose_nothing_that_was_promised(mounted: Project, tmp_path: Path) -> None:
    """Of the server mostly, of the sensor, of both. Then the files, the record and its gaps are looked at."""
    print(f"seed {_SEED}")
    rand = random.Random(_SEED)
    root = mounted.root
    names = ("one", "two")
    for name in names:
        (root / f"{name}.d").mkdir()
    command = [sys.executable, "-c", _WRITER, str(root)]
    device = str(tmp_path.stat().st_dev)
    writers = [
        subprocess.Popen([*command, str(tmp_path / name), device, name], cwd="/", stderr=subprocess.PIPE)
        for name in names
    ]
    down: list[tuple[int, int, str]] = []
    try:
        for number in range(1, _KILLS + 1):
            time.sleep(rand.uniform(0, _LONGEST_S))
            victims = ["sensor", "server"] if number % _BOTH_EVERY == 0 else ["server"]
            if number % _SENSOR_EVERY == 1:
                victims = ["sensor"]
            down.append(_kill(mounted, victims))
    finally:
        for writer in writers:
            writer.kill()
    assert [writer.communicate()[1] for writer in writers] == [b"", b""], "they came to no other end"
    for name in names:
        _check(root, name, (tmp_path / name).read_text())
    _check_record(mounted, down)
    elsewhere(mounted, "stop", "--lazy")
    assert not mount_at(os.fsencode(root))
    elsewhere(mounted, "verify")
    for name in names:
        _check(root, name, (tmp_path / name).read_text())


def _kill(project: Project, victims: list[str]) -> tuple[int, int, str]:
    """Kill processes of the mount, wait until there are new ones that answer; return from when till when."""
    before = processes(project)
    for name in victims:
        os.kill(before[name], signal.SIGSTOP)  # together, so that none sees the other end
    from_ns = time.time_ns()
    for name in victims:
        os.kill(before[name], signal.SIGKILL)

    def again() -> bool:
        now = processes(project)
        if any(now.get(name, before[name]) == before[name] for name in victims):
            return False
        return mount_at(os.fsencode(project.root)) == "mlamd" and _answers(project.root)

    until(again, 60)
    return from_ns, time.time_ns(), " ".join(victims)


def _answers(place: Path) -> bool:
    try:
        return bool(os.listdir(place))
    except OSError:
        return False


def _check(root: Path, name: str, notes: str) -> None:
    """Everything that was promised is there, and nothing is there in part."""
    promised = [tuple(map(int, line.split())) for line in notes.splitlines()]
    assert len(promised) > _KILLS, "it wrote between two kills"
    lines = (root / f"{name}.log").read_bytes().split(b"\n")
    assert lines.pop() == b"", "the last line is whole"
    numbers = [int(line[:8]) for line in lines]
    assert lines == [b"%08d" % number * 8 for number in numbers]
    assert numbers == sorted(set(numbers))
    assert {number for what, number in promised if what == 0} <= set(numbers)
    saved = (root / f"{name}.saved").read_bytes()
    assert saved == saved[:8] * 10_000
    assert int(saved[:8]) >= max(number for what, number in promised if what == 1)
    for number in (number for what, number in promised if what == 2):
        assert (root / f"{name}.d/{number}").read_bytes() == b"%08d" % number * 100


def _check_record(project: Project, down: list[tuple[int, int, str]]) -> None:
    """The recorder goes on, and says of each time that nobody saw."""
    subprocess.run(["sh", "-ec", "echo 1 > a; cp a b"], cwd=project.root, check=True)
    (cause,) = project.ask("why", "b")["data"]["causes"]
    assert cause["evidence"] == "observed"
    gaps = [gap for gap in project.ask("status")["gaps"] if gap["reason"] in {"remounted", "sensor-down"}]
    for (from_ns, until_ns, _), (_, next_ns, then) in itertools.pairwise([*down, (0, 0, "")]):
        # If the sensor is killed next, it may not have told yet; then the gap of its own end stands for both.
        last_ns = next_ns if "sensor" in then else until_ns
        near = [gap for gap in gaps if gap["from_ns"] <= last_ns and from_ns <= gap["to_ns"]]
        assert near, f"nothing is said of {from_ns} to {until_ns}, before {then} was killed"
    print(f"{len(down)} kills, gaps: {Counter(gap['reason'] for gap in gaps)}")
