"""Many files of one directory that play the same part, shown as one dataset with a Merkle digest.

The digest is that of the sorted lines ``NAME NUL CONTENT-DIGEST``, so it is the same for the same files
wherever they lie, and can be checked file by file.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from mlamd.lineage.graph import Graph
from mlamd.model.derived import FileVersion


@dataclass(frozen=True, slots=True)
class Dataset:
    """Files below one directory with the same readers and writers."""

    directory: bytes
    members: tuple[int, ...]
    size_bytes: int
    digest: str
    """BLAKE2b-256 over the members' names and digests, "" if one of them has none."""


def merkle(directory: bytes, versions: list[FileVersion]) -> str:
    """Return the digest of a set of files below a directory."""
    hasher = hashlib.blake2b(digest_size=32)
    for version in sorted(versions, key=lambda version: version.path):
        if version.digest is None:
            return ""
        hasher.update(version.path[len(directory) :].lstrip(b"/") + b"\0" + version.digest)
    return hasher.hexdigest()


def datasets(graph: Graph, above: int) -> list[Dataset]:
    """Return the sets of more than ``above`` files of one directory that have the same edges."""
    ends: dict[int, set[tuple[str, str, int]]] = defaultdict(set)
    for edge in graph.edges.values():
        if edge.source[0] == "file":
            ends[edge.source[1]].add(("to", *edge.target))
        if edge.target[0] == "file":
            ends[edge.target[1]].add(("from", *edge.source))
    groups: dict[tuple[bytes, frozenset[tuple[str, str, int]]], list[FileVersion]] = defaultdict(list)
    for number, version in graph.files.items():
        if ("file", number) != graph.focus:
            groups[version.path.rpartition(b"/")[0], frozenset(ends[number])].append(version)
    found = []
    for (directory, _), versions in groups.items():
        if len(versions) > above:
            members = tuple(sorted(version.number for version in versions))
            size = sum(version.size_bytes or 0 for version in versions)
            found.append(Dataset(directory, members, size, merkle(directory, versions)))
    return found
