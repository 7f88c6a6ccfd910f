"""What one recorder's user may be told: the answers of the clerk, kept for some seconds.

One ``View`` for each connection; one ``Allowance`` for all connections of a user, so that nobody can make the
service walk or remember without end.
"""

import time
from collections.abc import Callable, Iterable

from mlamd.daemon.clerk import GONE, HIDDEN, YES, Clerk, Person, Place
from mlamd.host.fanotify import ATTRIB, CREATE, DELETE, ONDIR, RENAME, Raw
from mlamd.host.mounts import hanging_mounts
from mlamd.sensors.directories import Listed

KEPT_S = 5.0
MOST_KEPT = 50_000
MOST_DIRECTORIES = 1_000_000
_REFILL_S = 600.0
_CHANGES = ATTRIB | CREATE | DELETE | RENAME
_NOWHERE = (b"/proc", b"/sys")


class Allowance:
    """How many directories a user's recorders may make the service look at.

    All at once, and anew over ten minutes.
    """

    def __init__(self, most: int = MOST_DIRECTORIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._left = float(most)
        self._at = clock()
        self.remembered: Callable[[], int] = lambda: 0
        """Says how many directories are in the tables of this user's recorders now."""

    def take(self, count: int) -> bool:
        """Take some, if there are that many."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._most / _REFILL_S)
        self._at = now
        if count > self._left or self.remembered() + count > self._most:
            return False
        self._left -= count
        return True


class _Verdict:
    """What the clerk said of a path and when; ``known`` if the last file seen of this name was readable."""

    __slots__ = ("asked", "known", "state")

    def __init__(self, state: int, asked: float, *, known: bool) -> None:
        self.state = state
        self.asked = asked
        self.known = known


class View:
    """Implements ``mlamd.sensors.subscription.Access`` for one person."""

    def __init__(
        self,
        clerk: Clerk,
        person: Person,
        allowance: Allowance,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.person = person
        self.allowance = allowance
        self._clerk = clerk
        self._clock = clock
        self._verdicts: dict[bytes, _Verdict] = {}
        self._fresh: set[bytes] = set()
        self._hanging_at = -1.0
        self._hanging_mounts: list[bytes] = []

    # --- roots -------------------------------------------------------------------------------

    def refuses(self, root: bytes, *, workspace: bool) -> str:
        """Say why this person may not have a root recorded, "" if they may."""
        if root == b"/" or any(root == place or root.startswith(place + b"/") for place in _NOWHERE):
            return "it is too much of the system"
        if any(_below(root, point) for point in self._hanging()):
            return "it lies on a network or FUSE filesystem"
        owner = self._clerk.root(self.person, root)
        if owner is None:
            return "it is no directory that you may read"
        if workspace and owner != self.person.uid:
            return "the workspace is not your own directory"
        return ""

    def listed(self, directories: list[bytes]) -> list[Listed | None]:
        """List directories as this person sees them; filesystems that may hang are left out."""
        hanging = self._hanging()
        if not any(_below(path, point) for path in directories for point in hanging):
            return self._clerk.listed(self.person, directories)
        return [
            None
            if any(_below(path, point) for point in hanging)
            else self._clerk.listed(self.person, [path])[0]
            for path in directories
        ]

    def _hanging(self) -> list[bytes]:
        now = self._clock()
        if now - self._hanging_at > 1.0:
            self._hanging_at, self._hanging_mounts = now, hanging_mounts()
        return self._hanging_mounts

    def room(self, count: int) -> bool:
        """Say whether so many more directories may be looked at."""
        return self.allowance.take(count)

    # --- files -------------------------------------------------------------------------------

    def foresee(self, raws: Iterable[Raw], path_of: Callable[[bytes], bytes | None]) -> None:
        """Ask at once for everything that a batch names."""
        self._fresh.clear()
        wanted: dict[bytes, set[bytes]] = {}
        keys: dict[bytes, bytes] = {}
        for raw in raws:
            for key, name, old in (
                (raw.directory, raw.name, not raw.mask & CREATE),
                (raw.new_directory, raw.new_name, False),
            ):
                directory = path_of(key) if key else None
                if directory is None:
                    continue
                keys[directory] = key
                if raw.mask & _CHANGES:
                    self._changed(raw.mask, directory + b"/" + name, old=old)
                wanted.setdefault(directory, set()).add(name)
        oldest = self._clock() - KEPT_S
        places = []
        for directory, names in wanted.items():
            asked = tuple(name for name in names if not self._is_kept(directory + b"/" + name, oldest))
            if asked:
                places.append(Place(directory, keys[directory], asked))
        if places:
            self._ask(places)

    def _is_kept(self, path: bytes, oldest: float) -> bool:
        verdict = self._verdicts.get(path)
        return verdict is not None and verdict.asked > oldest

    def _changed(self, mask: int, path: bytes, *, old: bool) -> None:
        """Forget what is known of a path; if another file may stand there now, also what its file was."""
        if mask & ONDIR and mask & (ATTRIB | RENAME):
            self.flush()
            return
        verdict = self._verdicts.get(path)
        if verdict is not None:
            verdict.asked = -KEPT_S
            verdict.known = verdict.known and old and not mask & ATTRIB

    def _ask(self, places: list[Place]) -> None:
        if len(self._verdicts) > MOST_KEPT:
            self._verdicts.clear()
        now = self._clock()
        answers = self._clerk.verdicts(self.person, places)
        for place, states in zip(places, answers, strict=True):
            for name, state in zip(place.names, states, strict=True):
                path = place.path + b"/" + name
                before = self._verdicts.get(path)
                known = state == YES or (state == GONE and before is not None and before.known)
                self._verdicts[path] = _Verdict(state, now, known=known)
                self._fresh.add(path)

    def allowed(self, path: bytes, key: bytes, *, changed: bool, theirs: bool) -> bool:
        """Say whether the person may know of something that happened to a file, see ``Access``."""
        verdict = self._verdicts.get(path)
        now = self._clock()
        if verdict is None or now - verdict.asked > KEPT_S or (changed and path not in self._fresh):
            directory, _, name = path.rpartition(b"/")
            self._ask([Place(directory, key, (name,))])
            verdict = self._verdicts[path]
        if verdict.state in {GONE, HIDDEN}:
            return theirs or (verdict.state == GONE and verdict.known)
        return verdict.state == YES

    def flush(self) -> None:
        """Forget everything: what may be read below a directory may have changed."""
        self._verdicts.clear()
        self._fresh.clear()


def _below(path: bytes, point: bytes) -> bool:
    return path == point or path.startswith(point.rstrip(b"/") + b"/")
