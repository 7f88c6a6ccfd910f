"""One workload from an empty directory to its figures."""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.truth.ancestry import Descent, compare_descent
from tests.truth.compare import Comparison, Judge, entries_of
from tests.truth.recorder import Recorder
from tests.truth.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.truth.edges import Truth
    from tests.truth.workload import Workload


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of one workload."""

    workload: str
    comparison: Comparison
    descent: Descent
    gaps: int
    took_s: float


@contextmanager
def _place() -> "Iterator[Path]":
    top = Path(tempfile.mkdtemp(prefix="mlamd-truth-")).resolve()
    (top / "workspace").mkdir()
    try:
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


def play(workload: "Workload", top: Path) -> tuple[Session, float]:
    """Type a workload's commands; return the ended session and when the judged ones began."""
    began_s = 0.0
    with Session(top / "workspace", top / "strace.log") as session:
        for line in workload.before:
            session.type(line)
        if workload.before:
            began_s = time.time()
        for line in workload.commands:
            session.type(line)
    return session, began_s


def truth_of(workload: "Workload") -> "Truth":
    """Return what is true about the judged commands, with no recorder running."""
    with _place() as top:
        workload.layout(top / "workspace")
        session, began_s = play(workload, top)
        return session.truth().since(began_s)


@contextmanager
def busy(loads: int) -> "Iterator[None]":
    """Keep some processors busy as long as the context lasts."""
    spin = "while True: pass"
    children = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(loads)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def judge(workload: "Workload", how: tuple[str, ...], loads: int = 0) -> Verdict:
    """Run a workload while it is recorded, beside some loads, and compare; ``how`` are options of ``start``.

    Raises ``RecorderError`` if mlamd fails, ``CommandFailedError`` if a command of the workload does.
    """
    started = time.monotonic()
    with _place() as top:
        workload.layout(top / "workspace")
        with Recorder(top / "workspace", top / "home", how) as recorder, busy(loads):
            session, began_s = play(workload, top)
            log = recorder.log()
            whole = session.truth()
            judged = whole.since(began_s)
            descent, flows, needed = compare_descent(judged, workload.outputs, recorder.lineage)
        referee = Judge(whole, judged, int(began_s * 1e9))
        comparison = referee.compare(entries_of(log["data"]))
        referee.compare_flows(comparison, flows, needed)
    took_s = time.monotonic() - started
    return Verdict(workload.name, comparison, descent, len(log.get("gaps") or ()), took_s)
