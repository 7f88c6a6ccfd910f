"""What every file sensor offers."""

from collections.abc import Callable
from typing import ClassVar, Protocol

from mlamd.host.clock import Clock
from mlamd.sensors.signals import Deliver


class FileSensor(Protocol):
    """Reports what happens to files below some directories."""

    name: ClassVar[str]

    def __init__(
        self, roots: tuple[bytes, ...], skip: Callable[[bytes], bool], deliver: Deliver, clock: Clock
    ) -> None: ...

    def start(self) -> None:
        """Begin; when it returns, everything that happens from now on is reported."""
        ...

    def stop(self) -> None:
        """End; what was seen is delivered."""
        ...

    def alive(self) -> bool:
        """Say whether the sensor's thread still runs."""
        ...

    def watched(self) -> int:
        """Return how many directories are watched."""
        ...

    def watch_extra(self, directory: bytes) -> None:
        """Watch one more directory, without those below it."""
        ...

    def refresh(self) -> None:
        """Watch what is not watched yet."""
        ...
