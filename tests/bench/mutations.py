"""How recognisers bear a great many changed files: what fails, how long one takes, how much memory.

    python -m tests.bench.mutations [--count 100000] [--seed 0]

Every file of the corpus is changed at random and shown to all installed recognisers, as the daemon does it.
The files that wish ill to any format come first, under every suffix of the corpus. All times are processor
time; the peak of memory is that of the whole process, of which the interpreter itself takes some 30 MB.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

from mlamd.recognise.conformance import examine, trials
from mlamd.recognise.finding import Finding, RecogniseError, Subject
from mlamd.recognise.registry import Registry, installed

CORPUS = Path(__file__).parents[1] / "recognise" / "corpus"
SLOWEST = 5


class _Everyone:
    """All recognisers in their order; unlike the registry, it lets through what none should raise."""

    name = "everyone"
    rank = 0

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def recognise(self, subject: Subject) -> Finding | None:
        for one in self._registry.recognisers:
            try:
                found = one.recognise(subject)
            except RecogniseError:
                continue
            if found is not None:
                return found
        return None


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description="Show changed files to all recognisers.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    examples = {
        name: (CORPUS / name).read_bytes() for name in json.loads((CORPUS / "expected.json").read_text())
    }
    everyone = _Everyone(installed())
    slowest: list[tuple[float, str, str]] = []
    outcomes: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    spent, most_read = 0.0, 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name, content, _ in trials(examples, chosen.count, chosen.seed):
            outcome = examine(everyone, name, content, Path(folder) / "file")
            outcomes["recognised" if outcome.finding else "not recognised"] += 1
            if outcome.problem:
                bad[f"{name}: {outcome.problem}"] += 1
            spent += outcome.seconds
            most_read = max(most_read, outcome.read_bytes)
            slowest = sorted([*slowest, (outcome.seconds, name, content.what)], reverse=True)[:SLOWEST]
    count = outcomes.total()
    print(
        f"files                {count}, of which {chosen.count} changed ones of the corpus's {len(examples)}"
    )
    print(f"outcomes             {dict(outcomes)}")
    print(f"failures             {bad.total()}")
    for what, times in bad.most_common(20):
        print(f"    {times} times {what}")
    print(f"time for one         {spent / count * 1_000:.2f} ms on average")
    for seconds, name, what in slowest:
        print(f"    slowest {seconds * 1_000:.0f} ms: {what}, as {name}")
    print(f"most read of one     {most_read >> 10} KiB")
    print(f"peak of memory       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
    print(f"wall time            {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
