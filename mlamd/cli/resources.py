"""``mlamd resources``."""

from typing import Any

import click

from mlamd.cli import chart, document, text
from mlamd.cli.answer import csv_option, json_option, question, say_of_run
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.names import resolve_run
from mlamd.lineage.resources import Gpu, Resources, columns, percent, resources
from mlamd.lineage.view import View
from mlamd.model.derived import Sample, Usage

_LABEL = 9
_MOST_COLUMNS = 160
_WIDTH = 80
"""Where the output is no terminal."""
_SERIES = (
    "at_ns",
    "span_ns",
    "processes",
    "threads",
    "user_us",
    "system_us",
    "cpu_percent",
    "rss_bytes",
    "pss_bytes",
    "read_bytes",
    "written_bytes",
)
_SOURCES = {
    "accounting": "the kernel's accounting of ended processes",
    "both": "the kernel's accounting of ended processes, or samples where these know of more",
    "samples": "samples: this was recorded without exit accounting",
    "none": "nothing: it was recorded without exit accounting, and ended before it was sampled",
}


@click.command(name="resources")
@click.argument("run")
@json_option
@csv_option
@click.pass_context
def command(context: click.Context, run: str, as_json: bool, as_csv: bool) -> None:
    """Show what one RUN used: processor, memory, storage, and how that went over time."""
    with question(context) as asked:
        answer = resources(asked.view, resolve_run(asked.view, run, asked.place))
        if as_json:
            say_of_run(asked, "resources", answer.run, _data(asked.view, answer))
        elif as_csv:
            rows = [_sample_row(sample) for sample in answer.samples]
            text.comma_separated(_SERIES, [list(row.values()) for row in rows])
        else:
            _print(answer)
            text.gaps(of_runs(asked.view, [answer.run]))


def brief(answer: Resources) -> str:
    """Return the most important of it in a few words, "" where nothing is known."""
    if answer.cpu_us is None:
        return ""
    # Samples may have missed what the accounting knows of one process.
    peak = max(answer.peaks.rss_bytes or 0, answer.peaks.process_rss_bytes or 0)
    memory = f", peak memory {text.size(peak)}" if peak else ""
    return f"CPU {_least(answer)}{_time(answer.cpu_us)}{memory}"


def course(answer: Resources) -> None:
    """Print how processor and memory use went over time, if it was sampled."""
    if answer.samples:
        _print_chart(answer)


def gpu_line(gpu: Gpu) -> str:
    """Return what was used of a GPU in a few words."""
    words = [gpu.name]
    if gpu.utilisation_percent is not None:
        words.append(f"{gpu.utilisation_percent:.0f} % busy")
    if gpu.memory_bytes is not None:
        words.append(f"peak memory {text.size(gpu.memory_bytes)}")
    if gpu.power_mw is not None:
        words.append(f"the card drew {gpu.power_mw / 1000:.0f} W")
    return ", ".join(words)


# --- JSON ----------------------------------------------------------------------------------------


def _data(view: View, answer: Resources) -> dict[str, Any]:
    peaks = answer.peaks
    return {
        "wall_ns": answer.wall_ns,
        "source": answer.source,
        "complete": answer.complete,
        "used": {
            "processes": answer.processes,
            "user_us": answer.user_us,
            "system_us": answer.system_us,
            "cpu_percent": answer.cpu_percent,
            "read_bytes": answer.read_bytes,
            "written_bytes": answer.written_bytes,
            "block_delay_ns": answer.block_delay_ns,
        },
        "peaks": {
            "rss_bytes": peaks.rss_bytes,
            "pss_bytes": peaks.pss_bytes,
            "process_rss_bytes": peaks.process_rss_bytes,
            "processes": peaks.processes,
            "threads": peaks.threads,
        },
        "steps": [
            document.step_row(view, step) | {"usage": None if usage is None else _usage_row(usage)}
            for step, usage in answer.steps
        ],
        "samples": [_sample_row(sample) for sample in answer.samples],
        "gpus": [_gpu_row(gpu) for gpu in answer.gpus],
    }


def _gpu_row(gpu: Gpu) -> dict[str, Any]:
    return {
        "gpu": gpu.gpu,
        "name": gpu.name,
        "utilisation_percent": gpu.utilisation_percent,
        "memory_bytes": gpu.memory_bytes,
        "power_mw": gpu.power_mw,
        "samples": [
            {
                "at_ns": sample.at_ns,
                "span_ns": sample.span_ns,
                "processes": sample.processes,
                "utilisation_percent": sample.utilisation_percent,
                "memory_bytes": sample.memory_bytes,
                "power_mw": sample.power_mw,
            }
            for sample in gpu.samples
        ],
    }


def _usage_row(usage: Usage) -> dict[str, Any]:
    return {
        "at_ns": usage.at_ns,
        "processes": usage.processes,
        "user_us": usage.user_us,
        "system_us": usage.system_us,
        "peak_rss_bytes": usage.peak_rss_bytes,
        "read_bytes": usage.read_bytes,
        "written_bytes": usage.written_bytes,
        "block_delay_ns": usage.block_delay_ns,
    }


