"""Mounts a backing directory over itself and answers the kernel, one request after the other.

No handler waits for anything but the disk, so there is nothing to schedule. pyfuse3 lets its scheduler be
replaced (as its own ``pyfuse3.asyncio`` does); the one here only waits for the next request. Under trio many
small requests took about twice as long.
"""

import os
import resource
import select
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Self

import pyfuse3

from mlamd.host.mounts import OURS
from mlamd.mount.courier import Courier
from mlamd.mount.operations import Operations

_LOOKS = 40


class _Lock:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


class _Nursery:
    """Runs what it is given when its block ends: there is only ever one task."""

    def __init__(self) -> None:
        self._tasks: list[Coroutine[Any, Any, None]] = []

    def start_soon(self, task: Callable[..., Coroutine[Any, Any, None]], *arguments: Any, name: str) -> None:
        del name
        self._tasks.append(task(*arguments))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            await task


class _Waiter:
    """Waits for the next request; ``wake`` ends the waiting for good."""

    def __init__(self, courier: Courier | None) -> None:
        self._poll = select.poll()
        self._courier = courier
        self._channel = -1
        if courier is not None:
            self._poll.register(courier.door, select.POLLIN)
        self._registered = -1
        self._looks = _LOOKS
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._reading, select.POLLIN)

    async def wait_readable(self, descriptor: int) -> None:
        if descriptor != self._registered:
            self._poll.register(descriptor, select.POLLIN)
            self._registered = descriptor
        courier = self._courier
        if courier is not None and courier.full:
            courier.send()
        while True:
            found = self._looked() or self._asleep()
            if len(found) == 1 and found[0][0] == descriptor:
                return
            numbers = {number for number, _ in found}
            if self._reading in numbers:
                raise _EndedError
            if courier is not None:
                self._attend(courier, numbers)
            if descriptor in numbers:
                return

    def _attend(self, courier: Courier, numbers: set[int]) -> None:
        """Hear who is told of what is done; let the next one in."""
        if self._channel in numbers and not courier.hear():
            self._poll.unregister(self._channel)
            self._channel = -1
        if courier.door in numbers:
            if self._channel >= 0:
                self._poll.unregister(self._channel)
            self._channel = courier.accept()
            if self._channel >= 0:
                self._poll.register(self._channel, select.POLLIN)

    def _looked(self) -> list[tuple[int, int]]:
        """Look for a while, letting others run: who was answered often asks again within some microseconds.

        To be put to sleep and woken takes longer than that. It is looked less often each time that this was
        in vain: where others need the processor, looking takes it from who is to ask.
        """
        look, let_run = self._poll.poll, os.sched_yield
        for _ in range(self._looks):
            found = look(0)
            if found:
                self._looks = min(self._looks + 1, _LOOKS)
                return found
            let_run()
        self._looks = self._looks // 2 or 1
        return []

    def _asleep(self) -> list[tuple[int, int]]:
        """Sleep until there is something; what the courier has is brought before."""
        courier = self._courier
        if courier is None:
            return self._poll.poll()
        if courier.waits:
            courier.send()
        return self._poll.poll(courier.pause_ms)

    def wake(self) -> None:
        with suppress(OSError):
            os.write(self._writing, b"x")

    def current_task(self) -> SimpleNamespace:
        return SimpleNamespace(name="mount")

    def current_trio_token(self) -> None:
        return None


class _EndedError(Exception):
    """Stands for trio's error of a closed resource, at which pyfuse3 ends its loop."""


class Mount:
    """One mounted file system; there can be one in a process. Raises ``OSError`` if it cannot be mounted."""

    def __init__(
        self,
        operations: Operations,
        place: str,
        options: frozenset[str] = frozenset(),
        courier: Courier | None = None,
    ) -> None:
        self._waiter = _Waiter(courier)
        pyfuse3.trio = SimpleNamespace(  # type: ignore[attr-defined]
            Lock=_Lock, lowlevel=self._waiter, open_nursery=_Nursery, ClosedResourceError=_EndedError
        )
        os.umask(0)
        _open_as_many_as_allowed()
        try:
            pyfuse3.init(operations, place, {f"fsname={OURS}", "default_permissions", *options})
        except RuntimeError as error:
            raise OSError(f"cannot mount over {place}: {error}") from error

    def run(self) -> None:
        """Answer requests until the file system is unmounted, or ``stop`` is called."""
        with suppress(StopIteration):
            pyfuse3.main(1, 1).send(None)

    def stop(self) -> None:
        """End ``run``; from a signal handler or another thread."""
        self._waiter.wake()

    def close(self, *, unmount: bool) -> None:
        """Give everything back."""
        pyfuse3.close(unmount=unmount)


def _open_as_many_as_allowed() -> None:
    """Whatever anybody has open in the mount, we have open too: the usual limit is for one program."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open("/proc/sys/fs/nr_open", encoding="ascii") as line:
        most = int(line.read())
    for limit in (most, hard):  # the first needs CAP_SYS_RESOURCE
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return
