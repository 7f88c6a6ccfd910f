"""Where a recorder's observations come from: the portable sensors, or an exact one.

Both offer the same: what they put into the inbox they turn into observations, and ``barrier`` waits until
all that has happened so far is in the inbox. The exact source brings the portable sensors along for those
roots whose filesystem cannot be recorded exactly.
"""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import ClassVar, Protocol

import trio

from mlamd.attribution.bytecode import source_path
from mlamd.daemon.feed import Feed, service_socket
from mlamd.daemon.inbox import Inbox, Item
from mlamd.errors import UnavailableError
from mlamd.host.clock import Clock
from mlamd.host.files import LocalFiles
from mlamd.host.occupants import Occupant
from mlamd.host.processes import process_host
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, ProcessKey
from mlamd.sensors.own import OwnReads
from mlamd.sensors.polling import ProcessPoller
from mlamd.sensors.portable import file_sensor
from mlamd.sensors.signals import Act, Deed, Signal
from mlamd.sensors.translate import Translator
from mlamd.workspace import Workspace

log = logging.getLogger("mlamd")


class Surroundings:
    """What sources need of their recorder. ``skip`` and ``wanted`` take absolute paths, in any thread."""

    def __init__(
        self,
        roots: tuple[bytes, ...],
        sync_directory: Path,
        files: LocalFiles,
        own: OwnReads,
        clock: Clock,
        skip: Callable[[bytes], bool],
        wanted: Callable[[bytes], int],
    ) -> None:
        self.roots = roots
        self.sync_directory = sync_directory
        self.files = files
        self.own = own
        self.clock = clock
        self.skip = skip
        self.wanted = wanted
        self.source = ""
        """Up to where a sensor that keeps what it told was taken in before: see ``Journal.source``."""


class Sources(Protocol):
    """One way to observe."""

    exact: bool
    boot: str

    def names(self) -> tuple[str, ...]:
        """Return the sensors by name."""
        ...

    def how(self) -> str:
        """Say in a few words how well it is known who did what."""
        ...

    def notes(self) -> list[str]:
        """Return what a user should know about these sensors here, a line each."""
        ...

    def start(self) -> None:
        """Begin; what happens from now on is reported."""
        ...

    def stop(self) -> None:
        """End; what was seen is in the inbox."""
        ...

    def alive(self) -> bool:
        """Say whether everything still works."""
        ...

    def behind(self) -> bool:
        """Say whether something that was seen is left to be read later."""
        ...

    def watched(self) -> int:
        """Return how many directories are watched."""
        ...

    def refresh(self) -> None:
        """Watch what is not watched yet; may run in any thread."""
        ...

    def observations(self, item: Signal | Deed) -> Iterator[seen.Observation]:
        """Turn an item of the inbox into observations."""
        ...

    def expire(self, now_ns: int) -> Iterator[seen.Observation]:
        """Yield what the passing of time shows."""
        ...

    def polled(self) -> None:
        """Take note that a look at the processes has been taken in."""
        ...

    def look(self, unresolved: dict[ProcessKey, list[bytes]], now_ns: int) -> Iterator[seen.Observation]:
        """Look at descriptors, for opens of which the mode is not known."""
        ...

    def trouble(self) -> str:
        """Say what is wrong with the sensors now, "" if nothing is."""
        ...

    def blind_since(self) -> int:
        """Return since when nothing is seen, 0 if something is."""
        ...

    def ended(self) -> str:
        """Say why there is nothing to see any more, and will not be, "" if there is."""
        ...

    def details(self) -> dict[str, object]:
        """Return what else ``status`` tells."""
        ...

    def resumed(self) -> bool:
        """Say whether all that was done since the last recorder ended is told."""
        ...

    def source(self) -> str:
        """Return from where it will be told, as ``Journal.source`` does; "" if nothing is kept for us."""
        ...

    def stored(self, source: str) -> None:
        """Take note up to where everything is stored."""
        ...

    def stale(self, paths: list[bytes]) -> None:
        """Take note of files that were changed without passing the sensor."""
        ...

    def known(self, contents: list[tuple[int, ...]]) -> None:
        """Take note of contents that have been digested: the first four fields of ``FileStat``."""
        ...

    async def barrier(self) -> None:
        """Wait until all that has happened is in the inbox."""
        ...


