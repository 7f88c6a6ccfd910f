"""The recorder: sensors → inbox → attribution → journal → catalog, for one workspace.

Threads: one for each file sensor, one for the processes, at most two that digest, one that commits.
Everything else is one trio task, ``_pump``. ``sync`` is the barrier that questions and tests wait at.
"""

import logging
import os
import socket
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import trio

from mlamd import __version__
from mlamd.attribution.machine import Attributor
from mlamd.attribution.noise import Sort
from mlamd.catalog.memory import CatalogMemory
from mlamd.daemon import bypass
from mlamd.daemon.bypass import Bypass, Sight
from mlamd.daemon.contexts import Contexts, Place
from mlamd.daemon.digests import Digester
from mlamd.daemon.documents import Documents
from mlamd.daemon.inbox import Inbox, Item
from mlamd.daemon.libraries import Libraries
from mlamd.daemon.lock import StoreLock
from mlamd.daemon.patterns import IGNORE_FILE, load_noise
from mlamd.daemon.recognising import Recognising
from mlamd.daemon.rescan import Rescan
from mlamd.daemon.sampling import sample_runs
from mlamd.daemon.sources import Sources, Surroundings, choose
from mlamd.daemon.storing import MOST_EVENTS, Writer
from mlamd.errors import AccessError, SensorError, WorkspaceGoneError
from mlamd.host.clock import Clock, SystemClock
from mlamd.host.files import LocalFiles, identities, identity, modified_ns
from mlamd.host.gpus import gpu_host
from mlamd.host.memory import give_back_memory
from mlamd.host.mounts import is_network, mount_at
from mlamd.host.occupants import mapped_for_writing
from mlamd.host.usage import usage_host
from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.derived import EXPERIMENTS
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessKey
from mlamd.sensors.frames import Numbered
from mlamd.sensors.gpus import GpuSampler
from mlamd.sensors.own import OwnReads
from mlamd.sensors.sampling import Sampler
from mlamd.sensors.signals import Act, Deed, Kept, Signal
from mlamd.settings import load
from mlamd.workspace import NAME, Workspace

log = logging.getLogger("mlamd")

_ALIVE_EVERY_S = 2.0
_UNDERWAY_NS = 100_000_000
"""What happened so lately may be under way to us, even if nothing waits here."""
_BATCH_S = 0.004
_SYNC_S = 10.0
_CATCH_UP_S = 60.0
_LOOKS_S, _LOOKS_AT_END_S = 2.0, 5.0
"""How long a question, and the end, wait for versions to be looked at."""
_BUSY_S, _REST_S = 0.25, 5.0
"""How long the pump sleeps at most, while digests or the catalog are behind, and when nothing is."""
_SLICE = 1000
_SETTLE_EVERY_NS = 50_000_000
_LOOK_EVERY_NS = 500_000_000
_UNRESOLVED_NS = 100_000_000
_MANY = 20_000
"""After a batch of observations as large as this, memory is given back to the system."""

_RESCANNED = frozenset({"overflow", "inbox-full", "sensor-full", "sensor-down", "remounted"})
"""Losses of file events, after which all files are looked at again."""


