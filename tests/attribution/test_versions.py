"""Versions: when they are sealed, what identifies them, how names come and go."""

import pytest

from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.events import Origin
from mlamd.model.processes import HeldFile
from tests.attribution.world import MS, S, World


def test_a_version_is_sealed_when_its_last_writer_closes_it(identified: World) -> None:
    world = identified
    shell = world.shell()
    one, two = shell / "python one.py", shell / "python two.py"
    world.opens("log", by=one, mode="a")
    world.opens("log", by=two, mode="a")
    world.modifies("log")
    world.closes("log", by=one, wrote=True)
    assert world.settle().versions("log") == []
    world.modifies("log")
    world.closes("log", by=two, wrote=True)
    book = world.settle()
    assert len(book.versions("log")) == 1
    assert book.writers("log") == {"python one.py", "python two.py"}


def test_each_close_after_writing_with_nobody_else_seals_a_version(world: World) -> None:
    job = world.shell() / "python train.py"
    for _ in range(3):
        world.writes("model.pt", by=job)
    book = world.settle()
    assert [version.previous for version in book.versions("model.pt")] == [0, 1, 2]
    assert len(book.history("model.pt")) == 3


def test_a_close_that_changed_nothing_seals_nothing(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("log", by=job)
    world.opens("log", by=job, mode="a")
    world.closes("log", by=job, wrote=True)
    assert len(world.settle().versions("log")) == 1


@pytest.mark.parametrize("known", [False, True])
def test_a_close_that_changed_nothing_makes_nobody_the_writer_of_an_older_file(
    world: World, *, known: bool
) -> None:
    job = world.shell() / "python train.py"
    world.put("table.db")
    if known:
        world.reads("table.db", by=job)
        world.settle()
    world.tick(S)
    world.opens("table.db", by=job, mode="r+")
    world.closes("table.db", by=job, wrote=True)
    book = world.settle()
    assert book.writes() == {}


def test_a_close_that_changed_nothing_right_after_a_read_makes_nobody_the_writer(anonymous: World) -> None:
    job = anonymous.shell() / "python train.py"
    anonymous.reads("table.db", by=job)
    anonymous.opens("table.db", by=job, mode="r+")
    anonymous.closes("table.db", by=job, wrote=True)
    assert anonymous.settle().writes() == {}


def test_a_new_file_that_stays_empty_is_a_version(world: World) -> None:
    job = world.shell() / "touch done"
    world.opens("done", by=job, mode="w")
    world.closes("done", by=job, wrote=True)
    assert world.settle().writes() == {("touch done", "done"): world.sure}


def test_stat_says_whether_a_file_is_still_the_version_that_we_know(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job)
    world.settle()
    world.reads("data.csv", by=job)
    assert len(world.settle().versions("data.csv")) == 1
    world.change("data.csv")
    world.tick(20 * MS)
    world.reads("data.csv", by=job)
    book = world.settle()
    old, new = book.versions("data.csv")
    assert (old.origin, new.origin) == (Origin.EXISTING, Origin.FOUND)
    assert new.writers == (), "nobody saw who did it"
    assert book.read_versions("python train.py") == [old.version, new.version]


@pytest.mark.parametrize("field", ["device", "inode", "size_bytes", "mtime_ns"])
def test_each_of_device_inode_size_and_mtime_tells_versions_apart(world: World, field: str) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job)
    stat = world.files[b"/w/data.csv"]
    world.files[b"/w/data.csv"] = stat._replace(**{field: getattr(stat, field) + 1, "ctime_ns": world.tick()})
    world.tick(20 * MS)
    world.reads("data.csv", by=job)
    assert len(world.settle().versions("data.csv")) == 2


