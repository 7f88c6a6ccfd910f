"""The directory below the mount, reached by descriptor: what each request of the kernel means for it.

Knows nothing of FUSE. Every method takes the numbers that the kernel knows nodes by, and raises ``OSError``
where the same call on the plain directory would fail. Sources: fuse(4), Documentation/filesystems/fuse.rst.
"""

import ctypes
import errno
import os
import stat
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import stat_result
from typing import NamedTuple

from mlamd.mount.nodes import Node, Nodes

STORE = b".mlamd"
_OUR_FLAGS = ~(os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_APPEND | os.O_DIRECT | os.O_ASYNC)
"""Appending is left to the kernel, which knows the size; so is the direct way past its cache."""
EXEC = 0x20
"""``__FMODE_EXEC``: the file is opened to be executed (include/linux/fs.h)."""
EXCHANGE = 2
CAPABILITY = b"security.capability"
_MOST_PATH = 4096 - 40
"""``PATH_MAX``, less the prefix that ``_way`` puts before it."""
_LITTLE = 1 << 30
"""So few bytes are nearly a full disk: more than a program usually writes into one file."""
_FAR = 8
_TO_HOLD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OPENAT2 = 437
_HOW = struct.Struct("=QQQ")
"""``struct open_how`` (include/uapi/linux/openat2.h): flags, mode, resolve."""
_NO_MAGIC, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_YOUNG_S = 0.5
"""No request is about more paths than this."""


class Caller(NamedTuple):
    """Who asks."""

    uid: int
    gid: int


class Handle:
    """A file that somebody has open."""

    __slots__ = (
        "changed",
        "closed",
        "descriptor",
        "direct",
        "emptied",
        "flags",
        "made",
        "node",
        "process",
    )

    def __init__(self, node: Node, descriptor: int, flags: int) -> None:
        self.node = node
        self.descriptor = descriptor
        self.flags = flags
        self.process = 0
        """Who opened it."""
        self.direct = False
        """True if the kernel's cache is passed by."""
        self.changed = False
        """True if content was changed since the last close of a descriptor."""
        self.closed = False
        """True if it was told that it was closed."""
        self.made = False
        """True if this open made the file."""
        self.emptied = False
        """True if there was nothing in the file when it was opened."""


