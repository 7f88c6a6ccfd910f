"""Which native libraries a process has in its memory. Source: proc_pid_maps(5).

Only code counts: a file that is mapped to be executed, and is called as shared objects are. Modules of
Python packages are not told one by one, but by the directory of their distribution; libraries that come with
a package (``numpy.libs``, ``nvidia``) are.
"""

import re
from typing import NamedTuple

from mlamd.host.entries import read_of
from mlamd.model.processes import ProcessKey

_MOST_BYTES = 16 << 20
_MOST_FILES = 5_000
_CODE = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ ..x. [0-9a-f]+ \S+ [1-9]\d* +(/.+)$", re.MULTILINE)
_SHARED = re.compile(r"\.so(?:\.[\w.+-]+)?\Z")
_MODULE = re.compile(r"\.(?:cpython-\w+(?:-[\w-]+)?|abi3|pypy\w+(?:-[\w-]+)?)\.so\Z")
_PACKAGE = re.compile(r"/(?:site|dist)-packages/([^/]+)/")
_BUILT_IN = "/lib-dynload/"
_ESCAPED = re.compile(rb"\\([0-7]{3})")


class Loaded(NamedTuple):
    """Paths of libraries, and names of the directories in ``site-packages`` of which modules are loaded."""

    libraries: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()

    def joined(self, other: "Loaded") -> "Loaded":
        """Return what either of the two has."""
        return Loaded(self.libraries | other.libraries, self.packages | other.packages)

    def row(self) -> dict[str, list[str]]:
        """Return both as sorted lists."""
        return {"libraries": sorted(self.libraries), "packages": sorted(self.packages)}


NOTHING = Loaded()


def loaded(process: ProcessKey, proc: str = "/proc") -> Loaded | None:
    """Return what a process has loaded; None for one that is gone, or not ours to look at."""
    text = read_of(process, "maps", _MOST_BYTES, proc)
    return None if text is None else loaded_in(text)


def loaded_in(text: bytes) -> Loaded:
    """Return what a text like that of ``/proc/PID/maps`` tells."""
    libraries: set[str] = set()
    packages: set[str] = set()
    for name in set(_CODE.findall(text)):
        plain = _ESCAPED.sub(lambda found: bytes((int(found.group(1), 8) & 0xFF,)), name)
        path = plain.decode("utf-8", "surrogateescape").removesuffix(" (deleted)")
        last = path.rpartition("/")[2]
        if not _SHARED.search(last) or _BUILT_IN in path:
            continue
        package = _PACKAGE.search(path)
        if package is not None and (_MODULE.search(last) or not last.startswith("lib")):
            packages.add(package.group(1))
        elif len(libraries) < _MOST_FILES:
            libraries.add(path)
    return Loaded(frozenset(libraries), frozenset(packages))
