"""The sensor process of the mount mode: mounts the workspace over itself, and tells what is done in it.

The kernel is answered by a process of its own (``mlamd.mount.serving``), which only takes down what is done.
This one puts that in order with what processes do (fork, exec, exit), both by the kernel's monotonic clock,
and speaks to recorders as the sensor service does. It goes on when a recorder ends. If it ends itself, the
mount stays, and the next sensor goes on with it.
"""

import contextlib
import itertools
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlamd.daemon.client import address_of
from mlamd.daemon.keeping import Keeping
from mlamd.daemon.listening import is_allowed, listen
from mlamd.daemon.mounts import NAME, SERVER_NAME, detach, refusal, server_of
from mlamd.daemon.spool import Spool
from mlamd.daemon.telling import Client, Eye, Teller, number_in
from mlamd.errors import AccessError, AlreadyRecordedError, UnavailableError
from mlamd.host.connector import Connector, Kind, ProcessEvent
from mlamd.host.fanotify import Handles, Raw
from mlamd.host.mounts import OURS, MountTable, mount_at, mounted, unmounting
from mlamd.host.procfs import ProcFs
from mlamd.host.taskstats import TaskStats
from mlamd.model.files import FileStat
from mlamd.model.observations import Lost
from mlamd.model.processes import ProcessFacts
from mlamd.mount import courier
from mlamd.mount.keeper import KEPT
from mlamd.mount.witness import CHANGED, DEED
from mlamd.sensors import frames
from mlamd.sensors.capture import Batch
from mlamd.sensors.directories import SKIPPED, Directories
from mlamd.sensors.executions import PROCESSES_LOST, Change, Executions, Seen
from mlamd.sensors.looker import Looker, seen_in
from mlamd.sensors.signals import Kept
from mlamd.settings import load
from mlamd.workspace import Workspace

log = logging.getLogger("mlamd")

_ANSWER_S = 10.0
_IDLE_S, _SOON_S = 1.0, 0.02
_LOOK_S = 2.0
_REST_S = 0.002
_MOST_PLACES = 100_000
_DRIFT_NS = 1_000_000
_MOST_IMAGES = 10_000
_MOST_UNTOLD = 200_000
_OFTEN = 16
_PATIENCE_NS = 20_000_000
_FSID_BYTES = 8
_QUICK_S, _MOST_QUICK = 5.0, 3
_CHANGED = "it was changed without passing the mount: nobody knows by whom"
_BYPASSED = "{} began in the directory as it was before the mount: what it does there is not seen"
_ENDED = "the mount has ended by itself: nothing is seen until it is made anew"
_TAKEN = "it was unmounted from outside"
_FINISH_S = 5.0
_GONE = "the mount had ended by itself, and was made anew: what was done meanwhile was not seen"


class Places(Directories):
    """The directories of a mount: their keys are their paths, and none has to be looked for."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._below = root + b"/"
        self._cache: dict[bytes, bytes | None] = {}
        self.missed = 0
        self.path = self._place  # type: ignore[assignment]

    def __len__(self) -> int:
        return 0

    def _place(self, key: bytes, default: bytes | None = None) -> bytes | None:
        if key in self._cache:
            return self._cache[key]
        if len(self._cache) > _MOST_PLACES:
            self._cache.clear()
        inner = key == self._root or key.startswith(self._below)
        names = set(key[len(self._below) :].split(b"/"))
        place = key if inner and not names & SKIPPED else default
        self._cache[key] = place
        return place

    def build(self) -> None:
        """See ``Directories``."""

    def standing(self, pid: int) -> bytes | None:
        """See ``Directories``."""
        try:
            return self._place(os.fsencode(os.readlink(f"/proc/{pid}/cwd")))
        except OSError:
            return None

    def made(self, key: bytes, parent: bytes, name: bytes) -> None:
        """See ``Directories``."""

    def moved(self, key: bytes, path: bytes | None) -> None:
        """See ``Directories``."""

    def removed(self, key: bytes) -> None:
        """See ``Directories``."""


class _Clock:
    """From the kernel's monotonic time to the wall clock, without the jitter of reading both each time."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def follow(self) -> None:
        """Take note if the wall clock was set."""
        offset_ns = time.time_ns() - time.monotonic_ns()
        if abs(offset_ns - self._offset_ns) > _DRIFT_NS:
            self._offset_ns = offset_ns

    def wall_ns(self, monotonic_ns: int) -> int:
        """Return the wall clock at a monotonic time."""
        return monotonic_ns + self._offset_ns


