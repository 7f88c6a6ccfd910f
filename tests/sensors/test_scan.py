"""What changed while nobody looked, against a model tree and against git."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlamd.host.files import LocalFiles, file_stat
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.sensors import scan
from tests.sensors.watching import nothing

NAMES = ["a", "b", "c", "d/a", "d/e/b", "x/y"]


def versions(root: Path) -> dict[bytes, FileStat | None]:
    """Return what a recorder would know of a tree now."""
    return dict(scan.walk(os.fsencode(root), nothing, LocalFiles()))


def found_in(
    root: Path, known: dict[bytes, FileStat | None], since_ns: int
) -> tuple[set[str], set[str], dict[str, str]]:
    """Scan; return found names, missing names, and moves."""
    found: set[str] = set()
    missing: set[str] = set()
    moves: dict[str, str] = {}

    def name(path: bytes) -> str:
        return os.path.relpath(os.fsdecode(path), root)

    for one in scan.changes(
        [os.fsencode(root)], known.items(), nothing, LocalFiles(), since_ns, since_ns + 1
    ):
        if isinstance(one, seen.FileFound):
            assert one.stat == file_stat(os.lstat(one.path))
            assert not one.live
            assert name(one.path) not in found
            found.add(name(one.path))
        else:
            assert isinstance(one, seen.FileMissing)
            if one.moved_to is None:
                missing.add(name(one.path))
            else:
                moves[name(one.path)] = name(one.moved_to)
    return found, missing, moves


_deed = st.one_of(
    st.tuples(st.sampled_from(["write", "append", "remove", "touch", "chmod"]), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["move", "replace", "link"]), st.sampled_from(NAMES), st.sampled_from(NAMES)),
)


_CLOCK_S = 0.02
"""The clock that files are stamped with is up to a tick behind, on a busy virtual machine several."""


def _do(root: Path, deed: tuple[str, ...]) -> None:
    verb, path = deed[0], root / deed[1]
    target = root / deed[-1]
    target.parent.mkdir(parents=True, exist_ok=True)
    if verb == "write":
        path.write_bytes(os.urandom(20))
    elif not path.exists():
        return
    elif verb == "append":
        with path.open("ab") as file:
            file.write(b"more")
    elif verb == "remove":
        path.unlink()
    elif verb == "touch":
        os.utime(path)
    elif verb == "chmod":
        path.chmod(0o600)
    elif verb == "move":
        path.rename(target)
    elif verb == "replace":
        shutil.copy(path, root / "tmp")
        (root / "tmp").rename(target)
    elif verb == "link" and not target.exists():
        os.link(path, target)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_deed, max_size=12), st.lists(_deed, max_size=12))
def test_a_scan_tells_exactly_what_differs(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for deed in before:
            _do(root, deed)
        known = versions(root)
        time.sleep(_CLOCK_S)
        since_ns = time.time_ns()
        time.sleep(_CLOCK_S)
        for deed in after:
            _do(root, deed)
        found, missing, moves = found_in(root, known, since_ns)
        old = {os.path.relpath(os.fsdecode(path), root): stat for path, stat in known.items()}
        new = {os.path.relpath(os.fsdecode(path), root): stat for path, stat in versions(root).items()}
        for path, stat in new.items():
            reached = path in found or path in moves.values()
            assert reached == (path not in old or not stat.same_content(old[path])), path
        assert missing | set(moves) == set(old) - set(new)
        for source, path in moves.items():
            assert old[source].same_content(new[path])


def test_a_moved_file_is_found_by_its_inode(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    known = versions(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "a").rename(tmp_path / "d/b")
    assert found_in(tmp_path, known, 0) == (set(), set(), {"a": "d/b"})


def test_moves_come_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    known = versions(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").write_bytes(b"other")
    found, missing, moves = found_in(tmp_path, known, 0)
    assert "a" in found
    assert missing == set()
    assert "b" in found | set(moves.values())


def test_a_file_that_was_moved_and_changed_is_missing_and_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    known = versions(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"longer")
    assert found_in(tmp_path, known, 0) == ({"b"}, {"a"}, {})


def test_files_that_were_never_touched_and_did_not_change_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x")
    time.sleep(0.02)
    since_ns = time.time_ns()
    time.sleep(0.02)
    (tmp_path / "new").write_bytes(b"x")
    assert found_in(tmp_path, {}, since_ns) == ({"new"}, set(), {})


def test_a_known_file_without_a_stat_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    known = {os.fsencode(tmp_path / "a"): None, os.fsencode(tmp_path / "gone"): None}
    assert found_in(tmp_path, known, time.time_ns() + 10**9) == ({"a"}, {"gone"}, {})


def test_a_file_that_became_a_directory_or_a_link_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    known = versions(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("/etc/passwd")
    assert found_in(tmp_path, known, 0) == (set(), {"a", "b"}, {})


def test_skipped_directories_are_not_walked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/x").touch()
    (tmp_path / "a").touch()
    walked = scan.walk(os.fsencode(tmp_path), lambda path: path.endswith(b".git"), LocalFiles())
    assert [os.path.basename(path) for path, _ in walked] == [b"a"]


def test_fifos_links_and_what_vanishes_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert versions(tmp_path) == {}
    assert list(scan.walk(os.fsencode(tmp_path / "none"), nothing, LocalFiles())) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_scan_agrees_with_git_status(tmp_path: Path, seed: int) -> None:
    import random  # noqa: PLC0415

    chance = random.Random(seed)

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.quotePath=false"]
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    names = [f"d{number % 4}/f{number}" for number in range(40)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(os.urandom(30))
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "x")
    known = {path: stat for path, stat in versions(tmp_path).items() if b"/.git/" not in path}
    time.sleep(0.01)
    since_ns = time.time_ns()
    time.sleep(0.01)
    for name in chance.sample(names, 20):
        deed = chance.choice(["edit", "remove", "add", "same"])
        if deed == "edit":
            (tmp_path / name).write_bytes(os.urandom(31))
        elif deed == "remove":
            (tmp_path / name).unlink()
        elif deed == "add":
            (tmp_path / f"{name}.new").write_bytes(b"new")
        else:
            (tmp_path / name).read_bytes()
    mine: set[tuple[str, str]] = set()
    skip = [os.fsencode(tmp_path / ".git")]
    for one in scan.changes(
        [os.fsencode(tmp_path)], known.items(), lambda path: path in skip, LocalFiles(), since_ns, since_ns
    ):
        name = os.path.relpath(os.fsdecode(one.path), tmp_path)
        if isinstance(one, seen.FileMissing):
            mine.add(("D", name))
        else:
            mine.add(("M" if one.path in known else "??", name))
    lines = git("status", "--porcelain", "-uall").splitlines()
    assert mine == {(line[:2].strip(), line[3:]) for line in lines}


def test_a_directory_is_looked_at_by_way_of_another(tmp_path: Path) -> None:
    (tmp_path / "backing/d").mkdir(parents=True)
    (tmp_path / "backing/d/a").write_bytes(b"x")
    files = LocalFiles()
    files.reach_through(b"/w", os.fsencode(tmp_path / "backing"))
    ((path, stat),) = scan.walk(b"/w", nothing, files)
    assert path == b"/w/d/a"
    assert stat == files.stat(path) == LocalFiles().stat(os.fsencode(tmp_path / "backing/d/a"))
    assert files.digest(path, stat).whole
    assert files.stat(b"/work/d/a") is None
