"""Reads and writes: when an edge is made, to which version, and in which order."""

import pytest

from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.events import Origin
from mlamd.model.evidence import Grade
from mlamd.model.files import FileStat
from mlamd.model.processes import HeldFile, ProcessKey
from tests.attribution.world import BOOT, MS, World


def test_a_read_edge_is_made_at_open_for_reading(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put("data.csv")
    before_ns = world.tick()
    world.opens("data.csv", by=job)
    opened_ns = world.clock.now_ns()
    world.tick(500 * MS)
    world.closes("data.csv", by=job)
    (read,) = world.settle().of(events.Read)
    assert before_ns < read.at_ns <= opened_ns


def test_a_file_that_stays_open_is_read_as_soon_as_somebody_is_known_to_hold_it(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put("data.bin")
    world.opens("data.bin", by=job)
    job.holds(files=[HeldFile(b"/w/data.bin", reads=True, writes=False)])
    book = world.settle()
    assert book.reads() == {("data.bin", "python train.py"): world.sure}
    world.closes("data.bin", by=job)
    world.settle()
    assert len(book.of(events.Read)) == 1


def test_a_mapped_file_that_is_closed_at_once_is_read(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put("data.npy")
    world.opens("data.npy", by=job)
    world.closes("data.npy", by=job)
    assert world.settle().reads() == {("data.npy", "python train.py"): world.sure}


def test_a_write_edge_is_made_when_a_file_opened_for_writing_is_closed(world: World) -> None:
    job = world.shell() / "python train.py"
    world.opens("model.pt", by=job, mode="w")
    world.modifies("model.pt")
    world.settle()
    assert world.book.writes() == {}
    world.closes("model.pt", by=job, wrote=True)
    closed_ns = world.clock.now_ns()
    book = world.settle()
    assert book.writes() == {("python train.py", "model.pt"): world.sure}
    assert book.version("model.pt").at_ns == closed_ns


def test_a_write_edge_is_made_when_the_process_exits(world: World) -> None:
    job = world.shell() / "python train.py"
    world.opens("model.pt", by=job, mode="w")
    world.modifies("model.pt")
    world.poll()
    world.closes("model.pt", by=job, wrote=True)
    job.exit(-9)
    assert world.settle().writes() == {("python train.py", "model.pt"): world.sure}


def test_a_file_that_is_written_and_read_by_one_step_is_its_output_not_its_source(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("tmp", by=job)
    world.reads("tmp", by=job)
    world.writes("model.pt", by=job)
    book = world.settle()
    assert book.sources("tmp") == set()
    assert book.sources("model.pt") == {"tmp"}


def test_inside_one_process_an_output_depends_only_on_what_was_opened_before_it_was_sealed(
    world: World,
) -> None:
    job = world.shell() / "python train.py"
    world.reads("a", by=job)
    world.writes("b", by=job)
    world.reads("c", by=job)
    book = world.settle()
    assert book.sources("b") == {"a"}


def test_an_input_that_is_opened_while_the_output_is_being_written_counts(world: World) -> None:
    job = world.shell() / "python train.py"
    world.opens("b", by=job, mode="w")
    world.put("a")
    world.reads("a", by=job)
    world.modifies("b")
    world.closes("b", by=job, wrote=True)
    assert world.settle().sources("b") == {"a"}


@pytest.mark.parametrize("mode", ["r+", "a+", "a"])
def test_read_write_append_and_updates_in_place_derive_the_new_version_from_the_old_one(
    identified: World, mode: str
) -> None:
    job = identified.shell() / "python train.py"
    identified.put("table.db")
    identified.reads("table.db", by=job)
    identified.writes("table.db", by=job, mode=mode)
    book = identified.settle()
    old, new = book.versions("table.db")
    assert new.derived
    assert new.previous == old.version


@pytest.mark.parametrize("mode", ["r+", "a", "a+"])
def test_a_file_of_unknown_history_that_is_appended_to_derives_from_what_it_was(
    identified: World, mode: str
) -> None:
    job = identified.shell() / "python train.py"
    identified.put("table.db")
    identified.writes("table.db", by=job, mode=mode)
    book = identified.settle()
    assert [version.origin for version in book.versions("table.db")] == [Origin.EXISTING, Origin.WRITTEN]
    assert book.version("table.db").derived


@pytest.mark.parametrize("mode", ["w", "w+"])
def test_a_file_that_was_emptied_first_does_not_derive_from_its_old_content(world: World, mode: str) -> None:
    job = world.shell() / "python train.py"
    world.writes("log", by=job)
    world.settle()
    world.writes("log", by=job, mode=mode, size=90)
    book = world.settle()
    assert len(book.versions("log")) == 2
    assert not book.version("log").derived
    assert book.version("log").previous == book.versions("log")[0].version


def test_a_file_that_was_replaced_does_not_derive_from_its_old_content(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("log", by=job)
    world.removes("log", by=job)
    world.writes("log", by=job)
    book = world.settle()
    assert not book.version("log").derived
    assert book.version("log").previous == book.versions("log")[0].version


def test_content_that_is_read_before_it_is_changed_is_derived_without_a_mode_too(anonymous: World) -> None:
    job = anonymous.shell() / "python update.py table.db"
    anonymous.writes("table.db", by=job)
    anonymous.settle()
    anonymous.opens("table.db", mode="r+")
    anonymous.fetches("table.db")
    anonymous.modifies("table.db")
    anonymous.closes("table.db", wrote=True)
    book = anonymous.settle()
    assert book.version("table.db").derived
    assert book.reads() == {("table.db", job.label): Grade.INFERRED}


def test_appending_without_a_mode_is_seen_by_a_look_that_comes_in_time(anonymous: World) -> None:
    job = anonymous.shell() / "python log.py log"
    anonymous.writes("log", by=job)
    anonymous.settle()
    anonymous.writes("log", by=job, mode="a")
    book = anonymous.settle()
    assert book.version("log").derived
    assert book.reads() == {}


def test_what_a_look_cannot_tell_without_a_mode_is_left_to_the_digests(anonymous: World) -> None:
    job = anonymous.shell() / "python log.py log"
    anonymous.writes("log", by=job)
    anonymous.settle()
    anonymous.attributor.take_maybe_appended()
    anonymous.writes("log", by=job, mode="w")
    book = anonymous.settle()
    assert anonymous.attributor.take_maybe_appended() == {book.current("log")}
    assert anonymous.attributor.take_maybe_appended() == set()


def test_a_failed_call_makes_no_edge(identified: World) -> None:
    job = identified.shell() / "python train.py"
    identified.see(seen.FileOpened(identified.tick(), b"/w/none", None, job.key, reads=False, writes=False))
    book = identified.settle()
    assert book.edges() == set()
    assert book.steps == []


def test_directories_make_no_edge(world: World) -> None:
    job = world.shell() / "rm -r d"
    world.put("d/a")
    world.moves("d", "e", by=job)
    world.removes("e", by=job)
    book = world.settle()
    assert book.edges() == set()
    assert book.of(events.Sealed) == []


def test_metadata_only_calls_make_no_edge_and_no_version(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job)
    stat = world.files[b"/w/data.csv"]
    world.files[b"/w/data.csv"] = stat._replace(ctime_ns=world.tick(), links=2)
    world.reads("data.csv", by=job)
    book = world.settle()
    assert len(book.of(events.Sealed)) == 1
    assert len(book.of(events.Read)) == 1


def test_the_same_deed_of_two_workers_of_one_step_is_one_edge(world: World) -> None:
    job = world.shell() / "python train.py"
    for worker in (job.fork(), job.fork()):
        world.reads("data.csv", by=worker)
    assert len(world.settle().of(events.Read)) == 1


def test_two_steps_that_read_one_file_read_one_version(world: World) -> None:
    shell = world.shell()
    one, two = shell / "wc data.csv", shell / "md5sum data.csv"
    world.reads("data.csv", by=one)
    world.settle()
    one.exit()
    world.settle()
    world.reads("data.csv", by=two)
    book = world.settle()
    assert len(book.versions("data.csv")) == 1
    assert set(book.reads()) >= {("data.csv", "md5sum data.csv")}


def test_who_reads_while_somebody_writes_reads_a_partial_version(world: World) -> None:
    shell = world.shell()
    writer = shell / "python write.py log"
    world.opens("log", by=writer, mode="w")
    writer.holds(files=[HeldFile(b"/w/log", reads=False, writes=True)])
    world.modifies("log", 40)
    world.poll()
    world.tick(100 * MS)
    reader = shell / "tail log"
    world.opens("log", by=reader)
    reader.holds(files=[HeldFile(b"/w/log", reads=True, writes=False)])
    world.poll()
    world.closes("log", by=reader)
    world.poll()
    reader.exit()
    world.tick(100 * MS)
    world.modifies("log", 80)
    world.closes("log", by=writer, wrote=True)
    book = world.settle()
    partial, whole = book.versions("log")
    assert (partial.origin, whole.origin) == (Origin.PARTIAL, Origin.WRITTEN)
    assert partial.stat is not None
    assert partial.stat.size_bytes == 40
    assert whole.previous == partial.version
    assert book.read_versions("tail log") == [partial.version]
    assert book.writers("log") == {"python write.py log"}


def test_deeds_of_a_process_that_nobody_has_ever_seen_are_a_gap(identified: World) -> None:
    stranger = ProcessKey(BOOT, 9999, 1)
    stat = FileStat(1, 5, 10, 3, 3)
    identified.see(seen.FileOpened(identified.tick(), b"/w/a", stat, stranger, reads=True, writes=False))
    identified.see(seen.FileClosed(identified.tick(), b"/w/b", wrote=True, stat=stat, process=stranger))
    book = identified.settle()
    assert book.edges() == set()
    assert {reason for reason, _, _ in book.gaps()} == {"unattributed"}
    assert book.version("b").writers == ()


def test_an_observed_deed_is_graded_observed_and_an_inferred_one_inferred(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("a", by=job)
    world.writes("b", by=job)
    book = world.settle()
    assert set(book.reads().values()) | set(book.writes().values()) == {world.sure}
    assert world.sure.evidence == ("observed" if world.identified else "inferred")


def test_a_later_hand_that_changes_nothing_is_no_writer(world: World) -> None:
    shell = world.shell()
    one = shell / "python one.py b"
    world.writes("b", by=one)
    world.settle()
    one.exit()
    world.settle()
    two = shell / "python two.py b"
    world.opens("b", by=two, mode="a")
    world.closes("b", by=two, wrote=True)
    book = world.settle()
    assert len(book.versions("b")) == 1
    assert book.writers("b") == {"python one.py b"}
