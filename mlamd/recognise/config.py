"""Documents of settings: configuration, or the metrics that a run left.

The names and the values decide: numbers in a file named after metrics are metrics. A flat document with
numbers, one of them called as a metric is, is a configuration to who reads it, and metrics where a run wrote
it; one that is called ``args.json`` or the like never is.
"""

import re
from collections.abc import Mapping

from mlamd.masking.text import mask_setting
from mlamd.recognise import document
from mlamd.recognise.facts import MOST_ITEMS, bounded, flattened
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.mapped_data import is_data
from mlamd.recognise.metric_names import (
    STEPS,
    is_metric,
    is_result,
    is_step,
    names_metrics,
    names_settings,
)
from mlamd.recognise.plain_models import recognise_model
from mlamd.recognise.series import SeriesBook, is_number, looks_like_log, of_lists, of_records
from mlamd.recognise.typed import typed_nested

_OVERRIDE = re.compile(r"(\+{1,2}|~)?([\w./@-]+)(?:=(.*))?$", re.DOTALL)
_LEAST_NUMBERS = 0.5


def settings_of(value: object) -> dict[str, Fact]:
    """Return settings with dotted names, their secrets masked."""
    return {name: bounded(mask_setting(name, one)) for name, one in flattened(value).items()}


def numbers_of(settings: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return those settings that are numbers."""
    return {name: value for name, value in settings.items() if is_number(value)}


class ConfigRecogniser:
    """YAML, JSON, TOML, INI and ``.env`` by their names."""

    name = "config"
    rank = 75

    def recognise(self, subject: Subject) -> Finding | None:
        """Return settings or metrics; None for documents that are data, or too large."""
        form = document.format_of(subject)
        if not form:
            return None
        try:
            held = document.read_document(subject, form)
        except RecogniseError as error:
            return Finding("config", form, {"trouble": str(error)})
        if held is None:
            return None
        if b".hydra/" in subject.path:
            return _hydra(held, form)
        if isinstance(held, list):
            return _of_list(held, form)
        if not isinstance(held, Mapping):
            return Finding("generic", form)
        return _of_mapping(subject, held, form)


def _hydra(held: object, form: str) -> Finding:
    """Return what Hydra wrote for a run: its configuration, or the overrides it was started with."""
    if not isinstance(held, list):
        return Finding("config", form, {"tool": "hydra", "settings": settings_of(held)})
    words = [str(word) for word in held if isinstance(word, str)]
    found: dict[str, object] = {}
    for word in words:
        match = _OVERRIDE.match(word)
        if match is not None and match[3] is not None:
            found[match[2]] = typed_nested(match[3])
    shown = [mask_setting(word.partition("=")[0], word.partition("=")[2]) for word in words]
    overrides: list[Fact] = [
        f"{word.partition('=')[0]}={value}" if "=" in word else word
        for word, value in zip(words, shown, strict=True)
    ]
    return Finding(
        "config", form, {"tool": "hydra", "overrides": bounded(overrides), "settings": settings_of(found)}
    )


def _of_list(held: list[object], form: str) -> Finding | None:
    """Return metrics if the list has records with a step and a metric; other lists are data."""
    if not held or not all(isinstance(record, Mapping) for record in held[:100]):
        return Finding("generic", form)
    if looks_like_log(held[:100]):
        return Finding("metrics", form, of_records(held, STEPS).facts())
    return None


def _of_mapping(subject: Subject, held: Mapping[str, object], form: str) -> Finding:
    model = recognise_model(held, form)
    if model is not None:
        return model
    named = names_metrics(subject.name)
    settings = settings_of(held)
    book = None if names_settings(subject.name) else of_lists(held)
    if book is not None and (named or any(map(is_metric, book.series))):
        return _with_series(held, book, form)
    if not (named or names_settings(subject.name)) and is_data(subject.name, form, held):
        return Finding("dataset", form, {"entries": len(held)})
    numbers = numbers_of(settings)
    many = bool(numbers) and len(numbers) >= len(settings) * _LEAST_NUMBERS
    result = not names_settings(subject.name) and any(map(is_result, numbers))
    facts: dict[str, Fact] = {"settings": settings}
    if len(settings) >= MOST_ITEMS:
        facts["settings_cut"] = True
    if form in {"json", "yaml", "toml"} and named and (many or result):
        return Finding("metrics", form, {"scalars": numbers, **facts})
    flat = not any(isinstance(value, Mapping | list) for value in held.values())
    if form == "json" and result and numbers == settings and all(is_result(n) or is_step(n) for n in numbers):
        return Finding("metrics", form, {"scalars": numbers, **facts})
    if form == "json" and many and flat and result:
        return Finding("config", form, {"scalars": numbers, **facts}, made="metrics")
    return Finding("config", form, facts)


def _with_series(held: Mapping[str, object], book: SeriesBook, form: str) -> Finding:
    rest = settings_of({name: value for name, value in held.items() if name not in book.series})
    facts = book.facts()
    if rest:
        facts |= {"scalars": numbers_of(rest), "settings": rest}
    return Finding("metrics", form, facts)