class Portable:
    """inotify (or what the system has) and looks at the process table."""

    exact = False

    def __init__(self, around: Surroundings, inbox: Inbox, roots: tuple[bytes, ...] | None = None) -> None:
        self._around = around
        self._inbox = inbox
        self._cookies: dict[bytes, trio.Event] = {}
        self._polled = trio.Event()
        self._roots = roots or around.roots
        self._sensor = file_sensor()(self._roots, around.skip, self._deliver, around.clock)
        text_roots = tuple(os.fsdecode(root) for root in around.roots)
        self._poller = ProcessPoller(process_host(), text_roots, inbox.put, around.clock)
        self.boot = self._poller.boot
        self._translator = Translator(around.files, around.own, around.wanted, source_path)

    def names(self) -> tuple[str, ...]:
        """See ``Sources``."""
        return (self._sensor.name, self._poller.name)

    def how(self) -> str:
        """See ``Sources``."""
        return f"{self._sensor.name} and process polling; who did what is inferred"

    def notes(self) -> list[str]:
        """See ``Sources``."""
        return []

    def _deliver(self, item: Item) -> None:
        self._inbox.put(item)
        self._poller.wake()

    def start(self) -> None:
        """See ``Sources``."""
        self._sensor.start()
        self._sensor.watch_extra(os.fsencode(self._around.sync_directory))
        self._around.own.mark_with(self._around.sync_directory / "mark")
        self._poller.start()

    def stop(self) -> None:
        """See ``Sources``."""
        self._sensor.stop()
        self._poller.stop()
        self._around.own.close()

    def alive(self) -> bool:
        """See ``Sources``."""
        return self._sensor.alive() and self._poller.alive()

    def behind(self) -> bool:
        """See ``Sources``."""
        return False

    def watched(self) -> int:
        """See ``Sources``."""
        return self._sensor.watched()

    def refresh(self) -> None:
        """See ``Sources``."""
        self._sensor.refresh()

    def observations(self, item: Signal | Deed) -> Iterator[seen.Observation]:
        """See ``Sources``."""
        if isinstance(item, Deed):
            return
        waiting = self._cookies.pop(item.path.rpartition(b"/")[2], None) if self._cookies else None
        if waiting is not None:
            waiting.set()
        elif item.act is not Act.GONE:
            yield from self._translator.translate(item)

    def expire(self, now_ns: int) -> Iterator[seen.Observation]:
        """See ``Sources``."""
        return self._translator.expire(now_ns)

    def polled(self) -> None:
        """See ``Sources``."""
        self._polled.set()
        self._polled = trio.Event()

    def look(self, unresolved: dict[ProcessKey, list[bytes]], now_ns: int) -> Iterator[seen.Observation]:
        """See ``Sources``: the poller does it anyhow."""
        del unresolved, now_ns
        return iter(())

    def trouble(self) -> str:
        """See ``Sources``."""
        return ""

    def blind_since(self) -> int:
        """See ``Sources``."""
        return 0

    def ended(self) -> str:
        """See ``Sources``."""
        return ""

    def details(self) -> dict[str, object]:
        """See ``Sources``."""
        return {}

    def resumed(self) -> bool:
        """See ``Sources``."""
        return False

    def source(self) -> str:
        """See ``Sources``."""
        return ""

    def stored(self, source: str) -> None:
        """See ``Sources``."""

    def stale(self, paths: list[bytes]) -> None:
        """See ``Sources``."""

    def known(self, contents: list[tuple[int, ...]]) -> None:
        """See ``Sources``."""

    async def barrier(self) -> None:
        """See ``Sources``. A marker file that the sensor reports back says how far it has come."""
        name = f"sync-{uuid.uuid4().hex}".encode()
        path = os.path.join(os.fsencode(self._around.sync_directory), name)
        reported = self._cookies[name] = trio.Event()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            await reported.wait()
        except OSError as error:
            log.warning("cannot write a marker file: %s", error)
            self._cookies.pop(name, None)
        finally:
            Path(os.fsdecode(path)).unlink(missing_ok=True)
        for _ in range(2):
            polled = self._polled
            self._poller.wake()
            await polled.wait()


