"""GGUF, llama.cpp's format: key-value metadata, then descriptions of tensors, then their data.

Written after docs/gguf.md of the ggml project; versions 2 and 3.
"""

import struct

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.facts import MOST_ITEMS, MOST_TEXT, bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.tensors import Tally

_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_TEXT, _ARRAY = 8, 9
_TYPES = dict(enumerate((
    "f32", "f16", "q4_0", "q4_1", "q4_2", "q4_3", "q5_0", "q5_1", "q8_0", "q8_1", "q2_k", "q3_k", "q4_k",
    "q5_k", "q6_k", "q8_k", "iq2_xxs", "iq2_xs", "iq3_xxs", "iq1_s", "iq4_nl", "iq3_s", "iq2_s", "iq4_xs",
    "i8", "i16", "i32", "i64", "f64", "iq1_m", "bf16", "q4_0_4_4", "q4_0_4_8", "q4_0_8_8", "tq1_0", "tq2_0",
    "iq4_nl_4_4", "iq4_nl_4_8", "iq4_nl_8_8", "mxfp4",
)))  # fmt: skip
_PLAIN = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64"} | {
    f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)
}
_MOST_STEPS = 400_000
_MOST_TENSORS = 60_000
_MOST_LISTED = 16


class Gguf:
    """Facts: ``architecture``, ``model_name``, ``hyperparameters`` (the metadata), and tensors."""

    name = "gguf"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a model, by its magic."""
        if not subject.head.startswith(b"GGUF"):
            return None
        cursor = Cursor(subject.reader, 4)
        version, tensors, pairs = cursor.u32(), cursor.u64(), cursor.u64()
        if version not in {2, 3}:
            raise RecogniseError(f"version {version}")
        facts: dict[str, Fact] = {"framework": "ggml", "format_version": version}
        metadata, complete = _metadata(cursor, pairs)
        facts["architecture"] = metadata.get("general.architecture", "")
        if metadata.get("general.name"):
            facts["model_name"] = metadata["general.name"]
        facts["hyperparameters"] = metadata
        facts["tensors"] = tensors if tensors < 1 << 63 else 0
        if not complete or tensors > _MOST_TENSORS:
            return Finding("model", "gguf", facts | {"partial": True})
        tally = Tally()
        for _ in range(tensors):
            cursor.skip(cursor.u64())
            rank = cursor.u32()
            if rank > 8:
                raise RecogniseError("a tensor of too many dimensions")
            shape = struct.unpack(f"<{rank}Q", cursor.take(8 * rank))
            kind = cursor.u32()
            name = _TYPES.get(kind, f"type {kind}")
            tally.add(_PLAIN.get(name, name), shape)
            cursor.skip(8)
        return Finding("model", "gguf", facts | tally.facts())


def _metadata(cursor: Cursor, pairs: int) -> tuple[dict[str, Fact], bool]:
    """Return the values, of long lists only how long they are; and whether that is all of them."""
    found: dict[str, Fact] = {}
    steps = _MOST_STEPS
    for _ in range(min(pairs, MOST_ITEMS)):
        key = _text(cursor)
        kind = cursor.u32()
        if kind != _ARRAY:
            found[key] = _value(cursor, kind)
            continue
        inner, length = cursor.u32(), cursor.u64()
        if inner in _NUMBERS and length > _MOST_LISTED:
            cursor.skip(length * struct.calcsize(_NUMBERS[inner]))
        elif length > steps:
            return found, False
        elif length > _MOST_LISTED:
            steps -= length
            for _ in range(length):
                cursor.skip(cursor.u64())
        else:
            found[key] = bounded([_value(cursor, inner) for _ in range(length)])
            continue
        found[key] = f"{length} values"
    return found, pairs <= MOST_ITEMS


def _value(cursor: Cursor, kind: int) -> Fact:
    if kind == _TEXT:
        return bounded(_text(cursor))
    form = _NUMBERS.get(kind)
    if form is None:
        raise RecogniseError(f"a value of unknown type {kind}")
    return bounded(struct.unpack(form, cursor.take(struct.calcsize(form)))[0])


def _text(cursor: Cursor) -> str:
    length = cursor.u64()
    found = cursor.take(min(length, MOST_TEXT)).decode("utf-8", "backslashreplace")
    cursor.skip(max(0, length - MOST_TEXT))
    return found
