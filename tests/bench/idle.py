"""What the recorder costs while nothing happens, on a tree of 100,000 files, and how it starts there.

    python -m tests.bench.idle [--files N] [--seconds S]

The baseline of the start is `find` over the same tree.
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
PER_DIRECTORY = 100


def lay_out(root: Path, files: int) -> None:
    """Make a tree of small files, a hundred to a directory."""
    for directory in range(files // PER_DIRECTORY):
        place = root / f"part_{directory // 100:03d}" / f"class_{directory:05d}"
        place.mkdir(parents=True)
        for number in range(PER_DIRECTORY):
            (place / f"sample_{number:03d}.txt").write_bytes(b"x")


def timed(command: list[str], cwd: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(root: Path, seconds: float) -> list[Figure]:
    """Start, rest, touch everything, rest again, stop, start again."""
    subprocess.run([*MLAMD, "init"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    find = min(timed(["find", ".", "-newer", "/"], root) for _ in range(3))
    start = timed([*MLAMD, "start"], root)
    try:
        figures = [Figure("start-up, first time", start, "s", "find over the tree", start / find)]
        status = json.loads(subprocess.check_output([*MLAMD, "status", "--json"], cwd=root))["data"]
        recorder = psutil.Process(status["pid"])
        time.sleep(5)
        figures += rest(recorder, seconds, "idle")
        subprocess.run(["sh", "-c", "find . -name '*.txt' -exec cat {} + >/dev/null"], cwd=root, check=True)
        subprocess.run([*MLAMD, "runs"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        time.sleep(5)
        figures += rest(recorder, seconds, "idle after every file was read", bars=False)
    finally:
        subprocess.run([*MLAMD, "stop"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    again = timed([*MLAMD, "start"], root)
    subprocess.run([*MLAMD, "stop"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    figures.append(
        Figure("start-up, all files known, rescan included", again, "s", "find over the tree", again / find)
    )
    return figures


def rest(recorder: psutil.Process, seconds: float, name: str, *, bars: bool = True) -> list[Figure]:
    """Measure processor time and memory of a recorder that has nothing to do."""
    before = sum(recorder.cpu_times()[:2])
    time.sleep(seconds)
    used = sum(recorder.cpu_times()[:2]) - before
    memory = recorder.memory_full_info()
    return [
        Figure(f"{name}: CPU", 100 * used / seconds, "% of a core", bar=0.5 if bars else None),
        Figure(f"{name}: memory, resident", memory.rss / 1e6, "MB", bar=80 if bars else None),
        Figure(f"{name}: memory, unique", memory.uss / 1e6, "MB"),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "project"
        root.mkdir()
        lay_out(root, options.files)
        return show(measure(root, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
