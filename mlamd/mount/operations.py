"""The thin side that pyfuse3 calls: its requests into calls of ``Backing``, and errors back.

No handler ever waits for anything but the disk; so each ends in one go.
"""

import errno
import os
import stat
from collections.abc import Callable, Coroutine, Sequence
from os import stat_result
from typing import Any, TypeVar

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, RequestContext, SetattrFields, StatvfsData

from mlamd.host.fanotify import ATTRIB, CREATE, DELETE, MODIFY, ONDIR, RENAME
from mlamd.mount.backing import EXCHANGE, Backing, Caller, Changes
from mlamd.mount.nodes import ROOT, Node
from mlamd.mount.witness import Witness

_FOREVER_S = 1e9
_STATISTICS = (
    "f_bsize",
    "f_frsize",
    "f_blocks",
    "f_bfree",
    "f_bavail",
    "f_files",
    "f_ffree",
    "f_favail",
    "f_namemax",
)
_T = TypeVar("_T")


def _answers(work: Callable[..., _T]) -> Callable[..., Coroutine[Any, Any, _T]]:
    """Make a handler of a method: what fails below fails above with the same number."""

    async def handler(self: "Operations", *arguments: Any) -> _T:
        try:
            return work(self, *arguments)
        except OSError as error:
            raise FUSEError(error.errno or errno.EIO) from None

    handler.__doc__ = work.__doc__
    return handler


def _caller(context: RequestContext) -> Caller:
    return Caller(context.uid, context.gid)


