"""The own formats of XGBoost, LightGBM and CatBoost."""

import re

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.facts import bounded, flattened
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.flatbuffer import Table
from mlamd.recognise.jsonvalue import MOST_JSON, loaded, mapping
from mlamd.recognise.ubjson import Ubjson

_END_BYTES = 65_536
_XGBOOST_JSON = re.compile(rb'\s*\{\s*"(learner|version)"\s*:\s*[\[{]')
_XGBOOST_UBJ = re.compile(rb"\{[iUIlL]\0{0,7}\x07(learner|version)", re.DOTALL)
_MOST_CATBOOST = 16 << 20


class Xgboost:
    """Facts: ``framework_version``, ``class`` (the booster), ``trees``, ``features``, ``hyperparameters``."""

    name = "xgboost"
    rank = 40

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model that ``save_model`` wrote as JSON or UBJSON."""
        if _XGBOOST_UBJ.match(subject.head):
            return Finding("model", "xgboost-ubj", _xgboost(Ubjson(Cursor(subject.reader)).value()))
        if not _XGBOOST_JSON.match(subject.head):
            return None
        size = subject.reader.size_bytes
        if size <= MOST_JSON:
            return Finding("model", "xgboost-json", _xgboost(loaded(subject.reader.read(0, size))))
        return Finding(
            "model", "xgboost-json", _xgboost_end(subject.reader.read(size - _END_BYTES, _END_BYTES))
        )


def _xgboost(model: object) -> dict[str, Fact]:
    learner = mapping(mapping(model).get("learner"))
    booster = mapping(learner.get("gradient_booster"))
    if not booster:
        raise RecogniseError("no booster in it")
    version = mapping(model).get("version")
    parameters = mapping(learner.get("learner_model_param"))
    objective = mapping(learner.get("objective"))
    settings: dict[str, Fact] = {"booster": bounded(booster.get("name"))}
    settings["objective"] = bounded(objective.get("name"))
    settings |= {key: _number(value) for key, value in parameters.items() if isinstance(value, str)}
    for value in objective.values():
        if isinstance(value, dict):
            settings |= {inner: _number(part) for inner, part in list(value.items())[:50]}
    facts: dict[str, Fact] = {"framework": "xgboost", "class": bounded(booster.get("name"))}
    if isinstance(version, list):
        facts["framework_version"] = ".".join(str(part)[:9] for part in version[:4])
    trees = mapping(mapping(booster.get("model", booster)).get("gbtree_model_param")).get("num_trees")
    trees = trees or mapping(
        mapping(mapping(booster.get("gbtree")).get("model")).get("gbtree_model_param")
    ).get("num_trees")
    if isinstance(trees, str) and trees.isdecimal():
        facts["trees"] = _number(trees)
    facts["features"] = _number(parameters.get("num_feature"))
    names = learner.get("feature_names")
    if isinstance(names, list) and names:
        facts["feature_names"] = bounded(names)
    return facts | {"hyperparameters": settings}


def _xgboost_end(end: bytes) -> dict[str, Fact]:
    """Return what the end of a large file tells: its keys are sorted, so the trees stand before it."""
    facts: dict[str, Fact] = {"framework": "xgboost", "partial": True}
    version = re.search(rb'"version"\s*:\s*\[(\d+),\s*(\d+),\s*(\d+)\]', end)
    if version:
        facts["framework_version"] = b".".join(version.groups()).decode()
    settings: dict[str, Fact] = {}
    for key in ("base_score", "num_class", "num_feature", "num_target"):
        found = re.search(rb'"%s"\s*:\s*"([^"]{1,100})"' % key.encode(), end)
        if found:
            settings[key] = _number(found[1].decode("utf-8", "backslashreplace"))
    objective = re.search(rb'"objective"\s*:\s*\{"name"\s*:\s*"([^"]{1,100})"', end)
    if objective:
        settings["objective"] = objective[1].decode("utf-8", "backslashreplace")
    return facts | {"hyperparameters": settings}


class Lightgbm:
    """Facts: ``format_version``, ``trees``, ``features``, ``feature_names``, ``hyperparameters``."""

    name = "lightgbm"
    rank = 40

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model that ``save_model`` wrote: text, its settings at the end."""
        if not subject.head.startswith(b"tree\nversion="):
            return None
        lines = subject.head.split(b"\n\n", 1)[0].decode("utf-8", "backslashreplace").split("\n")
        about = dict(line.split("=", 1) for line in lines if "=" in line)
        size = subject.reader.size_bytes
        end = subject.reader.read(max(0, size - _END_BYTES), _END_BYTES)
        settings = end.rpartition(b"\nparameters:\n")[2] if b"\nparameters:\n" in end else b""
        found = re.findall(rb"^\[([^:\]\n]{1,200}): ([^\n]*)\]$", settings, re.MULTILINE)
        facts: dict[str, Fact] = {
            "framework": "lightgbm",
            "format_version": bounded(about.get("version", "")),
            "class": settings_text(found, b"boosting"),
            "trees": len(about.get("tree_sizes", "").split()),
        }
        names = about.get("feature_names", "").split()
        facts["features"] = len(names)
        facts["feature_names"] = bounded(names)
        chosen: dict[str, Fact] = {"objective": bounded(about.get("objective", ""))}
        chosen |= {
            key.decode("utf-8", "replace"): _number(value.decode("utf-8", "replace"))
            for key, value in found[:500]
        }
        return Finding("model", "lightgbm", facts | {"hyperparameters": chosen})


def settings_text(found: list[tuple[bytes, bytes]], key: bytes) -> Fact:
    """Return one setting as text."""
    return bounded(dict(found).get(key, b""))


class Catboost:
    """Facts: ``framework_version`` and ``hyperparameters``, from what training left in the file."""

    name = "catboost"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model in CatBoost's binary format: a magic, a length, a FlatBuffer."""
        if not subject.head.startswith(b"CBM1"):
            return None
        cursor = Cursor(subject.reader, 4)
        length = cursor.u32()
        if length > _MOST_CATBOOST:
            return Finding("model", "catboost", {"framework": "catboost", "partial": True})
        core = Table.root(cursor.take(length))
        facts: dict[str, Fact] = {"framework": "catboost", "format_version": core.text(0, 100)}
        about: dict[str, str] = {}
        for pair in core.tables(2, 100):
            key = pair.text(0, 200)
            if key in {"params", "catboost_version_info"} and key not in about:
                about[key] = pair.text(1, 1 << 20)
        version = re.search(r"(?:Git tag: |v)(\d+(?:\.\d+)+)", about.get("catboost_version_info", ""))
        if version:
            facts["framework_version"] = version[1]
        settings = mapping(loaded(about["params"].encode("utf-8", "replace"))) if about.get("params") else {}
        chosen = mapping(settings.get("flat_params")) or settings
        if chosen:
            facts["hyperparameters"] = flattened(chosen)
        return Finding("model", "catboost", facts)


def _number(value: object) -> Fact:
    """Return text that is a number as a number."""
    if not isinstance(value, str) or len(value) > 40:
        return bounded(value)
    try:
        return int(value) if re.fullmatch(r"-?\d{1,18}", value) else bounded(float(value))
    except ValueError:
        return bounded(value)