class Changes(NamedTuple):
    """What ``set_attributes`` shall change; None for what shall stay."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    atime_ns: int | None = None
    mtime_ns: int | None = None


class Backing:
    """The files below ``descriptor``, a directory that was opened before anything was mounted over it.

    ``store_link`` is what ``.mlamd`` points to for those who come through the mount. It is not listed: who
    copies or commits all files would take the link along. ``strict`` is for a mount that several users may
    enter: who can also reach the covered directory must not lead us out of it by symbolic links. For one
    thread.
    """

    def __init__(self, descriptor: int, store_link: bytes | None = None, *, strict: bool = False) -> None:
        self.descriptor = descriptor
        status = os.stat(descriptor)
        self.nodes = Nodes(status.st_dev, (status.st_dev, status.st_ino))
        self._place = b"/proc/self/fd/%d/" % descriptor
        self._guards = store_link is not None
        self._store_link = store_link or b""
        self._strict = strict
        self._us = os.geteuid()
        self._handles: dict[int, Handle] = {}
        self._listings: dict[int, tuple[Node, list[bytes]]] = {}
        self._next = 0
        self._far: deque[int] = deque()
        """Directories on the way to what was last reached over paths that are too long for a call."""
        self._c = ctypes.CDLL(None, use_errno=True)
        self.before_loss: Callable[[Node], None] = lambda _: None
        """Called with a file that is about to lose its last name."""
        self.was_changed: Callable[[Node], None] = lambda _: None
        """Called with a file that was changed behind our back."""

    # --- finding -----------------------------------------------------------------------------

    def _path(self, node: Node) -> bytes:
        """Return a path below the root; raises ``OSError`` for what has none."""
        path = self.nodes.path(node)
        if path is None:
            raise OSError(errno.ENOENT, "it was removed")
        return self._reached(path)

    def _reached(self, path: bytes) -> bytes:
        """Return a path that is short enough for a call: a process can go deeper by steps, we cannot."""
        if len(path) < _MOST_PATH and not self._strict:
            return path
        above = self.descriptor
        while len(path) >= _MOST_PATH or (self._strict and b"/" in path):
            cut = path.rindex(b"/", 0, _MOST_PATH)
            below = self._directory(path[:cut], above)
            if above != self.descriptor:
                os.close(above)
            above, path = below, path[cut + 1 :]
        if above == self.descriptor:
            return path
        self._far.append(above)
        if len(self._far) > _FAR:
            os.close(self._far.popleft())
        return b"/proc/self/fd/%d/%b" % (above, path)

    def _directory(self, path: bytes, above: int) -> int:
        """Open a directory to go on from there; if we are strict, not through symbolic links (openat2(2))."""
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        if not self._strict:
            return os.open(path, flags, dir_fd=above)
        how = _HOW.pack(flags, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGIC)
        descriptor: int = self._c.syscall(_OPENAT2, above, path, how, len(how))
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return descriptor

    def _child(self, parent: Node, name: bytes) -> bytes:
        path = self.child(parent.number, name)
        if path is None:
            raise OSError(errno.ENOENT, "its directory was removed")
        return self._reached(path)

    def _new_child(self, parent: Node, name: bytes) -> bytes:
        """Return the path of a name that is to be changed."""
        if name == STORE and parent is self.nodes.root and self._guards:
            raise OSError(errno.EBUSY, "the store of a workspace that is recorded")
        return self._child(parent, name)

    def _stat(self, path: bytes) -> stat_result:
        return os.stat(path, dir_fd=self.descriptor, follow_symlinks=False)

    def lookup(self, number: int, name: bytes) -> tuple[Node, stat_result]:
        """Find a name in a directory; the kernel will remember the node once more."""
        parent = self.nodes[number]
        status = self._stat(self._child(parent, name))
        node = self.nodes.found(parent, name, status)
        node.lookups += 1
        if name == STORE and parent is self.nodes.root and self._store_link:
            status = self._as_link(status)
        return node, status

    def _as_link(self, status: stat_result) -> stat_result:
        return _but(status, {0: stat.S_IFLNK | 0o777, 6: len(self._store_link)})

    def _made(
        self,
        parent: Node,
        name: bytes,
        path: bytes,
        caller: Caller,
        descriptor: int = -1,
        *,
        new: bool = True,
    ) -> tuple[Node, stat_result]:
        """Return what was just made, as its maker's; ``descriptor`` is what is open of it.

        What was removed behind our back may have had the same inode: what is ``new`` is never that.
        """
        status = self._stat(path) if descriptor < 0 else os.fstat(descriptor)
        if self._us == 0 and (caller.uid != status.st_uid or caller.gid != status.st_gid):
            status = self._given(path, status, parent, caller)
        before = self.nodes.of(status) if new else None
        if before is not None:
            self.nodes.renew(before)
        node = self.nodes.found(parent, name, status)
        node.lookups += 1
        return node, status

    def _given(self, path: bytes, status: stat_result, parent: Node, caller: Caller) -> stat_result:
        """Give a file that root has made to whom it was made for (chown(2) clears the special bits)."""
        above = os.stat(self._path(parent), dir_fd=self.descriptor)
        gid = status.st_gid if above.st_mode & stat.S_ISGID else caller.gid
        os.chown(path, caller.uid, gid, dir_fd=self.descriptor, follow_symlinks=False)
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID) and not stat.S_ISLNK(status.st_mode):
            os.chmod(path, stat.S_IMODE(status.st_mode), dir_fd=self.descriptor)
        return self._stat(path)

    def forget(self, number: int, lookups: int) -> None:
        """Note that the kernel has forgotten a node."""
        self.nodes.forget(number, lookups)

    # --- attributes --------------------------------------------------------------------------

    def attributes(self, number: int) -> stat_result:
        """Return the attributes of a node."""
        node = self.nodes[number]
        if node.descriptors:
            return os.fstat(node.descriptors[-1])
        path = self.nodes.path(node)
        if path is None:
            return os.fstat(self._last(node))
        status = self._stat(self._reached(path))
        if path == STORE and self._store_link:
            return self._as_link(status)
        return status

    def _last(self, node: Node) -> int:
        """Return a descriptor of what has no name any more."""
        if node.descriptors:
            return node.descriptors[-1]
        if node.kept >= 0:
            return node.kept
        raise OSError(errno.ENOENT, "it was removed")

    def _way(self, node: Node) -> bytes:
        """Return an absolute path to a node; to what has no name, through a descriptor."""
        path = self.nodes.path(node)
        if path is None:
            return b"/proc/self/fd/%d" % self._last(node)
        if len(path) < _MOST_PATH and not self._strict:
            return self._place + path
        reached = self._reached(path)
        return reached if reached.startswith(b"/") else self._place + reached

    def _short_way(self, node: Node) -> tuple[int | bytes, int | None]:
        """Return what is open of a node, or a path to it, and what that begins at; None where it is followed.

        ``_way`` leads through ``/proc``, which takes several times longer.
        """
        if node.descriptors:
            return node.descriptors[-1], None
        path = self.nodes.path(node)
        if path is None:
            return self._way(node), None
        if self._strict:
            return self._held(node, path), None
        return self._reached(path), self.descriptor

    def _way_to_cut(self, node: Node, way: int | bytes, base: int | None) -> bytes:
        """Return an absolute path for truncate(2), which takes no descriptor for reading only."""
        if isinstance(way, int):
            return b"/proc/self/fd/%d" % way
        return way if base is None else self._way(node)

    def _held(self, node: Node, path: bytes) -> bytes:
        """Return a path that leads to the very file that a node stands for, by a descriptor of it."""
        descriptor = os.open(self._reached(path), _TO_HOLD, dir_fd=self.descriptor)
        self._far.append(descriptor)
        self._is_it(node, os.fstat(descriptor))
        return b"/proc/self/fd/%d" % descriptor

    def _is_it(self, node: Node, status: stat_result) -> None:
        """Raise ``ESTALE`` if what stands at a path is not what the kernel means: it will look again."""
        if (status.st_dev, status.st_ino) != node.identity:
            raise OSError(errno.ESTALE, "another file stands there")

    def _leads(self, node: Node) -> bool:
        """Say whether ``_way`` is a link to the node: through a descriptor."""
        return self.nodes.path(node) is None

    def set_attributes(self, number: int, changes: Changes, handle: int | None) -> stat_result:
        """Change attributes, and return all of them."""
        node = self.nodes[number]
        way, base = self._short_way(node)
        follows = base is None
        if changes.size is not None:
            held = None if handle is None else self._handles.get(handle)
            if held is None:
                os.truncate(self._way_to_cut(node, way, base), changes.size)
            else:
                os.ftruncate(held.descriptor, changes.size)
                held.changed = True
            self._changes(handle or 0, node)
            node.size = changes.size
        if (
            changes.uid is not None
            or changes.gid is not None
            or not any(change is not None for change in changes)
        ):
            uid, gid = _or_same(changes.uid), _or_same(changes.gid)
            os.chown(way, uid, gid, dir_fd=base, follow_symlinks=follows)
        if changes.mode is not None:
            os.chmod(way, stat.S_IMODE(changes.mode), dir_fd=base)
        if changes.atime_ns is not None or changes.mtime_ns is not None:
            times = _times(changes, lambda: self.attributes(number))
            os.utime(way, ns=times, dir_fd=base, follow_symlinks=follows)
            if changes.mtime_ns is not None:
                node.mtime_ns = changes.mtime_ns
        return self.attributes(number)

    def read_link(self, number: int) -> bytes:
        """Return the target of a symbolic link."""
        path = self._path(self.nodes[number])
        if path == STORE and self._store_link:
            return self._store_link
        return os.readlink(path, dir_fd=self.descriptor)

    # --- names -------------------------------------------------------------------------------

    def make_node(
        self, number: int, name: bytes, mode: int, device: int, caller: Caller
    ) -> tuple[Node, stat_result]:
        """Make a file, a FIFO, a socket or a device."""
        parent = self.nodes[number]
        path = self._new_child(parent, name)
        os.mknod(path, mode, device, dir_fd=self.descriptor)
        return self._made(parent, name, path, caller)

    def make_directory(self, number: int, name: bytes, mode: int, caller: Caller) -> tuple[Node, stat_result]:
        """Make a directory."""
        parent = self.nodes[number]
        path = self._new_child(parent, name)
        os.mkdir(path, stat.S_IMODE(mode), dir_fd=self.descriptor)
        return self._made(parent, name, path, caller)

    def make_link(self, number: int, name: bytes, target: bytes, caller: Caller) -> tuple[Node, stat_result]:
        """Make a symbolic link."""
        parent = self.nodes[number]
        path = self._new_child(parent, name)
        os.symlink(target, path, dir_fd=self.descriptor)
        return self._made(parent, name, path, caller)

    def link(self, number: int, directory: int, name: bytes) -> tuple[Node, stat_result]:
        """Give a file a further name."""
        node, parent = self.nodes[number], self.nodes[directory]
        path = self._new_child(parent, name)
        follows = self._leads(node)
        os.link(self._way(node), path, dst_dir_fd=self.descriptor, follow_symlinks=follows)
        status = self._stat(path)
        found = self.nodes.found(parent, name, status)
        found.lookups += 1
        return found, status

    def remove(self, number: int, name: bytes) -> stat_result:
        """Remove a name of a file; return what it was."""
        return self._removed(number, name, os.unlink)

    def remove_directory(self, number: int, name: bytes) -> stat_result:
        """Remove an empty directory; return what it was."""
        return self._removed(number, name, os.rmdir)

    def _removed(self, number: int, name: bytes, remove: Callable[..., None]) -> stat_result:
        parent = self.nodes[number]
        path = self._new_child(parent, name)
        status = self._stat(path)
        node = self.nodes.of(status)
        keep = self._keep(node, path, status)
        try:
            remove(path, dir_fd=self.descriptor)
        except BaseException:
            _let_go(keep)
            raise
        self._unnamed(node, parent, name, keep)
        return status

    def _keep(self, node: Node | None, path: bytes, status: stat_result) -> int:
        """Open what is about to lose its last name: somebody may have it open, or stand in it; else -1."""
        if node is None or node.kept >= 0 or (status.st_nlink > 1 and not node.directory):
            return -1
        if node.unkept is not None:
            self.before_loss(node)
        return os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)

    def _unnamed(self, node: Node | None, parent: Node, name: bytes, keep: int) -> None:
        if node is None:
            return
        self.nodes.unnamed(node, parent, name)
        if keep >= 0:
            node.kept = keep

    def rename(
        self, number: int, name: bytes, new_number: int, new_name: bytes, flags: int
    ) -> tuple[stat_result, stat_result | None]:
        """Rename; return what was renamed, and what stood at the new name (renameat2(2))."""
        parent, new_parent = self.nodes[number], self.nodes[new_number]
        path, new_path = self._new_child(parent, name), self._new_child(new_parent, new_name)
        status = self._stat(path)
        over: stat_result | None = None
        with suppress(FileNotFoundError, NotADirectoryError):
            over = self._stat(new_path)
        replaced = None if over is None else self.nodes.of(over)
        keep = -1
        if over is not None and not flags:
            keep = self._keep(replaced, new_path, over)
        try:
            self._rename(path, new_path, flags)
        except BaseException:
            _let_go(keep)
            raise
        if over is not None and (over.st_dev, over.st_ino) == (status.st_dev, status.st_ino):
            _let_go(keep)
            return status, over  # two names of one file: rename(2) does nothing
        node = self.nodes.of(status)
        if flags & EXCHANGE:
            if replaced is not None:
                self.nodes.moved(replaced, (new_parent, new_name), (parent, name))
        else:
            self._unnamed(replaced, new_parent, new_name, keep)
        if node is not None:
            self.nodes.moved(node, (parent, name), (new_parent, new_name))
        return status, over

    def _rename(self, path: bytes, new_path: bytes, flags: int) -> None:
        root = self.descriptor
        if not flags:
            os.rename(path, new_path, src_dir_fd=root, dst_dir_fd=root)
        elif self._c.renameat2(root, path, root, new_path, ctypes.c_uint(flags)) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    # --- open files --------------------------------------------------------------------------

    def _opened(self, node: Node, path: bytes, flags: int, mode: int = 0, wanted: int = 0) -> int:
        """Open, and return the number of the handle.

        The kernel's cache reads where a user only writes, so that we need to read too, if we may.
        """
        if flags & os.O_ACCMODE == os.O_WRONLY:
            try:
                descriptor = os.open(path, flags & ~os.O_ACCMODE | os.O_RDWR, mode, dir_fd=self.descriptor)
            except PermissionError:
                descriptor = os.open(path, flags, mode, dir_fd=self.descriptor)
        else:
            descriptor = os.open(path, flags, mode, dir_fd=self.descriptor)
        return self._kept(node, descriptor, wanted or flags)

    def _kept(self, node: Node, descriptor: int, flags: int) -> int:
        self._next += 1
        self._handles[self._next] = Handle(node, descriptor, flags)
        node.descriptors.append(descriptor)
        node.writers += flags & os.O_ACCMODE != os.O_RDONLY
        return self._next

    def open(self, number: int, flags: int) -> int:
        """Open a file; return a handle."""
        node = self.nodes[number]
        ours = flags & _OUR_FLAGS & ~EXEC | os.O_CLOEXEC | os.O_NOFOLLOW
        path = self.nodes.path(node)
        if path is None:
            path, ours = self._way(node), ours & ~os.O_NOFOLLOW
        else:
            path = self._reached(path)
        cuts = ours & os.O_TRUNC
        handle = self._opened(node, path, ours & ~os.O_TRUNC if self._strict else ours, wanted=flags)
        try:
            self._check(self._handles[handle], cuts=bool(cuts))
            if cuts and self._strict:
                os.ftruncate(self._handles[handle].descriptor, 0)
        except OSError:
            self.release(handle)
            raise
        self._handles[handle].direct = self._is_direct(flags)
        if flags & os.O_TRUNC:
            self._handles[handle].emptied = True
            self._changes(handle, node)
            node.size = 0
        return handle

    def _check(self, handle: Handle, *, cuts: bool) -> None:
        """Raise ``ESTALE`` if the file is not the one that the kernel knows, or not as it knows it.

        It then looks the file up anew, once (open(2) does so by itself), and is told of a new one: with what
        it remembers of the old one it would read the old content, up to the old size. That is only asked of
        it some time after it was told; who changes a file all the time could else not be read at all.
        """
        node = handle.node
        status = os.fstat(handle.descriptor)
        self._is_it(node, status)
        others = node.writers - (handle.flags & os.O_ACCMODE != os.O_RDONLY)
        if others or cuts or not stat.S_ISREG(status.st_mode):
            return
        if (status.st_size, status.st_mtime_ns) == (node.size, node.mtime_ns):
            return
        if time.monotonic() - node.told_s < _YOUNG_S:
            return
        if node.mtime_ns >= 0:  # else the kernel does not know what was written through the mount itself
            self.was_changed(node)
        self.nodes.renew(node)
        raise OSError(errno.ESTALE, "it was changed behind our back")

    def create(
        self, number: int, name: bytes, mode: int, flags: int, caller: Caller
    ) -> tuple[int, Node, stat_result]:
        """Make and open a file."""
        parent = self.nodes[number]
        path = self._new_child(parent, name)
        ours = flags & _OUR_FLAGS & ~EXEC | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        if ours & os.O_ACCMODE == os.O_WRONLY:
            ours = ours & ~os.O_ACCMODE | os.O_RDWR
        new = True
        try:
            descriptor = os.open(path, ours | os.O_EXCL, stat.S_IMODE(mode), dir_fd=self.descriptor)
        except FileExistsError:  # it was made behind our back
            if flags & os.O_EXCL:
                raise
            descriptor = os.open(path, ours, stat.S_IMODE(mode), dir_fd=self.descriptor)
            new = False
        try:
            node, status = self._made(parent, name, path, caller, descriptor, new=new)
        except BaseException:
            os.close(descriptor)
            raise
        kept = self._kept(node, descriptor, flags)
        handle = self._handles[kept]
        handle.emptied = handle.made = True
        handle.direct = self._is_direct(flags)
        node.uncapable = new
        self._changes(kept, node)
        return kept, node, status

    def handle(self, handle: int) -> Handle:
        """Return what is known of a handle."""
        return self._handles[handle]

    def _is_direct(self, flags: int) -> bool:
        """Say whether a file that is opened so is to be written past the kernel's cache.

        On a disk that is nearly full, as who writes is told only then that it is full; from the cache, it
        would be told at its next close or fsync(2), to which few programs listen. Who may read, too, may want
        to map the file, which goes through the cache only.
        """
        if flags & os.O_ACCMODE != os.O_WRONLY:
            return False
        found = os.fstatvfs(self.descriptor)
        return found.f_bavail * found.f_frsize < _LITTLE

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Read from an open file."""
        return os.pread(self._handles[handle].descriptor, size, offset)

    def write(self, handle: int, offset: int, data: bytes) -> int:
        """Write all of it to an open file; return how many bytes that are.

        Whoever wrote into the kernel's cache would not be told that the disk had room for a part only: the
        kernel takes no notice of a short answer when it writes back (fs/fuse/file.c).
        """
        held = self._handles[handle]
        held.changed = True
        self._changes(handle, held.node)
        done = os.pwrite(held.descriptor, data, offset)
        while done < len(data):
            done += os.pwrite(held.descriptor, memoryview(data)[done:], offset + done)
        return done

    def _changes(self, handle: int, node: Node) -> None:
        node.settled = False
        node.changing = handle

    def closes(self, node: Node) -> bool:
        """Say whether a close is still to come that will tell how a file stands then, as it was changed."""
        held = self._handles.get(node.changing) if node.changing else None
        return held is not None and (held.changed or (held.emptied and not held.closed))

    def sync(self, handle: int, *, data_only: bool) -> None:
        """Write an open file to the disk."""
        (os.fdatasync if data_only else os.fsync)(self._handles[handle].descriptor)

    def open_to_read(self, node: Node) -> int:
        """Return a new descriptor for reading a file, whoever may have it open."""
        path = self.nodes.path(node)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        if path is None:
            return os.open(self._way(node), flags)
        return os.open(path, flags | os.O_NOFOLLOW, dir_fd=self.descriptor)

    def node_of(self, handle: int) -> Node:
        """Return the node of an open file."""
        return self._handles[handle].node

    def is_stale(self, node: Node, status: stat_result) -> bool:
        """Say whether the kernel knows a file otherwise than it is, and nobody is changing it here."""
        return not node.writers and (status.st_size, status.st_mtime_ns) != (node.size, node.mtime_ns)

    def settle(self, handle: int) -> stat_result | None:
        """Give a file that was changed the time of modification that the kernel shows of it.

        Returns how the file stands, if it was looked at.

        The kernel keeps that time itself, and tells of it before a close if it has changed. If it has not,
        as the clock is coarse, it is still the one of before our write.
        """
        held = self._handles[handle]
        node = held.node
        if node.settled or not (held.changed or held.emptied):
            return None
        node.settled = True
        status = os.fstat(held.descriptor)
        node.size = status.st_size
        if held.direct:
            node.mtime_ns = status.st_mtime_ns
        if status.st_mtime_ns == node.mtime_ns:
            return status
        with suppress(OSError):
            os.utime(held.descriptor, ns=(status.st_atime_ns, node.mtime_ns))
        return os.fstat(held.descriptor)

    def child(self, number: int, name: bytes) -> bytes | None:
        """Return the path of a name in a directory, None if that has no name any more."""
        above = self.nodes.path(self.nodes[number])
        return name if above == b"." else None if above is None else above + b"/" + name

    def release(self, handle: int) -> None:
        """Close a file that nobody has open through this handle any more."""
        held = self._handles.pop(handle)
        node = held.node
        node.descriptors.remove(held.descriptor)
        node.writers -= held.flags & os.O_ACCMODE != os.O_RDONLY
        os.close(held.descriptor)
        if node.lookups <= 0 and not node.descriptors:
            self.nodes.drop(node)

    # --- directories -------------------------------------------------------------------------

    def open_directory(self, number: int) -> int:
        """Take down the names in a directory; return a handle."""
        node = self.nodes[number]
        path = self.nodes.path(node)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        if path is None:
            descriptor = os.open(self._way(node), flags)
        else:
            descriptor = os.open(self._reached(path), flags | os.O_NOFOLLOW, dir_fd=self.descriptor)
        self._listings[self._next + 1] = node, []
        return self._kept(node, descriptor, flags)

    def entries(self, handle: int, start: int) -> Iterator[tuple[int, bytes, Node, stat_result]]:
        """Yield position, name, node and attributes from a position on; what is gone is left out."""
        parent, names = self._listings[handle]
        if not start:
            names[:] = [b".", b"..", *map(os.fsencode, os.listdir(self._handles[handle].descriptor))]
            if parent is self.nodes.root and self._store_link and STORE in names:
                names.remove(STORE)
        for position in range(start, len(names)):
            name = names[position]
            try:
                if name == b".":
                    yield position + 1, name, parent, self.attributes(parent.number)
                elif name == b"..":
                    above = parent.parent or self.nodes.root
                    yield position + 1, name, above, self.attributes(above.number)
                else:
                    status = self._stat(self._child(parent, name))
                    node = self.nodes.found(parent, name, status)
                    if name == STORE and parent is self.nodes.root and self._store_link:
                        status = self._as_link(status)
                    yield position + 1, name, node, status
            except OSError:
                continue

    def release_directory(self, handle: int) -> None:
        """Close a directory."""
        del self._listings[handle]
        self.release(handle)

    def statistics(self) -> os.statvfs_result:
        """Return the figures of the filesystem."""
        return os.statvfs(self.descriptor)

    # --- extended attributes -----------------------------------------------------------------

    def get_attribute(self, number: int, name: bytes) -> bytes:
        """Return an extended attribute.

        Before each write and change of the owner the kernel asks for one that hardly any file has; that it is
        not there is remembered, until somebody sets it.
        """
        node = self.nodes[number]
        if name != CAPABILITY:
            return os.getxattr(self._way(node), name, follow_symlinks=self._leads(node))
        if node.uncapable:
            raise OSError(errno.ENODATA, "it has none")
        try:
            return os.getxattr(self._way(node), name, follow_symlinks=self._leads(node))
        except OSError as error:
            node.uncapable = error.errno == errno.ENODATA
            raise

    def set_attribute(self, number: int, name: bytes, value: bytes) -> None:
        """Set an extended attribute."""
        node = self.nodes[number]
        node.uncapable = False
        os.setxattr(self._way(node), name, value, follow_symlinks=self._leads(node))

    def remove_attribute(self, number: int, name: bytes) -> None:
        """Remove an extended attribute."""
        os.removexattr(self._way(self.nodes[number]), name, follow_symlinks=self._leads(self.nodes[number]))

    def list_attributes(self, number: int) -> list[bytes]:
        """Return the names of the extended attributes."""
        names = os.listxattr(self._way(self.nodes[number]), follow_symlinks=self._leads(self.nodes[number]))
        return [os.fsencode(name) for name in names]

    def close(self) -> None:
        """Close everything that is open."""
        for held in self._handles.values():
            with suppress(OSError):
                os.close(held.descriptor)
        self._handles.clear()
        while self._far:
            os.close(self._far.popleft())


_EXTRA = (
    "st_atime_ns",
    "st_mtime_ns",
    "st_ctime_ns",
    "st_blksize",
    "st_blocks",
    "st_rdev",
)


def _but(status: stat_result, fields: dict[int, int]) -> stat_result:
    """Return a status with some of its first ten fields changed."""
    row = [fields.get(place, value) for place, value in enumerate(status)]
    return stat_result(row, {name: getattr(status, name) for name in _EXTRA})


def _let_go(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _or_same(number: int | None) -> int:
    return -1 if number is None else number


def _times(changes: Changes, now: Callable[[], stat_result]) -> tuple[int, int]:
    """Return the times to be set; the one that shall stay is set to what it is."""
    if changes.atime_ns is not None and changes.mtime_ns is not None:
        return changes.atime_ns, changes.mtime_ns
    status = now()
    atime = status.st_atime_ns if changes.atime_ns is None else changes.atime_ns
    return atime, status.st_mtime_ns if changes.mtime_ns is None else changes.mtime_ns
