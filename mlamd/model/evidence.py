"""How an edge is known."""

from enum import IntEnum


class Grade(IntEnum):
    """Evidence of one edge, strongest first; stored as its number, so numbers never change.

    ``AMBIGUOUS`` is an inferred edge with rivals: all of them are stored, none of them is certain.
    """

    OBSERVED = 0
    INFERRED = 1
    AMBIGUOUS = 2
    DECLARED = 3

    @property
    def evidence(self) -> str:
        """The word of the machine interface: ``observed``, ``inferred`` or ``declared``."""
        return "inferred" if self is Grade.AMBIGUOUS else self.name.lower()
