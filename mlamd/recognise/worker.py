"""The process that looks into files: it gets open descriptors, and answers what each is.

A process of its own, as what it reads may be made to hurt whoever reads it: it has little memory, gives way
to everybody, and may take a second of processor time for each file. A question is a path with the descriptor
beside it (``SCM_RIGHTS``, unix(7)), an answer the packed map of a finding.
"""

import os
import resource
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from mlamd.masking.text import mask_setting
from mlamd.model import codec
from mlamd.recognise.facts import mapping
from mlamd.recognise.finding import HEAD_BYTES, Finding, RecogniseError, Subject
from mlamd.recognise.registry import Registry, installed

MOST_ANSWER_BYTES = 1 << 19
LENGTH = struct.Struct(">I")
_MOST_READ_BYTES = 64 << 20
_MOST_DATA_BYTES = 256 << 20
_MOST_CPU_S = 1.0
_MOST_PATH_BYTES = 1 << 16


class _TooLongError(BaseException):
    """A file took too much time; not caught by who catches all exceptions."""


class Descriptor:
    """Reads an open file: see ``Reader``."""

    def __init__(self, descriptor: int, most_bytes: int = _MOST_READ_BYTES) -> None:
        self._descriptor = descriptor
        self._left = most_bytes
        self._copy = -1
        self.size_bytes = os.fstat(descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Return some bytes; raises ``RecogniseError`` when too many have been read."""
        if size < 0 or offset < 0:
            raise RecogniseError("it names a place that is none")
        size = min(size, max(0, self.size_bytes - offset))
        self._left -= size
        if self._left < 0:
            raise RecogniseError("too much of it would have to be read")
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise RecogniseError(f"it cannot be read: {error.strerror}") from error

    def path(self) -> str:
        """Return the path of a copy in memory: to open the file itself once more would be noticed."""
        if self._copy < 0:
            self._copy = os.memfd_create("copy")
            for offset in range(0, self.size_bytes, 1 << 20):
                os.write(self._copy, self.read(offset, 1 << 20))
        return f"/proc/self/fd/{self._copy}"

    def close(self) -> None:
        """Give back the copy."""
        if self._copy >= 0:
            os.close(self._copy)


def look(registry: Registry, path: bytes, descriptor: int) -> Finding:
    """Say what an open file is, in a second of processor time at most (setitimer(2))."""

    def too_long(_: int, __: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, too_long)
    reader = Descriptor(descriptor)
    try:
        signal.setitimer(signal.ITIMER_PROF, _MOST_CPU_S)
        try:
            return registry.recognise(Subject(path, reader.read(0, HEAD_BYTES), reader))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _TooLongError:
        return Finding("generic", "", {"trouble": f"to look at it took longer than {_MOST_CPU_S:g} s"})
    except (RecogniseError, MemoryError, OSError) as error:
        return Finding("generic", "", {"trouble": str(error) or type(error).__name__})
    except Exception as error:  # noqa: BLE001  (a fault of one recogniser must not end all)
        return Finding("generic", "", {"trouble": f"{type(error).__name__}: {error}"})
    finally:
        signal.signal(signal.SIGPROF, before)
        reader.close()


def packed(finding: Finding) -> bytes:
    """Pack a finding; one with too many facts says so, and keeps those that are short."""
    # Whoever found it, and wherever it stood: recognisers may be other people's.
    finding = replace(finding, facts=mapping(mask_setting("", finding.facts)))
    fields = {"kind": finding.kind, "format": finding.format, "made": finding.made}
    answer = codec.packer().pack(fields | {"facts": dict(finding.facts)})
    if len(answer) <= MOST_ANSWER_BYTES:
        return bytes(answer)
    facts = {name: fact for name, fact in finding.facts.items() if isinstance(fact, bool | int | float)}
    trouble = {"trouble": "it says more of itself than is kept"}
    return bytes(codec.packer().pack(fields | {"facts": facts | trouble}))


def serve(connection: socket.socket) -> None:
    """Answer until the other end is closed."""
    _be_small()
    registry = installed()
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _MOST_PATH_BYTES, 1)
        if not message or not descriptors:
            return
        try:
            answer = packed(look(registry, message, descriptors[0]))
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            fault = {"trouble": f"its facts cannot be packed: {type(error).__name__}"}
            answer = packed(Finding("generic", "", fault))
        finally:
            os.close(descriptors[0])
        connection.sendall(LENGTH.pack(len(answer)) + answer)


def _be_small() -> None:
    """Take few rights and resources: setrlimit(2), nice(2)."""
    with suppress(OSError):
        os.nice(19)
    limits = {
        resource.RLIMIT_DATA: _MOST_DATA_BYTES,
        resource.RLIMIT_FSIZE: _MOST_READ_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))
