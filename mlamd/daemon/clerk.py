"""The clerk: a helper process that becomes a user for the length of a question, which the kernel answers.

Whether a user may read a file depends on modes, owners, access control lists, security modules and every
directory above. Nothing of that is worked out here: the clerk takes the user's ids (seteuid(2): with them it
loses the capabilities of root), asks faccessat2(2), and becomes root again. It has one thread, as ids belong
to a whole process in C libraries, and is forked before the service has any other.

A file is named by its directory's handle, path and name. The path leads there, the handle says whether it is
still the directory in which something happened: a user who puts another in its place learns nothing.

Frames as in ``mlamd.sensors.frames``. Questions are ``[what, uid, gid, groups, list]``; an answer has one
element for each of the list, or fewer if it would become too long.
"""

import ctypes
import errno
import os
import select
import signal
import socket
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from mlamd.errors import SensorError
from mlamd.host.fanotify import Handles
from mlamd.sensors.directories import SKIPPED, Listed
from mlamd.sensors.frames import Splitter, frame

GONE, NO, YES, HIDDEN = range(4)
"""Not there any more; may not be read; may be read; may be read by who knows its name, but not be listed."""

ENDED = "the process that asks for permissions has ended"

_ACCESS, _LIST, _ROOT = range(3)
_FACCESSAT2 = 439
_AT_EACCESS, _AT_SYMLINK_NOFOLLOW = 0x200, 0x100
_SO_PEERGROUPS = 59
_CREDENTIALS = struct.Struct("=iII")
_MOST_GROUPS = 65_536
_PATIENCE_S = 20.0
_FULL_BYTES = 4 << 20
_MOST_FRAME_BYTES = 1 << 26
_MOST_INNER = 100_000
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENAMETOOLONG})


class Person(NamedTuple):
    """As whom to ask: the ids of the process at the other end of a socket."""

    uid: int
    gid: int
    groups: tuple[int, ...]


class Place(NamedTuple):
    """A directory, as path and as ``Handles.key_of`` names it, and names in it."""

    path: bytes
    key: bytes
    names: tuple[bytes, ...]


