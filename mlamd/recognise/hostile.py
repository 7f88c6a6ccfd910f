"""Files that wish a recogniser ill: cut, changed, random, far too deep, far too large when unpacked."""

import bz2
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SPARSE_BYTES = 4 << 30
_DEEP = 60_000
_MAGICS = (
    b"\x93NUMPY\x01\0", b"PAR1", b"ARROW1\0\0", b"\x89HDF\r\n\x1a\n\0", b"SQLite format 3\0",
    b"GGUF\x03\0\0\0", b"PK\x03\x04", b"\x80\x04\x95", b"CBM1", b"RIFF\xff\xff\xff\xffWAVE",
    b"RIFF\xff\xff\xff\xffWEBP", b"OggS", b"fLaC", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0",
    b"GIF89a", b"BM", b"II*\0", b"%PDF-1.7\n", b"<svg>", b"tree\nversion=",
    b"{L\0\0\0\0\0\0\0\x07learner", b"\x08\x09", b"ID3\x04", b"FORM", b"\x1f\x8b\x08", b"BZh9",
    b"\xfd7zXZ\0",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """A file: what it begins with, and how large it is; the rest of it is a hole."""

    what: str
    data: bytes
    size_bytes: int


def content(what: str, data: bytes) -> Content:
    """Return a file without a hole."""
    return Content(what, data, len(data))


def anywhere(seed: int) -> Iterator[Content]:
    """Yield files that no format asked for, each of which a recogniser of any format may be shown."""
    chance = random.Random(seed)  # noqa: S311  (to be the same again is the point)
    noise = chance.randbytes(70_000)
    yield content("nothing", b"")
    yield content("one byte", b"\0")
    yield content("zeros", bytes(70_000))
    yield content("ones", b"\xff" * 70_000)
    yield content("noise", noise)
    for magic in _MAGICS:
        yield content(f"noise after {magic[:8]!r}", magic + noise)
        yield Content(f"4 GB after {magic[:8]!r}", magic, SPARSE_BYTES)
    yield content("deep JSON", b'{"a":' * _DEEP + b"1" + b"}" * _DEEP)
    yield content("deep lists", b"[" * _DEEP + b"]" * _DEEP)
    yield content("wide JSON", json.dumps({f"k{place}": [place] * 9 for place in range(40_000)}).encode())
    yield content("many digits", b'{"a": ' + b"9" * 100_000 + b"}\n")
    yield content("many commas", b"," * 300_000)
    yield content("many quotes", b'"a\n' * 100_000)
    yield from _pickles()
    yield from _bombs()


def _pickles() -> Iterator[Content]:
    yield content("deep tuples", b"\x80\x04" + b"N" + b"\x85" * 300_000 + b".")
    yield content("deep marks", b"\x80\x04" + b"(" * 300_000 + b".")
    yield content("a list in itself", b"\x80\x04]\x94h\0a.")
    # Each tuple holds the one before it twice: small as opcodes, without end when written out.
    yield content("doubling", b"\x80\x04N" + b"2\x86" * 20_000 + b".")
    wide = (
        b"\x80\x04]("
        + b"N" * 5_000
        + b"e\x94"
        + b"]("
        + b"h\0" * 5_000
        + b"e\x94"
        + b"]("
        + b"h\x01" * 5_000
        + b"e."
    )
    yield content("a list of one list", wide)
    yield content("an endless text", b"\x80\x04\x8d" + (1 << 62).to_bytes(8, "little") + b"x")
    yield content("many texts", b"\x80\x04(" + (b"X\x00\x10\x00\x00" + b"x" * 4_096) * 2_000 + b"t.")
    yield content("harm", b"cos\nsystem\n(S'exit 7'\ntR.")
    yield content("harm in a new protocol", b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06exit 7\x85R.")


def _bombs() -> Iterator[Content]:
    packed = zlib.compressobj(9, wbits=31)
    yield content("gzip of zeros", packed.compress(bytes(64 << 20)) + packed.flush())
    yield content("zlib of zeros", zlib.compress(bytes(64 << 20), 9))
    yield content("bzip2 of zeros", bz2.compress(bytes(16 << 20)))
    raw = zlib.compressobj(9, wbits=-15)
    body = raw.compress(bytes(64 << 20)) + raw.flush()
    for name in (b"a/data.pkl", b"config.json", b"metadata.json", b"x.npy"):
        yield content(f"a ZIP of zeros as {name.decode()}", _one_zip(name, body, 64 << 20))


def _one_zip(name: bytes, body: bytes, size: int) -> bytes:
    sizes = bytes(4) + len(body).to_bytes(4, "little") + size.to_bytes(4, "little")
    about = b"\x14\0\0\0\x08\0\0\0\0\0" + sizes + len(name).to_bytes(2, "little") + bytes(2)
    local = b"PK\x03\x04" + about + name + body
    entry = b"PK\x01\x02\x14\0" + about + bytes(14) + name
    end = b"PK\x05\x06" + bytes(4) + b"\1\0\1\0"
    return (
        local + entry + end + len(entry).to_bytes(4, "little") + len(local).to_bytes(4, "little") + bytes(2)
    )


def mutated(data: bytes, chance: random.Random) -> Content:
    """Return a file as it may be after a crash, a bad disk, or on purpose."""
    if not data:
        return content("nothing", data)
    kind = chance.randrange(8)
    place = chance.randrange(len(data))
    if kind == 0:
        return content("cut short", data[:place])
    if kind == 1:
        return Content("cut short, and then a hole", data[:place], SPARSE_BYTES)
    changed = bytearray(data)
    if kind == 2:
        length = chance.randrange(1, 200)
        changed[place : place + length] = chance.randbytes(length)
        return content("a piece of noise", bytes(changed))
    if kind == 3:
        other = chance.randrange(len(data))
        changed[place:place] = data[other : other + chance.randrange(1, 2_000)]
        return content("a piece twice", bytes(changed))
    if kind == 4:
        del changed[place : place + chance.randrange(1, 200)]
        return content("a piece missing", bytes(changed))
    if kind == 5:
        width = chance.choice((1, 2, 4, 8))
        changed[place : place + width] = chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * width
        return content("an extreme number", bytes(changed))
    for _ in range(chance.choice((1, 3, 20))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return content("bits turned", bytes(changed))
