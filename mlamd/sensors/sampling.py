"""The sampler: looks at the living processes of runs, once a second at first, seldom as a run grows old.

Looks are at most 60 s apart, so that peaks are not missed; what is reported joins several looks, so that
a week costs less than 1,800 observations. Looking takes at most 0.5 % of a processor for each run, however
many processes it has: a look that was slow puts off the next one.

What ended between two looks is counted where the system tells its parent (times(2)), as far as that
was waited for and lives at the next look; hence the sums are at least, never too much.
"""

from collections.abc import Iterable

from mlamd.host.usage import ProcessUsage, UsageHost
from mlamd.model.observations import RunSampled
from mlamd.model.processes import LivingRun, ProcessKey

S = 1_000_000_000
_AGE_PARTS = 120
_LEAST_COST_RATIO = 250
"""A look that takes a millisecond of processor time is followed by none for 250."""
_PSS_COST_RATIO = 1000
_PSS_EVERY_NS = 10 * S
_GROWN = 1.05


def look_every_ns(age_ns: int) -> int:
    """Return how far apart the looks at a run are: 1 s, later a 120th of its age, at most 60 s."""
    return min(max(age_ns // _AGE_PARTS, S), 60 * S)


def report_every_ns(age_ns: int) -> int:
    """Return how far apart the reports of a run are: 1 s, later a 120th of its age, at most 10 min."""
    return min(max(age_ns // _AGE_PARTS, S), 600 * S)


def joined(first: RunSampled, second: RunSampled) -> RunSampled:
    """Join two adjacent samples of a run, the later one second: sums of what was used, the larger peaks."""
    pss = [size for size in (first.pss_bytes, second.pss_bytes) if size is not None]
    return RunSampled(
        second.at_ns,
        second.run,
        first.span_ns + second.span_ns,
        max(first.processes, second.processes),
        max(first.threads, second.threads),
        first.user_us + second.user_us,
        first.system_us + second.system_us,
        max(first.rss_bytes, second.rss_bytes),
        max(pss, default=None),
        first.read_bytes + second.read_bytes,
        first.written_bytes + second.written_bytes,
    )


class Sampler:
    """Samples runs; ``began_ns`` is when it began: what older runs used before is not counted.

    To be used by one thread at a time.
    """

    def __init__(self, host: UsageHost, began_ns: int) -> None:
        self._host = host
        self._began_ns = began_ns
        self._runs: dict[int, _Watched] = {}

    def next_ns(self, living: Iterable[LivingRun]) -> int | None:
        """Return when the next of these runs is due, None for never."""
        return min((self._due_ns(run) for run in living), default=None)

    def _due_ns(self, run: LivingRun) -> int:
        watched = self._runs.get(run.run)
        return run.started_ns + S if watched is None else watched.due_ns

    def sample(self, living: Iterable[LivingRun], now_ns: int) -> list[RunSampled]:
        """Look at the runs that are due; return what is to be reported, also of runs that are no more."""
        living = list(living)
        made = self._gone({run.run for run in living})
        for run in living:
            if self._due_ns(run) > now_ns:
                continue
            watched = self._runs.get(run.run)
            if watched is None:
                watched = self._runs[run.run] = _Watched(run, self._began_ns)
            report = watched.look(self._host, run, now_ns)
            if report is not None:
                made.append(report)
        self._host.keep({key for run in living for key in run.processes})
        return made

    def flush(self) -> list[RunSampled]:
        """Return what was not reported yet; nothing follows."""
        return self._gone(set())

    def _gone(self, living: set[int]) -> list[RunSampled]:
        """Forget runs that are no more; return what was not reported of them."""
        gone = [self._runs.pop(run) for run in list(self._runs) if run not in living]
        return [watched.pending for watched in gone if watched.pending is not None]


class _Watched:
    """One run, as it was at the last look."""

    def __init__(self, run: LivingRun, began_ns: int) -> None:
        self.due_ns = 0
        self.pending: RunSampled | None = None
        self._seen = run.started_ns >= began_ns
        """True if everything that its processes have used was used since ``_last_ns``."""
        self._last_ns = self._reported_ns = run.started_ns
        self._before: dict[ProcessKey, ProcessUsage] = {}
        self._debts: dict[ProcessKey, tuple[int, int, int, int]] = {}
        self._pss_ns = self._pss_rest_ns = self._pss_rss_bytes = 0

    def look(self, host: UsageHost, run: LivingRun, now_ns: int) -> RunSampled | None:
        """Look at all processes; return what is to be reported, if anything is."""
        spent_ns = host.spent_ns()
        looks = {key: usage for key in run.processes if (usage := host.look(key)) is not None}
        spent_ns = host.spent_ns() - spent_ns
        used = self._used(looks)
        age_ns = now_ns - run.started_ns
        pause_ns = max(look_every_ns(age_ns), _LEAST_COST_RATIO * spent_ns)
        self.due_ns = now_ns + pause_ns
        span_ns, self._last_ns = max(0, now_ns - self._last_ns), now_ns
        first, self._seen = not self._seen, True
        if first or not looks:
            self._reported_ns = now_ns if first else self._reported_ns
            return None
        sample = RunSampled(
            now_ns,
            run.run,
            span_ns,
            len(looks),
            sum(usage.threads for usage in looks.values()),
            used[0],
            used[1],
            sum(usage.rss_bytes for usage in looks.values()),
            self._pss(host, looks, now_ns),
            used[2],
            used[3],
        )
        self.pending = sample if self.pending is None else joined(self.pending, sample)
        if now_ns + pause_ns // 2 < self._reported_ns + report_every_ns(age_ns):
            return None
        report, self.pending, self._reported_ns = self.pending, None, now_ns
        return report

    def _pss(self, host: UsageHost, looks: dict[ProcessKey, ProcessUsage], now_ns: int) -> int | None:
        """Add up the proportional sizes; None if it is not time for that, or one is not known.

        It is time when memory has grown, else every 10 s, but never at more than 0.1 % of a processor.
        """
        rss_bytes = sum(usage.rss_bytes for usage in looks.values())
        grown = rss_bytes > _GROWN * self._pss_rss_bytes
        if now_ns < self._pss_rest_ns or not (grown or now_ns >= self._pss_ns + _PSS_EVERY_NS):
            return None
        self._pss_ns, self._pss_rss_bytes = now_ns, rss_bytes
        spent_ns = host.spent_ns()
        sizes = [host.pss(key) for key in looks]
        spent_ns = host.spent_ns() - spent_ns
        self._pss_rest_ns = now_ns + _PSS_COST_RATIO * spent_ns
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _used(self, looks: dict[ProcessKey, ProcessUsage]) -> tuple[int, int, int, int]:
        """Return user and system time, bytes read and written, since the look before.

        When a child ends and is waited for, all that it ever used appears with its parent; what was
        counted of it at earlier looks is the parent's debt, which must not be counted again.
        """
        before, self._before = self._before, looks
        if not self._seen:
            return 0, 0, 0, 0
        by_pid = {key.pid: key for key in looks}
        debts = {key: debt for key, debt in self._debts.items() if key in looks}
        for key in before.keys() - looks.keys():
            parent = by_pid.get(before[key].parent_pid)
            if parent is not None:
                debts[parent] = _added(debts.get(parent, _NOTHING), _all(before[key]))
        total = _NOTHING
        for key, usage in looks.items():
            last = before.get(key, _NEW)
            owed = debts.pop(key, _NOTHING)
            theirs = _theirs(usage, last)
            total = _added(total, _own(usage, last))
            total = _added(total, _less(theirs, owed))
            rest = _less(owed, theirs)
            if any(rest):
                debts[key] = rest
        self._debts = debts
        return total


_Four = tuple[int, int, int, int]
_NOTHING: _Four = (0, 0, 0, 0)
_NEW = ProcessUsage(0, 0, 0, 0, 0, 0, 0, 0, 0)


def _all(usage: ProcessUsage) -> _Four:
    """Return what its parent is told of a process that ended: itself and those that it waited for."""
    return (
        usage.user_us + usage.children_user_us,
        usage.system_us + usage.children_system_us,
        usage.read_bytes,
        usage.written_bytes,
    )


def _own(usage: ProcessUsage, last: ProcessUsage) -> _Four:
    return max(0, usage.user_us - last.user_us), max(0, usage.system_us - last.system_us), 0, 0


def _theirs(usage: ProcessUsage, last: ProcessUsage) -> _Four:
    """Return the growth of what may come from children that ended; of bytes, the system keeps one count."""
    return (
        max(0, usage.children_user_us - last.children_user_us),
        max(0, usage.children_system_us - last.children_system_us),
        max(0, usage.read_bytes - last.read_bytes),
        max(0, usage.written_bytes - last.written_bytes),
    )


def _added(one: _Four, other: _Four) -> _Four:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _less(one: _Four, other: _Four) -> _Four:
    """Return what is left of ``one`` without ``other``, never less than nothing."""
    a, b, c, d = (max(0, mine - theirs) for mine, theirs in zip(one, other, strict=True))
    return a, b, c, d
