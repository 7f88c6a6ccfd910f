"""What was measured, as lines of figures or as one document."""

import math
import os
import platform
import statistics
from dataclasses import asdict
from typing import Any

from tests.bench.figures import Figure
from tests.bench.overhead.rounds import Results
from tests.bench.overhead.ways import Trial

MEAN_BAR = 1.05
ROW_BAR = 1.20
NOISY = 1.3
JUDGED = "mlamd"


def seconds_of(trials: list[Trial]) -> float:
    """Return the median."""
    return statistics.median(trial.seconds for trial in trials)


def ratio(results: Results, workload: str, way: str) -> float:
    """Return how many times longer a workload takes this way than bare."""
    trials = results.trials[workload]
    return seconds_of(trials[way]) / seconds_of(trials["bare"])


def cpu_share(results: Results, workload: str, way: str) -> float | None:
    """Return the recorder's processor time, in percent of the time that the bare workload takes."""
    used = [trial.cpu_s for trial in results.trials[workload][way] if trial.cpu_s is not None]
    return 100 * statistics.median(used) / seconds_of(results.trials[workload]["bare"]) if used else None


def figure(results: Results, workload: str, way: str) -> Figure:
    """Return the figure of a workload and a way."""
    trials = results.trials[workload][way]
    name = f"{workload}: {way}"
    if way == "bare":
        return Figure(name, seconds_of(trials), "s", note=spread(trials))
    notes = [spread(trials)]
    share = cpu_share(results, workload, way)
    if share is not None:
        notes.append(f"its CPU {share:.0f} % of bare")
    found = [trial.found for trial in trials if trial.found is not None]
    if found:
        what = "events" if way == JUDGED else "processes"
        notes.append(f"{statistics.median(found):.0f} {what}")
    bar = ROW_BAR if way == JUDGED else None
    relative = ratio(results, workload, way)
    return Figure(name, seconds_of(trials), "s", "bare", relative, bar=bar, note=", ".join(notes))


def spread(trials: list[Trial]) -> str:
    """Say how far apart the trials are."""
    times = [trial.seconds for trial in trials]
    return f"{min(times):.3f} to {max(times):.3f}"


def means(results: Results) -> list[Figure]:
    """Return the geometric mean of every way's ratios."""
    ways = dict.fromkeys(way for trials in results.trials.values() for way in trials if way != "bare")
    figures = []
    for way in ways:
        ratios = [
            ratio(results, workload, way) for workload, trials in results.trials.items() if way in trials
        ]
        mean = math.exp(statistics.fmean(math.log(value) for value in ratios))
        bar = MEAN_BAR if way == JUDGED else None
        note = f"{len(ratios)} workloads"
        figures.append(Figure(f"geometric mean: {way}", mean, "x bare", bar=bar, note=note))
    return figures


def remarks(results: Results, workload: str) -> list[str]:
    """Return which trials prove nothing and why, and what the recorder says that it missed."""
    bare = [trial.seconds for trial in results.trials[workload]["bare"]]
    said = []
    if max(bare) > NOISY * min(bare):
        said.append(f"  NOISY: the bare trials are up to {max(bare) / min(bare):.1f} times apart")
    said += [f"  NOT MEASURED, {way}: {why}" for way, why in results.failed.get(workload, {}).items()]
    for way, trials in results.trials[workload].items():
        for number, trial in enumerate(trials, 1):
            if trial.trouble:
                said.append(f"  NOT VALID, {way}, round {number}: {trial.trouble}")
            said += [f"  gap, {way}, round {number}: {gap}" for gap in trial.gaps]
    return said


def show_workload(results: Results, workload: str) -> None:
    """Print the lines of one workload."""
    print(f"# {results.titles[workload]}")
    for way in results.trials[workload]:
        print(figure(results, workload, way).line())
    print("\n".join([*remarks(results, workload), ""]), flush=True)


def show_end(results: Results) -> int:
    """Print the means and what was left out; return the exit status."""
    for mean in means(results):
        print(mean.line())
    for way, why in results.left_out.items():
        print(f"left out: {way}: {why}")
    return 0 if passed(results) else 1


def passed(results: Results) -> bool:
    """Say whether mlamd was measured everywhere it was asked for, validly, and reached every bar."""
    rows = [figure(results, workload, way) for workload, ways in results.trials.items() for way in ways]
    valid = not any(
        trial.trouble for ways in results.trials.values() for trials in ways.values() for trial in trials
    )
    failed = JUDGED in results.left_out or any(JUDGED in ways for ways in results.failed.values())
    return valid and not failed and all(row.reached for row in [*rows, *means(results)])


def document(results: Results) -> dict[str, Any]:
    """Return all that was measured."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "sensor": results.sensor,
        "rounds": results.rounds,
        "workloads": {
            workload: {
                way: {
                    "median_s": seconds_of(trials),
                    "ratio": ratio(results, workload, way),
                    "cpu_percent_of_bare": cpu_share(results, workload, way),
                    "trials": [asdict(trial) for trial in trials],
                }
                for way, trials in ways.items()
            }
            for workload, ways in results.trials.items()
        },
        "geometric_means": {mean.name.rpartition(" ")[2]: mean.value for mean in means(results)},
        "left_out": results.left_out,
        "failed": results.failed,
        "passed": passed(results),
    }
