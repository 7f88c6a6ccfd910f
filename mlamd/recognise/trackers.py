"""Files in which other trackers keep settings and metrics, known by their names and by what they hold."""

import re
from collections.abc import Callable, Mapping

from mlamd.masking.environment import environment
from mlamd.masking.text import mask_setting, mask_text
from mlamd.masking.words import mask_words
from mlamd.recognise import mlflow, wandb
from mlamd.recognise.config import numbers_of, settings_of
from mlamd.recognise.document import parse_document
from mlamd.recognise.facts import MOST_ITEMS, bounded, listed
from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.metric_names import STEPS
from mlamd.recognise.series import SeriesBook, is_number, looks_like_log, of_records
from mlamd.recognise.text import whole_text
from mlamd.recognise.typed import typed_nested

_MOST_BYTES = 16 << 20
_GUILD = re.compile(rb"(?:^|/)\.guild/attrs/([a-z_]+)$")
_NO_ITERATION = -(1 << 31)
"""The iteration of a value that ClearML was told without one."""
_CONTAINERS = re.compile(r"^(?:General|Args|Hydra|environment_variables)$")


class TrackerRecogniser:
    """Asks who knows a file of that name."""

    name = "trackers"
    rank = 58

    def recognise(self, subject: Subject) -> Finding | None:
        """Return what a tracker left, with the fact ``tracker``; None for all other files."""
        reader = _READERS.get(subject.name)
        found = reader(subject) if reader else None
        if found is not None:
            return found
        if b".guild/attrs/" in subject.path:
            return _guild(subject)
        if b"dvclive/" in subject.path and subject.suffix == ".json":
            return _dvclive(subject)
        return mlflow.recognise_file(subject) if b"/" in subject.path else None


def _json(subject: Subject) -> Mapping[str, object]:
    """Return the mapping that a file holds; an empty one if it holds anything else."""
    content = whole_text(subject, _MOST_BYTES)
    held = parse_document(content, "json") if content is not None else None
    return held if isinstance(held, Mapping) else {}


def _trainer_state(subject: Subject) -> Finding | None:
    """Return the history of Hugging Face's Trainer: ``log_history`` in ``trainer_state.json``."""
    held = _json(subject)
    history = held.get("log_history")
    if not isinstance(history, list):
        return None
    plain = settings_of(
        {name: value for name, value in held.items() if not isinstance(value, list | Mapping)}
    )
    facts: dict[str, Fact] = {"tracker": "transformers", "settings": plain, "scalars": {}}
    if is_number(plain.get("best_metric")):
        facts["scalars"] = {"best_metric": plain["best_metric"]}
    return Finding("metrics", "json", facts | of_records(history, STEPS).facts())


def _sacred_metrics(subject: Subject) -> Finding | None:
    """Return Sacred's ``metrics.json``: for each name steps, values and timestamps."""
    held = _json(subject)
    book = SeriesBook()
    for name, one in held.items():
        if not isinstance(one, Mapping) or not {"steps", "values"} <= set(one):
            return None
        steps, values = one["steps"], one["values"]
        for step, value in zip(listed(steps), listed(values), strict=False):
            if is_number(step) and is_number(value):
                book.add(name, step, value)
    return Finding("metrics", "json", {"tracker": "sacred", **book.facts()}) if held else None


def _sacred_run(subject: Subject) -> Finding | None:
    """Return Sacred's ``run.json``: the result, and how the experiment was started."""
    held = _json(subject)
    if not isinstance(held.get("experiment"), Mapping) or "status" not in held:
        return None
    result = held.get("result")
    scalars = numbers_of(settings_of(result if isinstance(result, Mapping) else {"result": result}))
    kept = {name: held[name] for name in ("command", "status", "start_time", "stop_time") if name in held}
    meta = held.get("meta")
    options = meta.get("options") if isinstance(meta, Mapping) else None
    if isinstance(options, Mapping) and options.get("UPDATE"):
        kept["updates"] = [mask_text(str(one)) for one in listed(options["UPDATE"])]
    facts: dict[str, Fact] = {"tracker": "sacred", "scalars": scalars, "settings": settings_of(kept)}
    return Finding("metrics", "json", facts)


def _dvclive(subject: Subject) -> Finding | None:
    """Return DVCLive's ``metrics.json``, and the settings in other JSON files beside it."""
    settings = settings_of(_json(subject))
    numbers = numbers_of(settings)
    kind = "metrics" if subject.name == "metrics.json" else "config"
    return Finding(kind, "json", {"tracker": "dvclive", "scalars": numbers, "settings": settings})


