"""The sensor service: one sensor for the whole machine, to which the recorders of all users may connect.

Runs as root. What a recorder is told depends on who is at the other end of its socket, as the kernel
says, and not on what it says itself. The service writes no file but its socket.
"""

import errno
import logging
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlamd.daemon.access import Allowance, View
from mlamd.daemon.clerk import ENDED, Clerk, Person, peer
from mlamd.daemon.feed import SERVICE
from mlamd.daemon.sensing import NICE, Sensor
from mlamd.daemon.supervisor import notify
from mlamd.errors import AccessError, AlreadyRecordedError, SensorError, UnavailableError
from mlamd.host.capabilities import missing
from mlamd.sensors import frames

log = logging.getLogger("mlamd")

MOST_PER_USER = 8
MOST_CONNECTIONS = 64
_OUTBOX_BYTES = 64 << 20
_FURTHER_OUTBOX_BYTES = 16 << 20
_TICK_S = 1.0
_AT_ONCE = 16
_BACKLOG = 1024


def serve(path: Path | None, say: Callable[[str], None], *, limited: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; to be called while the process has one thread.

    Raises ``UnavailableError`` where this machine or user cannot, ``AlreadyRecordedError`` if another one
    serves here, and ``SensorError`` when the clerk has ended, without which nobody may be told anything.
    """
    lacking = missing()
    if lacking or os.geteuid() != 0:
        raise UnavailableError(f"the sensor service needs root{' and ' + lacking if lacking else ''}")
    place = path or SERVICE
    _check_free(place)
    clerk = Clerk()
    try:
        sensor = Sensor(limited=limited)
        try:
            with _listening(place) as listener, _wake_ups() as (wakes, ended):
                desk = Desk(sensor, clerk)
                sensor.wait_on(listener.fileno(), lambda: desk.accept(listener))
                sensor.wait_on(clerk.fileno(), _clerk_ended)
                sensor.wait_on(wakes, lambda: _woken(sensor, wakes, ended))
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, 0, NICE)
                notify("READY=1")
                say(f"serving exact capture at {place}")
                sensor.run()
                notify("STOPPING=1")
        finally:
            sensor.close()
    finally:
        clerk.close()


class Desk:
    """Lets recorders in."""

    def __init__(self, sensor: Sensor, clerk: Clerk) -> None:
        self._sensor = sensor
        self._clerk = clerk
        self._allowances: dict[int, Allowance] = {}

    def accept(self, listener: socket.socket) -> None:
        """Take the connections that wait, some of them at once."""
        self._sensor.expire()
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        try:
            person = peer(connection)
            why = self._no_room(person)
            if why:
                connection.send(frames.frame({"error": why}), socket.MSG_DONTWAIT)
        except OSError as error:
            why = str(error)
        if why:
            log.warning("a connection is refused: %s", why)
            connection.close()
        elif person.uid == 0:
            self._sensor.attach(connection, -1)
        else:
            self._attach(connection, person)

    def _attach(self, connection: socket.socket, person: Person) -> None:
        uid = person.uid
        most_bytes = _FURTHER_OUTBOX_BYTES if self._count(uid) else _OUTBOX_BYTES
        self._sensor.attach(connection, uid, most_bytes, View(self._clerk, person, self._allowance(uid)))

    def _count(self, uid: int) -> int:
        return sum(client.uid == uid for client in self._sensor.clients())

    def _no_room(self, person: Person) -> str:
        if len(self._sensor.clients()) >= MOST_CONNECTIONS:
            return f"the sensor service has {MOST_CONNECTIONS} recorders already"
        if person.uid and self._count(person.uid) >= MOST_PER_USER:
            return f"the sensor service has {MOST_PER_USER} recorders of yours already"
        return ""

    def _allowance(self, uid: int) -> Allowance:
        """Return a user's allowance; it outlives their connections, or connecting anew would renew it."""
        allowance = self._allowances.get(uid)
        if allowance is None:
            allowance = self._allowances[uid] = Allowance()
            allowance.remembered = lambda: self._remembered(uid)
        return allowance

    def _remembered(self, uid: int) -> int:
        tables = [client.subscription for client in self._sensor.clients() if client.uid == uid]
        return sum(len(table.directories) for table in tables if table is not None)


def _clerk_ended() -> None:
    raise SensorError(ENDED)


def _woken(sensor: Sensor, wakes: int, ended: list[int]) -> None:
    with suppress(BlockingIOError):
        os.read(wakes, 4096)
    sensor.expire()
    if ended:
        log.info("got signal %d", ended[0])
        sensor.stop()


@contextmanager
def _wake_ups() -> Iterator[tuple[int, list[int]]]:
    """Turn signals into bytes of a pipe: one a second, and one when it is time to end, which also says so."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    ended: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: ended.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda _number, _frame: None)
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)
    try:
        yield reading, ended
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _check_free(place: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(5.0)
        try:
            other.connect(str(place))
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
                return
            raise AccessError(f"cannot tell whether a sensor service is at {place}: {error}") from error
    raise AlreadyRecordedError(f"a sensor service is at {place} already")


@contextmanager
def _listening(place: Path) -> Iterator[socket.socket]:
    """Listen at a path, where everybody may connect; what is left of an earlier service there is replaced."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            if not place.parent.exists():
                place.parent.mkdir()
                place.parent.chmod(0o755)
            with suppress(FileNotFoundError):
                if stat.S_ISSOCK(place.lstat().st_mode):
                    place.unlink()
            listener.bind(str(place))
            place.chmod(0o666)
            mine = place.lstat().st_ino
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as error:
            raise AccessError(f"cannot listen at {place}: {error.strerror}") from error
        try:
            yield listener
        finally:
            with suppress(OSError):
                if place.lstat().st_ino == mine:
                    place.unlink()
