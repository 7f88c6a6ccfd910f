"""Readers for tests, and how a recogniser is asked about some bytes."""

from dataclasses import dataclass
from pathlib import Path

from mlamd.recognise.finding import HEAD_BYTES, Finding, RecogniseError, Subject
from mlamd.recognise.registry import Registry, installed


@dataclass
class MemoryReader:
    """A file of given bytes; ``path_`` is where libraries find it."""

    content: bytes
    path_: str = ""
    left: int = 256 << 20

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read(self, offset: int, size: int) -> bytes:
        found = self.content[offset : offset + size]
        self.left -= len(found)
        if self.left < 0:
            raise RecogniseError("the budget is used up")
        return found

    def path(self) -> str:
        return self.path_


def subject(path: str, content: bytes | str, where: Path | None = None) -> Subject:
    held = content.encode() if isinstance(content, str) else content
    reader = MemoryReader(held, str(where or ""))
    return Subject(path.encode("utf-8", "surrogateescape"), held[:HEAD_BYTES], reader)


_REGISTRY: list[Registry] = []


def recognise(path: str, content: bytes | str, where: Path | None = None) -> Finding:
    """Ask all that are installed."""
    if not _REGISTRY:
        _REGISTRY.append(installed())
        assert not _REGISTRY[0].broken
    return _REGISTRY[0].recognise(subject(path, content, where))


def recognise_file(path: Path, name: str) -> Finding:
    return recognise(name, path.read_bytes(), path)
