"""Where a run begins: from a process up to the one below the anchor."""

import hashlib

from mlamd.attribution.roles import KIND_OF_RUN, Role, is_fork
from mlamd.attribution.state import Process


def root_of(process: Process) -> Process:
    """Return the topmost ancestor below the nearest anchor.

    What an editor or an interactive shell does itself is a run of its own, whoever started it.
    """
    node = process
    while (parent := parent_in_run(node)) is not None:
        node = parent
    return node


def parent_in_run(process: Process) -> Process | None:
    """Return the parent of a process if both have the same root, None for a root."""
    parent = process.parent
    role = process.role
    if parent is None or role is Role.EDITOR or role is Role.MLAMD or is_prompt(process):
        return None
    return None if parent.role.anchors and not _in_subshell(process, parent) else parent


def is_prompt(process: Process) -> bool:
    """Say whether this is an interactive shell, and not a fork of one."""
    parent = process.parent
    return process.role is Role.SHELL and (parent is None or not is_fork(process.facts, parent.facts))


def _is_shells_fork(process: Process) -> bool:
    """Say whether this is an interactive shell's fork: a subshell, or a job that has not called exec yet."""
    shell = process.parent
    if shell is None or shell.role is not Role.SHELL or process.role is not Role.SHELL:
        return False
    return is_fork(process.facts, shell.facts) and process.facts.group != shell.facts.group


def _in_subshell(process: Process, parent: Process) -> bool:
    """Say whether ``parent`` is a subshell; it has no job control, so that its children stay in its group."""
    return process.facts.group == parent.facts.group and _is_shells_fork(parent)


def key_of(process: Process) -> tuple[object, Process]:
    """Return what identifies the run of a process, and its root.

    Below an interactive shell with job control, all processes of one process group are one run.
    """
    root = root_of(process)
    shell = root.parent
    if shell is not None and shell.role is Role.SHELL and root.facts.group != shell.facts.group:
        return ("job", shell.key, root.facts.group), root
    return root.key, root


def is_job(key: object) -> bool:
    """Say whether a run's key is that of a job of an interactive shell."""
    return isinstance(key, tuple) and key[0] == "job"


def public_id(key: object) -> str:
    """Return the id of a run that people use: 16 hexadecimal digits, the same for the same run."""
    return hashlib.blake2b(repr(key).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def kind_of(root: Process) -> str:
    """Return the kind of a run: ``job``, ``notebook``, ``edit``, ``vcs`` or ``service``."""
    return KIND_OF_RUN[Role.JOB if _is_shells_fork(root) else root.role]
