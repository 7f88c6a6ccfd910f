"""The state machine: observations in, events out, in the order in which they came.

Where the sensor names the process, an access is judged at once. Where it does not (inotify), the
access is held until a look at all processes that began after it has ended, so that everybody who was
alive then is known; inside one path and one process the order of things is kept.

``Intake`` makes accesses of what was seen, ``Judge`` makes events of accesses, ``Census`` keeps the book
of processes and ``Usage`` that of what they used; this module only passes things on.
"""

from collections import deque
from collections.abc import Callable, Collection

from mlamd.attribution.census import SETTLE_NS, Census
from mlamd.attribution.intake import Intake
from mlamd.attribution.judge import Judge
from mlamd.attribution.noise import Noise
from mlamd.attribution.people import People
from mlamd.attribution.places import Places
from mlamd.attribution.state import Access, Memory
from mlamd.attribution.usage import Usage
from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.processes import LivingRun, ProcessKey


class Attributor:
    """Turns observations into events.

    ``root`` is the workspace, ``data_roots`` further recorded directories, ``store`` one that never is;
    all absolute and real.
    To be used by one task at a time.
    """

    def __init__(
        self,
        root: bytes,
        memory: Memory,
        noise: Noise,
        data_roots: tuple[bytes, ...] = (),
        store: bytes = b"",
    ) -> None:
        self.places = Places(root, data_roots, noise, store)
        self._out: list[events.Event] = []
        roots = tuple(path.decode("utf-8", "surrogateescape").rstrip("/") for path in (root, *data_roots))
        people = People(roots)
        self._judge = Judge(self.places, memory, people, self.emit)
        self._intake = Intake(self.places, self._judge.versions, self._take)
        self._usage = Usage(memory, self._judge.runs, self.emit)
        self._census = Census(people, self._judge.runs, self._judge.pipes, self._usage)
        self._held: deque[Access] = deque()
        census, intake, judge = self._census, self._intake, self._judge
        self._handlers: dict[type[seen.Observation], Callable[..., None]] = {
            seen.FileOpened: intake.opened,
            seen.FileModified: intake.modified,
            seen.FileRead: intake.read,
            seen.FileCreated: intake.created,
            seen.FileTouched: intake.touched,
            seen.FileClosed: intake.closed,
            seen.FileMoved: intake.moved,
            seen.FileArrived: intake.arrived,
            seen.FileLinked: intake.linked,
            seen.FileRemoved: intake.removed,
            seen.FileFound: self._found,
            seen.FileMissing: judge.missing,
            seen.ProcessSeen: census.looked_at,
            seen.ProcessHeld: self._holding,
            seen.ProcessGone: self._gone,
            seen.ProcessesPolled: self._polled,
            seen.ProcessUsed: self._usage.used,
            seen.RunSampled: self._usage.sampled,
            seen.GpuSampled: self._usage.gpu_sampled,
            seen.Lost: self._lost,
        }

    def observe(self, observation: seen.Observation) -> None:
        """Take in one observation."""
        self._handlers[type(observation)](observation)

    def emit(self, event: events.Event) -> None:
        """Put an event in its place in the order; from outside, one that needs no judgement."""
        self._out.append(event)

    def drain(self) -> list[events.Event]:
        """Return the events made since the last call."""
        made = list(self._out)
        self._out.clear()
        return made

    @property
    def pending(self) -> int:
        """How many events wait to be drained."""
        return len(self._out)

    @property
    def holding(self) -> int:
        """How many accesses wait for the next look at the processes."""
        return len(self._held)

    def path_of(self, name: int) -> bytes:
        """Return the absolute path with this number, which an event since the last ``forget`` named."""
        return self.places.absolute(self._judge.versions.path_of(name))

    def words_of(self, name: int) -> tuple[str, ...]:
        """Return the list of words with this number, which an event since the last ``forget`` named."""
        return self._judge.versions.words_of(name)

    def take_maybe_appended(self) -> set[int]:
        """Return the versions, since the last call, of which the previous one may be the beginning."""
        found, self._judge.maybe_appended = self._judge.maybe_appended, set()
        return found

    def names_processes(self) -> None:
        """Take note that the sensor names the process of each deed."""
        self._intake.names_processes = True

    def unresolved(self, before_ns: int) -> dict[ProcessKey, list[bytes]]:
        """Return whose descriptors should be looked at; see ``Intake.unresolved``."""
        return self._intake.unresolved(before_ns)

    def overdue(self, now_ns: int) -> list[tuple[bytes, int]]:
        """Return the files that should be looked at again; see ``Intake.overdue``."""
        return self._intake.overdue(now_ns)

    def living(self) -> list[LivingRun]:
        """Return the runs that are worth sampling; see ``Census.living``."""
        return self._census.living()

    def at_work(self, steps: Collection[int]) -> dict[int, list[ProcessKey]]:
        """Return the living processes of some steps; see ``Census.at_work``."""
        return self._census.at_work(steps)

    def standing(self, path: bytes) -> tuple[FileStat | None, bool] | None:
        """Return how a file is known to stand, and whether it may be changing; None if it is no lineage.

        ``path`` is absolute. The first is None where no version is known to stand.
        """
        relative = self.places.lineage(path)
        if relative is None:
            return None
        state = self._judge.versions.peek(relative)
        if state is None:
            return None, False
        busy = bool(state.opens or state.closing or state.changing or state.hands)
        return (state.stat if state.version else None), busy

    def forget(self) -> None:
        """Drop what the memory knows too; only to be called when every event has been folded."""
        self._judge.versions.forget()

    def _take(self, access: Access) -> None:
        if access.process is None:
            self._held.append(access)
        else:
            self._judge.judge(access)

    def _gone(self, observation: seen.ProcessGone) -> None:
        self._census.gone(observation)
        self._intake.gone(observation.key, observation.at_ns)

    def _lost(self, observation: seen.Lost) -> None:
        if observation.reason in {"overflow", "inbox-full", "sensor-full", "sensor-down"}:
            self._judge.versions.forget_opens()
        self._judge.lost(observation)

    def _holding(self, observation: seen.ProcessHeld) -> None:
        process = self._census.held(observation)
        if process is not None:
            self._intake.held(process, observation)

    def _found(self, observation: seen.FileFound) -> None:
        if observation.live:
            self._intake.appeared(observation)
        else:
            self._judge.found(observation)

    def _polled(self, observation: seen.ProcessesPolled) -> None:
        self._census.polled(observation)
        self._settle(observation.began_ns)
        self._census.settle(observation.began_ns)

    def _settle(self, before_ns: int) -> None:
        held = self._held
        while held and held[0].to_ns < before_ns:
            self._judge.judge(held.popleft())
        self._judge.ledger.settle(before_ns)

    def settle_now(self, at_ns: int) -> None:
        """Judge what is held, as nothing late can come in any more: the sensors are known to be drained."""
        self._settle(at_ns)
        self._census.settle(at_ns + SETTLE_NS)

    def finish(self, at_ns: int) -> None:
        """Judge everything that is held, with what is known; the recorder stops."""
        self._settle(1 << 62)
        self._census.settle(at_ns + SETTLE_NS)
        self._usage.settle(at_ns, final=True)
        self._judge.ledger.settle(at_ns, final=True)
