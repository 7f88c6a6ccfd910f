"""What differs between two runs: command, inputs and outputs by content."""

from dataclasses import dataclass

from mlamd.lineage.gaps import of_runs
from mlamd.lineage.inputs import Used, inputs, outputs
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, KnownGap, Run


@dataclass(frozen=True, slots=True)
class Change:
    """A path whose content differs; a side is None where that run did not touch the path.

    ``certain`` is False where a content is not known, so that only size and time could be compared.
    """

    path: bytes
    left: FileVersion | None
    right: FileVersion | None
    certain: bool


@dataclass(frozen=True, slots=True)
class RunDiff:
    """The differences, and how much was the same."""

    left: Run
    right: Run
    command: tuple[tuple[str, ...], tuple[str, ...]] | None
    cwd: tuple[str, str] | None
    inputs: tuple[Change, ...]
    outputs: tuple[Change, ...]
    same_inputs: int
    same_outputs: int
    gaps: tuple[KnownGap, ...]


def _same(left: FileVersion, right: FileVersion) -> tuple[bool, bool]:
    """Return (is the content the same, is that certain)."""
    if left.number == right.number:
        return True, True
    if left.digest is not None and right.digest is not None:
        return left.digest == right.digest, True
    if left.size_bytes is not None and right.size_bytes is not None and left.size_bytes != right.size_bytes:
        return False, True
    return False, False


def _newest(used: list[Used]) -> dict[bytes, FileVersion]:
    """Return the last version of each path that a run used."""
    found: dict[bytes, FileVersion] = {}
    for item in sorted(used, key=lambda item: item.version.number):
        found[item.version.path] = item.version
    return found


def _changes(left: list[Used], right: list[Used]) -> tuple[tuple[Change, ...], int]:
    ours, theirs = _newest(left), _newest(right)
    changes = []
    same = 0
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            changes.append(Change(path, one, other, certain=True))
            continue
        equal, certain = _same(one, other)
        if equal:
            same += 1
        else:
            changes.append(Change(path, one, other, certain))
    return tuple(changes), same


def diff_runs(view: View, left: Run, right: Run) -> RunDiff:
    """Compare two runs."""
    changed_inputs, same_inputs = _changes(inputs(view, left), inputs(view, right))
    changed_outputs, same_outputs = _changes(outputs(view, left), outputs(view, right))
    return RunDiff(
        left,
        right,
        None if left.command == right.command else (left.command, right.command),
        None if left.cwd == right.cwd else (left.cwd, right.cwd),
        changed_inputs,
        changed_outputs,
        same_inputs,
        same_outputs,
        tuple(of_runs(view, (left, right))),
    )