def _guild(subject: Subject) -> Finding | None:
    """Return an attribute of a run of Guild; each is a YAML file without a suffix."""
    place = _GUILD.search(subject.path)
    content = whole_text(subject, 1 << 20) if place else None
    if place is None or content is None:
        return None
    name = place[1].decode()
    held = parse_document(content, "yaml")
    facts: dict[str, Fact] = {"tracker": "guild", "attribute": name}
    if name == "env" and isinstance(held, Mapping):
        facts["settings"] = environment((str(key), str(value)) for key, value in held.items())
    elif name == "cmd" and isinstance(held, list):
        facts["command"] = list(mask_words(tuple(map(str, held))))
    elif isinstance(held, Mapping):
        facts["settings"] = settings_of(held)
    elif name == "pip_freeze" and isinstance(held, list):
        pairs = [str(line).partition("==") for line in held[:MOST_ITEMS]]
        facts["packages"] = {package.lower(): mask_text(mark + version) for package, mark, version in pairs}
        return Finding("environment", "yaml", facts)
    else:
        facts["settings"] = {name: bounded(mask_setting(name, bounded(held)))}
    return Finding("config", "yaml", facts)


def _clearml(subject: Subject) -> Finding | None:
    """Return the hyperparameters of ClearML's ``task.json``: sections of names with values."""
    held = _json(subject)
    sections = held.get("hyperparams")
    if not isinstance(sections, Mapping) or not {"script", "project", "id"} & set(held):
        return None
    settings: dict[str, object] = {}
    for section, entries in sections.items():
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(entry, Mapping) and "value" in entry:
                full = name if _CONTAINERS.match(section) else f"{section}.{name}"
                settings[full] = typed_nested(str(entry["value"]))
    facts: dict[str, Fact] = {"tracker": "clearml", "settings": settings_of(settings)}
    if isinstance(held.get("id"), str):
        facts["run_id"] = bounded(held["id"])
    return Finding("config", "json", facts)


def _metrics_json_lines(subject: Subject) -> Finding | None:
    """Return the scalars of ClearML's ``metrics.jsonl``: a list of reported events in each line."""
    content = whole_text(subject, _MOST_BYTES) if subject.head.lstrip().startswith(b"[") else None
    book = SeriesBook()
    scalars: dict[str, Fact] = {}
    for line in content.splitlines() if content is not None else ():
        for event in listed(parse_document(line, "json")):
            if isinstance(event, Mapping) and event.get("type") == "training_stats_scalar":
                name, step, value = str(event.get("variant")), event.get("iter"), event.get("value")
                if isinstance(step, int) and isinstance(value, int | float):
                    if step == _NO_ITERATION:
                        scalars[name] = bounded(value)
                    else:
                        book.add(f"{event.get('metric')}/{name}", step, value)
    if not (book.series or scalars):
        return None
    return Finding("metrics", "jsonl", {"tracker": "clearml", "scalars": scalars, **book.facts()})


def _json_lines(subject: Subject) -> Finding | None:
    """Return series of a file with a JSON record in each line, if they have steps and metrics."""
    content = whole_text(subject, _MOST_BYTES)
    if content is None:
        return None
    records: list[object] = []
    lines = content.splitlines()
    for place, line in enumerate(lines):
        if line.strip():
            records.append(parse_document(line, "json"))
        if place == 100 and not looks_like_log(records):
            return None
    if not looks_like_log(records[:100]):
        return None
    return Finding("metrics", "jsonl", of_records(records, STEPS).facts())


class JsonLinesRecogniser:
    """Metrics in ``.jsonl`` and ``.ndjson`` files."""

    name = "jsonl-metrics"
    rank = 53

    def recognise(self, subject: Subject) -> Finding | None:
        """Return series; None for other data in lines."""
        if subject.suffix not in {".jsonl", ".ndjson"} or not subject.head.lstrip().startswith(b"{"):
            return None
        first = subject.head.partition(b"\n")[0]
        if not any(name.encode() in first for name in STEPS):
            return None
        return _json_lines(subject)


_READERS: dict[str, Callable[[Subject], Finding | None]] = {
    "trainer_state.json": _trainer_state,
    "metrics.json": _sacred_metrics,
    "run.json": _sacred_run,
    "task.json": _clearml,
    "metrics.jsonl": _metrics_json_lines,
    "meta.yaml": mlflow.recognise_meta,
    "wandb-summary.json": wandb.recognise_summary,
    "config.yaml": wandb.recognise_config,
}
