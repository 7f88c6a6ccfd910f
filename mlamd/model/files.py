"""What identifies the content of a file without reading it."""

from typing import NamedTuple


class FileStat(NamedTuple):
    """The fields of ``stat(2)`` that say whether a file is still the version that we know."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    links: int = 1

    def same_content(self, other: "FileStat | None") -> bool:
        """Say whether nothing hints at a change of content between the two looks.

        ``ctime`` is left out when everything else agrees: ``chmod``, ``link`` and ``rename`` change it
        without changing content, and a writer cannot change content without changing ``mtime``
        unless it sets ``mtime`` back, which ``ctime`` then shows together with the size or inode in
        all but contrived cases.
        """
        return other is not None and self[:4] == other[:4]
