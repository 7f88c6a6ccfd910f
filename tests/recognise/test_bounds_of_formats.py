"""Files made to be slow or large for one recogniser: each ends in time, within memory, having read little."""

import json
import struct
import time
from pathlib import Path

import pytest

from mlamd.recognise.conformance import examine
from mlamd.recognise.finding import Finding, Subject
from mlamd.recognise.hostile import Content, content
from mlamd.recognise.registry import Registry, installed
from mlamd.recognise.sqlite import columns_of

_PROTOCOL = b"\x80\x04"
_MODEL = b"csklearn.svm\nSVC\n"


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _one_dict_of_many() -> bytes:
    """Two thousand estimators that share one dict of 60,000 settings, and are in one another's lists."""
    pairs = b"".join(_text(f"k{place}") + b"N" for place in range(60_000))
    shared = b"}(" + pairs + b"uq\x01"
    models = b"".join(_MODEL + b")Rh\x01b" for _ in range(20_000))
    return _PROTOCOL + shared + b"0](" + models + b"e."


def _lists_in_a_model() -> bytes:
    """A setting that is a list of a list of a list, each a thousand times the same."""
    lists = b"](" + b"N" * 1_000 + b"eq\x01"
    for place in range(1, 6):
        lists += b"](" + (b"h" + bytes([place])) * 1_000 + b"eq" + bytes([place + 1])
    fields = b"".join(_text(f"k{place}") + b"h\x06" for place in range(500))
    return _PROTOCOL + lists + b"0" + _MODEL + b")R}(" + fields + b"ub."


def _sqlite(page_bytes: int, sql: str) -> bytes:
    """One table, whose pages say that they have as many cells as fit."""
    head = b"SQLite format 3\0" + struct.pack(">HBBBBBB", page_bytes & 0xFFFF or 1, 1, 1, 0, 64, 32, 32)
    head = head.ljust(56, b"\0") + struct.pack(">I", 1)
    texts = [b"table", b"t", b"t", b"\2", sql.encode()]
    kinds = [23, 15, 15, 1, 13 + 2 * len(texts[4])]
    header = b"".join(_varint(kind) for kind in kinds)
    record = bytes([len(header) + 1]) + header + b"".join(texts)
    cell = _varint(len(record)) + b"\1" + record
    page = bytearray(page_bytes)
    page[: len(head)] = head
    place = page_bytes - len(cell)
    page[100:110] = struct.pack(">BHHHBH", 13, 0, 1, place & 0xFFFF, 0, place)
    page[place:] = cell
    count = (page_bytes - 16) // 2
    inner = struct.pack(">BHHHBI", 5, 0, count, 12, 0, 2) + struct.pack(">H", page_bytes - 4) * count
    return bytes(page) + inner.ljust(page_bytes - 4, b"\0") + b"\0\0\0\2"


def _varint(value: int) -> bytes:
    parts = [value & 0x7F]
    while value > 0x7F:
        value >>= 7
        parts.insert(0, value & 0x7F | 0x80)
    return bytes(parts)


def _varint_little(value: int) -> bytes:
    return b"".join(bytes([value >> shift & 0x7F | 0x80]) for shift in range(0, 28, 7)) + b"\0"


def _gguf_texts() -> bytes:
    texts = (struct.pack("<Q", 1_000) + b"x" * 1_000) * 16
    pair = struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 16) + texts
    return b"GGUF\3\0\0\0" + struct.pack("<2Q", 0, 900) + pair * 900


def _wide_json(begin: bytes, item: bytes) -> bytes:
    return begin + b",".join([item] * (3_900_000 // (len(item) + 1))) + b"]}"


def _safetensors(items: bytes) -> bytes:
    return len(items).to_bytes(8, "little") + items


def _zip_of_long_names() -> bytes:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHHHHII", 65_000, 0, 0, 0, 0, 0, 0) + b"n" * 65_000
    entries = entry * 400
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 400, 400, len(entries), 4, 0)
    return b"PK\x03\x04" + entries + end


_HDF5 = (
    b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\4\0\x10\0\0\0\0\0"
    + struct.pack("<4Q", 0, 0xFFFF_FFFF_FFFF_FFFF, 1 << 20, 0xFFFF_FFFF_FFFF_FFFF)
    + struct.pack("<2QIIQQ", 0, 96, 0, 0, 0, 0)
)
_LOOP = b"\1\0\1\0\1\0\0\0\x18\0\0\0\0\0\0\0" + struct.pack("<HHI2Q", 16, 16, 0, 112, 24)
SLOW = {
    "shared.pkl": _one_dict_of_many(),
    "lists.pkl": _lists_in_a_model(),
    "cells.db": _sqlite(65_536, "CREATE TABLE t(a)") + bytes(1 << 20),
    "lists.json": _wide_json(b'{"learner":[', b"[]"),
    "objects.json": _wide_json(b'{"learner":[', b"{}"),
    "many.safetensors": _safetensors(json.dumps({f"{place}": {} for place in range(300_000)}).encode()),
    "shapes.safetensors": _safetensors(_wide_json(b'{"a":{"dtype":"F32","shape":[', b"1") + b"}"),
    "descr.npy": b"\x93NUMPY\2\0" + struct.pack("<I", 60_000) + b"'descr': [" * 6_000 + b"'shape': (1,)",
    "fields.onnx": b"\x08\x09\x3a" + _varint_little(4_000_000) + b"\x0a\x02\x10\1" * 1_000_000,
    "names.zip": _zip_of_long_names(),
    "loop.h5": _HDF5 + _LOOP + bytes(1 << 20),
    "open.svg": b"<svg " * 13_000,
    "versions.json": b'{"learner":{' + b'"version":[1,' * 400_000 + b"}",
    "wide.csv": b"a," * 32_000 + b"\n" + b"1," * 2_000_000,
    "texts.gguf": _gguf_texts(),
}  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> Registry:
    return installed()


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("measured", [False, True])
def test_it_is_done_in_time(tmp_path: Path, registry: Registry, name: str, *, measured: bool) -> None:
    outcome = examine(_Known(registry), name, content(name, SLOW[name]), tmp_path / "file", measured=measured)
    assert outcome.problem == ""


@pytest.mark.parametrize("sql", ["/*" * 10_000, "'a\"b`[" * 3_000, "a" * 20_000, "(" * 20_000, "a," * 10_000])
def test_a_declaration_is_read_once(sql: str) -> None:
    began = time.process_time()
    columns_of("CREATE TABLE t(" + sql)
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "name", ["x.csv", "x.jsonl", "x.txt", "x.csv.gz", "x.onnx", "x.npz", "x.mp3", "x.tsv"]
)
def test_a_file_with_a_large_hole(tmp_path: Path, registry: Registry, name: str) -> None:
    hole = Content("a hole", b"a,b\n1,2\n", 4 << 30)
    outcome = examine(_Known(registry), name, hole, tmp_path / "file")
    assert outcome.problem == ""


class _Known:
    """All recognisers; nothing at all instead of a generic finding."""

    name = "all"
    rank = 0

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def recognise(self, subject: Subject) -> Finding | None:
        found = self._registry.recognise(subject)
        return found if found.format else None
