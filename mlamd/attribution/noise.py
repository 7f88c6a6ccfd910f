"""Which paths are lineage, which are a run's environment, and which are nothing at all."""

import re
from collections.abc import Iterable
from enum import Enum

from pathspec import GitIgnoreSpec


class Sort(Enum):
    """What a path is to the record."""

    LINEAGE = 0
    BYTECODE = 1
    """A file of ``__pycache__``: reading it is reading its source."""
    ENVIRONMENT = 2
    """Interpreter, library or tool: recorded with the run, not as an input."""
    IGNORED = 3


STORE_NAME = b".mlamd"
IGNORED_DIRECTORIES = frozenset({b".git", b".hg", b".svn", b".jj", STORE_NAME, b".ipynb_checkpoints"})
ENVIRONMENT_DIRECTORIES = frozenset(
    {b"site-packages", b"dist-packages", b".venv", b"venv", b".conda", b"conda-meta", b"node_modules"}
    | {
        b".tox",
        b".nox",
        b".mypy_cache",
        b".ruff_cache",
        b".pytest_cache",
        b".pixi",
        b".virtualenvs",
        b".direnv",
    }
)
_SYSTEM = (b"/usr/", b"/lib", b"/bin/", b"/sbin/", b"/etc/", b"/proc/", b"/sys/", b"/dev/", b"/opt/conda/")
_SWAP_NAME = re.compile(rb"^(\..*\.sw[a-px]+|.*~|\.#.*|#.*#|4913|\.nfs[0-9a-f]{8,}|\.fuse_hidden[0-9a-f]+)$")


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


class Noise:
    """Sorts workspace-relative paths (absolute ones outside); remembers its verdict on directories."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        good: list[str] = []
        self.bad: list[str] = []
        """Lines that are no patterns; they match nothing."""
        for line in patterns:
            (good if _is_pattern(line) else self.bad).append(line)
        self._spec = GitIgnoreSpec.from_lines(good)
        self._has_patterns = len(self._spec.patterns) > 0
        self._directories: dict[bytes, Sort] = {}

    def sort(self, path: bytes) -> Sort:
        """Return what a file is; a directory is asked with ``directory``."""
        head, _, name = path.rpartition(b"/")
        verdict = self._directories.get(head)
        if verdict is None:
            verdict = self.directory(head)
        if verdict is not Sort.LINEAGE:
            return verdict
        if name == STORE_NAME or _SWAP_NAME.match(name):
            return Sort.IGNORED
        if self._has_patterns and self._matches(path):
            return Sort.IGNORED
        return verdict

    def directory(self, path: bytes) -> Sort:
        """Return what everything below a directory is."""
        verdict = self._directories.get(path)
        if verdict is None:
            if len(self._directories) > 200_000:
                self._directories.clear()
            verdict = self._directories[path] = self._judge(path)
        return verdict

    def _judge(self, path: bytes) -> Sort:
        if not path:
            return Sort.LINEAGE
        head, _, name = path.rpartition(b"/")
        above = self.directory(head) if head else Sort.LINEAGE
        if above in {Sort.ENVIRONMENT, Sort.IGNORED}:
            return above
        if name in IGNORED_DIRECTORIES:
            return Sort.IGNORED
        if name in ENVIRONMENT_DIRECTORIES:
            return Sort.ENVIRONMENT
        if self._has_patterns and self._matches(path + b"/"):
            return Sort.IGNORED
        if name == b"__pycache__":
            return Sort.BYTECODE
        return above

    def _matches(self, path: bytes) -> bool:
        return self._spec.match_file(path.decode("utf-8", "surrogateescape"))


def is_system(path: bytes) -> bool:
    """Say whether an absolute path belongs to the operating system."""
    return path.startswith(_SYSTEM)
