"""Lets the kernel forget what it remembers of files that were changed without passing the mount.

It is told so by a thread of its own: to obey, the kernel may have to wait for one of its requests, which the
thread that answers must be free for. Source: the docstrings of pyfuse3's ``invalidate_*``.
"""

import os
import queue
import threading
from contextlib import suppress

import pyfuse3

from mlamd.mount.backing import Backing


class Forgetting:
    """``forget`` is for the thread that answers the kernel, and does not wait."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._waiting: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def forget(self, paths: list[bytes]) -> None:
        """Forget files, by their paths relative to the root."""
        for path in paths:
            above, name = os.path.split(path)
            parent = self._known(above or b".")
            if parent:
                self._waiting.put((parent, name))
            inode = self._known(path)
            if inode:
                self._waiting.put((inode, b""))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="forgetting", daemon=True)
            self._thread.start()

    def _known(self, path: bytes) -> int:
        with suppress(OSError):
            status = os.stat(path, dir_fd=self._backing.descriptor, follow_symlinks=False)
            node = self._backing.nodes.of(status)
            if node is not None:
                node.uncapable = False
                return node.number
        return 0

    def _run(self) -> None:
        while True:
            inode, name = self._waiting.get()
            with suppress(OSError):  # what the kernel does not remember it cannot forget
                if name:
                    pyfuse3.invalidate_entry(inode, name)
                else:
                    pyfuse3.invalidate_inode(inode)
