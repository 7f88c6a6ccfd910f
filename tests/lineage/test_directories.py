"""Directories by name: as they are, were at a time, and were to a run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlamd.errors import UnknownNameError
from mlamd.lineage.directories import Directory, resolve_all
from mlamd.lineage.names import Place, resolve
from mlamd.model.derived import FileVersion, Run

PLACE = Place(b"/w", b"/w/sub")


def _files(view, text, place=PLACE) -> dict[str, int]:
    found = resolve_all(view, text, place)
    assert isinstance(found, Directory)
    assert list(found.members) == sorted(found.members)
    return {path.decode(): version.number for path, version in found.members.items()}


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


@pytest.fixture
def told(story):
    """``data/a`` is changed, ``data/b`` removed, ``data/c`` moved away, ``data/d/e`` comes in."""
    a, b, c = (story.existing(f"data/{name}", 10, name) for name in "abc")
    run = story.run("python train.py", 20, public="feed000000000001")
    step = story.step(run, at=20)
    for version in (a, b):
        story.read(step, version, 20)
    changed = story.write(step, "data/a", 30, "new")
    story.remove(b, 40)
    story.move(c, b"elsewhere/c", 50)
    story.existing("database", 60)
    moved = story.write((), "draft", 70)
    story.move(moved, b"data/d/e", 80)
    story.existing("/mnt/x", 90)
    return {"a": a, "b": b, "c": c, "changed": changed, "moved": moved}


def test_a_directory_is_what_stands_there_now(told, view):
    here = {"data/a": told["changed"], "data/d/e": told["moved"]}
    assert _files(view(), "../data") == here
    assert _files(view(), "/w/data/") == here
    assert _files(view(), "../data/d") == {"data/d/e": told["moved"]}
    assert _files(view(), "..").keys() == {*here, "elsewhere/c", "database"}
    assert _files(view(), "/mnt").keys() == {"/mnt/x"}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (10, {"data/a": "a", "data/b": "b", "data/c": "c"}),
        (39, {"data/a": "changed", "data/b": "b", "data/c": "c"}),
        (40, {"data/a": "changed", "data/c": "c"}),
        (55, {"data/a": "changed"}),
        (79, {"data/a": "changed"}),
        (80, {"data/a": "changed", "data/d/e": "moved"}),
    ],
)
def test_a_directory_at_a_time(told, view, second, expected):
    found = _files(view(), f"../data@{_time(second)}")
    assert found == {path: told[name] for path, name in expected.items()}


def test_a_directory_as_a_run_knew_it(told, view):
    expected = {"data/a": told["changed"], "data/b": told["b"]}
    assert _files(view(), "../data@feed") == expected
    assert _files(view(), "../data@@-1") == expected


def test_every_version_that_stood_there_is_known(told, view):
    found = resolve_all(view(), "../data", PLACE)
    assert found.places == {
        told["a"]: b"data/a",
        told["b"]: b"data/b",
        told["c"]: b"data/c",
        told["changed"]: b"data/a",
        told["moved"]: b"data/d/e",
    }


@pytest.mark.parametrize(
    "text", ["../nothing", "../dat", "../data@x", "../data@1960-01-01", "../data/d@feed"]
)
@pytest.mark.usefixtures("told")
def test_what_is_not_known(view, text):
    with pytest.raises(UnknownNameError):
        resolve_all(view(), text, PLACE)


def test_a_directory_on_disk_goes_before_a_run(story, view, tmp_path: Path):
    place = Place(bytes(tmp_path), bytes(tmp_path))
    run = story.run("python a.py", public="feed000000000001")
    story.read(story.step(run), story.existing("feed/x", 1), 1)
    story.write((), "file", 2)
    assert isinstance(resolve_all(view(), "feed", place), Run)
    (tmp_path / "feed").mkdir()
    assert isinstance(resolve_all(view(), "feed", place), Directory)
    assert isinstance(resolve_all(view(), "file", place), FileVersion)
    (tmp_path / "fee").mkdir()
    assert isinstance(resolve_all(view(), "fee", place), Run)
    (tmp_path / "new").mkdir()
    with pytest.raises(UnknownNameError, match="nothing is known of files in it"):
        resolve_all(view(), "new", place)
    with pytest.raises(UnknownNameError, match="see `mlamd show new`"):
        resolve(view(), "new", place)