def peer(connection: socket.socket) -> Person:
    """Return who is at the other end of a Unix socket, as the kernel noted it (``SO_PEERCRED``, unix(7)).

    Its groups come from there too (``SO_PEERGROUPS``, since Linux 4.13), and not from the list of groups: a
    recorder is told what it could read itself, even where it gave up groups, and no name service is asked.
    """
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(credentials)
    groups = (ctypes.c_uint32 * _MOST_GROUPS)()
    size = ctypes.c_uint32(ctypes.sizeof(groups))
    library = ctypes.CDLL(None, use_errno=True)
    done = library.getsockopt(
        connection.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, ctypes.byref(groups), ctypes.byref(size)
    )
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"SO_PEERGROUPS: {os.strerror(number)}")
    return Person(uid, gid, tuple(groups[: size.value // 4]))


class Clerk:
    """The service's end; make it while the process has one thread, and use it from one.

    All questions raise ``SensorError`` if the clerk has ended, or hangs: then nobody may be told anything.
    """

    def __init__(self) -> None:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if not self.pid:
            mine.close()
            _answer_for_ever(its)
        its.close()
        mine.settimeout(_PATIENCE_S)
        self._connection = mine
        self._splitter = Splitter(_MOST_FRAME_BYTES)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the clerk ends."""
        return self._connection.fileno()

    def verdicts(self, person: Person, places: list[Place]) -> list[list[int]]:
        """Say ``GONE``, ``NO``, ``YES`` or ``HIDDEN`` of each name in each directory."""
        answers: list[list[int]] = []
        while len(answers) < len(places):
            answers += self._ask(_ACCESS, person, [list(place) for place in places[len(answers) :]])
        return answers

    def listed(self, person: Person, directories: list[bytes]) -> list[Listed | None]:
        """List directories as the person sees them, None for nothing; maybe only the first of them."""
        return self._ask(_LIST, person, directories)

    def root(self, person: Person, path: bytes) -> int | None:
        """Return the owner of a directory that the person may list, None for anything else."""
        owner: int | None = self._ask(_ROOT, person, [path])[0]
        return owner

    def _ask(self, what: int, person: Person, items: list[Any]) -> list[Any]:
        try:
            self._connection.sendall(frame([what, person.uid, person.gid, list(person.groups), items]))
            while True:
                data = self._connection.recv(1 << 18)
                if not data:
                    break
                for answer in self._splitter.feed(data):
                    return list(answer)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended while it was asked
        except (OSError, ValueError) as error:
            raise SensorError(
                f"the helper process that asks for permissions does not answer: {error}"
            ) from error
        raise SensorError("the helper process that asks for permissions has ended")

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(self.pid, 0)
        self._connection.close()


# --- in the clerk's process ------------------------------------------------------------------


def _answer_for_ever(connection: socket.socket) -> None:
    """Be the clerk, until the service has ended. Never returns."""
    code = 1
    try:
        service = os.getppid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        eyes = Eyes()
        splitter = Splitter(_MOST_FRAME_BYTES)
        while os.getppid() == service:
            if not select.select([connection], [], [], 1.0)[0]:
                continue
            data = connection.recv(1 << 18)
            if not data:
                break
            for what, uid, gid, groups, items in splitter.feed(data):
                eyes.forget()
                answers = _as(Person(uid, gid, tuple(groups)), eyes.questions[what], items)
                connection.sendall(frame(answers))
        code = 0
    except (BrokenPipeError, ConnectionResetError):
        code = 0
    finally:
        os._exit(code)


def _as(person: Person, question: Callable[[list[Any]], list[Any]], items: list[Any]) -> list[Any]:
    """Ask as this person; an error while the ids change ends the clerk."""
    if person.uid <= 0:
        raise ValueError("root needs no clerk")
    os.setgroups(person.groups)
    os.setegid(person.gid)
    os.seteuid(person.uid)
    try:
        return question(items)
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


class Eyes:
    """What can be asked; looks with the rights that the process has at that moment."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(None, use_errno=True)
        self._handles = Handles()
        self.questions: dict[int, Callable[[list[Any]], list[Any]]] = {
            _ACCESS: lambda places: [self.access(*place) for place in places],
            _LIST: self.listings,
            _ROOT: lambda paths: [self.root(path) for path in paths],
        }

    def forget(self) -> None:
        """Ask anew which filesystem is mounted where."""
        self._handles.forget()

    def _may_read(self, directory: int, name: bytes) -> int:
        """Return 0 or an error number. The C library's own function may look at mode bits only."""
        flags = _AT_EACCESS | _AT_SYMLINK_NOFOLLOW
        done = self._c.syscall(_FACCESSAT2, directory, ctypes.c_char_p(name), os.R_OK, flags)
        return 0 if done == 0 else ctypes.get_errno()

    def access(self, path: bytes, key: bytes, names: list[bytes]) -> list[int]:
        """Answer for the names in one directory."""
        try:
            directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            return [GONE if error.errno in _ABSENT else NO] * len(names)
        try:
            if self._handles.key_of_open(directory) != key:
                return [GONE] * len(names)
            if self._may_read(directory, b".") == 0:
                return [self._verdict(directory, name) for name in names]
            hidden = (self._verdict(directory, name) for name in names)
            return [HIDDEN if verdict == YES else verdict for verdict in hidden]
        finally:
            os.close(directory)

    def _verdict(self, directory: int, name: bytes) -> int:
        number = self._may_read(directory, name)
        if number == 0:
            return YES
        if number in _ABSENT:
            return GONE
        try:
            found = os.lstat(name, dir_fd=directory) if name != b".." else None
        except OSError:
            return NO
        # Who owns a file can make it readable at any time.
        return YES if found is not None and found.st_uid == os.geteuid() else NO

    def listings(self, paths: list[bytes]) -> list[Listed | None]:
        """List directories, until the answer is long."""
        found: list[Listed | None] = []
        size = 0
        for path in paths:
            listed = self.listing(path)
            found.append(listed)
            size += sum(len(name) for name in listed[2]) if listed is not None else 0
            if size > _FULL_BYTES:
                break
        return found

    def listing(self, path: bytes) -> Listed | None:
        """Return key and device of a directory, and the directories in it that may be seen."""
        try:
            directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            key = self._handles.key_of_open(directory)
            return None if key is None else (key, os.fstat(directory).st_dev, _inner(directory))
        finally:
            os.close(directory)

    def root(self, path: bytes) -> int | None:
        """Return the owner of a directory that may be listed."""
        try:
            directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = os.fstat(directory)
            if not stat.S_ISDIR(found.st_mode) or self._may_read(directory, b"."):
                return None
            return found.st_uid
        finally:
            os.close(directory)


def _inner(directory: int) -> list[bytes]:
    """Return the directories in one that may be listed, at most ``_MOST_INNER``."""
    found: list[bytes] = []
    try:
        listed = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return found
    try:
        with suppress(OSError), os.scandir(listed) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if name not in SKIPPED and entry.is_dir(follow_symlinks=False):
                    found.append(name)
                if len(found) >= _MOST_INNER:
                    break
    finally:
        os.close(listed)
    return found
