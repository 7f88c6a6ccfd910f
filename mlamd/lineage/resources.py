"""What a run used: totals, peaks, its steps, and how that went over time.

Two sources, which are never added up: the accounting of processes that have ended is exact, but says
nothing of those that live; samples of the living know the course of things, but miss what happens
between two looks. Where the accounting is not complete, the larger of the two is the answer, and a least.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlamd.catalog.state import clock
from mlamd.lineage.view import View
from mlamd.model.derived import GpuSample, Run, Sample, Step, Usage


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most at any one time; None where nobody looked."""

    rss_bytes: int | None
    """Resident memory of all processes together, sampled; shared pages count for each of them."""
    pss_bytes: int | None
    """The same, where shared pages count once; looked at more seldom."""
    process_rss_bytes: int | None
    """Largest resident memory of any one process that has ended, from the accounting."""
    processes: int | None
    threads: int | None


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run used. Times of processors are in microseconds, None is unknown."""

    run: Run
    wall_ns: int
    """From its beginning to its end, or, while it runs, to the newest that is known."""
    source: str
    """``accounting``, ``samples``, ``both`` (then the larger of each) or ``none``."""
    complete: bool
    """True if the totals are exact, and not only a least."""
    processes: int | None
    """How many processes have ended."""
    user_us: int | None
    system_us: int | None
    read_bytes: int | None
    written_bytes: int | None
    block_delay_ns: int | None
    peaks: Peaks
    steps: tuple[tuple[Step, Usage | None], ...]
    samples: tuple[Sample, ...]
    gpus: tuple["Gpu", ...] = ()

    @property
    def cpu_us(self) -> int | None:
        """Processor time, user and system."""
        return None if self.user_us is None or self.system_us is None else self.user_us + self.system_us

    @property
    def cpu_percent(self) -> float | None:
        """Processor time in percent of one core over the whole time."""
        return percent(self.cpu_us, self.wall_ns)

    @property
    def accounted(self) -> bool:
        """Say whether any of its processes was accounted for."""
        return self.source in {"accounting", "both"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a run used of one GPU; averages are over the time in which it used it, None is unknown."""

    gpu: int
    name: str
    span_ns: int
    """How long it was seen to use it."""
    utilisation_percent: float | None
    memory_bytes: int | None
    """The most at a time."""
    power_mw: float | None
    """Average of the whole card, whoever used it."""
    samples: tuple[GpuSample, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart; None where there is no sample."""

    cpu_percent: float | None
    rss_bytes: int | None


def percent(cpu_us: int | None, span_ns: int) -> float | None:
    """Return processor time in percent of one core."""
    return None if cpu_us is None or span_ns <= 0 else 100_000 * cpu_us / span_ns


def resources(view: View, run: Run) -> Resources:
    """Return what a run used."""
    steps = tuple((view.step(number), view.usage(number)) for number in view.steps_of(run.number))
    used = [usage for _, usage in steps if usage is not None]
    samples = tuple(view.samples(run.number))
    end_ns = run.ended_ns
    if end_ns is None:
        end_ns = max([clock(view.tables), run.started_ns, *[sample.at_ns for sample in samples]])
    complete = run.ended_ns is not None and _complete(view, steps)
    source = _SOURCES[bool(used), bool(samples) and not complete]
    counted: list[list[Usage] | tuple[Sample, ...]] = [used] if complete else [used, samples]
    known = [rows for rows in counted if rows]

    def most(name: str) -> int | None:
        return max((sum(getattr(row, name) for row in rows) for rows in known), default=None)

    delays = [usage.block_delay_ns for usage in used if usage.block_delay_ns is not None]
    return Resources(
        run,
        end_ns - run.started_ns,
        source,
        complete,
        sum(usage.processes for usage in used) if used else None,
        most("user_us"),
        most("system_us"),
        most("read_bytes"),
        most("written_bytes"),
        sum(delays) if delays else None,
        _peaks(used, samples),
        steps,
        samples,
        _gpus(view.gpu_samples(run.number)),
    )


def _gpus(samples: Iterable[GpuSample]) -> tuple[Gpu, ...]:
    cards: dict[int, list[GpuSample]] = {}
    for sample in samples:
        cards.setdefault(sample.gpu, []).append(sample)
    return tuple(
        Gpu(
            gpu,
            rows[-1].name,
            sum(row.span_ns for row in rows),
            _average(rows, "utilisation_percent"),
            max((row.memory_bytes for row in rows if row.memory_bytes is not None), default=None),
            _average(rows, "power_mw"),
            tuple(rows),
        )
        for gpu, rows in sorted(cards.items())
    )


def _average(rows: Sequence[GpuSample], name: str) -> float | None:
    known = [(row.span_ns, value) for row in rows if (value := getattr(row, name)) is not None]
    span_ns = sum(span_ns for span_ns, _ in known)
    return sum(span * value for span, value in known) / span_ns if span_ns else None


_SOURCES = {
    (True, False): "accounting",
    (True, True): "both",
    (False, True): "samples",
    (False, False): "none",
}


def _complete(view: View, steps: Sequence[tuple[Step, Usage | None]]) -> bool:
    """Say whether every process of a step was accounted for; one that ran several programs is once."""
    accounted = {view.process_of(step.number) for step, usage in steps if usage is not None}
    return bool(accounted) and all(view.process_of(step.number) in accounted for step, _ in steps)


def _peaks(used: Sequence[Usage], samples: Sequence[Sample]) -> Peaks:
    return Peaks(
        max((sample.rss_bytes for sample in samples), default=None),
        max((sample.pss_bytes for sample in samples if sample.pss_bytes is not None), default=None),
        max((usage.peak_rss_bytes for usage in used), default=None),
        max((sample.processes for sample in samples), default=None),
        max((sample.threads for sample in samples), default=None),
    )


def columns(answer: Resources, count: int) -> list[Column]:
    """Cut the whole time into equal columns: average processor use, most memory of the samples in each."""
    begin, width = answer.run.started_ns, max(answer.wall_ns, 1) / count
    cpu_us = [0.0] * count
    covered_ns = [0.0] * count
    memory: list[int | None] = [None] * count
    for sample in answer.samples:
        start, end = sample.at_ns - sample.span_ns - begin, sample.at_ns - begin
        first, last = max(0, int(start / width)), min(count - 1, int(end / width))
        for place in range(first, last + 1):
            overlap = min(end, (place + 1) * width) - max(start, place * width)
            if overlap <= 0:
                continue
            covered_ns[place] += overlap
            cpu_us[place] += (sample.user_us + sample.system_us) * overlap / sample.span_ns
            memory[place] = max(memory[place] or 0, sample.rss_bytes)
    return [
        Column(100_000 * cpu / covered if covered else None, rss)
        for cpu, covered, rss in zip(cpu_us, covered_ns, memory, strict=True)
    ]
