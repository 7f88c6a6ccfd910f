"""What it costs to know what files mean: how many are looked at in a second, what a run's record takes.

    python -m tests.bench.recognition [--files N] [--runs N]

Files of the corpus are looked at by the process that does so for the recorder, one after the other. Then
files are made while a recorder runs, once with and once without looking at them: until when has it stored
what happened? Last, runs that are all alike: what is stored of each, with surroundings and code, after the
first. Ends with status 1 if a bar is missed.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mlamd.catalog.catalog import Catalog
from mlamd.daemon import client
from mlamd.daemon.recognising import Worker
from mlamd.journal.log import Journal
from tests.bench.figures import Figure, show

_CORPORA = [Path(__file__).parent.parent / "recognise" / name for name in ("corpus", "corpus_meaning")]
_MLAMD = [sys.executable, "-m", "mlamd"]
_JOB = """import json
json.dump({"loss": 0.5, "step": %d}, open("metrics.json", "w"))
open("config.json").read()
"""
_COMMIT = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]


def rate(files: int) -> list[Figure]:
    """Have files looked at; the baseline is to open and read them here."""
    corpus = [path for place in _CORPORA for path in sorted(place.rglob("*")) if path.is_file()]
    chosen = list(itertools.islice(itertools.cycle(corpus), files))
    worker = Worker()
    try:
        took = {}
        for name in ("warm", "read", "looked"):
            began = time.perf_counter()
            for path in chosen[: 50 if name == "warm" else None]:
                descriptor = os.open(path, os.O_RDONLY)
                if name == "read":
                    os.read(descriptor, 1 << 20)
                else:
                    worker.ask(os.fsencode(path.name), descriptor)
                os.close(descriptor)
            took[name] = time.perf_counter() - began
    finally:
        worker.end()
    ratio = took["looked"] / took["read"]
    return [
        Figure("files looked at in a second", files / took["looked"], "files/s", bar=200, at_most=False),
        Figure("  against only reading them", took["looked"], "s", "reading", ratio),
    ]


@contextmanager
def recorded(settings: str = "") -> Iterator[Path]:
    """Give a workspace that is recorded."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        subprocess.run([*_MLAMD, "-C", root, "init"], check=True, stdout=subprocess.DEVNULL)
        (root / ".mlamd/settings.toml").write_text(settings)
        subprocess.run([*_MLAMD, "-C", root, "start"], check=True, stdout=subprocess.DEVNULL)
        try:
            yield root
        finally:
            subprocess.run([*_MLAMD, "-C", root, "stop"], check=False, stdout=subprocess.DEVNULL)


def _stored_s(root: Path, files: int) -> float:
    """Return how long it takes until all that a program did is stored, whatever it means."""
    began = time.perf_counter()
    script = f"for n in range({files}): open(f'f{{n}}.json', 'w').write('{{\"acc\": %d}}' % n)"
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
    while True:
        with closing(Catalog(root / ".mlamd")) as catalog, catalog.tables() as tables:
            if sum(1 for _ in tables.scan("versions")) >= files:
                return time.perf_counter() - began
        time.sleep(0.02)


def delay(files: int, rounds: int = 3) -> list[Figure]:
    """Make files while they are looked at, and while they are not."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for looked in (True, False):
            with recorded(f"recognise = {str(looked).lower()}\n") as root:
                times[looked].append(_stored_s(root, files))
    medians = {looked: sorted(found)[len(found) // 2] for looked, found in times.items()}
    ratio = medians[True] / medians[False]
    return [Figure(f"until {files} files are stored", medians[True], "s", "not looked at", ratio, bar=1.2)]


def record(runs: int) -> list[Figure]:
    """Run the same job again and again in a repository; count what the store grows by each time."""
    with recorded() as root:
        for words in (["init", "-q"], ["add", "job.py"], _COMMIT):
            shutil.copy(__file__, root / "job.py")
            subprocess.run(["git", "-C", root, *words], check=True)
        (root / "config.json").write_text('{"lr": 0.1}')

        def run(numbers: range) -> tuple[int, int]:
            for number in numbers:
                command = [sys.executable, "-c", _JOB % number]
                subprocess.run(command, cwd=root, check=True, start_new_session=True)
                client.ask(root / ".mlamd", "sync", timeout_s=30)
            time.sleep(2)
            client.ask(root / ".mlamd", "sync", timeout_s=30)
            with closing(Journal(root / ".mlamd")) as journal, closing(Catalog(root / ".mlamd")) as catalog:
                filled = sum(_filled_bytes(one) for one in (journal, catalog))
                return filled, journal.used_bytes() + catalog.used_bytes()

        first = run(range(10))
        last = run(range(10, 10 + runs))
    stored, grown = ((after - before) / runs for before, after in zip(first, last, strict=True))
    return [
        Figure("stored of a run like those before", stored, "bytes", bar=2048),
        Figure("  with pages that are free again", grown, "bytes"),
    ]


def _filled_bytes(one: Journal | Catalog) -> int:
    """Return the size of the pages that hold something; others wait for the next transactions."""
    environment = one._environment
    pages = 0
    with environment.reading() as transaction:
        for name in environment._tables:
            if environment.table(name) is not None:
                found = transaction.stat(environment.table(name))
                pages += found["leaf_pages"] + found["branch_pages"] + found["overflow_pages"]
    return int(pages * 4096)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, help="how many files are looked at")
    parser.add_argument("--runs", type=int, default=200, help="how many runs are recorded")
    options = parser.parse_args()
    return show([*rate(options.files), *delay(options.files), *record(options.runs)])


if __name__ == "__main__":
    sys.exit(main())
