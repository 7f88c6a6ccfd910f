"""How long questions take on a large store, as ratios to `mlamd --version`.

    python -m tests.bench.questions [--runs N] [--versions N] [--rounds N]

Every round asks each question once, one after the other, so that noise meets all of them alike; the
median of each is compared. `mlamd --version` itself is compared with importing click.
"""

import argparse
import compileall
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlamd as mlamd_package
from tests.bench.figures import Figure, show
from tests.bench.generated import make


def seconds(command: list[str], cwd: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    mlamd = [sys.executable, "-m", "mlamd"]
    script = Path(sys.executable).with_name("mlamd")
    if script.exists():
        mlamd = [str(script)]
    compileall.compile_dir(Path(mlamd_package.__file__).parent, quiet=2)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "project"
        began = time.perf_counter()
        workspace = make(root, options.runs, options.versions)
        print(f"made {options.runs} runs, {options.versions} versions in {time.perf_counter() - began:.0f} s")
        size = sum(file.stat().st_size for file in workspace.store.rglob("data.mdb"))
        checkpoint = f"checkpoints/run_{options.runs:05d}.pt"
        old = "out/metrics_001.json"
        commands = {
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "mlamd --version": [*mlamd, "--version"],
            "mlamd --help": [*mlamd, "--help"],
            "mlamd runs": [*mlamd, "runs"],
            "mlamd lineage CHECKPOINT --depth 2": [*mlamd, "lineage", checkpoint, "--depth", "2"],
            "mlamd lineage CHECKPOINT (first run's)": [*mlamd, "lineage", "checkpoints/run_00002.pt"],
            "mlamd why CHECKPOINT": [*mlamd, "why", checkpoint],
            "mlamd why PATH (10,000 versions)": [*mlamd, "why", old],
            "mlamd uses CHECKPOINT": [*mlamd, "uses", checkpoint],
            "mlamd log PATH": [*mlamd, "log", old],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, root))
    median = {name: statistics.median(values) for name, values in times.items()}
    version, click = median["mlamd --version"], median["python -c 'import click'"]
    figures = [Figure("store of the generated history", size / 1e6, "MB")]
    figures.append(Figure("mlamd --version", version * 1000, "ms", "import click", version / click, bar=2.0))
    for name in list(commands)[2:]:
        bar = 3.0 if name in {"mlamd runs", "mlamd why CHECKPOINT"} or "lineage" in name else None
        ratio = median[name] / version
        figures.append(Figure(name, median[name] * 1000, "ms", "mlamd --version", ratio, bar=bar))
    return show(figures)


if __name__ == "__main__":
    sys.exit(main())
