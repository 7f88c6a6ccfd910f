"""What a sensor's thread hands over: the least that must be noted at once.

A file sensor runs in a thread of its own that only reads, stamps and appends; looks at the files
(``stat``) follow later, outside that thread, in ``sensors.translate``.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mlamd.model.files import FileStat
from mlamd.model.observations import Observation
from mlamd.model.processes import ProcessKey


class Act(Enum):
    """What happened to a name."""

    OPEN = 0
    MODIFY = 1
    CLOSE_WRITE = 2
    CLOSE_READ = 3
    MOVED_FROM = 4
    MOVED_TO = 5
    CREATE = 6
    DELETE = 7
    FOUND = 8
    """A scan of a directory that had just appeared met this file."""
    LOST = 9
    """Events were dropped; ``path`` is the scope, b"" for everywhere, ``detail`` the reason."""
    GONE = 10
    """The watched directory itself was removed, renamed or unmounted."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One event of a file sensor.

    ``from_ns`` is the earliest time at which it can have happened; ``read`` says of a ``CLOSE_WRITE``
    that content was read since the open.
    """

    act: Act
    at_ns: int
    path: bytes
    is_directory: bool = False
    cookie: int = 0
    from_ns: int = 0
    detail: str = ""
    read: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """What one process did to one name, as fanotify reports it.

    ``mask`` holds the bits of ``host.fanotify``; several mean that the process did all of this between the
    two times, in an order that the kernel does not tell. ``path`` is empty for a file that came from
    outside, ``target`` is the new name of a rename. The key of a process that cannot, or must not, be known
    has no boot. ``stat`` is how the file stood right then, of a sensor that knows it.
    """

    mask: int
    from_ns: int
    at_ns: int
    path: bytes
    process: ProcessKey
    target: bytes = b""
    stat: FileStat | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of a file right before it was changed, replaced or removed.

    Without digest and reason it is being digested, and is told again.
    """

    at_ns: int
    path: bytes
    stat: FileStat
    digest: bytes | None
    reason: str = ""


class Deliver(Protocol):
    """Where sensors put what they have; callable from any thread, never blocks."""

    def __call__(self, item: "Signal | Deed | Observation") -> None:
        """Take one item."""
        ...
