"""numpy's arrays: ``.npy``, ``.npz``, and raw memory maps whose names say what they hold.

Written after NEP 1, which describes both formats.
"""

import re

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.tensors import elements
from mlamd.recognise.zipped import MAGIC as ZIP
from mlamd.recognise.zipped import content, listing

_MAGIC = b"\x93NUMPY"
_PLAIN = re.compile(r"'descr'\s*:\s*'([^']{1,64})'")
_RECORD = re.compile(r"'descr'\s*:\s*\[(.{1,20000}?)\]\s*,\s*'fortran_order'", re.DOTALL)
_FIELD = re.compile(r"\('([^']{1,200})',\s*'([^']{1,64})'")
_SHAPE = re.compile(r"'shape'\s*:\s*\(([\d\s,L]{0,2000})\)")
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex", "b": "bool"}
_MOST_MEMBERS = 500
_MAPS = frozenset({".memmap", ".mmap", ".dat", ".bin", ".raw"})
_MAPPED = re.compile(r"(?:^|[^a-z0-9])(float|f|int|i|uint|u)(8|16|32|64)(?=[^a-z0-9]|$)")
_SIZES = re.compile(r"(?:^|[^0-9a-z])(\d{1,12}(?:x\d{1,12}){1,7})(?=[^0-9a-z]|$)")


class NumpyArrays:
    """Facts: ``dtype``, ``shape`` and ``fortran_order``; of an archive ``arrays`` with the same for each."""

    name = "numpy"
    rank = 20

    def recognise(self, subject: Subject) -> Finding | None:
        """Return an array by its magic, an archive by its suffix, a memory map if its name tells the type."""
        if subject.head.startswith(_MAGIC):
            return Finding("dataset", "npy", described(subject.head))
        if subject.suffix == ".npz" and subject.head.startswith(ZIP):
            return _archive(subject)
        return _memory_map(subject) if subject.suffix in _MAPS else None


def described(head: bytes) -> dict[str, Fact]:
    """Return what the header of an array says."""
    if len(head) < 12 or head[6] not in {1, 2, 3}:
        raise RecogniseError("an array of an unknown version")
    begin, width = (10, 2) if head[6] == 1 else (12, 4)
    text = head[begin : begin + int.from_bytes(head[8 : 8 + width], "little")].decode("latin-1")
    shape = _SHAPE.search(text)
    if shape is None:
        raise RecogniseError("an array without a shape")
    facts: dict[str, Fact] = {"shape": [int(part) for part in re.findall(r"\d{1,19}", shape[1])]}
    begin = max(0, text.find("'descr'"))
    plain, record = _PLAIN.match(text, begin), _RECORD.match(text, begin)
    if plain is not None:
        facts["dtype"] = named(plain[1])
    elif record is not None:
        facts["dtype"] = "record"
        facts["columns"] = {name: named(kind) for name, kind in _FIELD.findall(record[1])[:MOST_ITEMS]}
    else:
        raise RecogniseError("an array without a type")
    return facts | {"fortran_order": "'fortran_order': True" in text}


def named(descr: str) -> str:
    """Return the usual name of a type such as ``<f8``."""
    found = re.fullmatch(r"[<>|=]?([fiucb])(\d{1,2})", descr)
    if found is None:
        return {"O": "object"}.get(descr.strip("<>|="), descr)
    return "bool" if found[1] == "b" else f"{_KINDS[found[1]]}{int(found[2]) * 8}"


def _archive(subject: Subject) -> Finding:
    members = listing(subject.reader)
    arrays: dict[str, Fact] = {}
    for entry in members.entries[:_MOST_MEMBERS]:
        if entry.name.endswith(".npy"):
            head = content(subject.reader, entry, 4_096)
            if head.startswith(_MAGIC):
                arrays[entry.name.removesuffix(".npy")[:200]] = described(head)
    facts: dict[str, Fact] = {"arrays": arrays, "array_count": members.count}
    return Finding("dataset", "npz", facts)


def _memory_map(subject: Subject) -> Finding | None:
    size = subject.reader.size_bytes
    found = _MAPPED.search(subject.name)
    if found is None or size == 0:
        return Finding("dataset", "memmap") if subject.suffix in {".memmap", ".mmap"} else None
    kind = {"f": "float", "i": "int", "u": "uint"}[found[1][0]]
    width = int(found[2]) // 8
    if size % width or (kind, width) == ("float", 1):
        return None
    facts: dict[str, Fact] = {"dtype": f"{kind}{width * 8}", "from_name": True}
    sizes = _SIZES.search(subject.name)
    shape = [int(part) for part in sizes[1].split("x")] if sizes else []
    facts["shape"] = shape if shape and elements(shape) * width == size else [size // width]
    return Finding("dataset", "memmap", facts)