class Operations(pyfuse3.Operations):
    """The file system: each handler is the method of ``Backing`` that it names."""

    supports_dot_lookup = False
    enable_writeback_cache = True
    enable_acl = True

    def __init__(
        self,
        backing: Backing,
        witness: Witness | None = None,
        forget: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        super().__init__()
        self._forget = forget
        self._backing = backing
        self._witness = witness

    def _did(self, ctx: RequestContext, mask: int, parent: int, name: bytes, status: stat_result) -> None:
        if self._witness is not None:
            self._witness.did(ctx.pid, mask, self._backing.child(parent, name), status)

    # --- finding and attributes --------------------------------------------------------------

    @_answers
    def lookup(self, parent: int, name: bytes, _: RequestContext) -> EntryAttributes:
        """``lookup``; that nothing stands at a name is remembered too."""
        try:
            return _entry(*self._backing.lookup(parent, name))
        except FileNotFoundError:
            return _absent()

    @_answers
    def forget(self, nodes: Sequence[tuple[int, int]]) -> None:
        """``forget``."""
        for number, lookups in nodes:
            self._backing.forget(number, lookups)

    @_answers
    def getattr(self, number: int, _: RequestContext) -> EntryAttributes:
        """``attributes``."""
        return _entry(self._backing.nodes[number], self._backing.attributes(number))

    @_answers
    def setattr(
        self, number: int, attr: EntryAttributes, fields: SetattrFields, fh: int | None, ctx: RequestContext
    ) -> EntryAttributes:
        """``set_attributes``."""
        changes = Changes(
            attr.st_mode if fields.update_mode else None,
            attr.st_uid if fields.update_uid else None,
            attr.st_gid if fields.update_gid else None,
            attr.st_size if fields.update_size else None,
            attr.st_atime_ns if fields.update_atime else None,
            attr.st_mtime_ns if fields.update_mtime else None,
        )
        node = self._backing.nodes[number]
        if fields.update_size and node.unkept is not None and self._witness is not None:
            self._witness.keeper.before_change(node)
        status = self._backing.set_attributes(number, changes, fh)
        # With a handle, and while it is being written, the close will tell of it.
        if fh is None and self._witness is not None and not _of_kernel(fields):
            if not fields.update_size and self._backing.closes(node):
                return _entry(node, status)
            mask = (MODIFY if fields.update_size else ATTRIB) | (ONDIR if node.directory else 0)
            self._witness.did(ctx.pid, mask, self._backing.nodes.path(node), status)
        return _entry(node, status)

    @_answers
    def readlink(self, number: int, _: RequestContext) -> bytes:
        """``read_link``."""
        return self._backing.read_link(number)

    # --- names -------------------------------------------------------------------------------

    @_answers
    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, ctx: RequestContext) -> EntryAttributes:
        """``make_node``."""
        made = self._backing.make_node(parent, name, mode, rdev, _caller(ctx))
        self._did(ctx, CREATE, parent, name, made[1])
        return _entry(*made)

    @_answers
    def mkdir(self, parent: int, name: bytes, mode: int, ctx: RequestContext) -> EntryAttributes:
        """``make_directory``."""
        made = self._backing.make_directory(parent, name, mode, _caller(ctx))
        self._did(ctx, CREATE | ONDIR, parent, name, made[1])
        return _entry(*made)

    @_answers
    def symlink(self, parent: int, name: bytes, target: bytes, ctx: RequestContext) -> EntryAttributes:
        """``make_link``."""
        made = self._backing.make_link(parent, name, target, _caller(ctx))
        self._did(ctx, CREATE, parent, name, made[1])
        return _entry(*made)

    @_answers
    def link(self, number: int, parent: int, name: bytes, ctx: RequestContext) -> EntryAttributes:
        """``link``."""
        made = self._backing.link(number, parent, name)
        self._did(ctx, CREATE, parent, name, made[1])
        return _entry(*made)

    @_answers
    def unlink(self, parent: int, name: bytes, ctx: RequestContext) -> None:
        """``remove``."""
        self._did(ctx, DELETE, parent, name, self._backing.remove(parent, name))

    @_answers
    def rmdir(self, parent: int, name: bytes, ctx: RequestContext) -> None:
        """``remove_directory``."""
        self._did(ctx, DELETE | ONDIR, parent, name, self._backing.remove_directory(parent, name))

    @_answers
    def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, ctx: RequestContext
    ) -> None:
        """``rename``; an exchange is two of them."""
        source, target = self._backing.child(parent, name), self._backing.child(new_parent, new_name)
        moved, over = self._backing.rename(parent, name, new_parent, new_name, flags)
        if self._witness is not None and source is not None and target is not None:
            self._witness.did(ctx.pid, RENAME | _kind(moved), source, moved, target)
            if flags & EXCHANGE and over is not None:
                self._witness.did(ctx.pid, RENAME | _kind(over), target, over, source)

    # --- open files --------------------------------------------------------------------------

    @_answers
    def open(self, number: int, flags: int, ctx: RequestContext) -> FileInfo:
        """``open``."""
        if flags & os.O_TRUNC and self._witness is not None:
            self._witness.keeper.before_change(self._backing.nodes[number])
        handle = self._backing.open(number, flags)
        if self._witness is not None:
            self._witness.opened(ctx.pid, self._backing.handle(handle))
        return FileInfo(fh=handle, keep_cache=True, direct_io=self._backing.handle(handle).direct)

    @_answers
    def create(
        self, parent: int, name: bytes, mode: int, flags: int, ctx: RequestContext
    ) -> tuple[FileInfo, EntryAttributes]:
        """``create``."""
        handle, node, status = self._backing.create(parent, name, mode, flags, _caller(ctx))
        if self._witness is not None:
            self._witness.opened(ctx.pid, self._backing.handle(handle), status)
        info = FileInfo(fh=handle, keep_cache=True, direct_io=self._backing.handle(handle).direct)
        return info, _entry(node, status)

    @_answers
    def read(self, fh: int, offset: int, size: int) -> bytes:
        """``read``."""
        return self._backing.read(fh, offset, size)

    @_answers
    def write(self, fh: int, offset: int, data: bytes) -> int:
        """``write``."""
        node = self._backing.node_of(fh)
        if node.unkept is not None and self._witness is not None:
            self._witness.keeper.before_change(node)
        return self._backing.write(fh, offset, data)

    @_answers
    def flush(self, fh: int) -> None:
        """Somebody has closed a descriptor of this handle; there may be others."""
        status = self._backing.settle(fh)
        if self._witness is not None:
            self._witness.closed(self._backing.handle(fh), status, last=False)

    @_answers
    def release(self, fh: int) -> None:
        """``release``."""
        status = self._backing.settle(fh)
        handle = self._backing.handle(fh)
        if self._witness is not None:
            self._witness.closed(handle, status, last=True)
        if handle.direct and self._forget is not None:
            # The kernel takes no time of modification from us, but where it begins to know a file.
            path = self._backing.nodes.path(handle.node)
            self._backing.release(fh)
            handle.node.mtime_ns = -1
            self._forget([path] if path is not None else [])
            return
        self._backing.release(fh)

    @_answers
    def fsync(self, fh: int, data_only: bool) -> None:
        """``sync``."""
        self._backing.sync(fh, data_only=data_only)

    # --- directories -------------------------------------------------------------------------

    @_answers
    def opendir(self, number: int, _: RequestContext) -> int:
        """``open_directory``."""
        return self._backing.open_directory(number)

    @_answers
    def readdir(self, fh: int, start: int, token: pyfuse3.ReaddirToken) -> None:
        """``entries``; the kernel remembers each that it is told of, but for ``.`` and ``..``."""
        for position, name, node, status in self._backing.entries(fh, start):
            if not pyfuse3.readdir_reply(token, name, _entry(node, status), position):
                break
            if name not in {b".", b".."}:
                node.lookups += 1

    @_answers
    def releasedir(self, fh: int) -> None:
        """``release_directory``."""
        self._backing.release_directory(fh)

    fsyncdir = fsync

    @_answers
    def statfs(self, _: RequestContext) -> StatvfsData:
        """``statistics``."""
        found, told = self._backing.statistics(), StatvfsData()
        for name in _STATISTICS:
            setattr(told, name, getattr(found, name))
        return told

    # --- extended attributes -----------------------------------------------------------------

    @_answers
    def getxattr(self, number: int, name: bytes, _: RequestContext) -> bytes:
        """``get_attribute``."""
        return self._backing.get_attribute(number, name)

    @_answers
    def setxattr(self, number: int, name: bytes, value: bytes, _: RequestContext) -> None:
        """``set_attribute``."""
        self._backing.set_attribute(number, name, value)

    @_answers
    def listxattr(self, number: int, _: RequestContext) -> list[bytes]:
        """``list_attributes``."""
        return self._backing.list_attributes(number)

    @_answers
    def removexattr(self, number: int, name: bytes, _: RequestContext) -> None:
        """``remove_attribute``."""
        self._backing.remove_attribute(number, name)


