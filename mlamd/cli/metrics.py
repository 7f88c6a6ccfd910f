"""``mlamd metrics``."""

from typing import Any

import click

from mlamd import settings
from mlamd.cli import chart, document, text
from mlamd.cli.answer import Question, csv_option, json_option, question, say_of_run
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.metrics import Metric, metrics
from mlamd.lineage.names import resolve_run
from mlamd.model.derived import Run
from mlamd.recognise.facts import bounded

_WIDTH = 24
_NONE_YET = "no metrics are known yet: the run goes on, and a file counts when its writer has closed it"
_NONE = "no metrics are known of this run: it wrote no file that looks like metrics or a log of them"
_POINT = ("name", "step", "value", "path")


@click.command(name="metrics")
@click.argument("run")
@json_option
@csv_option
@click.pass_context
def command(context: click.Context, run: str, as_json: bool, as_csv: bool) -> None:
    """Show the metrics of one RUN: what it wrote into files of metrics and logs."""
    with question(context) as asked:
        found = resolve_run(asked.view, run, asked.place)
        known = of_run(asked, found)
        if as_json:
            say_of_run(asked, "metrics", found, {"metrics": [row(one) for one in known]})
        elif as_csv:
            text.comma_separated(_POINT, [point for one in known for point in _points(one)])
        else:
            if known:
                table(known)
            else:
                text.say(_NONE if found.ended_ns is not None else _NONE_YET)
            text.gaps(of_runs(asked.view, [found]))


def of_run(asked: Question, run: Run) -> list[Metric]:
    """Return the metrics of a run, with what the user says is better."""
    wanted = settings.load(asked.workspace.settings_file)
    return metrics(asked.view, run, wanted.lower_is_better, wanted.higher_is_better)


def row(metric: Metric) -> dict[str, Any]:
    """Return a metric for JSON."""
    return {
        "name": metric.name,
        **document.path_fields(metric.version.path),
        "version": metric.version.id,
        "last": bounded(metric.last),
        "best": bounded(metric.best),
        "least": bounded(metric.least),
        "greatest": bounded(metric.greatest),
        "direction": metric.direction or None,
        "count": metric.count,
        "exact": metric.exact,
        "steps": list(metric.steps),
        "values": [bounded(value) for value in metric.values],
    }


def table(found: list[Metric], most: int = 0) -> None:
    """Print metrics, a line each."""
    rows = [
        (
            text.one_line(metric.name),
            number(metric.last),
            number(metric.best) if metric.best is not None else "-",
            str(metric.count),
            chart.line(metric.values, _WIDTH) if len(metric.values) > 1 else "",
            text.shown(metric.version.path),
        )
        for metric in found[: most or None]
    ]
    text.table(("metric", "last", "best", "values", "course", "file"), rows)
    unsure = sorted(
        {f"{text.one_line(one.name)} in {text.shown(one.version.path)}" for one in found if not one.exact}
    )
    if unsure:
        text.say(f"not exact, as the file has values of earlier runs: {', '.join(unsure)}")
    if most and len(found) > most:
        text.say(f"and {len(found) - most} more: see `mlamd metrics`")


def number(value: float) -> str:
    """Return a number in six digits."""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _points(metric: Metric) -> list[tuple[object, ...]]:
    path = text.shown(metric.version.path)
    steps: tuple[object, ...] = metric.steps or ("",) * len(metric.values)
    return [(metric.name, step, value, path) for step, value in zip(steps, metric.values, strict=True)]
