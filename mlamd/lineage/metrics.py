"""The metrics of a run: what it wrote into files of metrics and logs, as series and single numbers."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from mlamd.lineage.inputs import outputs
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run
from mlamd.recognise.facts import mapping

_DOWN = re.compile(
    r"(loss|error|err|mse|rmse|mae|mape|perplexity|ppl|wer|cer|fid|nll|kl|latency|seconds|time|brier)(?![a-z])"
)
_UP = re.compile(
    r"(acc|accuracy|auc|auroc|f1|precision|recall|score|r2|bleu|rouge\w*|map|iou|miou|dice|reward|return|ndcg|mrr"
    r"|psnr|ssim|throughput)(?![a-z])"
)
Number = int | float


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as one file tells it; a single number is a series of one value without a step."""

    name: str
    version: FileVersion
    last: Number
    least: Number
    greatest: Number
    count: int
    direction: str
    """``down`` if less is better, ``up`` if more is, "" if the name does not tell."""
    steps: tuple[Number, ...]
    values: tuple[Number, ...]
    """Its points, thinned out if there were very many."""

    @property
    def best(self) -> Number | None:
        """The best value, None where it is not known what is better."""
        return {"down": self.least, "up": self.greatest}.get(self.direction)


def direction_of(name: str, lower: Collection[str] = (), higher: Collection[str] = ()) -> str:
    """Return what is better, by the lists of a user or by the name."""
    if name in lower or name in higher:
        return "down" if name in lower else "up"
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    if _DOWN.search(words):
        return "down"
    return "up" if _UP.search(words) else ""


def metrics(view: View, run: Run, lower: Collection[str] = (), higher: Collection[str] = ()) -> list[Metric]:
    """Return the metrics of a run, by name and file; of a file that it wrote often, the newest version."""
    newest = {item.version.path: item.version for item in outputs(view, run)}
    found: list[Metric] = []
    for version in newest.values():
        meaning = view.meaning(version.number)
        if meaning is None or meaning.made not in {"metrics", "log"}:
            continue
        series, summary = mapping(meaning.facts.get("series")), mapping(meaning.facts.get("summary"))
        for name, points in series.items():
            metric = _of_series(
                name, points, mapping(summary.get(name)), version, direction_of(name, lower, higher)
            )
            if metric is not None:
                found.append(metric)
        for name, value in mapping(meaning.facts.get("scalars")).items():
            if name not in series and _is_number(value):
                direction = direction_of(name, lower, higher)
                found.append(Metric(name, version, value, value, value, 1, direction, (), (value,)))
    return sorted(found, key=lambda metric: (metric.name, metric.version.path))


def _of_series(
    name: str, points: Any, summary: Mapping[str, Any], version: FileVersion, direction: str
) -> Metric | None:
    if not isinstance(points, Mapping):
        return None
    pairs = [
        (step, value)
        for step, value in zip(points.get("steps") or (), points.get("values") or (), strict=False)
        if _is_number(step) and _is_number(value)
    ]
    if not pairs:
        return None
    steps, values = zip(*pairs, strict=True)

    def known(key: str, otherwise: Number) -> Number:
        value = summary.get(key)
        return value if _is_number(value) else otherwise

    count = summary.get("count")
    return Metric(
        name,
        version,
        known("last", values[-1]),
        known("best_min", min(values)),
        known("best_max", max(values)),
        count if isinstance(count, int) else len(values),
        direction,
        steps,
        values,
    )


def _is_number(value: Any) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool)
