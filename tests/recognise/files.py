"""A reader over a file, as the daemon gives one to recognisers; it counts what is read."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from mlamd.recognise.finding import HEAD_BYTES, Finding, RecogniseError, Subject
from mlamd.recognise.registry import Registry

CORPUS = Path(__file__).with_name("corpus")


class FileReader:
    """Reads a file, within a budget."""

    def __init__(self, path: Path, budget_bytes: int = 64 << 20) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        self._budget = budget_bytes
        self.read_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        found = os.pread(self._descriptor, size, offset)
        self.read_bytes += len(found)
        if self.read_bytes > self._budget:
            raise RecogniseError("too much was read of it")
        return found

    def path(self) -> str:
        return str(self._path)


def recognised(registry: Registry, path: Path, name: str = "") -> Finding:
    with FileReader(path) as reader:
        head = reader.read(0, HEAD_BYTES)
        return registry.recognise(Subject((name or path.name).encode(), head, reader))
