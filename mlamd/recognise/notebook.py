"""Jupyter notebooks, by the JSON that https://nbformat.readthedocs.io describes."""

import re
from collections.abc import Mapping

from mlamd.recognise.config import settings_of
from mlamd.recognise.document import parse_json
from mlamd.recognise.facts import listed, mapping
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.python_parameters import read_python
from mlamd.recognise.text import whole_text

_MOST_BYTES = 32 << 20
_MOST_CELLS = 2_000
_MOST_SOURCE = 256 << 10
_MAGIC = re.compile(r"^(\s*)[%!?].*$|^(\s*\S.*)\?\s*$", re.MULTILINE)
_CAPTURED = re.compile(r"^(\s*)[\w, ]+\s*=\s*[%!].*$", re.MULTILINE)


class NotebookRecogniser:
    """``.ipynb`` files."""

    name = "notebook"
    rank = 55

    def recognise(self, subject: Subject) -> Finding | None:
        """Return what the notebook says of its kernel, its cells and their order of execution."""
        if subject.suffix != ".ipynb":
            return None
        text = whole_text(subject, _MOST_BYTES)
        if text is None:
            return Finding("notebook", "ipynb", {"trouble": "too large, or no text"})
        try:
            held = parse_json(text)
        except RecogniseError as error:
            return Finding("notebook", "ipynb", {"trouble": str(error)})
        if not isinstance(held, Mapping):
            return Finding("notebook", "ipynb", {"trouble": "not a notebook"})
        return Finding("notebook", "ipynb", _facts(held))


def _cells(held: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the cells; those of format 3 are in worksheets."""
    found = listed(held.get("cells"))
    for sheet in listed(held.get("worksheets")):
        found = found + listed(mapping(sheet).get("cells"))
    return [mapping(cell) for cell in found[:_MOST_CELLS]]


def _source(cell: Mapping[str, object]) -> str:
    held = cell.get("source", cell.get("input", ""))
    return "".join(map(str, held)) if isinstance(held, list) else str(held)


def _facts(held: Mapping[str, object]) -> dict[str, Fact]:
    cells = _cells(held)
    metadata = mapping(held.get("metadata"))
    kernel = mapping(metadata.get("kernelspec"))
    language = mapping(metadata.get("language_info")).get("name") or kernel.get("language") or ""
    kinds: dict[str, Fact] = {}
    for cell in cells:
        kind = str(cell.get("cell_type", "raw"))[:20]
        before = kinds.get(kind, 0)
        kinds[kind] = (before if isinstance(before, int) else 0) + 1
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    outputs = [mapping(one) for cell in code for one in listed(cell.get("outputs"))]
    facts: dict[str, Fact] = {
        "nbformat": _version(held),
        "kernel": str(kernel.get("name", "")),
        "language": str(language),
        "cells": kinds,
        "outputs": len(outputs),
        "errors": sum(one.get("output_type") in {"error", "pyerr"} for one in outputs),
    }
    facts |= _execution(code)
    if language in {"python", ""}:
        facts |= _python(code)
    return facts


def _version(held: Mapping[str, object]) -> str:
    return ".".join(str(held.get(name, "?"))[:10] for name in ("nbformat", "nbformat_minor"))


def _execution(code: list[Mapping[str, object]]) -> dict[str, Fact]:
    counts = [cell.get("execution_count", cell.get("prompt_number")) for cell in code]
    done = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
    filled = [bool(_source(cell).strip()) for cell in code]
    return {
        "executed": len(done),
        "highest_execution": max(done, default=0),
        "in_order": done == sorted(set(done)),
        "clean": done == list(range(1, len(done) + 1)) and len(done) >= sum(filled),
    }


def _python(code: list[Mapping[str, object]]) -> dict[str, Fact]:
    """Return imports and constants of all cells, and parameters of those that papermill takes them from."""
    imports: set[str] = set()
    constants: dict[str, Fact] = {}
    defaults: dict[str, Fact] = {}
    facts: dict[str, Fact] = {}
    left, broken = _MOST_SOURCE, 0
    for place, cell in enumerate(code):
        text = _source(cell)
        left -= len(text)
        if left < 0:
            break
        if text.lstrip().startswith("%%"):
            continue
        try:
            read = read_python(_MAGIC.sub(r"\1pass", _CAPTURED.sub(r"\1pass", text)))
        except RecogniseError:
            broken += 1
            continue
        imports.update(map(str, listed(read["imports"])))
        held = mapping(read["constants"])
        constants |= settings_of(held) if any(isinstance(one, Mapping) for one in held.values()) else held
        tags = listed(mapping(cell.get("metadata")).get("tags"))
        if "parameters" in tags:
            defaults |= {
                name: {"value": value, "by": "constant", "cell": place} for name, value in held.items()
            }
        if "injected-parameters" in tags:
            facts["settings"] = settings_of(held)
    facts |= {"imports": [*sorted(imports)], "constants": constants, "defaults": defaults}
    return facts | ({"cells_not_parsed": broken} if broken else {})
