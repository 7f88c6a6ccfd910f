"""Recording in this process, for a supervisor or for ``mlamd start`` itself."""

import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import trio

from mlamd.daemon import client, control
from mlamd.daemon.listening import listen
from mlamd.daemon.recorder import Recorder
from mlamd.daemon.supervisor import notify
from mlamd.errors import AccessError, StoreDamagedError, expected_in
from mlamd.workspace import Workspace

log = logging.getLogger("mlamd")
_LOG_BYTES = 4 << 20
_NICE = 5
"""The user's own work comes first; the sensor, which must not be late, does not wait for us."""
_SWITCH_S = 0.0005
"""How long the sensors' threads wait for the interpreter at most: their stamps are only as good as that."""


def set_up_logging(workspace: Workspace, *, to_terminal: bool) -> None:
    """Log to the store, at most some 8 MB, and to the terminal if there is one to see it.

    A log that cannot be written later on (a full disk) must not end the recorder: it is left out.
    """
    log.setLevel(logging.INFO)
    logging.raiseExceptions = False
    log.addHandler(logging.NullHandler())
    try:
        handlers: list[logging.Handler] = [
            logging.handlers.RotatingFileHandler(
                workspace.log_file,
                maxBytes=_LOG_BYTES,
                backupCount=1,
                encoding="utf-8",
                errors="surrogateescape",
            )
        ]
    except OSError as error:
        raise AccessError(
            f"cannot write {workspace.log_file}: {error.strerror}; check the owner of the store"
        ) from error
    if to_terminal:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)


def record(
    workspace: Workspace,
    on_ready: Callable[[str], None],
    sensor: str | None = None,
    mount: frozenset[str] | None = None,
) -> None:
    """Record until SIGTERM or SIGINT, ``mlamd stop``, or the end of the workspace.

    ``on_ready`` is called once, with the line that says what is recorded and how. Raises what keeps
    it from recording, as ``MlamdError`` where it is an expected failure. Leaves the current directory,
    which could not be removed for good, or unmounted, while a process stands in it.
    """
    os.chdir("/")
    recorder = Recorder(workspace, sensor=sensor, mount=mount)
    sys.setswitchinterval(_SWITCH_S)
    try:
        trio.run(_record, recorder, on_ready)
    except BaseExceptionGroup as group:
        error = expected_in(group)
        if error is None:
            raise
        raise error from group


async def _record(recorder: Recorder, on_ready: Callable[[str], None]) -> None:
    listener = listen(recorder.workspace.store)
    # Not by its path, which may lead through a mount that is made anew just then.
    store = os.open(recorder.workspace.store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    ready = trio.Event()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_signals, recorder, ready)
            nursery.start_soon(control.serve, recorder, listener, ready)
            nursery.start_soon(_announce, recorder, ready, on_ready)
            await recorder.run(ready=ready)
            nursery.cancel_scope.cancel()
    finally:
        listener.close()
        try:
            with suppress(FileNotFoundError):
                os.unlink(client.NAME, dir_fd=store)
        except OSError as error:
            raise StoreDamagedError(f"the store {recorder.workspace.store} is gone: {error}") from error
        finally:
            os.close(store)
    notify("STOPPING=1")
    log.info("stopped after event %d", recorder.writer.stored)


async def _announce(recorder: Recorder, ready: trio.Event, on_ready: Callable[[str], None]) -> None:
    await ready.wait()
    # Not before: the processes of a mount, which users wait for, are begun by this one.
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    line = f"recording {recorder.workspace.root} ({recorder.mode} mode: {recorder.sources.how()})"
    log.info("%s, pid %d, %d directories", line, os.getpid(), recorder.sources.watched())
    for note in recorder.notes:
        log.warning("%s", note)
        line += f"\n{note}"
    notify("READY=1")
    on_ready(line)


async def _signals(recorder: Recorder, ready: trio.Event) -> None:
    """Stop as ``mlamd stop`` does at the first signal, at once at the second."""
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
            async for number in received:
                log.info("got signal %d", number)
                notify("STOPPING=1")
                if nursery.child_tasks:
                    recorder.stop()
                else:
                    nursery.start_soon(control.stop, recorder, ready)
