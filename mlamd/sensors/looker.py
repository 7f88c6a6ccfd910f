"""A small process that looks at each program the moment it begins, and does nothing else.

A program may live for less than a millisecond; whoever has other work to do comes too late for its command
line. So the sensor forks this process, which waits for the kernel's word of an exec, reads ``/proc`` and
passes on what it saw. It runs before all others (sched(7): SCHED_FIFO), for some 0.1 ms an exec: at nice
-20, one exec in ten was seen too late, as a running process keeps its slice of 3 ms.
"""

import errno
import gc
import os
import select
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mlamd.host.connector import Connector, Kind, ProcessEvent, QueueFullError
from mlamd.host.fanotify import Handles
from mlamd.host.procfs import ends_of, look_at_image
from mlamd.model import codec
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts
from mlamd.sensors.executions import Seen

_QUEUE_BYTES = 4 << 20
_MOST_BYTES = 1 << 18
_SO_SNDBUFFORCE = 32
_PATIENCE_MS = 100
_START_S = 2.0
_READY = (0, 0)
"""The place of a message that says only that the process listens."""
_MOST_KEPT = 10_000
_NICEST = -20

Image = list[Any]
"""What ``look_at_image`` and ``ends_of`` of ``host.procfs`` return; before that the key of the directory."""


class Looker:
    """The sensor's end; make it while the process has one thread. ``image`` belongs to one thread."""

    def __init__(self) -> None:
        # A message goes whole or not at all, whatever its size.
        reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with suppress(OSError):
            writing.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _QUEUE_BYTES)
        self.pid = os.fork()
        if not self.pid:
            reading.close()
            _look_for_ever(writing)
        writing.close()
        reading.setblocking(False)
        self._reading = reading
        self._silent = False
        self._images: dict[tuple[int, int], Image | None] = {}
        self._ended = False
        self._handles = Handles()
        # From now on nothing is missed: it says so itself.
        if select.select([reading], [], [], _START_S)[0]:
            self._receive()
            self._images.pop(_READY, None)

    def image(self, event: ProcessEvent, before: ProcessFacts) -> Seen | None:
        """Return what was seen of the program that this exec began, None if that was too late."""
        place = (event.process, event.monotonic_ns)
        while place not in self._images and not self._ended:
            if self._receive():
                continue
            # One that does not speak is waited for once, not at every exec.
            patience_s = 0.0 if self._silent else _PATIENCE_MS / 1000
            if not select.select([self._reading], [], [], patience_s)[0]:
                self._silent = True
                break
        if self._ended and place not in self._images:
            return seen_in(looked_at(event.process, self._handles), before)
        if len(self._images) > _MOST_KEPT:
            self._images.clear()
        return seen_in(self._images.pop(place, None), before)

    def _receive(self) -> bool:
        try:
            data = self._reading.recv(_MOST_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return False
        process, monotonic_ns, image = codec.unpack(data)
        self._images[process, monotonic_ns] = image
        self._silent = False
        return True

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._reading.close()


def seen_in(image: Image | None, before: ProcessFacts) -> Seen | None:
    """Turn a look into facts, and the files and pipes that are standard input and output.

    What could not be read is as it was before the exec.
    """
    if image is None:
        return None
    argv, executable, cwd, standard, uid, name, group, session, terminal, *around, place, shared = image
    variables, program = around
    files = tuple(
        HeldFile(os.fsencode(target), reads=number == 0, writes=number > 0)
        for number, target in enumerate(standard)
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/"))
    )
    pipes = tuple(
        HeldPipe(target, reads=number == 0, writes=number > 0)
        for number, target in enumerate(standard)
        if target.startswith("pipe:[")
    )
    facts = replace(
        before,
        argv=tuple(_text(word) for word in bytes(argv).rstrip(b"\0").split(b"\0")),
        executable=_text(executable),
        cwd=_text(cwd) or before.cwd,
        uid=before.uid if uid is None else uid,
        name=name or "",
        group=before.group if group is None else group,
        session=before.session if session is None else session,
        terminal=before.terminal if terminal is None else terminal,
        variables=tuple(_text(variable) for variable in variables),
        program=_text(program),
    )
    return Seen(facts, (files, pipes), place, tuple(HeldPipe(*end) for end in shared))


def _text(data: object) -> str:
    return data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else ""


def _hurry() -> None:
    """Run before others when there is something to do: somebody else's time slice would be too long."""
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICEST)


def _look_for_ever(writing: socket.socket) -> None:
    """Be the looker, until the sensor has ended. Never returns."""
    code = 1
    try:
        sensor = os.getppid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        writing.setblocking(False)
        _hurry()
        connector, handles = Connector(int(Kind.EXEC)), Handles()
        looked_at(os.getpid(), handles)  # what is needed for that is ready from now on
        writing.send(codec.pack([*_READY, None]))
        while os.getppid() == sensor:
            select.select([connector.descriptor], [], [], 1.0)
            _pass_on(connector, writing, handles)
        code = 0
    except BrokenPipeError:
        code = 0
    finally:
        os._exit(code)


def looked_at(process: int, handles: Handles) -> Image | None:
    """Look at a program, the handle of its directory (its name may be that of another namespace), its pipes.

    Who reads what a short program prints has closed the pipe soon.
    """
    image = look_at_image(process)
    if image is None:
        return None
    standard = image[3]
    channels = [link for link in standard if link.startswith("pipe:[")] if isinstance(standard, list) else []
    shared = ends_of(process, channels) if channels else []
    return [*image, handles.key_of(b"/proc/%d/cwd" % process, follow=True), shared]


def _pass_on(connector: Connector, writing: socket.socket, handles: Handles) -> None:
    try:
        event = connector.one()
    except QueueFullError:
        return
    while event is not None:
        if event.kind == Kind.EXEC:
            image = looked_at(event.process, handles)
            message = codec.pack([event.process, event.monotonic_ns, image])
            try:
                writing.send(message)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
        event = connector.one()
