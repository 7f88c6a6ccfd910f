"""Archives: ZIP and tar, also compressed, and single compressed files. Listed, never unpacked to disk.

The layout of tar is that of POSIX ``pax``, with GNU's long names.
"""

from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject
from mlamd.recognise.readers import PACKINGS, UnpackedReader
from mlamd.recognise.zipped import MAGIC, listing

_MOST_UNPACKED = 24 << 20
_BLOCK = 512
_MOST_TAR = 20_000
_MOST_NAME = 4_096
_SHORT = {"gzip": "gz", "bzip2": "bz2", "xz": "xz"}


class Archives:
    """Facts: ``files``, ``total_bytes``, ``unsafe_names`` (with ``..``, or absolute), ``partial``."""

    name = "archives"
    rank = 72  # after those who look inside of something compressed

    def recognise(self, subject: Subject) -> Finding | None:
        """Return an archive, by its magic."""
        head = subject.head
        if head.startswith((MAGIC, b"PK\x05\x06")):
            return Finding("dataset", "zip", _zip(subject.reader))
        if is_tar(head):
            return Finding("dataset", "tar", _tar(subject.reader))
        for magic, packing in PACKINGS.items():
            if head.startswith(magic):
                return _compressed(subject, packing)
        if head.startswith(b"\x28\xb5\x2f\xfd"):
            return Finding("dataset", "zst")
        return None


class _Members:
    """Counts members, and keeps the names that would be written outside of where they are unpacked to."""

    def __init__(self) -> None:
        self._files = 0
        self._bytes = 0
        self._unsafe: list[str] = []

    def add(self, name: str, size: int) -> None:
        if not name.endswith("/"):
            self._files += 1
            self._bytes += size
        self.check(name)

    def check(self, name: str) -> None:
        absolute = name.startswith(("/", "\\")) or name[1:3] in {":\\", ":/"}
        if (absolute or ".." in name.replace("\\", "/").split("/")) and len(self._unsafe) < 100:
            self._unsafe.append(name)

    def facts(self) -> dict[str, Fact]:
        facts: dict[str, Fact] = {"files": self._files, "total_bytes": self._bytes}
        return facts | ({"unsafe_names": bounded(self._unsafe)} if self._unsafe else {})


def _zip(reader: Reader) -> dict[str, Fact]:
    found = listing(reader)
    members = _Members()
    for entry in found.entries:
        members.add(entry.name, entry.size_bytes)
    return members.facts() | ({"partial": True} if found.count > len(found.entries) else {})


def is_tar(block: bytes) -> bool:
    """Tell whether a block is the header of a tar archive: its sum is right."""
    if len(block) < _BLOCK or block[257:262] != b"ustar":
        return False
    return sum(block[:148]) + 8 * 32 + sum(block[156:_BLOCK]) == _octal(block[148:156])


def _octal(field: bytes) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0")
    if not text.isdigit() or text.strip(b"01234567"):
        return 0 if not text else -1
    return int(text, 8)


def _tar(reader: Reader) -> dict[str, Fact]:
    members = _Members()
    at, long_name = 0, ""
    for _ in range(_MOST_TAR):
        block = reader.read(at, _BLOCK) if at < reader.size_bytes else b""
        if len(block) < _BLOCK:
            return members.facts() | {"partial": True}
        if not block.strip(b"\0"):
            return members.facts()
        size = _octal(block[124:136])
        if not is_tar(block) or size < 0:
            raise RecogniseError("a member is not where it should be")
        kind = block[156:157]
        if kind in {b"L", b"x"}:
            content = reader.read(at + _BLOCK, min(size, _MOST_NAME))
            long_name = _long_name(content, kind) or long_name
        elif kind != b"g":
            short = b"/".join(
                part.split(b"\0")[0] for part in (block[345:500], block[:100]) if part[:1] != b"\0"
            )
            name = long_name or short.decode("utf-8", "backslashreplace")
            if kind in {b"0", b"\0", b"7"}:
                members.add(name, size)
            else:
                members.check(name)
            long_name = ""
        at += _BLOCK + (size + _BLOCK - 1) // _BLOCK * _BLOCK
    return members.facts() | {"partial": True}


def _long_name(content: bytes, kind: bytes) -> str:
    """Return a name that did not fit its field: GNU's is the content, that of ``pax`` is a line in it."""
    if kind == b"x":
        found = content.partition(b" path=")[2]
        return found.partition(b"\n")[0].decode("utf-8", "backslashreplace")
    return content.split(b"\0")[0].decode("utf-8", "backslashreplace")


def _compressed(subject: Subject, packing: str) -> Finding:
    reader = UnpackedReader(subject.reader, packing, _MOST_UNPACKED)
    if is_tar(reader.read(0, _BLOCK)):
        # What is compressed is read once, forwards.
        reader = UnpackedReader(subject.reader, packing, _MOST_UNPACKED)
        return Finding("dataset", f"tar.{_SHORT[packing]}", _tar(reader))
    reader = UnpackedReader(subject.reader, packing, _MOST_UNPACKED)
    content = 0
    while not reader.ended and content < _MOST_UNPACKED:
        content += len(reader.read(content, 1 << 20))
    facts: dict[str, Fact] = {"files": 1, "total_bytes": content}
    return Finding("dataset", _SHORT[packing], facts if reader.ended else facts | {"partial": True})
