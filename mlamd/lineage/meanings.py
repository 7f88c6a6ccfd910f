"""What versions are, by the role that they played: a table is a dataset when read, a result when written."""

from collections import Counter
from collections.abc import Iterable

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion

_ORDER = ("dataset", "model", "config", "source", "notebook", "metrics", "log", "figure", "environment")


def kind_of(view: View, version: int, *, made: bool) -> str:
    """Return the kind of a version to who read it, or who made it; "" where nobody has looked yet."""
    meaning = view.meaning(version)
    if meaning is None:
        return ""
    return meaning.made if made else meaning.kind


def kind_by_use(view: View, version: FileVersion) -> str:
    """Return the kind of a version by its use: that to who made it, if no other step has read it."""
    steps = {writer.step for writer in version.writers}
    unread = bool(steps) and all(step in steps for step in view.readers(version.number))
    return kind_of(view, version.number, made=unread)


def kind_of_all(view: View, versions: Iterable[int], *, made: bool) -> str:
    """Return the most frequent kind of many versions; "" where nobody has looked at any of them."""
    counts = Counter(kind_of(view, version, made=made) for version in versions)
    del counts[""]
    return min(counts, key=lambda kind: (-counts[kind], place_of(kind)), default="")


def place_of(kind: str) -> int:
    """Return where a kind stands in lists."""
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