def test_ctime_tells_a_change_that_hides_its_mtime(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("data.csv", by=job)
    world.settle()
    stat = world.files[b"/w/data.csv"]
    world.opens("data.csv", by=job, mode="r+")
    world.modifies("data.csv", stat.size_bytes)
    now_ns = world.clock.now_ns()
    world.files[b"/w/data.csv"] = stat._replace(ctime_ns=now_ns)
    world.closes("data.csv", by=job, wrote=True)
    assert len(world.settle().versions("data.csv")) == 2


def test_an_atomic_save_is_a_new_version_of_the_target_and_the_temporary_name_vanishes(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("model.pt", by=job)
    world.settle()
    world.writes("model.pt.tmp0", by=job)
    world.moves("model.pt.tmp0", "model.pt", by=job)
    book = world.settle()
    (moved,) = book.of(events.Moved)
    assert moved.temporary
    assert moved.replaced == book.versions("model.pt")[0].version
    assert book.history("model.pt") == [2, 1]
    assert book.current("model.pt.tmp0") == 0
    assert book.writers("model.pt") == {"python train.py"}


def test_an_atomic_save_of_a_new_target_leaves_no_trace_of_the_temporary_name(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("model.pt.tmp0", by=job)
    world.moves("model.pt.tmp0", "model.pt", by=job)
    book = world.settle()
    (moved,) = book.of(events.Moved)
    assert moved.temporary
    assert moved.replaced == 0
    assert book.current("model.pt") == 1


def test_repeated_atomic_saves_are_a_history(world: World) -> None:
    job = world.shell() / "python train.py"
    for epoch in range(3):
        world.writes(f"tmp{epoch}", by=job)
        world.moves(f"tmp{epoch}", "model.pt", by=job)
    book = world.settle()
    assert book.history("model.pt") == [3, 2, 1]


def test_an_atomic_save_from_a_name_that_is_noise_is_a_new_version_too(world: World) -> None:
    job = world.shell() / "emacsless model.pt"
    world.writes(".#model", by=job)
    world.moves(".#model", "model.pt", by=job)
    book = world.settle()
    assert book.writes() == {(job.label, "model.pt"): world.sure}


def test_a_rename_keeps_the_history(world: World) -> None:
    shell = world.shell()
    job = shell / "python train.py"
    world.writes("a", by=job)
    world.settle()
    world.writes("a", by=job)
    world.settle()
    job.exit()
    world.tick(10 * S)
    mover = shell / "mv a b"
    world.moves("a", "b", by=mover)
    world.settle()
    mover.exit()
    reader = shell / "cat b"
    world.reads("b", by=reader)
    book = world.settle()
    (moved,) = book.of(events.Moved)
    assert not moved.temporary
    assert moved.movers
    assert book.history("b") == [2, 1]
    assert book.read_versions("cat b") == [2]
    assert book.writers("b") == {"python train.py"}


def test_a_rename_of_a_file_that_somebody_else_has_read_is_no_temporary_name(world: World) -> None:
    shell = world.shell()
    job = shell / "python make.py a"
    world.writes("a", by=job)
    world.settle()
    reader = shell / "cat a"
    world.reads("a", by=reader)
    world.settle()
    reader.exit()
    world.moves("a", "b", by=job)
    (moved,) = world.settle().of(events.Moved)
    assert not moved.temporary


def test_a_renamed_directory_keeps_the_history_of_what_is_below_it(world: World) -> None:
    job = world.shell() / "python train.py"
    for name in ("d/a", "d/e/b", "dd/c"):
        world.writes(name, by=job)
    world.settle()
    world.moves("d", "x", by=job)
    book = world.settle()
    assert (book.current("x/a"), book.current("x/e/b"), book.current("dd/c")) == (1, 2, 3)
    assert book.current("d/a") == 0
    world.reads("x/a", by=job)
    assert world.settle().read_versions("python train.py") == [1]


def test_a_rename_back_and_forth_is_one_history(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.moves("a", "b", by=job)
    world.moves("b", "a", by=job)
    world.writes("a", by=job)
    book = world.settle()
    assert book.history("a") == [2, 1]


def test_two_files_that_swap_their_names_keep_their_histories(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.writes("b", by=job)
    world.settle()
    for source, path in (("a", "t"), ("b", "a"), ("t", "b")):
        world.moves(source, path, by=job)
    book = world.settle()
    assert (book.current("a"), book.current("b"), book.current("t")) == (2, 1, 0)


def test_a_hard_link_shares_the_history(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.links("a", "b", by=job)
    world.reads("b", by=job)
    book = world.settle()
    assert book.current("b") == book.current("a") == 1
    assert len(book.of(events.Linked)) == 1
    assert book.read_versions("python x.py") == [1]


def test_a_hard_link_shares_a_history_that_an_earlier_recorder_stored(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.settle()
    after = world.restarted()
    after.poll()
    after.links("a", "b", by=job)
    assert after.settle().current("b") == 1


def test_a_hard_link_to_a_file_that_nobody_has_touched_shares_its_first_version(world: World) -> None:
    job = world.shell() / "python x.py"
    world.put("a")
    world.links("a", "b", by=job)
    world.reads("b", by=job)
    world.reads("a", by=job)
    book = world.settle()
    assert book.current("b") == book.current("a") != 0


def test_a_change_through_one_hard_link_is_a_change_of_the_other_name_too(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.links("a", "b", by=job)
    world.writes("b", by=job, mode="a")
    world.reads("a", by=job)
    book = world.settle()
    assert book.current("a") == book.current("b")
    assert book.writers("a") == {"python x.py"}


def test_a_removed_file_is_gone_and_its_history_goes_on_when_it_comes_back(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.removes("a", by=job)
    book = world.settle()
    (removed,) = book.of(events.Removed)
    assert removed.removers
    assert book.current("a") == 0
    world.writes("a", by=job)
    assert world.settle().history("a") == [2, 1]


def test_a_removed_directory_takes_what_is_below_with_it(world: World) -> None:
    job = world.shell() / "python x.py"
    for name in ("d/a", "d/e/b", "dd/c"):
        world.writes(name, by=job)
    world.settle()
    world.removes("d", by=job)
    book = world.settle()
    assert (book.current("d/a"), book.current("d/e/b"), book.current("dd/c")) == (0, 0, 3)


def test_a_file_that_leaves_the_workspace_is_gone_and_one_that_comes_in_is_written(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    world.moves("a", "/elsewhere/a", by=job)
    stat = world.put("b")
    world.see(seen.FileArrived(world.tick(), b"/w/b", stat, world._key(job)))
    book = world.settle()
    assert book.current("a") == 0
    assert book.writes()["python x.py", "b"] == world.sure


def test_a_file_that_stood_in_a_directory_before_it_could_be_watched_is_recorded_as_scanned(
    world: World,
) -> None:
    world.shell() / "python x.py"
    world.poll()
    world.put("new/a")
    world.finds("new/a", since_ns=world.clock.now_ns() - 2 * MS, live=True)
    book = world.settle()
    assert book.version("new/a").origin is Origin.SCANNED
    assert book.writers("new/a") == {"python x.py"}


def test_a_file_that_was_both_seen_and_scanned_is_one_version(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("new/a", by=job)
    world.finds("new/a", live=True)
    assert len(world.settle().versions("new/a")) == 1


def test_a_file_that_is_still_being_written_when_it_is_scanned_is_one_version(world: World) -> None:
    job = world.shell() / "python x.py"
    world.opens("new/a", by=job, mode="w")
    world.modifies("new/a")
    world.finds("new/a", live=True)
    world.modifies("new/a")
    world.closes("new/a", by=job, wrote=True)
    assert len(world.settle().versions("new/a")) == 1


def test_changes_while_mlamd_was_down_are_made_by_nobody_known_with_a_gap_before_them(world: World) -> None:
    job = world.shell() / "python x.py"
    for name in ("changed", "removed", "moved", "same"):
        world.writes(name, by=job)
    world.settle()
    down_ns = world.tick()
    after = world.restarted()
    now_ns = after.clock.now_ns()
    after.see(seen.Lost(now_ns, down_ns, b"", "not-running", "no recorder was running"))
    after.change("changed")
    after.put("new")
    stat = after.files[b"/w/elsewhere"] = after.files.pop(b"/w/moved")
    del after.files[b"/w/removed"]
    after.see(seen.FileMissing(now_ns, b"/w/moved", b"/w/elsewhere", stat))
    after.see(seen.FileMissing(now_ns, b"/w/removed"))
    after.finds("changed")
    after.finds("new")
    book = after.settle()
    assert ("not-running", "", 1) in book.gaps()
    gap = next(place for place, event in enumerate(book.events) if isinstance(event, events.Gap))
    found = [event for event in book.events[gap:] if isinstance(event, events.Sealed)]
    assert [(event.origin, event.writers) for event in found] == [(Origin.FOUND, ())] * 2
    assert book.version("changed").previous == 1
    assert book.version("new").previous == 0
    assert book.history("elsewhere") == [3]
    (moved,) = book.of(events.Moved)
    (removed,) = book.of(events.Removed)
    assert (moved.movers, removed.removers) == ((), ())


def test_a_version_is_that_which_stood_there_when_it_was_opened(anonymous: World) -> None:
    shell = anonymous.shell()
    reader = shell / "cat data"
    reader.holds(files=[HeldFile(b"/w/data", reads=True, writes=False)])
    anonymous.reads("data", by=reader)
    anonymous.settle()
    anonymous.opens("data", by=reader)
    anonymous.poll()
    anonymous.put("data")
    anonymous.see(seen.FileArrived(anonymous.tick(), b"/w/data", anonymous.files[b"/w/data"]))
    anonymous.closes("data", by=reader)
    book = anonymous.settle()
    assert book.read_versions("cat data") == [book.versions("data")[0].version]


def test_a_change_without_an_open_is_asked_for_once_it_is_quiet(anonymous: World) -> None:
    job = anonymous.shell() / "truncate -s 5 log"
    anonymous.writes("log", by=job)
    anonymous.settle()
    anonymous.change("log", 5)
    anonymous.see(seen.FileModified(anonymous.clock.now_ns(), b"/w/log"))
    changed_ns = anonymous.clock.now_ns()
    assert anonymous.attributor.overdue(anonymous.tick(10 * MS)) == []
    assert anonymous.attributor.overdue(anonymous.tick(S)) == [(b"/w/log", changed_ns)]
    anonymous.finds("log", since_ns=changed_ns, live=True)
    book = anonymous.settle()
    assert len(book.versions("log")) == 2
    assert book.writers("log") == {job.label}


def test_names_are_stored_below_the_workspace_and_absolute_outside() -> None:
    world = World(data_roots=(b"/data",))
    job = world.shell() / "python x.py"
    world.reads("/data/images/1.png", by=job)
    world.reads("a", by=job)
    world.reads("/home/me/secret", by=job)
    book = world.settle()
    assert {path for path, _ in book.reads()} == {"/data/images/1.png", "a"}


def test_names_may_hold_any_bytes(world: World) -> None:
    job = world.shell() / "python x.py"
    world.reads(b"new\nline", by=job)
    world.writes(b"caf\xe9", by=job)
    book = world.settle()
    assert book.sources("caf\udce9") == {"new\nline"}


def test_forgetting_keeps_what_is_in_progress(world: World) -> None:
    job = world.shell() / "python x.py"
    world.writes("a", by=job)
    book = world.settle()
    world.memory.fold(book.events)
    world.attributor.forget()
    world.writes("a", by=job)
    assert world.settle().history("a") == [2, 1]


@pytest.mark.parametrize("close", [False, True])
def test_a_writer_that_died_keeps_nobody_from_sealing(identified: World, *, close: bool) -> None:
    world = identified
    shell = world.shell()
    one, two = shell / "python one.py", shell / "python two.py"
    world.opens("log", by=one, mode="a")
    world.opens("log", by=two, mode="a")
    world.modifies("log")
    one.exit(-9)
    if close:
        world.closes("log", by=one, wrote=True)
    world.closes("log", by=two, wrote=True)
    book = world.settle()
    assert len(book.versions("log")) == 1
    assert "python two.py" in book.writers("log")


def test_a_reader_that_keeps_a_file_open_keeps_nobody_from_sealing(world: World) -> None:
    shell = world.shell()
    reader, writer = shell / "tail log", shell / "python write.py log"
    world.put("log")
    world.opens("log", by=reader)
    world.tick(S)
    world.writes("log", by=writer)
    book = world.settle()
    assert "python write.py log" in book.writers("log")
