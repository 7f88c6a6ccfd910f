"""A million operations while nobody reads what the kernel reports: what is recorded, what is a gap.

    python -m tests.bench.burst [--files N] [--work DIR]

Each file is made, opened, written and closed: four operations that are known by the file that is left. The
recorder, or the recorder and its sensor, are stopped with SIGSTOP during the burst and continued
afterwards; once more with the kernel's queue limited. Whatever is not recorded must lie in a gap. The
baseline is the same burst bare.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from mlamd.daemon import client
from tests.bench.figures import Figure, show

MLAMD = [sys.executable, "-m", "mlamd"]
PER_DIRECTORY = 1000
OPERATIONS = 4
_PATIENCE_S = 900
_CLOCK_NS = 10_000_000
"""The kernel stamps files with a clock this coarse."""

PROGRAM = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **words)
{
    char name[64];
    int files = count > 1 ? atoi(words[1]) : 0;
    for (int number = 0; number < files; number++) {
        if (number % 1000 == 0) {
            snprintf(name, sizeof name, "d%d", number / 1000);
            if (mkdir(name, 0755))
                return 1;
        }
        snprintf(name, sizeof name, "d%d/f%d", number / 1000, number);
        int file = open(name, O_CREAT | O_WRONLY, 0644);
        if (file < 0 || write(file, name, 10) != 10)
            return 1;
        close(file);
    }
    return 0;
}
"""


def compiled(place: Path) -> Path:
    """Compile the program that makes the burst."""
    source, program = place / "burst.c", place / "burst"
    source.write_text(PROGRAM)
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


def burst(program: Path, root: Path, files: int) -> float:
    """Make the burst; return how long it took."""
    began = time.perf_counter()
    subprocess.run([program, str(files)], cwd=root, check=True)
    return time.perf_counter() - began


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes with SIGSTOP as long as the context lasts."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            process.resume()


def caught_up(store: Path) -> float:
    """Wait until the recorder has taken in everything; return how long that took."""
    began = time.perf_counter()
    while time.perf_counter() - began < _PATIENCE_S:
        try:
            if client.ask(store, "sync", timeout_s=60).get("done"):
                break
        except Exception as error:  # noqa: BLE001  (whatever it is, we ask again)
            print("  the recorder does not answer yet:", error, file=sys.stderr)
    return time.perf_counter() - began


def ask(root: Path, *words: str) -> dict[str, Any]:
    """Return the document that a command prints."""
    answer: dict[str, Any] = json.loads(subprocess.check_output([*MLAMD, *words, "--json"], cwd=root))
    return answer


def judged(root: Path, files: int) -> tuple[int, int]:
    """Return how many files have a version whose writer was observed, and how many others lie in a gap."""
    log = ask(root, "log", "--all", "--limit", "0")
    wrote = {
        item["path"] for item in log["data"] if item["action"] == "wrote" and item["evidence"] == "observed"
    }
    gaps = [(gap["from_ns"], gap["to_ns"]) for gap in log["gaps"]]
    recorded = covered = 0
    for number in range(files):
        path = f"d{number // PER_DIRECTORY}/f{number}"
        if path in wrote:
            recorded += 1
            continue
        at_ns = os.stat(root / path).st_mtime_ns
        covered += any(begin - _CLOCK_NS <= at_ns <= end + _CLOCK_NS for begin, end in gaps)
    return recorded, covered


def measure(program: Path, place: Path, files: int, who: str, *, limited: bool) -> list[Figure]:
    """Record one burst, and judge what is known of it."""
    name = f"{who} stopped{', queue limited' if limited else ''}"
    bare_root, root = place / "bare", place / "project"
    for directory in (bare_root, root):
        directory.mkdir()
    bare_s = burst(program, bare_root, files)
    environment = os.environ | ({"MLAMD_SENSOR_QUEUE": "limited"} if limited else {})
    subprocess.run([*MLAMD, "init"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    begin = [*MLAMD, "start", "--sensor", "fanotify"]
    subprocess.run(begin, cwd=root, check=True, stdout=subprocess.DEVNULL, env=environment)
    try:
        recorder = psutil.Process(ask(root, "status")["data"]["pid"])
        sensor = recorder.children(recursive=True) if "sensor" in who else []
        with stopped([recorder, *sensor]):
            burst_s = burst(program, root, files)
        catching_s = caught_up(root / ".mlamd")
        recorded, covered = judged(root, files)
    finally:
        subprocess.run([*MLAMD, "stop"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    missing = files - recorded
    return [
        Figure(f"{name}: operations", files * OPERATIONS, "operations"),
        Figure(f"{name}: the burst", burst_s, "s", "the burst bare", burst_s / bare_s),
        Figure(f"{name}: catching up", catching_s, "s", "the burst bare", catching_s / bare_s),
        Figure(f"{name}: recorded", 100 * recorded / files, "%"),
        Figure(
            f"{name}: of the rest, in a gap",
            100 * covered / missing if missing else 100,
            "%",
            bar=100,
            at_most=False,
        ),
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=250_000)
    parser.add_argument("--work", type=Path, help="where the bursts happen (default: the temporary files')")
    options = parser.parse_args()
    status = 0
    ways = (("recorder", False), ("recorder and sensor", False), ("recorder and sensor", True))
    for who, limited in ways:
        with tempfile.TemporaryDirectory(dir=options.work) as work:
            program = compiled(Path(work))
            status |= show(measure(program, Path(work), options.files, who, limited=limited))
    return status


if __name__ == "__main__":
    sys.exit(main())
