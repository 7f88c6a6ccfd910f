"""How an edge is known, how a version came to be known, and how data flows without a file.

Stored as numbers, which never change.
"""

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


class Origin(IntEnum):
    """Why a version came to be known; stored as its number."""

    WRITTEN = 0
    """A writer closed the file."""
    EXISTING = 1
    """It was there when it was first touched."""
    FOUND = 2
    """A scan found that the file had changed; nobody saw who did it."""
    SCANNED = 3
    """It stood in a directory that had just appeared, before the directory could be watched."""
    PARTIAL = 4
    """Somebody read the file while it was still being written."""


class Via(IntEnum):
    """How data went from one step to another; stored as its number."""

    PIPE = 0
    START = 1
    JOB = 2
    """Joined because the descriptors of the job could not be read in time."""
