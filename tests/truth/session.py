"""Commands typed at a real interactive bash in a terminal, all of it under strace."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.truth.edges import Truth
from tests.truth.kernel import Kernel
from tests.truth.strace import parse, traced

_READY = re.compile(rb"READY:(\d+):")
_SHELL = ["bash", "--norc", "--noprofile", "-i"]


class CommandFailedError(Exception):
    """A typed command did not end in time, or ended with another status than 0."""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of the typed commands: nothing of ours but the interpreter."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(home),
        "PS1": "READY:$?:",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        "HISTFILE": "",
    }


class Session:
    """A shell in a terminal whose working directory is the workspace; a context manager.

    Leaving it ends the shell and waits until everything that was started in it has ended.
    """

    def __init__(self, workspace: Path, log: Path, *, patience_s: float = 90.0) -> None:
        self.workspace = workspace.resolve()
        self._log = log
        self._patience_s = patience_s
        self._before = _listing(self.workspace)
        self._terminal = -1
        self._tracer: subprocess.Popen[bytes] | None = None
        self._screen = b""

    def __enter__(self) -> Self:
        self._terminal, inner = pty.openpty()
        # Wide enough that readline never redraws a line, and with it the prompt.
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 4000, 0, 0))
        self._tracer = subprocess.Popen(
            # setsid(1) makes the terminal the controlling one; the tracer stays out of the workspace.
            ["setsid", "--ctty", *traced(self._log, _SHELL)],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd="/",
            env=environment(self._log.parent),
        )
        os.close(inner)
        self._wait_ready()
        self.type(f"cd {self.workspace}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tracer is not None
        if kind is None:
            os.write(self._terminal, b"exit 0\n")
        try:
            self._drain(self._tracer)
        finally:
            # The hang-up ends a shell that is still there, and the tracer with it.
            os.close(self._terminal)
            if self._tracer.poll() is None:
                self._tracer.send_signal(signal.SIGTERM)
                self._tracer.wait(self._patience_s)

    def type(self, line: str) -> None:
        """Type a line, and wait for the next prompt."""
        os.write(self._terminal, line.encode() + b"\n")
        status = self._wait_ready()
        if status:
            raise CommandFailedError(f"{line!r} ended with {status}: {self._screen.decode(errors='replace')}")

    def truth(self) -> Truth:
        """Return what was true; only after the session has ended."""
        kernel = Kernel(str(self.workspace), *self._before, cwd="/")
        with self._log.open(encoding="ascii", errors="surrogateescape") as lines:
            return kernel.replay(parse(lines, str(self.workspace)))

    def _wait_ready(self) -> int:
        self._screen = b""
        deadline = time.monotonic() + self._patience_s
        while (found := _READY.search(self._screen)) is None:
            if not self._more(deadline - time.monotonic()):
                raise CommandFailedError(f"no prompt: {self._screen.decode(errors='replace')}")
        return int(found.group(1))

    def _more(self, limit_s: float) -> bool:
        if limit_s <= 0 or not select.select([self._terminal], [], [], limit_s)[0]:
            return False
        try:
            piece = os.read(self._terminal, 65536)
        except OSError:  # EIO: the other side of the terminal is closed
            return False
        self._screen += piece
        return bool(piece)

    def _drain(self, tracer: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + (self._patience_s if sys.exc_info()[0] is None else 1.0)
        while tracer.poll() is None and time.monotonic() < deadline:
            if not self._more(0.05):
                time.sleep(0.02)


def _listing(workspace: Path) -> tuple[list[str], list[str]]:
    files: list[str] = []
    directories: list[str] = []
    for top, inner, names in os.walk(workspace):
        base = os.path.relpath(top, workspace)
        directories += [os.path.normpath(os.path.join(base, name)) for name in inner]
        files += [os.path.normpath(os.path.join(base, name)) for name in names]
    return files, directories