class MountSensor(Teller):
    """Mounts, and tells until ``stop``; make it while the process has one thread.

    Raises ``UnavailableError`` where the machine, the user or the directory does not allow a mount.
    """

    _until_ns = 0
    """Until when everything that was done in the mount is in ``_rows``."""
    _lost = 0
    _bypassing_ns = 0
    _last_asked = _answered = 0
    _stopping = False
    _mounted_s = 0.0
    _quick = 0
    _device = _ended = ""
    _server: subprocess.Popen[bytes] | None = None
    """The process that answers the kernel, if this one has started it."""
    _server_pid = 0
    _channel: socket.socket | None = None
    _kept: Client | None = None
    """The recorder for which everything is kept until it is stored, also while it is not there."""

    def __init__(self, workspace: Workspace, options: frozenset[str]) -> None:
        self._place = os.fsencode(workspace.root)
        channel = server_of(workspace)
        refused = refusal(workspace.root, options) if channel is None else ""
        if refused:
            raise UnavailableError(refused)
        super().__init__(ProcFs(), {})
        self._backing, self._server_pid, standing = _covered(workspace.root, channel)
        self._options = options if channel is None else frozenset(standing)
        self._store = os.open(workspace.store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._store_inside = workspace.store.parent == workspace.root
        self._clock = _Clock()
        self._looker = Looker()
        try:
            self._connector = Connector()
        except OSError as error:
            self._looker.close()
            raise UnavailableError(
                f"mount mode needs the kernel's word of processes, which this user may not have: {error} "
                "(Linux 6.6 or newer, or CAP_NET_ADMIN)"
            ) from error
        self._accounts: TaskStats | None = None
        with contextlib.suppress(OSError):
            self._accounts = TaskStats()
        self._counts = self._accounts is not None
        self._executions = Executions(self._table, self._image, self._wanted, self._clock.wall_ns)
        self._images: dict[int, tuple[int, list[Any]]] = {}
        self._changes: deque[Change] = deque()
        self._rows: deque[list[Any]] = deque()
        self._bypassing: list[str] = []
        """Programs that began in the directory that the mount covers."""
        self._device_covered = os.fstat(self._backing).st_dev
        self._covered_fsid = _fsid(self._backing)
        self._numbers = itertools.count(1)
        self._mounts = MountTable()
        self._spool_bytes = load(workspace.settings_file).spool_most_bytes
        self._keeping = Keeping(self._tell_kept)
        self._executions.survey()
        try:
            if channel is None:
                self._mount()
            else:
                self._adopt(channel)
        except BaseException:
            self.close()
            raise

    # --- the mount ---------------------------------------------------------------------------

    def _mount(self) -> None:
        """Start the process that answers the kernel; returns when it does.

        It outlives this one, as it must not leave who works in the mount; the next sensor goes on with it.
        """
        store = self._store if self._store_inside else -1
        own_store = Path(f"/proc/self/fd/{self._store}")
        with listen(own_store, SERVER_NAME, socket.SOCK_SEQPACKET) as listener:
            ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with address_of(own_store, SERVER_NAME) as address:
                ours.connect(address)
            passed = (self._backing, listener.fileno(), store)
            command = [sys.executable, "-m", "mlamd", "mounted", "--serve", *map(str, passed)]
            command += ["--options", ",".join(sorted(self._options))]
            self._server = subprocess.Popen(
                [*command, "--", self._place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[number for number in passed if number >= 0],
                start_new_session=True,
                cwd="/",
            )
        self._mounted_s = time.monotonic()
        self._device = ""
        try:
            descriptor, self._server_pid, _ = courier.greeted(ours, _ANSWER_S)
            os.close(descriptor)
        except OSError as error:
            ours.close()
            raise UnavailableError(f"the mount does not answer: {error}") from error
        self._adopt(ours)

    def _adopt(self, channel: socket.socket) -> None:
        """Be told by a process that answers the kernel. Raises ``UnavailableError`` if it does not."""
        self._channel = channel
        why = self._first_answer(channel)
        if why:
            if self._server is not None:
                self._server.wait()
            self._channel = None
            channel.close()
            raise UnavailableError(f"{why}: see docs/how-to/mount-mode.md")
        self._device = next((one.device for one in mounted() if one.place == self._place), "")
        self._waits[channel.fileno()] = self._read_rows

    def _look_for_mount(self) -> None:
        """End if our mount is not where it was put."""
        if not self._device or self._stopping:
            return
        places = [one.place for one in mounted() if one.device == self._device]
        if self._place in places:
            return
        self._ended = _TAKEN
        for place in places:
            self._ended = f"it was moved, to {os.fsdecode(place)}"
            subprocess.run(unmounting(place, lazy=True), check=False, capture_output=True, cwd="/")
        self._stopping = True

    def _first_answer(self, channel: socket.socket) -> str:
        """Return why there is no mount, "" if there is one."""
        try:
            self._last_asked = next(self._numbers)
            courier.ask(channel, self._last_asked)
            if not select.select([channel], [], [], _ANSWER_S)[0]:
                return "the mount does not answer"
        except OSError as error:
            return f"the mount has ended at once ({error})"
        found = courier.messages(channel)
        if not found:
            return "the mount has ended at once"
        if len(found[0]) == 1:
            return str(found[0][0])
        self._take_messages(found)
        return ""

    def _remount(self) -> None:
        """Mount anew after the process that answers the kernel has ended, unless it was unmounted."""
        if self._channel is not None:
            self._waits.pop(self._channel.fileno(), None)
            self._channel.close()
            self._channel = None
        ended = self._server.wait() if self._server is not None else 0
        self._server = None
        self._tell_all(time.monotonic_ns())
        # What has ended by itself is still there, and dead; what was unmounted is not.
        if self._stopping or mount_at(self._place) != OURS:
            self._ended = self._ended or ("" if self._stopping else _TAKEN)
            self._stopping = True
            return
        down_ns = self._clock.wall_ns(self._until_ns)  # until then everything was told
        log.warning("the mount of %s has ended (status %d); mounting anew", os.fsdecode(self._place), ended)
        quick = time.monotonic() - self._mounted_s < _QUICK_S and ended != -signal.SIGKILL
        self._quick = self._quick + 1 if quick else 0  # who is killed does not end by its own fault
        detach(self._place)  # who comes now works on in the plain directory, and meets no error
        self._tell_remounted(down_ns, _ENDED)  # now, as this process may be killed before it has mounted
        why = "it ends as soon as it has begun" if self._quick > _MOST_QUICK else self._mounted_anew()
        if why:
            log.warning("cannot mount %s anew: %s", os.fsdecode(self._place), why)
            self._stopping = True
            return
        self._tell_remounted(down_ns, _GONE)

    def _tell_remounted(self, since_ns: int, detail: str) -> None:
        for one in self.clients():
            one.outbox.tell(Lost(time.time_ns(), since_ns, b"", "remounted", detail))
            one.outbox.flush()

    def _mounted_anew(self) -> str:
        try:
            self._mount()
        except UnavailableError as error:
            return str(error)
        return ""

    def unmount(self, *, lazy: bool) -> str:
        """Take the mount away; return why that cannot be done, "" if it was."""
        if not self._device:
            return ""
        command = unmounting(self._place, lazy=lazy)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            return done.stderr.strip() or f"{command[0]} ended with {done.returncode}"
        self._stopping = True
        return ""

    # --- what happens ------------------------------------------------------------------------

    def _image(self, event: ProcessEvent, before: ProcessFacts) -> Seen | None:
        """Return what was seen of a program: by the looker, or at its first deed in the mount."""
        seen = self._looker.image(event, before)
        if seen is None and event.process in self._images:
            at_ns, image = self._images[event.process]
            if at_ns >= event.monotonic_ns:
                seen = seen_in([*image, None, ()], before)
        if seen is None:
            return None
        cwd = os.fsencode(seen.facts.cwd)
        inside = (cwd + b"/").startswith(self._place + b"/") and not _is_ours(seen.facts.argv)
        if inside and self._is_covered(event.process, seen.place):
            self._bypassing.append(f"{seen.facts.name} (pid {event.process})")
            self._bypassing_ns = self._bypassing_ns or self._clock.wall_ns(event.monotonic_ns)
        return seen._replace(place=None)

    def _is_covered(self, process: int, place: bytes | None) -> bool:
        """Say whether a process stands below the mount: by the handle of its directory, or by a look now."""
        if place is not None and self._covered_fsid:
            return place.startswith(self._covered_fsid)
        try:
            return os.stat(f"/proc/{process}/cwd").st_dev == self._device_covered
        except OSError:
            return False

    def _read_rows(self) -> None:
        found = courier.messages(self._channel) if self._channel is not None else []
        if found is None:
            self._remount()
        else:
            self._take_messages(found)

    def _take_messages(self, found: list[list[Any]]) -> None:
        for answered, until_ns, lost, rows in found:
            self._answered = max(self._answered, answered)
            self._until_ns = max(self._until_ns, until_ns)
            self._lost += lost
            for row in rows:
                if row[0] in {DEED, KEPT, CHANGED}:
                    self._rows.append(row)
                elif row[3] is not None:
                    if len(self._images) > _MOST_IMAGES:
                        self._images.clear()
                    self._images[row[2]] = (row[1], row[3])

    def _read_processes(self) -> None:
        changes, lost = self._executions.read(self._connector, self._accounts)
        self._changes += changes
        if lost:
            self._tell_lost("process-overflow", PROCESSES_LOST)

    def _tell_kept(self, item: Kept) -> None:
        for one in self.clients():
            if one.subscription is not None:
                one.outbox.tell(item)

    def _tell_lost(self, reason: str, detail: str, from_ns: int = 0, scope: bytes = b"") -> None:
        now_ns = time.time_ns()
        for one in self.clients():
            one.outbox.tell(Lost(now_ns, from_ns or now_ns, scope, reason, detail))

    def _tell_all(self, until_ns: int, *, patient: bool = False) -> None:
        """Tell what was done and what processes did until then, in the order of the kernel's clock."""
        nobody = not any(one.subscription is not None for one in self.clients())
        if nobody and len(self._rows) + len(self._changes) < _MOST_UNTOLD:
            return  # a recorder is about to come
        until_ns = self._clock.wall_ns(until_ns)
        at_ns = 0
        while self._rows:
            if not len(self._rows) % _OFTEN:
                self._read_processes()  # what is to be seen of a short one is gone soon
            row = self._rows.popleft()
            at_ns = self._clock.wall_ns(row[1])
            self._tell_changes(at_ns)
            if row[0] == CHANGED:
                self._tell_lost("bypassed", _CHANGED, at_ns, self._place + b"/" + row[2])
                continue
            if row[0] == KEPT:
                _, _, descriptor, path, status, why_not = row
                self._keeping.take(descriptor, at_ns, self._place + b"/" + path, FileStat(*status), why_not)
                continue
            self._tell(Batch(at_ns, at_ns, [self._raw(row)], [], at_ns, more=True))
        if at_ns:
            self._tell(Batch(at_ns, at_ns, [], [], at_ns))
        self._tell_changes(until_ns, patient=patient)
        if self._lost:
            self._tell_lost("overflow", f"{self._lost} deeds were too many for the sensor of the mount")
            self._lost = 0
        if self._bypassing:
            names = ", ".join(self._bypassing)
            self._tell_lost("bypassed", _BYPASSED.format(names), self._bypassing_ns)
            self._bypassing.clear()
            self._bypassing_ns = 0
        self._flush()

    def _tell_changes(self, until_ns: int, *, patient: bool = False) -> None:
        """Tell what processes did until then; ``patient`` to wait a little for who nothing is known of."""
        some = []
        young_ns = time.time_ns() - _PATIENCE_NS
        while self._changes and self._changes[0].at_ns <= until_ns:
            first = self._changes[0]
            unknown = first.kind is Kind.EXEC and not first.known.complete and not self._complete(first)
            if unknown and patient and first.at_ns > young_ns and not first.known.ended_ns:
                break
            some.append(self._changes.popleft())
        if some:
            self._tell(Batch(some[0].at_ns, until_ns, [], some, until_ns))

    def _complete(self, change: Change) -> bool:
        """Add what the server has seen of a program that the looker came too late for; say if it has."""
        at_ns, image = self._images.get(change.known.key.pid, (0, []))
        if not image or self._clock.wall_ns(at_ns) < change.at_ns:
            return False
        seen = seen_in([*image, None, ()], change.facts)
        if seen is not None:
            change.facts = change.known.facts = seen.facts
            change.known.complete = True
        return True

    def _raw(self, row: list[Any]) -> Raw:
        _, _, mask, process, path, new_path, stat = row
        above, _, name = path.rpartition(b"/")
        new_above, _, new_name = new_path.rpartition(b"/")
        directory = self._place + b"/" + above if above else self._place
        new_directory = self._place + b"/" + new_above if new_above else self._place
        if not new_path:
            return Raw(mask, process, directory, name, b"", stat=stat)
        return Raw(mask, process, directory, name, b"", new_directory, new_name, stat)

    # --- recorders ---------------------------------------------------------------------------

    def _refused(self, root: bytes, eye: Eye | None, *, workspace: bool) -> str:
        del eye, workspace
        return "" if root == self._place else "it is outside of the mount"

    def clients(self) -> list[Client]:
        """See ``Teller``; also the one for whom things are kept."""
        found = super().clients()
        return found if self._kept is None or self._kept in found else [*found, self._kept]

    def _offer(self, client: Client) -> dict[str, Any]:
        offer: dict[str, Any] = {"backing": f"/proc/{os.getpid()}/fd/{self._backing}"}
        offer |= {"processes": list(self._own()), "options": sorted(self._options)}
        return offer | ({"epoch": client.outbox.epoch} if isinstance(client.outbox, Spool) else {})

    def _resumes(self, client: Client, hello: dict[str, Any]) -> bool:
        """See ``Teller``. ``kept`` is ``[epoch, stored, had]``: up to where it has stored what it was told.

        ``had`` is up to where it has been told, if it is the same that was told before, else None.
        """
        if "kept" not in hello:
            return False
        epoch, stored, had = hello["kept"]
        kept = self._kept
        if kept is not None and kept.connection.fileno() in self._clients:
            self._cut_off(kept, "another recorder has come")
        if kept is not None and isinstance(kept.outbox, Spool):
            spool = kept.outbox
            if spool.has(epoch, stored if had is None else had) and spool.has(epoch, stored):
                spool.took(stored)
                client.outbox, client.subscription = spool, kept.subscription
                self._kept = client
                self._go_on(client, hello, had)
                return True
            spool.drop()
        client.outbox = new = Spool(self._store, self._spool_bytes)
        new.attach(client.connection, [], 0)
        self._kept = client
        return False

    def _go_on(self, client: Client, hello: dict[str, Any], had: int | None) -> None:
        if client.subscription is not None:
            client.subscription.own |= {*self._own(), *(number_in(pid) for pid in hello.get("own", ()))}
        answers = {root: self._refused(root, None, workspace=False) for root in hello["roots"]}
        welcome = self._greeting(client, answers, 0) | {"resumed": True}
        self._drain()
        if isinstance(client.outbox, Spool):
            client.outbox.attach(client.connection, [frames.frame(welcome)], had)

    def _directories(self, roots: tuple[bytes, ...], client: Client) -> Directories:
        del roots, client
        return Places(self._place)

    def _own(self) -> tuple[int, ...]:
        return (os.getpid(), self._looker.pid, self._server_pid)

    def _drain(self) -> None:
        """Tell everything that has happened so far: the mount is asked, and answers between two requests."""
        number = self._ask()
        deadline = time.monotonic() + _ANSWER_S
        while number and self._channel is not None and self._answered < number:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._channel], [], [], left)[0]:
                log.warning("the mount does not answer in time")
                break
            self._read_rows()
        self._read_processes()
        self._tell_all(self._until_ns)

    def _ask(self) -> int:
        if self._channel is None:
            return 0
        number = next(self._numbers)
        try:
            courier.ask(self._channel, number)
        except OSError:
            return 0
        self._last_asked = number
        return number

    def _answer(self, client: Client, value: object) -> None:
        """See ``Teller``: what was told is stored; the mount is to be taken away."""
        if isinstance(value, list) and value[0] == "took" and isinstance(client.outbox, Spool):
            client.outbox.took(number_in(value[1]))
            return
        if isinstance(value, list) and value[0] in {"known", "stale"}:
            with contextlib.suppress(OSError):
                if self._channel is not None and value[0] == "known":
                    courier.tell_known(self._channel, value[1])
                elif self._channel is not None:
                    below = len(self._place) + 1
                    courier.tell_stale(self._channel, [path[below:] for path in value[1]])
            return
        if not isinstance(value, list) or value[0] != "unmount":
            raise ValueError("neither a greeting nor a request")
        why = self.unmount(lazy=bool(value[1]))
        client.outbox.put(frames.frame({"unmounted": not why, "why": why, "pid": os.getpid()}))

    def listen(self) -> None:
        """Let recorders come."""
        # By descriptor: the path leads through the mount.
        self._listener = listen(Path(f"/proc/self/fd/{self._store}"), NAME)
        self._waits[self._listener.fileno()] = self._accept

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if is_allowed(connection):
            self.attach(connection, -1)
        else:
            connection.close()

    def wait_on(self, descriptor: int, action: Callable[[], None]) -> None:
        """Call ``action`` whenever a descriptor is readable."""
        self._waits[descriptor] = action

    def stop(self) -> None:
        """Detach the mount, and end when nobody is in it any more."""
        self.unmount(lazy=True)

    def run(self) -> None:
        """Tell until the mount is unmounted."""
        self._waits[self._connector.descriptor] = self._read_processes
        self._waits[self._keeping.news] = self._keeping.settle
        looked_s = time.monotonic()
        while not self._stopping:
            busy = bool(self._changes or self._executions.waits)
            timeout = _SOON_S if busy else _IDLE_S
            ready, _, changed = select.select(list(self._waits), [], [self._mounts.descriptor], timeout)
            # The kernel does not say that a directory above was renamed.
            if changed or time.monotonic() - looked_s > _LOOK_S:
                looked_s = time.monotonic()
                self._look_for_mount()
            self._clock.follow()
            # Rows before processes: of what is told of a deed, all that its process did before is known then.
            for descriptor in ready:
                action = self._waits.get(descriptor)
                if action is not None and descriptor != self._connector.descriptor:
                    action()
            self._read_processes()
            if self._executions.waits:
                self._changes += self._executions.later(time.time_ns())
            self._tell_all(self._until_ns, patient=True)
            if self._changes and self._answered >= self._last_asked:
                self._ask()
            self._executions.forget(time.time_ns())
            if ready:
                time.sleep(_REST_S)

    def close(self) -> None:
        """Give back what the system lent; a mount that is there stays."""
        if self._channel is not None:
            self._channel.close()
        self._looker.close()
        self._connector.close()
        self._mounts.close()
        for one in self.clients():
            one.outbox.flush()
            if self._ended:
                one.outbox.put(frames.ended(self._ended))
                one.outbox.finish(_FINISH_S)
            one.outbox.close()
            if isinstance(one.outbox, Spool):
                one.outbox.drop()
        with contextlib.suppress(OSError):
            os.unlink(NAME, dir_fd=self._store)


