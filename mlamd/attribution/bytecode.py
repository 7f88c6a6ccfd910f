"""From a cached bytecode file back to its source. Source: PEP 3147 (names), PEP 552 (header)."""

from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark


def source_path(path: bytes) -> bytes | None:
    """Return ``d/m.py`` for ``d/__pycache__/m.cpython-311.pyc``; None for any other name."""
    head, _, name = path.rpartition(b"/")
    parent, _, cache = head.rpartition(b"/")
    if cache != b"__pycache__" or not name.endswith(b".pyc"):
        return None
    parts = name.split(b".")
    if len(parts) not in {3, 4} or not parts[0] or (len(parts) == 4 and not parts[2].startswith(b"opt-")):
        return None
    source = parts[0] + b".py"
    return parent + b"/" + source if parent or head.startswith(b"/") else source


def names(mark: SourceMark, stat: FileStat | None) -> bool:
    """Say whether the header of a cache names this content of the source.

    Python itself reads the source again when it does not, and that is then an open of its own.
    """
    if stat is None:
        return False
    seconds = (stat.mtime_ns // 1_000_000_000) & 0xFFFFFFFF
    return seconds == mark.mtime_s and (stat.size_bytes & 0xFFFFFFFF) == mark.size_bytes
