"""Many files below one directory that play the same part, shown as one dataset with a Merkle digest.

The digest is that of the sorted lines ``NAME NUL CONTENT-DIGEST``, so it is the same for the same files
wherever they lie, and can be checked file by file.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mlamd.lineage.graph import Graph
from mlamd.model.derived import FileVersion
from mlamd.settings import Settings


@dataclass(frozen=True, slots=True)
class Rule:
    """When files fold: if more than ``above`` lie below one directory. ``roots`` are the data roots."""

    above: int
    roots: tuple[bytes, ...] = ()


def rule_of(settings: Settings) -> Rule:
    """Return the rule that a workspace has set."""
    return Rule(settings.fold_above_files, tuple(os.fsencode(root) for root in settings.data_roots))


@dataclass(frozen=True, slots=True)
class Dataset:
    """Files below one directory with the same readers and writers."""

    directory: bytes
    members: tuple[int, ...]
    """The numbers of the versions: of a file that a run wrote twice there are two."""
    files: int
    """How many files, each counted once."""
    size_bytes: int
    digest: str
    """BLAKE2b-256 over the members' names and digests, "" if one of them has none."""
    endings: tuple[tuple[str, int], ...] = ()
    """How many files have which ending (``png``, "" without one), the most frequent first."""


def merkle(directory: bytes, versions: Iterable[FileVersion]) -> str:
    """Return the digest of a set of files below a directory."""
    return merkle_of(directory, ((version.path, version.digest) for version in versions))


def merkle_of(directory: bytes, files: Iterable[tuple[bytes, bytes | None]]) -> str:
    """Return the digest of paths below a directory with the digests of their contents."""
    import hashlib  # noqa: PLC0415  (loads OpenSSL, which takes longer than many a question)

    hasher = hashlib.blake2b(digest_size=32)
    for path, digest in sorted(files, key=lambda file: (file[0], file[1] or b"")):
        if digest is None:
            return ""
        hasher.update(path[len(directory) :].lstrip(b"/") + b"\0" + digest)
    return hasher.hexdigest()


def ending(path: bytes) -> str:
    """Return what is after the last dot of a name, in lower case; "" where that is a number or nothing."""
    stem, dot, end = path.rpartition(b"/")[2].rpartition(b".")
    return end.decode("utf-8", "backslashreplace").lower() if stem and dot and not end.isdigit() else ""


def endings(paths: Iterable[bytes]) -> tuple[tuple[str, int], ...]:
    """Count the endings of files, the most frequent first."""
    counts = Counter(map(ending, paths))
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def dataset(directory: bytes, versions: Iterable[FileVersion]) -> Dataset:
    """Return a set of files as one."""
    listed = list(versions)
    return Dataset(
        directory,
        tuple(sorted(version.number for version in listed)),
        len({version.path for version in listed}),
        sum(version.size_bytes or 0 for version in listed),
        merkle(directory, listed),
        endings(version.path for version in listed),
    )


def fold(versions: Iterable[FileVersion], rule: Rule) -> list[Dataset]:
    """Return the sets among files that play the same part, by directory.

    Of more files with one ending (or of one directory) than the rule's, the lowest directory that holds them
    all is a dataset, with everything among ``versions`` that lies below. The workspace itself and ``/``
    are none: of them only files that lie directly there, and have that ending, fold.
    """
    listed = list(versions)
    if len(listed) <= rule.above:
        return []
    bases = _bases(listed, rule)
    members: dict[tuple[bytes, str], list[FileVersion]] = defaultdict(list)
    for version in listed:
        base = _base_of(version.path, bases)
        if base is not None:
            members[base].append(version)
    return [dataset(base, found) for (base, _), found in sorted(members.items())]


_Base = tuple[bytes, str]
"""A directory, and, of the workspace itself, an ending."""


def _bases(versions: list[FileVersion], rule: Rule) -> set[_Base]:
    alike: dict[tuple[bytes, str], set[bytes]] = defaultdict(set)
    counts: Counter[tuple[bytes, str]] = Counter()
    together: Counter[bytes] = Counter()
    for path in {version.path for version in versions}:
        directory = path.rpartition(b"/")[0]
        place = _top(directory, rule.roots), ending(path)
        alike[place].add(directory)
        counts[place] += 1
        together[directory] += 1
    found = {
        (place[0], place[1]) if not place[0] else (os.path.commonpath(list(alike[place])), "")
        for place, count in counts.items()
        if count > rule.above
    }
    return found | {(place, "") for place, count in together.items() if place and count > rule.above}


def _top(directory: bytes, roots: tuple[bytes, ...]) -> bytes:
    """Return the highest directory that may be a dataset: below the workspace, or a data root."""
    for root in roots:
        if directory == root or directory.startswith(root.rstrip(b"/") + b"/"):
            return root
    start = 1 if directory.startswith(b"/") else 0
    end = directory.find(b"/", start)
    return directory if end < 0 else directory[:end]


def _base_of(path: bytes, bases: set[_Base]) -> _Base | None:
    """Return the highest of the directories that a file lies below."""
    if b"/" not in path:
        base = b"", ending(path)
        return base if base in bases else None
    place = path.find(b"/", 1)
    while place > 0:
        if (path[:place], "") in bases:
            return path[:place], ""
        place = path.find(b"/", place + 1)
    return None


def fold_made(versions: Iterable[FileVersion], rule: Rule) -> list[Dataset]:
    """Return the sets among files that were made by the same steps."""
    groups: dict[frozenset[int], list[FileVersion]] = defaultdict(list)
    for version in versions:
        groups[frozenset(writer.step for writer in version.writers)].append(version)
    return [found for made in groups.values() for found in fold(made, rule)]


def datasets(graph: Graph, rule: Rule) -> list[Dataset]:
    """Return the sets of files of a graph that have the same edges; the focus is in none."""
    ends: dict[int, set[tuple[str, str, int]]] = defaultdict(set)
    for edge in graph.edges.values():
        if edge.source[0] == "file":
            ends[edge.source[1]].add(("to", *edge.target))
        if edge.target[0] == "file":
            ends[edge.target[1]].add(("from", *edge.source))
    groups: dict[frozenset[tuple[str, str, int]], list[FileVersion]] = defaultdict(list)
    for number, version in graph.files.items():
        if ("file", number) != graph.focus:
            groups[frozenset(ends[number])].append(version)
    return [found for versions in groups.values() for found in fold(versions, rule)]
