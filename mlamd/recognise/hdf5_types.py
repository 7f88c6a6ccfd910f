"""How HDF5 files describe types and shapes (sections IV.A.2.b and d of the specification)."""

import struct
from dataclasses import dataclass

from mlamd.recognise.finding import RecogniseError

_CLASSES = (
    "int", "float", "time", "string", "bits", "opaque", "compound", "reference", "enum", "variable",
    "array", "complex",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """A type by numpy's name where it has one; ``text`` is text of variable length."""

    name: str
    size_bytes: int

    def value(self, data: bytes) -> object:
        """Return a single value: a number or text of fixed length, None for all else."""
        data = data[: self.size_bytes]
        if self.name == "string":
            return data.split(b"\0")[0].decode("utf-8", "backslashreplace")
        code = {"float16": "<e", "float32": "<f", "float64": "<d"}.get(self.name)
        if code is not None and len(data) == self.size_bytes:
            number: object = struct.unpack(code, data)[0]
            return number
        if self.name == "bool" and data:
            return data[0] != 0
        if self.name.startswith(("int", "uint")):
            return int.from_bytes(data, "little", signed=self.name[0] == "i")
        return None


def type_of(data: bytes) -> Type:
    """Read the description of a type."""
    if len(data) < 8:
        raise RecogniseError("a type without a description")
    kind, bits = data[0] & 15, data[1]
    size = struct.unpack_from("<I", data, 4)[0]
    name = _CLASSES[kind] if kind < len(_CLASSES) else f"class {kind}"
    if name == "int":
        return Type(f"{'int' if bits & 8 else 'uint'}{size * 8}", size)
    if name == "float":
        exponent = data[13] if len(data) > 13 else 0
        return Type("bfloat16" if size == 2 and exponent == 8 else f"float{size * 8}", size)
    if name == "variable" and bits & 15 == 1:
        return Type("text", size)
    if name == "enum" and size == 1 and b"FALSE\0" in data and b"TRUE\0" in data:
        return Type("bool", 1)
    return Type(name, size)


def space(data: bytes) -> tuple[int, ...]:
    """Read the description of a shape; a single value has none."""
    version, rank = data[0], data[1]
    if rank > 32:
        raise RecogniseError("a shape of too many dimensions")
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)
