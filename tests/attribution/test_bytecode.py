"""A read of a bytecode cache is a read of its source in the version that the header names."""

import pytest

from mlamd.attribution import bytecode
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark
from tests.attribution.world import Node, World

CACHE = "__pycache__/m.cpython-311.pyc"


def open_cache(
    world: World, job: Node, mark: SourceMark | None, *, cache: str = CACHE, writes: bool = False
) -> None:
    stat = world.files[b"/w/m.py"]
    key = job.key if world.identified else None
    modes = (not writes, writes) if world.identified else (None, None)
    path = world.path(cache)
    world.see(seen.FileOpened(world.tick(), path, stat, key, *modes, source_mark=mark))


def mark_of(stat: FileStat) -> SourceMark:
    return SourceMark((stat.mtime_ns // 1_000_000_000) & 0xFFFFFFFF, stat.size_bytes)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (b"d/__pycache__/m.cpython-311.pyc", b"d/m.py"),
        (b"__pycache__/m.cpython-311.pyc", b"m.py"),
        (b"/data/__pycache__/m.pypy310-pp73.pyc", b"/data/m.py"),
        (b"d/__pycache__/m.cpython-311.opt-2.pyc", b"d/m.py"),
        (b"d/__pycache__/m.cpython-311.pyc.139872", None),
        (b"d/__pycache__/m.cpython-311.other.pyc", None),
        (b"d/m.pyc", None),
        (b"d/__pycache__/.pyc", None),
        (b"d/__pycache__/m.pyc", None),
    ],
)
def test_the_source_of_a_cache_is_told_by_its_name(path: bytes, source: bytes | None) -> None:
    assert bytecode.source_path(path) == source


def test_a_read_of_a_cache_is_a_read_of_the_source_in_the_version_that_the_header_names(world: World) -> None:
    job = world.shell() / "python train.py"
    stat = world.put("m.py")
    open_cache(world, job, mark_of(stat))
    world.writes("model.pt", by=job)
    book = world.settle()
    assert book.reads() == {("m.py", "python train.py"): world.sure}
    assert book.sources("model.pt") == {"m.py"}
    assert book.version("m.py").stat == stat


def test_the_version_is_that_which_was_written_before(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("m.py", by=job)
    open_cache(world, job, mark_of(world.files[b"/w/m.py"]))
    book = world.settle()
    assert len(book.versions("m.py")) == 1
    assert book.read_versions("python train.py") == [1]


@pytest.mark.parametrize("change", [SourceMark(1, 100), SourceMark(1_000_000_000, 1)])
def test_a_stale_cache_is_no_read_of_its_source(world: World, change: SourceMark) -> None:
    job = world.shell() / "python train.py"
    world.put("m.py")
    open_cache(world, job, change)
    assert world.settle().events == []


def test_a_cache_that_is_checked_by_hash_is_no_read_of_its_source(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put("m.py")
    open_cache(world, job, None)
    assert world.settle().events == []


def test_a_cache_that_is_written_is_no_read_of_its_source(identified: World) -> None:
    job = identified.shell() / "python train.py"
    stat = identified.put("m.py")
    open_cache(identified, job, mark_of(stat), writes=True)
    assert identified.settle().events == []


def test_a_cache_whose_source_is_noise_is_no_read() -> None:
    world = World(patterns=["m.py"])
    job = world.shell() / "python train.py"
    stat = world.put("m.py")
    open_cache(world, job, mark_of(stat))
    assert world.settle().reads() == {}


def test_closing_and_removing_a_cache_are_nothing(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put(CACHE)
    world.closes(CACHE, by=job)
    world.closes(CACHE, by=job, wrote=True)
    world.moves(CACHE, CACHE + ".1", by=job)
    world.removes(CACHE + ".1", by=job)
    assert world.settle().events == []
