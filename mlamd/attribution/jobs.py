"""Where a run begins: from a process up to the one below the anchor."""

import hashlib

from mlamd.attribution.roles import KIND_OF_RUN, Role
from mlamd.attribution.state import Process


def root_of(process: Process) -> Process:
    """Return the topmost ancestor below the nearest anchor."""
    node = process
    while node.parent is not None and not node.parent.role.anchors:
        node = node.parent
    return node


def key_of(process: Process) -> tuple[object, Process]:
    """Return what identifies the run of a process, and its root.

    Below an interactive shell with job control, all processes of one process group are one run.
    """
    root = root_of(process)
    shell = root.parent
    if shell is not None and shell.role is Role.SHELL and root.facts.group != shell.facts.group:
        return ("job", shell.key, root.facts.group), root
    return root.key, root


def public_id(key: object) -> str:
    """Return the id of a run that people use: 16 hexadecimal digits, the same for the same run."""
    return hashlib.blake2b(repr(key).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def kind_of(root: Process) -> str:
    """Return the kind of a run: ``job``, ``notebook``, ``edit``, ``vcs`` or ``service``."""
    return KIND_OF_RUN[root.role]
