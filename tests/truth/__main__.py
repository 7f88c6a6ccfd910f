"""``python -m tests.truth [WORKLOAD ...]`` prints the figures.

python -m tests.truth [--mode watch] [--sensor S] [--loads N] [--json] [--truth-only] [--list] [WORKLOAD ...]
"""

import argparse
import json
import subprocess
import sys

from tests.truth import report
from tests.truth.judgement import Verdict, judge, truth_of
from tests.truth.recorder import RecorderError
from tests.truth.session import CommandFailedError
from tests.truth.workload import Workload
from tests.truth.workloads import WORKLOADS


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.truth", description="Recorded edges against true ones."
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="all if none is named")
    parser.add_argument("--mode", default="watch", help="how mlamd shall record (default: watch)")
    parser.add_argument("--sensor", help="the file sensor it shall use (default: its own choice)")
    parser.add_argument("--loads", type=int, default=0, metavar="N", help="busy loops beside each workload")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--truth-only", action="store_true", help="print the true edges; nothing is recorded")
    parser.add_argument("--list", action="store_true", help="print the workloads")
    options = parser.parse_args(words)
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)} (there are: {', '.join(WORKLOADS)})")
    return options


def main(words: list[str] | None = None) -> int:
    """Run the named workloads; return 1 on a violation, 2 if a workload could not be run, else 0."""
    options = _arguments(words)
    chosen = [WORKLOADS[name] for name in options.workloads or WORKLOADS]
    if options.list:
        print(*(f"{workload.name:<16} {workload.about}" for workload in chosen), sep="\n")
        return 0
    if options.truth_only:
        for workload in chosen:
            print(f"{workload.name}: {workload.about}")
            print(*report.true_edges(truth_of(workload)), sep="\n")
        return 0
    how = ["--mode", options.mode, *(["--sensor", options.sensor] if options.sensor else [])]
    return _compare(chosen, tuple(how), options.loads, as_json=options.json)


def _compare(chosen: list[Workload], how: tuple[str, ...], loads: int, *, as_json: bool) -> int:
    verdicts: list[Verdict] = []
    failed = 0
    if not as_json:
        print(report.head())
    for workload in chosen:
        try:
            verdict = judge(workload, how, loads)
        except (RecorderError, CommandFailedError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{workload.name:<16} failed: {error}", file=sys.stderr)
            continue
        verdicts.append(verdict)
        if not as_json:
            print(report.line(verdict), *report.details(verdict), sep="\n", flush=True)
    if as_json:
        print(json.dumps(report.document(verdicts, " ".join(how)), indent=2))
    else:
        print(*report.totals(verdicts, " ".join(how)), sep="\n")
    if any(verdict.comparison.violations for verdict in verdicts):
        return 1
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
