"""What sampling a run costs the recorder, against a run of the same processes that is not sampled.

    python -m tests.bench.sampling [--processes N] [--seconds S] [--sensor inotify|fanotify]

The baseline is a `git` of the same processes: its run is recorded, but nobody looks at what it uses.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.figures import Figure, show

MLAMD = [sys.executable, "-m", "mlamd"]
_WORKER = """
import sys, time
data = bytearray(b"x") * 50_000_000
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    time.sleep(0.05)
"""
_JOB = """
import subprocess, sys
open("begun", "w").write("x")
command = [sys.executable, "worker.py", sys.argv[1]]
for worker in [subprocess.Popen(command) for _ in range(int(sys.argv[2]) - 1)]:
    worker.wait()
"""


def used(recorder: psutil.Process, root: Path, name: str, processes: int, seconds: float) -> float:
    """Return the processor time of a recorder in percent of a core, while a job called ``name`` lives."""
    program = root.parent / name
    program.unlink(missing_ok=True)
    program.symlink_to("/bin/sh")
    script = f"{sys.executable} job.py {seconds + 6} {processes}; true"
    line = f"{program} -c '{script}'; true"
    with subprocess.Popen(["tmux", "-c", line], executable="/bin/sh", cwd=root) as job:
        time.sleep(5)
        before = sum(recorder.cpu_times()[:2])
        time.sleep(seconds)
        after = sum(recorder.cpu_times()[:2])
        job.wait()
    return 100 * (after - before) / seconds


def measure(root: Path, options: argparse.Namespace) -> list[Figure]:
    """Record the same job as one that is sampled and as one that is not."""
    (root / "worker.py").write_text(_WORKER)
    (root / "job.py").write_text(_JOB)
    subprocess.run([*MLAMD, "init"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*MLAMD, "start", "--sensor", options.sensor], cwd=root, check=True)
    try:
        status = json.loads(subprocess.check_output([*MLAMD, "status", "--json"], cwd=root))["data"]
        recorder = psutil.Process(status["pid"])
        plain = used(recorder, root, "git", options.processes, options.seconds)
        sampled = used(recorder, root, "job", options.processes, options.seconds)
    finally:
        subprocess.run([*MLAMD, "stop"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return [
        Figure(f"recorder, {options.processes} processes, not sampled", plain, "% of a core"),
        Figure("the same, sampled every second", sampled, "% of a core"),
        Figure("sampling", sampled - plain, "% of a core", bar=0.5),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--sensor", default="inotify")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "project"
        root.mkdir()
        return show(measure(root, options))


if __name__ == "__main__":
    sys.exit(main())