def _sample_row(sample: Sample) -> dict[str, Any]:
    share = percent(sample.user_us + sample.system_us, sample.span_ns)
    row = {name: getattr(sample, name) for name in _SERIES if name != "cpu_percent"}
    row["cpu_percent"] = None if share is None else round(share, 2)
    return {name: row[name] for name in _SERIES}


# --- text ----------------------------------------------------------------------------------------


def _time(us: int | None) -> str:
    return "?" if us is None else text.duration(0, us * 1000)


def _least(answer: Resources) -> str:
    return "" if answer.complete else "at least "


def _print(answer: Resources) -> None:
    run = answer.run
    text.say(f"run        {run.id}")
    text.say(f"command    {text.command_line(run.command)}")
    text.say(f"status     {text.status(run)}")
    text.say(f"known from {_SOURCES[answer.source]}")
    text.say()
    text.say(f"wall time  {text.duration(0, answer.wall_ns)}")
    if answer.source != "none":
        _print_totals(answer)
        _print_peaks(answer)
    for gpu in answer.gpus:
        text.say(f"GPU {gpu.gpu:<6} {gpu_line(gpu)}")
    if len(answer.steps) > 1 and answer.accounted:
        _print_steps(answer)
    if answer.samples:
        _print_chart(answer)
    elif answer.source != "none":
        text.say()
        text.say("no chart: it ended before it was sampled")


def _print_totals(answer: Resources) -> None:
    least = _least(answer)
    share = answer.cpu_percent
    parts = f"{_time(answer.user_us)} user, {_time(answer.system_us)} system"
    of_wall = "" if share is None else f", {share:.0f} % of a core"
    text.say(f"CPU        {least}{_time(answer.cpu_us)} ({parts}{of_wall})")
    text.say(
        f"storage    {least}{text.size(answer.read_bytes)} read, {text.size(answer.written_bytes)} written"
    )
    text.say(f"waited     {_waited(answer)}")
    if answer.processes is not None:
        text.say(f"processes  {answer.processes} ended")


def _waited(answer: Resources) -> str:
    """Return how long it waited for block devices, or why that is not known."""
    if answer.block_delay_ns is not None:
        return f"{text.duration(0, answer.block_delay_ns)} for block devices"
    if answer.accounted:
        return "for block devices: not counted by this kernel (sysctl kernel.task_delayacct=1)"
    return "for block devices: not known without exit accounting"


def _print_peaks(answer: Resources) -> None:
    peaks = answer.peaks
    memory = []
    if peaks.rss_bytes is not None:
        memory.append(f"{text.size(peaks.rss_bytes)} RSS")
    if peaks.pss_bytes is not None:
        looks = sum(sample.pss_bytes is not None for sample in answer.samples)
        seldom = f" (in {looks} of {len(answer.samples)} samples)" if looks < len(answer.samples) else ""
        memory.append(f"{text.size(peaks.pss_bytes)} PSS{seldom}")
    if peaks.process_rss_bytes is not None:
        memory.append(f"{text.size(peaks.process_rss_bytes)} in one process")
    text.say(f"peaks      memory {', '.join(memory)}")
    if peaks.processes is not None:
        text.say(f"           {peaks.processes} processes, {peaks.threads} threads at a time")


def _print_steps(answer: Resources) -> None:
    header = ("step", "took", "CPU", "peak memory", "read", "written", "command")
    rows = []
    for step, usage in answer.steps:
        cells = ["-"] * 4
        if usage is not None:
            cells = [
                _time(usage.user_us + usage.system_us),
                text.size(usage.peak_rss_bytes),
                text.size(usage.read_bytes),
                text.size(usage.written_bytes),
            ]
        took = text.duration(step.started_ns, step.ended_ns)
        rows.append([text.short(step.id), took, *cells, text.command_line(step.command)])
    text.say()
    text.table(header, rows)


def _print_chart(answer: Resources) -> None:
    count = min((text.width() or _WIDTH) - _LABEL - 2, _MOST_COLUMNS)
    shown = columns(answer, max(count, 10))
    cpu = [column.cpu_percent for column in shown]
    memory = [column.rss_bytes for column in shown]
    text.say()
    _print_bars("CPU", f"{max((value for value in cpu if value is not None), default=0):.0f} %", cpu)
    _print_bars("memory", text.size(answer.peaks.rss_bytes), memory)
    begin, end = text.when(answer.run.started_ns), text.when(answer.run.started_ns + answer.wall_ns)
    between = max(2, len(shown) - len(begin) - len(end))
    text.say(f"{'':>{_LABEL}}  {begin}{' ' * between}{end}")
    if None in cpu:
        text.say(f"{'':>{_LABEL}}  {chart.MISSING} no sample")


def _print_bars(title: str, top: str, values: list[float | None] | list[int | None]) -> None:
    labels = [top, title, "0"]
    for label, line in zip(labels, chart.rows(values, len(labels)), strict=True):
        text.say(f"{label:>{_LABEL}} ┤{line.rstrip()}")
