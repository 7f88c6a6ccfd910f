"""What changed while nobody recorded, or after something was lost: all files, held against what is known."""

from collections.abc import Callable
from dataclasses import replace

from mlamd.attribution.machine import Attributor
from mlamd.catalog.memory import CatalogMemory
from mlamd.host.clock import Clock
from mlamd.host.files import FileHost
from mlamd.model import observations as seen
from mlamd.model.events import SessionStarted
from mlamd.sensors import scan

_COARSE_NS = 1_000_000_000
"""Files are stamped by a coarse clock. In a virtual machine it was seen to be behind by more than 40 ms."""

_IN_MEMORY = (
    "the recorder was killed: what it knew of files that were just being used is lost; "
    "what was done since was kept for it"
)


class Rescan:
    """Looks at everything below ``roots``; ``skip`` says which directories are noise (absolute paths)."""

    def __init__(
        self,
        roots: tuple[bytes, ...],
        attributor: Attributor,
        memory: CatalogMemory,
        skip: Callable[[bytes], bool],
        files: FileHost,
        clock: Clock,
    ) -> None:
        self._roots = roots
        self._attributor = attributor
        self._memory = memory
        self._skip = skip
        self._files = files
        self._clock = clock

    def begin(
        self, session: SessionStarted, was_alive_ns: int, *, network: bool, resumed: bool = False
    ) -> int:
        """Open a session; return since when nothing was seen after the last one, 0 if there was none.

        The last one was alive at ``was_alive_ns``. ``resumed`` says that what was done since is told.
        """
        observe, now_ns = self._attributor.observe, session.at_ns
        last_ns = self._memory.clock()
        self._attributor.emit(session)
        if network:
            detail = "changes made by other machines are not reported"
            observe(seen.Lost(now_ns, now_ns, b"", "network", detail))
        if not last_ns:
            return 0
        since_ns = max(last_ns, was_alive_ns)
        since_ns = min(since_ns, self._memory.blind_since() or since_ns)
        killed = self._memory.session_open()
        reason = "killed" if killed else "not-running"
        detail = "the recorder was killed" if killed else "no recorder was running"
        if not resumed:
            observe(seen.Lost(now_ns, since_ns, b"", reason, detail))
        elif killed:
            observe(seen.Lost(last_ns, last_ns, b"", reason, _IN_MEMORY))
        return since_ns

    def look(self, since_ns: int) -> None:
        """Take in what changed since a time."""
        for observation in self.changes(since_ns) if since_ns else ():
            self._attributor.observe(observation)

    def changes(self, since_ns: int) -> list[seen.Observation]:
        """Hold the files against the versions that are known; may run in any thread.

        What differs has changed after ``since_ns``, whatever its own times say.
        """
        known = [(self._attributor.places.absolute(path), stat) for path, stat in self._memory.known()]
        now_ns = self._clock.now_ns()
        found = scan.changes(self._roots, known, self._skip, self._files, since_ns - _COARSE_NS, now_ns)
        return [replace(one, since_ns=since_ns) if isinstance(one, seen.FileFound) else one for one in found]
