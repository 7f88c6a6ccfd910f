"""The completeness ledger: what may have been missed becomes a gap event."""

from collections.abc import Callable
from dataclasses import dataclass

from mlamd.model import events

_QUIET_NS = 1_000_000_000
_LONGEST_NS = 10_000_000_000

UNSEEN = {
    "others": "files were read or changed by processes of another user",
    "read": "files were read by a process that was gone before it could be seen",
    "open": "files were opened by a process that was gone before it could be seen",
}
_UNSEEN_CHANGE = "files were changed by a process that was gone before it could be seen"


@dataclass(slots=True)
class _Stretch:
    from_ns: int
    to_ns: int
    scope: int
    count: int


class Ledger:
    """Numbers gaps, and joins accesses by nobody known into one gap a stretch of time and reason."""

    def __init__(self, last: int, emit: Callable[[events.Event], None]) -> None:
        self._last = last
        self._emit = emit
        self._stretches: dict[str, _Stretch] = {}

    def gap(
        self, from_ns: int, to_ns: int, scope: int, reason: str, detail: str = "", count: int = 1
    ) -> None:
        """Store a gap."""
        self._last += 1
        self._emit(events.Gap(self._last, from_ns, to_ns, scope, reason, detail, count))

    def unseen(self, at_ns: int, scope: int, kind: str) -> None:
        """Take note of an access by nobody known; ``scope`` is the number of the path."""
        detail = UNSEEN.get(kind, _UNSEEN_CHANGE)
        stretch = self._stretches.get(detail)
        if stretch is None:
            self._stretches[detail] = _Stretch(at_ns, at_ns, scope, 1)
            return
        stretch.from_ns, stretch.to_ns = min(stretch.from_ns, at_ns), max(stretch.to_ns, at_ns)
        stretch.count += 1
        if stretch.scope != scope:
            stretch.scope = 0

    def settle(self, now_ns: int, *, final: bool = False) -> None:
        """Store the stretches that are over."""
        for detail, stretch in list(self._stretches.items()):
            over = now_ns - stretch.to_ns > _QUIET_NS or now_ns - stretch.from_ns > _LONGEST_NS
            if over or final:
                del self._stretches[detail]
                self.gap(stretch.from_ns, stretch.to_ns, stretch.scope, "unattributed", detail, stretch.count)