class Recorder:
    """Records one workspace until ``stop`` is called or the workspace is gone.

    ``sensor`` names the file sensor that must be used; None for the best that is possible. ``mount`` are the
    options of a mount over the workspace, None for none.
    """

    def __init__(
        self,
        workspace: Workspace,
        clock: Clock | None = None,
        sensor: str | None = None,
        mount: frozenset[str] | None = None,
    ) -> None:
        self.workspace = workspace
        self._wanted_sensor = sensor
        self._mount = mount
        self.settings = load(workspace.settings_file)
        self._clock = clock or SystemClock()
        self._lock = StoreLock(workspace.lock_file)
        self._was_alive_ns = modified_ns(workspace.alive_file)
        self.writer = Writer(workspace)
        self._root = os.fsencode(workspace.root)
        self._data_roots = tuple(os.path.realpath(os.fsencode(root)) for root in self.settings.data_roots)
        self._roots = (self._root, *self._data_roots)
        self._memory = CatalogMemory(self.writer.catalog)
        noise = load_noise(self.workspace.root, self.settings)
        store = os.fsencode(os.path.realpath(workspace.store))
        self.attributor = Attributor(self._root, self._memory, noise, self._data_roots, store)
        self.writer.on_folded = self._folded
        own = OwnReads()
        self._own = own
        files = LocalFiles(own, identities(workspace.store.glob("*/*.mdb")))
        self._files = files
        self._rescan = Rescan(self._roots, self.attributor, self._memory, self._skip, files, self._clock)
        self.digester = Digester(
            files,
            self.settings.digest_at_once_bytes,
            self.settings.digest_most_bytes,
            self._memory.content,
            self._digested,
        )
        self._documents = Documents(self._memory)
        self._recognising = Recognising(
            self._files, self._memory, self._documents, self._wake, enabled=self.settings.recognise
        )
        self._contexts = Contexts(self._documents, self._clock, self._wake, self.settings.keep_variables)
        self._libraries = Libraries(self._documents, self._clock, self.attributor.at_work, self._wake)
        self._kinds: dict[int, str] = {}
        """The kinds of runs that have begun here and not ended; of others the catalog knows it."""
        self.sources: Sources
        self._whys: list[str] = []
        self.started_ns = self._clock.now_ns()
        self.session = uuid.uuid4().hex
        self.mode = "watch" if mount is None else "mount"
        self._stopping = trio.Event()
        self._taken: deque[Item] = deque()
        """What was taken out of the inbox, and not taken in yet: a drain may be cancelled half-way."""
        self._source = self.writer.source
        self._rescan_ns = 0
        self._complete = True
        self._unsettled = False
        self._settled_ns = 0
        self._polled = trio.Event()
        self._looked_ns = 0
        self._draining = trio.Lock()
        self._trim = False
        self._gone: bytes | None = None
        self._why = ""
        self._bypass: Bypass | None = None

    # --- life --------------------------------------------------------------------------------

    async def run(self, *, ready: trio.Event | None = None) -> None:
        """Record until ``stop``; sets ``ready`` when everything that happens from now on is seen.

        Raises what keeps it from recording; ``WorkspaceGoneError`` when the workspace vanished.
        """
        token = trio.lowlevel.current_trio_token()
        self._news = trio.Event()

        def wake() -> None:
            try:
                token.run_sync_soon(self._wake, idempotent=True)
            except trio.RunFinishedError:
                return

        self.inbox = Inbox(self._clock, wake)
        try:
            await self._choose()
        except BaseException:
            self._close()
            raise
        with self._sensing():
            since_ns = await trio.to_thread.run_sync(self._begin)
            resumed = self.sources.resumed()
            if not resumed:
                await trio.to_thread.run_sync(self._rescan.look, since_ns)
            await self._drain(commit=True)
            if since_ns and not resumed:
                self._digest_rest()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.digester.run)
                nursery.start_soon(self._alive)
                nursery.start_soon(self._pump)
                nursery.start_soon(self._sample)
                nursery.start_soon(self._contexts.run)
                nursery.start_soon(self._libraries.run)
                nursery.start_soon(self._recognising.run)
                if self._mount is not None:
                    nursery.start_soon(self._watch_covered)
                if resumed:
                    await self._caught_up(nursery, since_ns)
                if ready is not None:
                    ready.set()
                await self._stopping.wait()
                if self._gone is None:
                    await self._drain(commit=False)
                    await self._looked_at(_LOOKS_AT_END_S)
                nursery.cancel_scope.cancel()
        await self._end()

    async def _choose(self) -> None:
        """Take the best sensors that there are, and say why they are not better."""
        around = Surroundings(
            self._roots,
            self.workspace.sync_directory,
            self._files,
            self._own,
            self._clock,
            self._skip,
            self._wanted,
        )
        around.source = self.writer.source
        self.sources, why = choose(self._wanted_sensor, around, self.inbox, self._mount)
        self._whys = [why] if why else []
        self.writer.on_noted = self.sources.stored
        # Noted with the first commit: who is killed right after it has missed nothing.
        self._source = self.writer.source = self.sources.source() or self.writer.source
        if self.sources.exact:
            self.attributor.names_processes()

    @contextmanager
    def _sensing(self) -> Iterator[None]:
        try:
            self.sources.start()
            yield
        except BaseException:
            self._close()
            raise
        finally:
            self.sources.stop()

    def _begin(self) -> int:
        """Open the session; return since when nothing was seen, 0 for a new store."""
        sensors, boot = self.sources.names(), self.sources.boot
        host, pid = socket.gethostname(), os.getpid()
        return self._rescan.begin(
            events.SessionStarted(
                self.started_ns, self.session, self.mode, sensors, boot, host, pid, __version__
            ),
            self._was_alive_ns,
            network=is_network(self.workspace.root),
            resumed=self.sources.resumed(),
        )

    async def _caught_up(self, nursery: trio.Nursery, since_ns: int) -> None:
        """Wait until what was kept for us is taken in, but not for very long."""
        done = trio.Event()
        nursery.start_soon(self._catch_up, since_ns, done)
        with trio.move_on_after(_CATCH_UP_S):
            await done.wait()

    async def _catch_up(self, since_ns: int, done: trio.Event) -> None:
        """Take in what was kept for us, then what changed without having been told."""
        await self.sources.barrier()
        await self._drain(commit=False)
        async with self._draining:
            await self._look_again(since_ns)
        await self._drain(commit=True)
        self._digest_rest()
        done.set()

    def _digest_rest(self) -> None:
        """Digest what the last recorder did not come to, and have looked at what it had not looked at."""
        for version, path, stat, digest in self._memory.unrecognised() if self.settings.recognise else ():
            self._recognising.want(version, self.attributor.places.absolute(path), path, stat, digest)
        for version, path, stat in self._memory.undigested():
            self.digester.resume(version, self.attributor.places.absolute(path), stat)

    def stop(self, *, complete: bool = True) -> None:
        """Ask the recorder to take in what it has seen, store it and end.

        ``complete`` says that the sensors are known to have nothing more.
        """
        self._complete = complete
        self._stopping.set()

    async def _end(self) -> None:
        with trio.CancelScope(shield=True):
            await self._drain(commit=False)
            now_ns = self._clock.now_ns()
            blind_ns = self.sources.blind_since()
            if blind_ns or not self._complete:
                detail = "the recorder was stopped before it had taken in all that had happened"
                since_ns = blind_ns or self._memory.clock()
                self.attributor.observe(seen.Lost(now_ns, since_ns, b"", "stopped", detail))
            self._tell_missed(final=True)
            self.attributor.finish(now_ns)
            self._collect(self.attributor.drain())
            self._libraries.finish()
            self.writer.add(self._libraries.take())
            self.writer.add(self.digester.given_up(final=True))
            self.writer.add([events.SessionEnded(self._clock.now_ns(), self.session, "stopped")])
            await self.writer.commit(fold=True, force=True)
            left = self.writer.waiting
            self._close()
        if self._gone is not None:
            what = f"is not mounted any more, {self._why}" if self._why else "is gone"
            raise WorkspaceGoneError(f"{os.fsdecode(self._gone)} {what}: the recorder ended")
        if left:
            raise AccessError(f"{left} events could not be stored: {self.writer.trouble}")

    def _close(self) -> None:
        self.writer.close()
        self._lock.close()

    async def _alive(self) -> None:
        """Leave a sign of life now and then; end when the workspace or the store is gone.

        inotify says nothing of a directory that is removed or moved while somebody still uses it, or
        that moves with one above it.
        """
        before = identity(self.workspace.root)
        while self._mount is not None or identity(self.workspace.root) == before:
            if self.sources.ended():
                self._why = self.sources.ended()
                break
            try:
                self._sign()
            except OSError:
                if self._mount is None or not self._is_between_mounts():
                    break
            if not self.sources.alive():
                raise SensorError(
                    f"a sensor has ended by itself: see {self.workspace.log_file}, and report it"
                )
            await trio.sleep(_ALIVE_EVERY_S)
        self._gone = self._gone or self._root
        self.stop()

    def _is_between_mounts(self) -> bool:
        """Say whether the workspace cannot be reached only as its mount is being made anew."""
        if mount_at(self._root):
            return True
        try:
            self.workspace.store.stat()
        except (FileNotFoundError, NotADirectoryError):
            return bool(mount_at(self._root))
        except OSError:  # it was mounted just then, and has ended again
            pass
        return True

    def _sign(self) -> None:
        """Let the time of a file say until when everything has been stored, if that is so.

        A recorder that is killed loses what it was told and had not stored: the gap begins before that.
        Raises ``OSError`` if the store is gone.
        """
        self.workspace.store.stat()
        unread = self.sources.behind() or self.inbox.waiting or self._draining.locked()
        if not (unread or self._taken or self.writer.waiting):
            at_ns = self._clock.now_ns() - _UNDERWAY_NS
            if not self.workspace.alive_file.exists():
                self.workspace.alive_file.touch()
            os.utime(self.workspace.alive_file, ns=(at_ns, at_ns))

    async def _sample(self) -> None:
        sampler = Sampler(usage_host(), self.started_ns)
        living, clock = self.attributor.living, self._clock
        cards = await trio.to_thread.run_sync(gpu_host)
        gpus = None if cards is None else GpuSampler(cards)
        await sample_runs(sampler, living, lambda: self._polled, self.attributor.observe, clock, gpus)

    # --- taking in ---------------------------------------------------------------------------

    def _wake(self) -> None:
        self._news.set()

    def _skip(self, directory: bytes) -> bool:
        """Say whether a directory is not worth watching (absolute path, any thread)."""
        relative = self.attributor.places.relative(directory)
        if relative is None:
            return directory not in self._roots
        return self.attributor.places.noise.directory(relative) in {Sort.IGNORED, Sort.ENVIRONMENT}

    def _wanted(self, path: bytes) -> int:
        relative = self.attributor.places.relative(path)
        if relative is None:
            return 0
        sort = self.attributor.places.noise.sort(relative)
        return 1 if sort is Sort.LINEAGE else 2 if sort is Sort.BYTECODE else 0

    async def _pump(self) -> None:
        """Take in what comes, and commit it in groups."""
        pause_s = max(_BATCH_S, self.settings.commit_every_ms / 1000 / 2)
        while True:
            storing = self.writer.waiting or self.writer.unfolded or self.writer.behind
            busy = storing or self.digester.waiting or self._unsettled
            with trio.move_on_after(_BUSY_S if busy else _REST_S):
                await self._news.wait()
            self._news = trio.Event()
            await trio.sleep(_BATCH_S)
            await self._drain(commit=False)
            if self.writer.waiting or self.writer.unfolded or self.writer.behind:
                await self.writer.commit()
                await trio.sleep(pause_s)

    async def _drain(self, *, commit: bool) -> None:
        """Take in everything that has come; in slices, so that questions are answered meanwhile."""
        async with self._draining:
            await self._drain_alone()
            if commit:
                await self.writer.commit()

    async def _drain_alone(self) -> None:
        items = self._taken
        items.extend(self.inbox.take())
        if len(items) > _MANY:
            self._trim = True
        elif self._trim:
            self._trim = False
            give_back_memory()
        while items:
            for _ in range(min(_SLICE, len(items))):
                self._take_in(items.popleft())
            self._collect(self.attributor.drain())
            self.writer.source = self._source
            if self.writer.waiting >= MOST_EVENTS:
                await self.writer.commit()
            await trio.lowlevel.checkpoint()
        now_ns = self._clock.now_ns()
        for observation in self.sources.expire(now_ns):
            self.attributor.observe(observation)
        if self.sources.exact and now_ns - self._settled_ns > _SETTLE_EVERY_NS:
            self._settle(now_ns)
        if self._rescan_ns:
            since_ns, self._rescan_ns = self._rescan_ns, 0
            with trio.CancelScope(shield=True):
                log.warning("observations were lost; looking at the workspace again")
                await self._look_again(since_ns)
        self._collect(self.attributor.drain())
        self.writer.add(self.digester.take())
        self.writer.add(self.digester.given_up())
        self.writer.add(self._contexts.take())
        self.writer.add(self._libraries.take())
        self.writer.add(self._recognising.take())
        self.sources.known(self.digester.take_known())
        self._tell_missed()
        dropped = self.writer.take_dropped()
        if dropped:
            detail = f"{dropped} events could not be stored: {self.writer.trouble}"
            self.attributor.observe(seen.Lost(now_ns, now_ns, b"", "store-full", detail))

    def _tell_missed(self, *, final: bool = False) -> None:
        missed = self._contexts.take_missed(final=final)
        if missed is not None:
            self.attributor.observe(missed)

    def _take_in(self, item: Item) -> None:
        if isinstance(item, Numbered):
            self._source = f"{item.epoch} {item.number}"
            return
        if isinstance(item, Kept):
            # What was read before it was lost is to be digested first.
            self._collect(self.attributor.drain())
            self.writer.add(self.digester.kept(item))
            return
        self._unsettled = True
        if isinstance(item, Signal | Deed):
            self._lose(self._happened(item))
            return
        if isinstance(item, seen.ProcessHeld):
            item = self._regular(item)
        self.attributor.observe(item)
        if isinstance(item, seen.ProcessesPolled):
            self._after_poll()
        elif isinstance(item, seen.Lost) and item.reason in _RESCANNED:
            self._lose(item.from_ns)

    def _regular(self, held: seen.ProcessHeld) -> seen.ProcessHeld:
        """Leave out what only has the name of a file: whoever looked did not ask what it was."""
        inside = self.attributor.places.relative
        files = [file for file in held.files if not (inside(file.path) and self._files.special(file.path))]
        return held if len(files) == len(held.files) else replace(held, files=tuple(files))

    def _lose(self, since_ns: int) -> None:
        """Take note that all files must be looked at again, if something was lost (0: nothing was)."""
        if since_ns:
            self._rescan_ns = min(since_ns, self._rescan_ns or since_ns)

    def _happened(self, item: Signal | Deed) -> int:
        """Take in one thing that a file sensor saw; return since when to scan again, 0 for never."""
        if isinstance(item, Signal) and item.act is Act.GONE:
            self._gone = item.path
            self.stop()
            return 0
        for observation in self.sources.observations(item):
            self.attributor.observe(observation)
        if self._bypass is not None and isinstance(item, Deed) and item.mask & bypass.NAMING:
            self._bypass.touched(item.target or item.path)
        if item.path.endswith(IGNORE_FILE) or (isinstance(item, Deed) and item.target.endswith(IGNORE_FILE)):
            self._reload_noise()
        lost = isinstance(item, Signal) and item.act is Act.LOST and item.detail.startswith("overflow")
        return item.from_ns if lost else 0

    def _settle(self, now_ns: int) -> None:
        """End what has ended; look at open files of which nobody has said what they are for."""
        self._settled_ns, self._unsettled = now_ns, False
        if now_ns - self._looked_ns > _LOOK_EVERY_NS:
            self._look(now_ns - _UNRESOLVED_NS)
        self.attributor.settle_now(now_ns)
        self._after_poll()

    def _look(self, before_ns: int) -> None:
        self._looked_ns = now_ns = self._clock.now_ns()
        for observation in self.sources.look(self.attributor.unresolved(before_ns), now_ns):
            self.attributor.observe(observation)

    def _reload_noise(self) -> None:
        self.attributor.places.noise = load_noise(self.workspace.root, self.settings)
        self.sources.refresh()

    async def _look_again(self, since_ns: int) -> None:
        """After a loss: mark what is not marked, and look at everything again."""
        self._collect(self.attributor.drain())
        await self.writer.commit(fold=True)
        await trio.to_thread.run_sync(self.sources.refresh)
        for observation in await trio.to_thread.run_sync(self._rescan.changes, since_ns):
            self.attributor.observe(observation)
        self._trim = True

    def _after_poll(self) -> None:
        now_ns = self._clock.now_ns()
        for path, changed_ns in self.attributor.overdue(now_ns):
            stat = self._files.stat(path)
            if stat is not None:
                self.attributor.observe(seen.FileFound(now_ns, path, stat, changed_ns, live=True))
        self.sources.polled()
        self._polled.set()
        self._polled = trio.Event()

    def _collect(self, made: list[events.Event]) -> None:
        """Complete events with digests and hand them to the writer."""
        ready: list[events.Event] = []
        maybe_appended = self.attributor.take_maybe_appended()
        for event in made:
            if type(event) is events.Sealed:
                maybe = event.version in maybe_appended
                path = self.attributor.path_of(event.path)
                self._contexts.code_changed(path)
                ready.append(self.digester.complete(event, path, maybe_appended=maybe))
                continue
            if type(event) is events.StepStarted:
                self._begun(event)
            elif type(event) is events.StepEnded:
                self._libraries.ended(event.step)
            elif type(event) is events.RunStarted:
                self._kinds[event.run] = event.kind
            elif type(event) is events.RunEnded:
                self._kinds.pop(event.run, None)
            ready.append(event)
            again: events.Event | None = None
            if type(event) is events.Moved:
                again = self.digester.moved(event, self.attributor.path_of(event.path))
                self._renamed(event)
            elif type(event) is events.Touched:
                again = self.digester.touched(event, self.attributor.path_of(event.path))
            if again is not None:
                ready.append(again)
        self.writer.add(ready)

    def _begun(self, event: events.StepStarted) -> None:
        """Have the surroundings of a step of an experiment found out."""
        if (self._kinds.get(event.run) or self._memory.kind(event.run)) in EXPERIMENTS:
            named = self.attributor.words_of
            self._libraries.begun(event.step)
            directory, executable = named(event.cwd)[0], named(event.executable)[0]
            program = named(event.program)[0] if event.program else executable
            process = ProcessKey(event.boot, event.pid, event.start)
            cgroup = named(event.cgroup)[0] if event.cgroup else ""
            self._contexts.want(Place(event.step, directory, program, executable, process, cgroup))

    def _digested(self, version: int, path: bytes, stat: FileStat, digest: bytes) -> None:
        """Have a version of which the content is known looked at."""
        if path:
            self._recognising.want(version, path, self._relative(path), stat, digest)

    def _renamed(self, event: events.Moved) -> None:
        path = self.attributor.path_of(event.path)
        if event.stat is not None:
            digest = self.digester.digest_of(event.version)
            self._recognising.renamed(event.version, path, self._relative(path), event.stat, digest)

    def _relative(self, path: bytes) -> bytes:
        return self.attributor.places.relative(path) or path

    def _folded(self) -> None:
        if not self.writer.waiting and not self.attributor.pending:
            self.attributor.forget()

    # --- what bypasses the mount -------------------------------------------------------------

    async def _watch_covered(self) -> None:
        """Look, again and again, for what was changed below the mount without passing it."""
        try:
            watch = Bypass(self._root, self._files, os.path.join(self._root, os.fsencode(NAME)))
        except OSError as error:
            self._lost(b"", "unwatchable", f"what bypasses the mount is not noticed: {error}")
            return
        try:
            await trio.to_thread.run_sync(watch.start)
            self._bypass = watch
            while True:
                if watch.unwatched:
                    detail = f"what bypasses the mount is not noticed in {watch.unwatched} directories"
                    self._lost(b"", "unwatchable", detail)
                    watch.unwatched = 0
                if not watch.read():
                    await trio.lowlevel.wait_readable(watch.descriptor)
                await trio.sleep(bypass.DELAY_S)
                while self.sources.behind():
                    await trio.sleep(bypass.DELAY_S)
                began_s = trio.current_time()
                left = await self._look_below(watch)
                await trio.sleep(max(bypass.REST * (trio.current_time() - began_s), bypass.BUSY_S * left))
        finally:
            self._bypass = None
            watch.close()

    async def _look_below(self, watch: Bypass) -> bool:
        """Hold what stands in changed directories against what is known; say if some are left for later."""
        sights = await trio.to_thread.run_sync(watch.look)
        mapped = cache(lambda: mapped_for_writing(self._root))
        # What was done through the mount before that look is known after this.
        await self.sources.barrier()
        await self._drain(commit=False)
        later: set[bytes] = set()
        for sight in sights:
            changed: list[bytes] = []
            for path in (*sight.files, *sight.gone):
                known = self.attributor.standing(path)
                if known is None or not watch.is_foreign(path, sight, known[0]):
                    continue
                if known[1] or path in mapped():
                    later.add(sight.directory)
                elif self._files.stat(path) == sight.files.get(path):
                    changed.append(path)
            self.sources.stale(watch.recent(sight))
            if changed:
                self._changed_below(sight, changed, watch.since_ns)
        watch.again(later)
        return bool(later)

    def _changed_below(self, sight: Sight, changed: list[bytes], since_ns: int) -> None:
        now_ns = self._clock.now_ns()
        from_ns = now_ns
        for path in changed:
            stat = sight.files.get(path)
            if stat is None:
                self.attributor.observe(seen.FileMissing(now_ns, path))
            else:
                from_ns = min(from_ns, max(stat.mtime_ns, since_ns))
                self.attributor.observe(seen.FileFound(now_ns, path, stat, since_ns, live=False))
        detail = f"{len(changed)} files were changed without passing the mount: nobody knows by whom"
        self.attributor.observe(seen.Lost(now_ns, from_ns, sight.directory, "bypassed", detail))

    def _lost(self, scope: bytes, reason: str, detail: str) -> None:
        now_ns = self._clock.now_ns()
        self.attributor.observe(seen.Lost(now_ns, now_ns, scope, reason, detail))
        self._wake()

    # --- questions ---------------------------------------------------------------------------

    async def sync(self) -> bool:
        """Wait until everything that happened before the call is stored; False if that took too long."""
        with trio.move_on_after(_SYNC_S) as scope:
            await self.sources.barrier()
            await self._drain(commit=False)
            now_ns = self._clock.now_ns()
            self._look(now_ns)
            self.attributor.settle_now(now_ns)
            await self._drain(commit=False)
            await self._looked_at(_LOOKS_S)
            await self._drain(commit=False)
            wanted = self.writer.stored + self.writer.waiting
            await self.writer.commit(force=True)
        return not scope.cancelled_caught and self.writer.stored >= wanted

    async def _looked_at(self, patience_s: float) -> None:
        """Wait until it is known what files mean and where steps run, but not for long."""
        with trio.move_on_after(patience_s):
            await self._contexts.settled()
            await self._recognising.settled()

    @property
    def notes(self) -> list[str]:
        """What a user should know about these sensors now, a line each."""
        return [*self._whys, *self.sources.notes()]

    def status(self) -> dict[str, object]:
        """Return what ``mlamd status`` shows of a running recorder."""
        return {
            "state": "running",
            "mode": self.mode,
            "sensors": list(self.sources.names()),
            "how": self.sources.how(),
            "notes": self.notes,
            "since_ns": self.started_ns,
            "pid": os.getpid(),
            "events": self.writer.stored,
            "waiting": self.writer.waiting + self.attributor.holding,
            "digesting": self.digester.waiting,
            "recognising": self._recognising.waiting,
            "watched_directories": self.sources.watched(),
            "trouble": self.writer.trouble or self.sources.trouble(),
            **self.sources.details(),
        }
