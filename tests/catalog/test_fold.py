"""The tables depend on the events alone: not on how they were batched, or where they were folded."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlamd.catalog import check
from mlamd.catalog.catalog import Catalog, current, in_memory
from mlamd.catalog.fold import fold
from mlamd.catalog.overlay import Empty, Overlay
from mlamd.catalog.tables import LATER, TABLES, key
from mlamd.journal import documents
from mlamd.journal.log import Journal
from mlamd.model import codec, events
from mlamd.model.evidence import Grade, Via
from tests.story import Story

_TEXTS = ["", None]
_PATHS = [b"a", b"b", b"d/c", b"odd \xff"]


@st.composite
def stories(draw: st.DrawFn) -> list[events.Event]:
    """Tell something that a recorder might have recorded."""
    story = Story()
    story.session()
    steps: list[int] = []
    versions: list[int] = []
    number = st.integers(0, 1000)
    for at in range(draw(st.integers(0, 40))):
        deed = draw(st.sampled_from(_DEEDS))
        deed(draw, story, at, steps, versions, draw(number))
    return story.events


def _run(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    del draw, versions
    run = story.run(f"run {number}", at)
    steps.append(story.step(run, f"step {number}", at))
    if number % 2:
        second = story.step(run, f"second {number}", at)
        story.flow(steps[-1], second, Via(number % 3), at)
        steps.append(second)
    if number % 3 == 0:
        story.end(run, [steps[-1]], at, number % 4 or None)


def _write(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    writers = draw(st.sets(st.sampled_from(steps), max_size=3)) if steps else set()
    path = _PATHS[number % len(_PATHS)]
    versions.append(story.write(sorted(writers), path, at, _TEXTS[number % 2], derived=number % 7 == 0))


def _touch(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    if not steps or not versions:
        return
    step, version = draw(st.sampled_from(steps)), draw(st.sampled_from(versions))
    kind = number % 6
    path = story.name(story._path_of[version])
    if kind == 0:
        story.read(step, version, at, Grade(number % 4))
    elif kind == 1:
        story.events.append(events.WriterAdded(version, step, Grade.INFERRED))
    elif kind == 2:
        story.again(step, version, number, at)
    elif kind == 3:
        story.events.append(events.Digested(version, b"%032d" % number, "", number % 2 == 0))
    elif kind == 4:
        story.remove(version, at, [step])
    else:
        story.events.append(events.Linked(version, path, at))


def _move(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    standing = [version for version in versions if version in story._current.values()]
    if standing:
        version = draw(st.sampled_from(standing))
        target = _PATHS[number % len(_PATHS)]
        if target != story._path_of[version]:
            story.move(version, target, at)
    del steps


def _gap(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    del draw, steps, versions
    story.gap(at, at + number, _PATHS[number % 4] if number % 2 else b"")
    story.events.append(events.SessionEnded(at, "s", "stopped"))


def _use(draw: Any, story: Story, at: int, steps: list[int], versions: list[int], number: int) -> None:
    del draw, versions
    delay = number if number % 2 else None
    if steps:
        step = steps[number % len(steps)]
        story.events.append(events.Used(step, at, number, number, 2, 3, 4, 5, delay))
        story.surround(step, at, **{("host", "code", "native")[number % 3]: {"known": number}})
    story.events.append(events.Sampled(1 + number % 2, at, number, 1, 2, 3, 4, 5, delay, 6, 7))


_DEEDS = [_run, _write, _write, _touch, _touch, _move, _gap, _use]


def _rows(tables: Overlay) -> list[tuple[str, bytes, bytes]]:
    """Return all rows as they would be stored."""
    return [
        (table, place, b"" if row == b"" else codec.pack(row))
        for table in TABLES
        for place, row in tables.scan(table)
        if (table, place) != ("meta", b"\0\0\0\0\3")
    ]


def _stored(catalog: Catalog) -> list[tuple[str, bytes, bytes]]:
    return [row for row in catalog.dump() if row[:2] != ("meta", b"\0\0\0\0\3")]


_SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_SLOW
@given(stories(), st.lists(st.integers(0, 60), max_size=5))
def test_batches_do_not_matter(story, cuts):
    whole = Overlay(Empty())
    fold(whole, 1, story)
    parts = Overlay(Empty())
    places = sorted({0, len(story), *(min(cut, len(story)) for cut in cuts)})
    for start, end in pairwise(places):
        fold(parts, start + 1, story[start:end])
    assert _rows(parts) == _rows(whole) or not story


@settings(_SLOW, max_examples=8)
@given(stories(), st.data())
def test_disk_memory_and_rebuild_agree(tmp_path_factory, story, data):
    store: Path = tmp_path_factory.mktemp("store")
    middle = data.draw(st.integers(1, len(story)))
    journal = Journal(store, write=True)
    journal.append(story[:middle], 1)
    journal.append(story[middle:], middle + 1)
    memory = _rows(in_memory(journal))
    journal.close()
    catalog = Catalog(store, write=True)
    catalog.fold(1, story[:middle])
    catalog.close()
    with current(store) as tables:
        assert _rows(tables) == memory
    report = check.rebuild(store)
    assert report.same
    assert report.events == middle
    check.adopt(store)
    catalog = Catalog(store)
    assert _stored(catalog) == memory
    catalog.close()
    assert check.rebuild(store).same
    check.discard(store)
    check.check_file(store, "catalog")


@pytest.mark.parametrize("behind", [0, 1, 4095, 4096, 9000])
def test_rebuild_of_a_catalog_that_is_behind(tmp_path, behind):
    """The comparison ends where the live one ends, in whatever block that is."""
    story = [events.Named(number, b"%d" % number) for number in range(1, 10_001)]
    journal = Journal(tmp_path, write=True)
    journal.append(story, 1)
    journal.close()
    catalog = Catalog(tmp_path, write=True)
    catalog.fold(1, story[: 10_000 - behind])
    catalog.close()
    report = check.rebuild(tmp_path)
    assert (report.same, report.events) == (True, 10_000 - behind)
    check.adopt(tmp_path)
    assert check.rebuild(tmp_path).events == 10_000


def test_catalog_of_a_program_that_knew_fewer_tables(tmp_path, monkeypatch):
    """Readers find the new tables empty, and fold what the journal holds of them; a writer makes them."""
    story = [
        events.Named(1, b"a"),
        events.Used(1, 5, 1, 2, 3, 4, 5, 6, None),
        events.Sampled(1, 5, 1, 1, 1, 1, 1, 1, None, 1, 1),
        events.Named(2, b"b"),
    ]
    monkeypatch.setattr("mlamd.catalog.catalog.TABLES", tuple(name for name in TABLES if name not in LATER))
    Catalog(tmp_path, write=True).close()
    monkeypatch.undo()
    journal = Journal(tmp_path, write=True)
    journal.append(story, 1)
    journal.close()
    catalog = Catalog(tmp_path)
    with catalog.tables() as tables:
        assert [list(tables.scan(name)) for name in LATER] == [[] for _ in LATER]
        assert tables.get("usage", key(1)) is None
    catalog.close()
    with current(tmp_path) as tables:
        assert tables.get("usage", key(1)) == [5, 1, 2, 3, 4, 5, 6, None]
        assert len(list(tables.scan("samples"))) == 1
    catalog = Catalog(tmp_path, write=True)
    catalog.fold(1, story)
    with catalog.tables() as tables:
        assert len(list(tables.scan("samples"))) == 1
    catalog.close()
    assert check.rebuild(tmp_path).same


def test_later_surroundings_add_to_earlier_ones():
    story = Story()
    step = story.step(story.run("x"))
    for at, knowledge in enumerate(({"host": 1, "code": 2}, {"native": 3}, {"native": 4, "code": 5})):
        story.surround(step, at, **{sort: {"known": known} for sort, known in knowledge.items()})
    tables = Overlay(Empty())
    fold(tables, 0, story.events)
    rows = [tables.get("documents", key(number)) for number in tables.get("surroundings", key(step))]
    assert {sort: documents.unpack(value)["known"] for sort, value in rows} == {
        "host": 1,
        "code": 5,
        "native": 4,
    }


def test_catch_up(tmp_path):
    story = [events.Named(number, b"%d" % number) for number in range(1, 9001)]
    journal = Journal(tmp_path, write=True)
    journal.append(story, 1)
    catalog = Catalog(tmp_path, write=True)
    assert catalog.catch_up(journal) == 9001
    assert catalog.catch_up(journal) == 9001
    with catalog.tables() as tables:
        assert len(list(tables.scan("names"))) == 9000
    catalog.close()
    journal.close()
