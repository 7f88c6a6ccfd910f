"""What all models have in common: tensors are counted, and named by their types in one way."""

from collections import Counter
from collections.abc import Iterable

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact

_MOST_COUNT = 1 << 62


def elements(shape: Iterable[object]) -> int:
    """Return how many elements a shape has; 0 for nonsense."""
    count = 1
    for size in shape:
        if not isinstance(size, int) or size < 0 or count > _MOST_COUNT:
            return 0
        count *= size
    return min(count, _MOST_COUNT)


class Tally:
    """Counts tensors. ``facts`` gives ``tensors``, ``parameters`` (elements of all) and ``dtypes``."""

    def __init__(self) -> None:
        self._dtypes: Counter[str] = Counter()
        self._elements = 0

    def add(self, dtype: str, shape: Iterable[object]) -> None:
        """Count a tensor."""
        if len(self._dtypes) < MOST_ITEMS or dtype in self._dtypes:
            self._dtypes[dtype[:64]] += 1
        self._elements += elements(shape)

    def facts(self) -> dict[str, Fact]:
        """Return what was counted; nothing if there was no tensor."""
        if not self._dtypes:
            return {}
        return {
            "tensors": sum(self._dtypes.values()),
            "parameters": min(self._elements, _MOST_COUNT),
            "dtypes": dict(sorted(self._dtypes.items())),
        }
