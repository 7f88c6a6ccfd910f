"""A recorder's line to a sensor process: its own, or the system service.

A thread of its own reads, so that the sensor never waits for the recorder's work, and leaves the rest in
the socket when the inbox is full. If the sensor ends, another one is started or waited for; what happened
meanwhile is a gap.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlamd.daemon.burst import Burst
from mlamd.daemon.inbox import LIMIT, Inbox
from mlamd.errors import UnavailableError
from mlamd.host.clock import Clock
from mlamd.model.observations import Lost
from mlamd.sensors import frames
from mlamd.sensors.frames import Ended, Numbered, Reader, Splitter, Synced

log = logging.getLogger("mlamd")

SERVICE = Path("/run/mlamd/sensor.sock")
_RETRY_S = 1.0
_GREETING_S = 60.0
_MOST_RETRIES = 5
_PIECE = 200
_QUICK_NS = 5_000_000_000
"""A sensor that lived no longer than this may have failed for a reason that lasts."""


def service_socket() -> Path:
    """Return where the sensor service listens; ``MLAMD_SENSOR_SOCKET`` names another place."""
    return Path(os.environ.get("MLAMD_SENSOR_SOCKET") or SERVICE)


class Feed:
    """Delivers what the sensor tells to the inbox; ``service`` is the socket of the system service, or None.

    ``dial`` connects to another sensor that outlives its recorders; it raises ``UnavailableError``.
    ``on_sync`` is called from the feed's thread with the number of a synchronisation that is complete.
    """

    def __init__(
        self,
        roots: tuple[bytes, ...],
        inbox: Inbox,
        boot: str,
        clock: Clock,
        service: Path | None,
        on_sync: Callable[[int], None],
        dial: Callable[[], socket.socket] | None = None,
    ) -> None:
        self._roots = roots
        self._inbox = inbox
        self._boot = boot
        self._clock = clock
        self.service = service
        self._on_sync = on_sync
        self._dial = dial or (self._begin_service if service is not None else self._begin_own)
        self.lasts = service is not None or dial is not None
        """True if the sensor is not this recorder's own."""
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._splitter = Splitter()
        self._burst = Burst()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sensor feed", daemon=True)
        self._sending = threading.Lock()
        self._asked: set[int] = set()
        """Synchronisations that have not been answered; a sensor that is started anew is asked again."""
        self._up_ns = 0
        self._epoch, self._stored = "", 0
        self._keeps = False
        self._had: int | None = None
        """The last frame that came, None before the first."""
        self.welcome: dict[str, Any] = {}
        self.failed = ""
        self._told_ns = 0
        """Until when it is known what was done."""
        self.ended = ""
        """Why the sensor has ended for good, "" if it has not."""
        self.down_ns = 0
        """Since when there is no sensor, 0 while there is one."""

    def go_on_from(self, source: str) -> None:
        """Expect a sensor that keeps what it told, of which this much is stored: see ``Journal.source``."""
        self._epoch, self._stored = _source(source)
        self._keeps = True

    # --- life --------------------------------------------------------------------------------

    def connect(self) -> None:
        """Greet a sensor; from its answer on, everything is reported. Raises ``UnavailableError``."""
        self._connection = self._dial()
        self._connection.settimeout(_GREETING_S)
        hello: dict[str, Any] = {"protocol": frames.PROTOCOL}
        hello |= {"roots": list(self._roots), "own": [os.getpid()]}
        if self._keeps:
            hello["kept"] = [self._epoch, self._stored, self._had]
        self._splitter = Splitter()
        try:
            self._connection.sendall(frames.frame(hello))
            self.welcome, rest = self._greeted(self._connection)
        except (OSError, TypeError, ValueError) as error:
            self._drop()
            raise UnavailableError(f"the sensor does not answer: {error}") from error
        if "error" in self.welcome:
            self._drop()
            raise UnavailableError(str(self.welcome["error"]))
        self._connection.settimeout(None)
        if not self.resumed:
            self._epoch, self._stored, self._had = str(self.welcome.get("epoch", "")), 0, None
        self._up_ns = self._clock.now_ns()
        for value in rest:
            self._take(value)

    @property
    def resumed(self) -> bool:
        """True if the sensor goes on where what was stored, or was told before, has ended."""
        return bool(self.welcome.get("resumed"))

    @property
    def source(self) -> str:
        """Return up to where is stored what a sensor told that keeps it, "" if none does."""
        return f"{self._epoch} {self._stored}" if self._keeps else ""

    def _greeted(self, connection: socket.socket) -> tuple[dict[str, Any], list[Any]]:
        while True:
            data = connection.recv(1 << 16)
            if not data:
                raise ConnectionError("it closed the connection")
            values = self._splitter.feed(data)
            if values:
                return dict(values[0]), values[1:]

    def _begin_own(self) -> socket.socket:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = [sys.executable, "-m", "mlamd", "sensor", "--attached"]
        if os.environ.get("MLAMD_SENSOR_QUEUE") == "limited":
            command.append("--limited-queue")
        with its:
            self._process = subprocess.Popen(
                command, stdin=its.fileno(), stdout=subprocess.DEVNULL, cwd="/", start_new_session=True
            )
        return mine

    def _begin_service(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(5.0)
            connection.connect(str(self.service))
        except OSError as error:
            connection.close()
            raise UnavailableError(f"the sensor service {self.service} does not answer: {error}") from error
        return connection

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was read is delivered."""
        self._stop.set()
        self._burst.hurry()
        self._drop(close=False)
        if self._thread.is_alive():
            self._thread.join(5)
        if self._connection is not None:
            self._connection.close()

    def _drop(self, *, close: bool = True) -> None:
        """End the connection, and the sensor; it must not be closed under the thread that reads it."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            if close:
                self._connection.close()
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @property
    def waits(self) -> bool:
        """True while a burst is let pass: what the sensor has seen is not read yet."""
        return self._burst.waits

    def alive(self) -> bool:
        """Say whether the feed's thread still runs."""
        return self._thread.is_alive() or bool(self.ended)

    def pid(self) -> int | None:
        """Return the pid of the sensor process."""
        pid = self.welcome.get("pid")
        return pid if isinstance(pid, int) else None

    def refused(self) -> dict[bytes, str]:
        """Return the roots that cannot be recorded exactly, and why."""
        return {bytes(root): str(why) for root, why in self.welcome.get("roots", ()) if why}

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        quick = 0
        while not self._stop.is_set():
            self._read()
            if self._stop.is_set():
                return
            down_ns = self._told_ns or self._clock.now_ns()
            if self.ended:
                self.down_ns = down_ns
                return
            quick = quick + 1 if down_ns - self._up_ns < _QUICK_NS else 0
            log.warning("the sensor has ended; starting anew")
            self.down_ns = down_ns
            if not (self._keeps and self._reconnects()):
                detail = "the sensor has ended: nothing is seen until it is back"
                if self.lasts:
                    self._inbox.put(Lost(down_ns, down_ns, b"", "sensor-down", detail))
                if quick > _MOST_RETRIES and not self.lasts:
                    self.failed = "the sensor ends as soon as it has begun"
                    return
                self._stop.wait(quick * _RETRY_S)
                if not self._again():
                    return
            if not self.resumed:
                now_ns = self._clock.now_ns()
                self._inbox.put(
                    Lost(now_ns, down_ns, b"", "sensor-down", "the sensor had ended; it was started anew")
                )
            self.down_ns = 0
            for number in sorted(self._asked):
                self.ask_sync(number)

    def _reconnects(self) -> bool:
        """Try once; say whether there is a sensor again, and with luck the same."""
        self._drop()
        try:
            self.connect()
        except UnavailableError:
            return False
        return True

    def _again(self) -> bool:
        """Reconnect; say whether that succeeded before the end."""
        tries = 0
        while not self._stop.is_set():
            self._drop()
            try:
                self.connect()
            except UnavailableError as error:
                tries += 1
                if not self.lasts and tries >= _MOST_RETRIES:
                    self.failed = str(error)
                    log.warning("no sensor can be started any more: %s", error)
                    return False
                self._stop.wait(_RETRY_S)
            else:
                return True
        return False

    def _read(self) -> None:
        connection = self._connection
        while connection is not None:
            try:
                self._burst.let_pass(connection)
                data = connection.recv(1 << 18)
            except OSError:
                return
            if not data:
                return
            try:
                for value in self._splitter.feed(data):
                    self._take(value)
            except ValueError as error:
                log.warning("what the sensor sent makes no sense: %s", error)
                return

    def _take(self, value: Any) -> None:
        for item in Reader(self._boot, self._epoch).items(value):
            if isinstance(item, Ended):
                self.ended = item.why
                continue
            if isinstance(item, Numbered):
                self._had = item.number
                self._inbox.put(item)
                continue
            if isinstance(item, Synced):
                self._asked.discard(item.number)
                if not self._asked:
                    self._burst.calm()
                    if self._asked:  # somebody has asked between the two
                        self._burst.hurry()
                self._on_sync(item.number)
            else:
                self._told_ns = max(self._told_ns, item.at_ns)
                self._inbox.put(item)
        while self._inbox.waiting > LIMIT // 2 and not self._stop.is_set():
            time.sleep(0.005)

    def stored(self, source: str) -> None:
        """Tell the sensor up to where everything is stored."""
        epoch, number = _source(source)
        connection = self._connection
        if epoch == self._epoch and connection is not None:
            self._stored = number
            with self._sending, suppress(OSError):
                connection.sendall(frames.frame(["took", number]))

    def known(self, contents: list[tuple[int, ...]]) -> None:
        """Tell a sensor that keeps contents of which the digests are known: it need not keep them."""
        for start in range(0, len(contents), _PIECE):
            self._say(["known", contents[start : start + _PIECE]])

    def stale(self, paths: list[bytes]) -> None:
        """Tell a mount which files were changed without passing it: the kernel must not remember them."""
        for start in range(0, len(paths), _PIECE):
            self._say(["stale", paths[start : start + _PIECE]])

    def _say(self, message: list[Any]) -> None:
        connection = self._connection
        if self._keeps and connection is not None:
            with self._sending, suppress(OSError):
                connection.sendall(frames.frame(message))

    def ask_sync(self, number: int) -> None:
        """Ask the sensor to tell all that has happened; the answer comes to ``on_sync``."""
        self._asked.add(number)
        self._burst.hurry()
        connection = self._connection
        if connection is not None:
            with self._sending, suppress(OSError):
                connection.sendall(frames.frame(["sync", number]))


def _source(text: str) -> tuple[str, int]:
    """Return the epoch and the number that ``Journal.source`` names."""
    epoch, _, number = text.partition(" ")
    return epoch, int(number) if number.isdigit() else 0