class Exact:
    """A sensor process, this recorder's own or the system service; ``connect`` first."""

    files: ClassVar[str] = "fanotify"

    def __init__(
        self,
        around: Surroundings,
        inbox: Inbox,
        service: Path | None,
        dial: Callable[[], socket.socket] | None = None,
    ) -> None:
        from mlamd.host.procfs import ProcFs  # noqa: PLC0415  (Linux only)
        from mlamd.sensors.deeds import DeedTranslator  # noqa: PLC0415

        self._around = around
        self._inbox = inbox
        self._token = trio.lowlevel.current_trio_token()
        self._syncs: dict[int, trio.Event] = {}
        self._numbers = count(1)
        self._table = ProcFs()
        self.boot = self._table.boot
        self.feed = Feed(around.roots, inbox, self.boot, around.clock, service, self._synced, dial)
        self._deeds = DeedTranslator(around.files, around.wanted, source_path, around.skip)
        self._rest: Portable | None = None
        self.exact = True

    def connect(self) -> None:
        """Greet the sensor. Raises ``UnavailableError``."""
        self.feed.connect()
        refused = tuple(self.feed.refused())
        if refused and self.feed.service is not None and self._around.roots[0] in refused:
            why = self.feed.refused()[self._around.roots[0]]
            self.feed.stop()
            raise UnavailableError(f"the sensor service does not record this workspace: {why}")
        if refused:
            self._rest = Portable(self._around, self._inbox, refused)
            self.exact = False
        else:
            self._around.own.idle()

    def names(self) -> tuple[str, ...]:
        """See ``Sources``."""
        accounts = ("taskstats",) if self.feed.welcome.get("accounts") else ()
        rest = self._rest.names() if self._rest is not None else ()
        return (self.files, "process connector", *accounts, *rest)

    def how(self) -> str:
        """See ``Sources``."""
        if self._around.roots[0] in self.feed.refused() and self._rest is not None:
            return self._rest.how()
        whose = " of the sensor service" if self.feed.service is not None else ""
        rest = "; some directories through inotify" if self._rest is not None else ""
        return f"fanotify and process events{whose}; who did what is observed{rest}"

    def notes(self) -> list[str]:
        """See ``Sources``."""
        return [
            f"{os.fsdecode(root)} is watched through inotify, who did what is inferred there: {why}"
            for root, why in self.feed.refused().items()
        ]

    def start(self) -> None:
        """See ``Sources``."""
        if self._rest is not None:
            self._rest.start()
        self.feed.start()

    def stop(self) -> None:
        """See ``Sources``."""
        self.feed.stop()
        if self._rest is not None:
            self._rest.stop()

    def alive(self) -> bool:
        """See ``Sources``."""
        return self.feed.alive() and (self._rest is None or self._rest.alive())

    def behind(self) -> bool:
        """See ``Sources``."""
        return self.feed.waits or bool(self.feed.down_ns)

    def watched(self) -> int:
        """See ``Sources``."""
        return self._rest.watched() if self._rest is not None else 0

    def refresh(self) -> None:
        """See ``Sources``: the sensor keeps its directories itself."""
        if self._rest is not None:
            self._rest.refresh()

    def observations(self, item: Signal | Deed) -> Iterator[seen.Observation]:
        """See ``Sources``."""
        if isinstance(item, Deed):
            yield from self._deeds.translate(item)
        elif self._rest is not None:
            yield from self._rest.observations(item)

    def expire(self, now_ns: int) -> Iterator[seen.Observation]:
        """See ``Sources``."""
        return self._rest.expire(now_ns) if self._rest is not None else iter(())

    def polled(self) -> None:
        """See ``Sources``."""
        if self._rest is not None:
            self._rest.polled()

    def look(self, unresolved: dict[ProcessKey, list[bytes]], now_ns: int) -> Iterator[seen.Observation]:
        """See ``Sources``. What is no descriptor any more may still be mapped into memory."""
        for key, paths in unresolved.items():
            held = self._table.held(key.pid)
            if held is None:
                continue
            wanted = set(paths)
            files = tuple(file for file in held[0] if file.path in wanted)
            left = wanted - {file.path for file in files}
            if left:
                mapped = left & self._table.mapped(key.pid)
                files += tuple(HeldFile(path, reads=True, writes=False) for path in sorted(mapped))
            yield seen.ProcessHeld(now_ns, key, files, held[1])

    def trouble(self) -> str:
        """See ``Sources``."""
        return "the sensor has ended, nothing is seen until it is back" if self.feed.down_ns else ""

    def blind_since(self) -> int:
        """See ``Sources``."""
        return self.feed.down_ns

    def ended(self) -> str:
        """See ``Sources``."""
        return self.feed.ended

    def details(self) -> dict[str, object]:
        """See ``Sources``."""
        return {}

    def resumed(self) -> bool:
        """See ``Sources``."""
        return self.feed.resumed

    def source(self) -> str:
        """See ``Sources``."""
        return self.feed.source

    def stored(self, source: str) -> None:
        """See ``Sources``."""
        self.feed.stored(source)

    def stale(self, paths: list[bytes]) -> None:
        """See ``Sources``."""
        self.feed.stale(paths)

    def known(self, contents: list[tuple[int, ...]]) -> None:
        """See ``Sources``."""
        self.feed.known(contents)

    def _synced(self, number: int) -> None:
        self._token.run_sync_soon(self._release, number)

    def _release(self, number: int) -> None:
        waiting = self._syncs.pop(number, None)
        if waiting is not None:
            waiting.set()

    async def barrier(self) -> None:
        """See ``Sources``."""
        if self.feed.down_ns and self.feed.lasts:
            return  # nobody knows when it comes back; the gap says so
        number = next(self._numbers)
        reported = self._syncs[number] = trio.Event()
        self.feed.ask_sync(number)
        await reported.wait()
        if self._rest is not None:
            await self._rest.barrier()


