"""Where recorded files are: stored paths and absolute ones, and which of them are lineage."""

from mlamd.attribution.noise import Noise, Sort


class Places:
    """The workspace and its data roots; all absolute and real. ``noise`` may be replaced at any time.

    ``store`` is never recorded, wherever it lies: what happens there is our own doing.
    """

    def __init__(self, root: bytes, data_roots: tuple[bytes, ...], noise: Noise, store: bytes = b"") -> None:
        self._store = store
        self.prefix = root.rstrip(b"/") + b"/"
        self._data_roots = tuple(path.rstrip(b"/") + b"/" for path in data_roots)
        self.noise = noise

    def relative(self, path: bytes) -> bytes | None:
        """Return a path as it is stored, or None for one outside everything recorded."""
        if self._store and path.startswith(self._store) and path[len(self._store) :][:1] in {b"", b"/"}:
            return None
        if path.startswith(self.prefix):
            return path[len(self.prefix) :]
        if self._data_roots and path.startswith(self._data_roots):
            return path
        return None

    def absolute(self, path: bytes) -> bytes:
        """Return the absolute path of a stored one."""
        return path if path.startswith(b"/") else self.prefix + path

    def lineage(self, path: bytes) -> bytes | None:
        """Return an absolute path as it is stored if it is lineage, and not noise."""
        relative = self.relative(path)
        if relative is None or self.noise.sort(relative) is not Sort.LINEAGE:
            return None
        return relative
