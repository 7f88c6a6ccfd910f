"""ONNX: one protocol buffer. Of the weights only shapes and types are read, however large they are.

The numbers of fields and of types are those of onnx.proto.
"""

from collections import Counter
from dataclasses import dataclass, field

from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.protobuf import Field, TooManyError, Wire, fields, text, varint
from mlamd.recognise.tensors import Tally

_TYPES = dict(enumerate((
    "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool",
    "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn",
    "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
)))  # fmt: skip
_SMALL = 4_096
_MOST_NAMES = 20_000


@dataclass(slots=True)
class _Model:
    facts: dict[str, Fact] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, Fact] = field(default_factory=dict)
    operators: Counter[str] = field(default_factory=Counter)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    weights: Tally = field(default_factory=Tally)
    weight_names: set[str] = field(default_factory=set)
    graphs: int = 0


class Onnx:
    """Facts: ``framework``, ``opsets``, ``operators``, ``inputs``, ``outputs``, and the weights."""

    name = "onnx"
    rank = 60

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model; the format has no magic, so by its name; it has to begin with a version."""
        if subject.suffix != ".onnx":
            return None
        if subject.head[:1] != b"\x08":
            raise RecogniseError("it does not begin with a version")
        cursor = Wire(subject.reader, block=_SMALL)
        model = _Model()
        partial: dict[str, Fact] = {}
        try:
            for part in fields(cursor, subject.reader.size_bytes):
                _model_field(cursor, model, part)
        except TooManyError:
            partial["partial"] = True
        if not model.graphs:
            raise RecogniseError("no graph in it")
        facts = dict(model.facts)
        facts["opsets"] = bounded(model.opsets)
        # Older versions list the weights among the inputs.
        facts["inputs"] = bounded([name for name in model.inputs if name not in model.weight_names])
        facts["outputs"] = bounded(model.outputs)
        facts["operators"] = bounded(dict(sorted(model.operators.items())))
        if model.metadata:
            facts["metadata"] = bounded(model.metadata)
        return Finding("model", "onnx", facts | model.weights.facts() | partial)


def _model_field(cursor: Wire, model: _Model, part: Field) -> None:
    number, value = part.number, part.value
    if number == 1:
        model.facts["format_version"] = value
    elif number == 2:
        model.facts["framework"] = text(cursor, value)
    elif number == 3:
        model.facts["framework_version"] = text(cursor, value)
    elif number == 7:
        model.graphs += 1
        _graph(cursor, model, cursor.at + value)
    elif number == 8:
        domain, version = "", 0
        for inner in fields(cursor, cursor.at + value):
            if inner.number == 1:
                domain = text(cursor, inner.value)
            elif inner.number == 2:
                version = inner.value
        model.opsets[domain or "ai.onnx"] = version
    elif number == 14 and len(model.metadata) < 200:
        pair = {one.number: text(cursor, one.value) for one in fields(cursor, cursor.at + value) if one.long}
        model.metadata[pair.get(1, "")] = pair.get(2, "")


def _graph(cursor: Wire, model: _Model, end: int) -> None:
    for part in fields(cursor, end):
        inner_end = cursor.at + part.value
        if part.number == 1 and len(model.operators) < 2_000:
            name = _named(cursor, inner_end, 4)
            model.operators[name] += 1
        elif part.number == 2:
            model.facts["class"] = text(cursor, part.value)
        elif part.number == 5:
            _weight(cursor, model, inner_end)
        elif part.number in {11, 12}:
            names = model.inputs if part.number == 11 else model.outputs
            if len(names) < _MOST_NAMES:
                names.append(_named(cursor, inner_end, 1))


def _named(cursor: Wire, end: int, number: int) -> str:
    """Return the first field of text with a number."""
    for part in fields(cursor, end):
        if part.number == number and part.long:
            return text(cursor, part.value)
    return ""


def _weight(cursor: Wire, model: _Model, end: int) -> None:
    shape: list[object] = []
    kind = 0
    for part in fields(cursor, end):
        if part.number == 1 and part.long:
            stop = cursor.at + part.value
            while cursor.at < stop and len(shape) < 64:
                shape.append(varint(cursor))
        elif part.number == 1 and len(shape) < 64:
            shape.append(part.value)
        elif part.number == 2:
            kind = part.value
        elif part.number == 8 and part.long and len(model.weight_names) < _MOST_NAMES:
            model.weight_names.add(text(cursor, part.value))
    model.weights.add(_TYPES.get(kind, f"type {kind}"), shape)
