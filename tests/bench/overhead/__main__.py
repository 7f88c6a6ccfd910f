"""The same workloads bare, traced and recorded, in turns; how many times longer each way takes.

    python -m tests.bench.overhead [--only NAME] [--rounds N] [--ways bare,strace,reprozip,kernel,mlamd]
                                   [--sensor SENSOR] [--venv DIR] [--work DIR] [--json]

Ends with status 1 if mlamd misses a bar, or if what it recorded is not plausible.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.bench.overhead import report, workloads
from tests.bench.overhead.rounds import Bench, Results
from tests.bench.overhead.tools import StepError, Tools
from tests.bench.overhead.ways import MAKERS, Way


def ways_of(text: str) -> list[str]:
    """Parse ``--ways``; bare is always among them, as all are compared with it."""
    names = text.split(",")
    unknown = [name for name in names if name not in MAKERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such way: {', '.join(unknown)} (there are {', '.join(MAKERS)})")
    return [name for name in MAKERS if name == "bare" or name in names]


def parsed() -> argparse.Namespace:
    """Parse the command line."""
    names = [workload.name for workload in workloads.ALL]
    parser = argparse.ArgumentParser(
        prog="tests.bench.overhead", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=names, help="a workload; may be given repeatedly")
    parser.add_argument("--rounds", type=int, default=5, help="how often each workload is run in each way")
    parser.add_argument("--ways", type=ways_of, default=list(MAKERS), help=f"some of {','.join(MAKERS)}")
    parser.add_argument("--sensor", default="fanotify", help="the sensor that mlamd records with")
    parser.add_argument("--venv", type=Path, help="where virtual environments are kept for the next time")
    parser.add_argument("--work", type=Path, help="where the workloads run (default: the temporary files')")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def possible(names: list[str], tools: Tools, sensor: str, results: Results) -> list[Way]:
    """Return the ways that can be gone here; the others are noted as left out."""
    ways = []
    for name in names:
        way = MAKERS[name](tools, sensor)
        try:
            way.check()
        except StepError as error:
            if name == "bare":
                raise
            results.left_out[name] = str(error)
            print(f"{name} is left out: {error}", file=sys.stderr, flush=True)
        else:
            ways.append(way)
    return ways


def main() -> int:
    """Measure and print."""
    options = parsed()
    results = Results(options.rounds, options.sensor)
    with tempfile.TemporaryDirectory(dir=options.work, prefix="overhead-") as name:
        work = Path(name).resolve()
        environments = options.venv.resolve() if options.venv else work / "environments"
        environments.mkdir(parents=True, exist_ok=True)
        tools = Tools(work, environments)
        try:
            bench = Bench(tools, possible(options.ways, tools, options.sensor, results), results)
            for workload in workloads.ALL:
                if not options.only or workload.name in options.only:
                    bench.measure(workload)
                    if not options.json:
                        report.show_workload(results, workload.name)
        except StepError as error:
            print(f"cannot measure: {error}", file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps(report.document(results), indent=1))
        return 0 if report.passed(results) else 1
    return report.show_end(results)


if __name__ == "__main__":
    sys.exit(main())
