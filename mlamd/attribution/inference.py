"""Who did it, where the sensor could not say: the candidates, and how sure we are.

In this order: who was seen holding the file; else, of those alive and not provably asleep, who names
it on the command line; else all of them. Of a process and its ancestors in one run the descendant
did it, as the others wait for it. One step left: inferred. Several: all of them, ambiguous.
"""

import os
from collections.abc import Iterable

from mlamd.attribution.roles import Role, program
from mlamd.attribution.state import Access, Process
from mlamd.model.evidence import Grade

SLACK_NS = 20_000_000
"""How late inotify's events may be stamped, at the most."""

LATE_NS = 250_000_000
"""How long ago a process may have ended and still be the best guess, if nobody else was there."""

FRESH_NS = 15_000_000
"""A process this young has hardly begun: start times are coarse (10 ms), and programs take time to load."""


def arguments(process: Process) -> frozenset[bytes]:
    """Return the absolute paths that a command line names."""
    if process.argued is None:
        facts = process.facts
        words: set[str] = set()
        previous = ""
        for word in facts.argv:
            words.add(word.partition("=")[2] if word.startswith("-") and "=" in word else word)
            if previous == "-m":
                words |= {word.replace(".", "/") + ".py", word.replace(".", "/") + "/__main__.py"}
            previous = word
        base = facts.cwd or "/"
        process.argued = frozenset(
            os.fsencode(os.path.normpath(os.path.join(base, word))) for word in words if word
        )
    return process.argued


def candidates(
    access: Access, processes: Iterable[Process], absolute: bytes, *, unseen: bool = False
) -> list[tuple[Process, Grade]]:
    """Return who may have done it, all with the same grade; empty if nobody is known.

    ``unseen`` says that somebody nobody has seen may have been there: then only who was seen holding
    the file, or names it, is without a rival.
    """
    alive = [process for process in processes if _was_there(process, access)]
    holders = _holders(access, alive, absolute)
    leaves = _leaves(holders or _others(access, alive, absolute), access)
    if len({id(_unit(process)) for process in leaves}) == 1:
        certain = bool(holders) or not unseen or absolute in arguments(leaves[0])
        return [(leaves[0], Grade.INFERRED if certain else Grade.AMBIGUOUS)]
    return [(process, Grade.AMBIGUOUS) for process in leaves]


def _was_there(process: Process, access: Access) -> bool:
    if process.begun_ns > access.to_ns:
        return False
    return process.gone_ns is None or process.gone_ns + LATE_NS >= access.earliest_ns


def _holders(access: Access, alive: list[Process], absolute: bytes) -> list[Process]:
    begin, end = access.from_ns - SLACK_NS, access.to_ns + SLACK_NS
    writes = access.kind in {"write", "truncate"}
    return [
        process
        for process in alive
        if any(
            begin <= at_ns <= end
            and any(file.path == absolute and (file.writes if writes else file.reads) for file in files)
            for at_ns, files in process.files
        )
    ]


def _others(access: Access, alive: list[Process], absolute: bytes) -> list[Process]:
    begin, end = access.from_ns - SLACK_NS, access.to_ns
    there = [
        process for process in alive if process.gone_ns is None or process.gone_ns >= access.earliest_ns
    ] or alive
    awake = [process for process in there if process.ran_within(begin, end)]
    named = [process for process in awake if absolute in arguments(process)]
    awake = [process for process in awake if program(process.facts) not in _IDLERS]
    if named:
        jobs = [process for process in named if process.role is not Role.SHELL]
        return jobs or named
    for roles in _RANKS:
        ranked = [process for process in awake if process.role in roles]
        if ranked:
            return _settled(ranked, access) + _prompts(ranked, awake, access)
    return []


_IDLERS = frozenset({"sleep", "true", "false", "usleep", "pause", "kill", "ps", "date", "pgrep", "pidof"})
"""Programs that touch no file that is not named on their command line."""

_RANKS = ({Role.JOB, Role.NOTEBOOK, Role.VCS}, {Role.EDITOR}, {Role.SHELL}, {Role.MLAMD})


def _ancestors(process: Process) -> set[int]:
    above: set[int] = set()
    node = process.parent
    while node is not None and not node.role.anchors:
        above.add(id(node))
        node = node.parent
    return above


def _prompts(ranked: list[Process], awake: list[Process], access: Access) -> list[Process]:
    """Return the interactive shells that may as well have made a quick change themselves (``echo > f``).

    They may, if all that they have started had hardly begun.
    """
    quick = access.to_ns - access.from_ns < FRESH_NS and access.kind != "read"
    if not quick or any(process.begun_ns + FRESH_NS <= access.to_ns for process in ranked):
        return []
    return [process for process in awake if process.role is Role.SHELL]


def _settled(ranked: list[Process], access: Access) -> list[Process]:
    """Leave out who had hardly begun, if somebody older was there who did not start it.

    Of a program that ends and the next one that begins in the same moment, it was the first.
    """
    old = [process for process in ranked if process.begun_ns + FRESH_NS <= access.to_ns]
    if not old or len(old) == len(ranked):
        return ranked
    kept = {id(process) for process in old}
    return [
        process for process in ranked if id(process) in kept or not kept - _ancestors(process) - {id(process)}
    ]


def _unit(process: Process) -> object:
    """Return what two processes share if an edge of one is an edge of the other."""
    return process.owner


def _leaves(chosen: list[Process], access: Access) -> list[Process]:
    """Leave out who waits for another candidate: the ancestors of candidates.

    A descendant that had ended by the time of the access waits for nobody: then it was the ancestor.
    """
    if len(chosen) < 2:
        return chosen
    everybody = {id(process) for process in chosen}
    living = [
        process
        for process in chosen
        if process.gone_ns is None
        or process.gone_ns >= access.from_ns
        or everybody.isdisjoint(_ancestors(process))
    ]
    above = set().union(*(_ancestors(process) for process in living))
    return [process for process in living if id(process) not in above] or chosen
