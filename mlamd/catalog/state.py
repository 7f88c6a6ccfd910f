"""How far the catalog is, and how names are found in it: what readers need of the fold.

Apart from ``fold``, so that a question that needs no folding does not load it.
"""

from mlamd.catalog.overlay import Overlay
from mlamd.catalog.tables import key
from mlamd.model import codec

COUNTERS = key(1)
CLOCK = key(2)
WATERMARK = key(0)
RECENT = key(4)
MOST_RECENT = 512
_COUNTED = 6


def name_hash(value: bytes | tuple[str, ...]) -> bytes:
    """Return the first part of a name's key in ``name_ids``."""
    import hashlib  # noqa: PLC0415  (loads OpenSSL, which takes longer than many a question)

    return hashlib.blake2b(codec.pack(value), digest_size=8).digest()


def document_hash(sort: str, value: bytes) -> bytes:
    """Return the first part of a document's key in ``document_ids``."""
    import hashlib  # noqa: PLC0415  (as above)

    return hashlib.blake2b(value, digest_size=8, person=sort.encode()[:16]).digest()


def counters(tables: Overlay) -> list[int]:
    """Return the last number given to a run, step, version, gap, name and document."""
    row = list(tables.get("meta", COUNTERS) or ())
    return row + [0] * (_COUNTED - len(row))


def clock(tables: Overlay) -> int:
    """Return the time of the newest folded event, in nanoseconds."""
    row = tables.get("meta", CLOCK)
    return 0 if row is None else int(row)


def watermark(tables: Overlay) -> int:
    """Return the number of the next event to fold."""
    row = tables.get("meta", WATERMARK)
    return 1 if row is None else int(row)


def recent(tables: Overlay) -> tuple[list[int], list[int]]:
    """Return the versions that were moved or removed last, and those that were read last, oldest first.

    At most ``MOST_RECENT`` of each; a version may stand there more than once.
    """
    row = tables.get("meta", RECENT)
    return ([], []) if row is None else (list(row[0]), list(row[1]))
