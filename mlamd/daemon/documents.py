"""Numbers pieces of knowledge: each is stored once."""

from collections import OrderedDict

from mlamd.catalog.memory import CatalogMemory
from mlamd.model.events import Documented

_MOST_KEPT = 4_000


class Documents:
    """The book of documents. To be used by one task at a time."""

    def __init__(self, memory: CatalogMemory) -> None:
        self._memory = memory
        self._last = memory.counters()[5]
        self._known: OrderedDict[tuple[str, bytes], int] = OrderedDict()

    def number(self, sort: str, value: bytes) -> tuple[int, list[Documented]]:
        """Return the number of a document, and the event that makes it known if it is new."""
        name = sort, value
        known = self._known.get(name) or self._memory.document(sort, value)
        new: list[Documented] = []
        if not known:
            self._last += 1
            known = self._last
            new = [Documented(known, sort, value)]
        self._known[name] = known
        self._known.move_to_end(name)
        if len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
        return known, new