class Mounted(Exact):
    """The workspace mounted over itself, by a process that outlives this recorder."""

    files = "fuse"

    def __init__(self, around: Surroundings, inbox: Inbox, options: frozenset[str]) -> None:
        self._workspace = Workspace(Path(os.fsdecode(around.roots[0])), around.sync_directory.parent)
        self._options = options
        self._bypassing: list[Occupant] = []
        super().__init__(around, inbox, None, self._dial)
        self.feed.go_on_from(around.source)

    def _dial(self) -> socket.socket:
        """Connect to the mount's sensor; without one, mount, and note who was in the directory before."""
        from mlamd.daemon.mounts import begin, is_mounted, talk  # noqa: PLC0415  (Linux only)
        from mlamd.host.occupants import occupants  # noqa: PLC0415

        with talk(self._workspace) as connection:
            if connection is not None:
                return connection.dup()
        if not is_mounted(self._workspace):
            ours = frozenset({os.getpid(), os.getppid()})
            self._bypassing = occupants(self._around.roots[0], ours)
        begin(self._workspace, self._options)
        with talk(self._workspace) as connection:
            if connection is None:
                raise UnavailableError("the mount's sensor does not answer")
            return connection.dup()

    def connect(self) -> None:
        """See ``Exact``. The files are looked at past the mount: nobody has to answer for that."""
        super().connect()
        standing = frozenset(self.feed.welcome["options"])
        if self._options and standing != self._options:
            self.feed.stop()
            root = os.fsdecode(self._around.roots[0])
            raise UnavailableError(
                f"{root} is mounted already, with other options ({', '.join(sorted(standing)) or 'none'}): "
                "`mlamd stop` first"
            )
        # By a descriptor of our own, as the sensor may end.
        self._backing = os.open(self.feed.welcome["backing"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._around.files.reach_through(self._around.roots[0], b"/proc/self/fd/%d" % self._backing)

    def how(self) -> str:
        """See ``Sources``."""
        rest = "; some directories through inotify" if self._rest is not None else ""
        return f"mounted over itself; who did what is observed{rest}"

    def details(self) -> dict[str, object]:
        """See ``Sources``: the covered directory, and the processes of the mount."""
        return {name: self.feed.welcome[name] for name in ("backing", "processes")}

    def notes(self) -> list[str]:
        """See ``Sources``."""
        from mlamd.host.occupants import occupants  # noqa: PLC0415  (Linux only)

        notes = super().notes()
        there: set[int] = set()
        if self._bypassing:
            device = os.fstat(self._backing).st_dev
            there = {one.pid for one in occupants(self._around.roots[0], frozenset({os.getpid()}), device)}
        names = ", ".join(str(one) for one in self._bypassing if one.pid in there)
        if names:
            notes.append(
                f"in the directory since before it was mounted: {names}; what they and their children do "
                "there is not seen until they enter it anew (`cd .` in a shell)"
            )
        return notes


def choose(
    wanted: str | None, around: Surroundings, inbox: Inbox, mount: frozenset[str] | None = None
) -> tuple[Sources, str]:
    """Return connected sources, and why they are not exact, if they could have been.

    ``wanted`` is ``inotify`` or ``fanotify``, which never falls back, or None for the best that is possible.
    With ``mount``, the options of a mount, the workspace is mounted. Raises ``UnavailableError`` where what
    was asked for by name is not to be had.
    """
    if mount is not None:
        mounted = Mounted(around, inbox, mount)
        mounted.connect()
        return mounted, ""
    if wanted == "inotify":
        return Portable(around, inbox), ""
    try:
        return _exact(around, inbox, forced=wanted is not None), ""
    except UnavailableError as error:
        if wanted is not None:
            raise
        return Portable(around, inbox), str(error)


def _exact(around: Surroundings, inbox: Inbox, *, forced: bool) -> Exact:
    from mlamd.host.capabilities import missing  # noqa: PLC0415  (only where it is asked for)

    lacking = missing()
    service = None
    if lacking:
        service = service_socket()
        if not os.path.exists(service):  # an unreadable directory is no error here
            raise UnavailableError(
                f"exact capture needs {lacking}, or the sensor service (docs/how-to/exact-capture.md)"
            )
    sources = Exact(around, inbox, service)
    sources.connect()
    if forced and sources.feed.refused():
        why = "; ".join(f"{os.fsdecode(root)}: {text}" for root, text in sources.feed.refused().items())
        sources.feed.stop()
        raise UnavailableError(f"fanotify cannot record {why}: leave out --sensor")
    return sources