def _covered(root: Path, channel: socket.socket | None) -> tuple[int, int, list[str]]:
    """Return a descriptor of the directory that is, or will be, covered, and who answers (0: nobody)."""
    if channel is None:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), 0, []
    try:
        return courier.greeted(channel, _ANSWER_S)
    except OSError as error:
        channel.close()
        raise UnavailableError(f"the mount of {root} does not answer: {error}") from error


def _is_ours(argv: tuple[str, ...]) -> bool:
    """Say whether a program is one of our own commands, which do nothing to the files."""
    return any(os.path.basename(word) == "mlamd" for word in argv[:4])


def _fsid(descriptor: int) -> bytes:
    """Return what handles of a file system begin with, b"" if it has none."""
    fsid = (Handles().key_of_open(descriptor) or b"")[:_FSID_BYTES]
    return fsid if fsid.strip(b"\0") else b""


def run(workspace: Workspace, options: frozenset[str], say: Callable[[str], None]) -> int:
    """Be the sensor process of a mounted workspace, until it is unmounted; ``say`` gets ready or an error."""
    try:
        sensor = MountSensor(workspace, options)
    except (UnavailableError, AccessError, AlreadyRecordedError) as error:
        say(str(error))
        return error.exit_code
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        sensor.listen()
        sensor.wait_on(reading, sensor.stop)
        say("ready")
        sensor.run()
    finally:
        sensor.close()
    return 0