def _of_kernel(fields: SetattrFields) -> bool:
    """Say whether the kernel writes back the times that it keeps itself (``fuse_flush_times``)."""
    others = fields.update_atime or fields.update_mode or fields.update_uid or fields.update_gid
    return fields.update_mtime and fields.update_ctime and not (others or fields.update_size)


def _kind(status: stat_result) -> int:
    return ONDIR if stat.S_ISDIR(status.st_mode) else 0


def _absent() -> EntryAttributes:
    """Return what says that nothing stands at a name, which the kernel will remember."""
    entry = EntryAttributes()
    entry.st_ino = 0
    entry.entry_timeout = _FOREVER_S
    return entry


def _entry(node: Node, status: stat_result) -> EntryAttributes:
    entry = EntryAttributes()
    entry.st_ino = status.st_ino if node.number == ROOT else node.number
    entry.generation = node.generation
    entry.entry_timeout = entry.attr_timeout = _FOREVER_S
    entry.st_mode = status.st_mode
    entry.st_nlink = status.st_nlink
    entry.st_uid = status.st_uid
    entry.st_gid = status.st_gid
    entry.st_rdev = status.st_rdev
    entry.st_size = status.st_size
    entry.st_blocks = status.st_blocks
    entry.st_blksize = status.st_blksize
    entry.st_atime_ns = status.st_atime_ns
    entry.st_mtime_ns = status.st_mtime_ns
    entry.st_ctime_ns = status.st_ctime_ns
    return entry
