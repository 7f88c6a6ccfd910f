"""Lets the kernel forget what it remembers of files that were changed without passing the mount.

It is told so by a thread of its own: to obey, the kernel may have to wait for one of its requests, which the
thread that answers must be free for. Source: the docstrings of pyfuse3's ``invalidate_*``.
"""

import os
import queue
import threading
from contextlib import suppress

import pyfuse3

from mlamd.mount.backing import STORE, Backing
from mlamd.mount.nodes import Node


class Forgetting:
    """``forget`` is for the thread that answers the kernel, and does not wait."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._waiting: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def forget(self, paths: list[bytes]) -> None:
        """Forget what is not as the kernel was told; paths are relative to the root, of any kind of file."""
        for path in paths:
            above, name = os.path.split(path)
            parent = self._node(above or b".")[0]
            node, status = self._node(path)
            if parent is None or name == STORE:
                continue
            if node is not None and node.writers:
                continue  # it is changed through the mount
            known = node is not None and (node.parent is parent and node.name == name)
            if node is not None and status is not None and self._backing.is_stale(node, status):
                node.uncapable = False
                self._backing.nodes.renew(node)
                self._waiting.put((node.number, b""))
            elif known:
                continue
            self._waiting.put((parent.number, name))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="forgetting", daemon=True)
            self._thread.start()

    def _node(self, path: bytes) -> tuple[Node | None, os.stat_result | None]:
        """Return what the kernel knows a file as, and how it is."""
        with suppress(OSError):
            status = os.stat(path, dir_fd=self._backing.descriptor, follow_symlinks=False)
            return self._backing.nodes.of(status), status
        return None, None

    def _run(self) -> None:
        while True:
            inode, name = self._waiting.get()
            with suppress(OSError):  # what the kernel does not remember it cannot forget
                if name:
                    pyfuse3.invalidate_entry(inode, name)
                else:
                    pyfuse3.invalidate_inode(inode)
