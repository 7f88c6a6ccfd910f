"""Files as fanotify tells of them: who, and not what for; joined in batches, looked at late."""

import pytest

from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.evidence import Grade, Origin
from mlamd.model.processes import HeldFile, ProcessKey
from tests.attribution.world import MS, Node, S, World


@pytest.fixture
def world(exact: World) -> World:
    exact.quick = True
    return exact


def test_what_is_never_said_to_be_read_or_written_is_an_edge_at_its_close(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("a", by=job)
    world.writes("b", by=job)
    book = world.settle()
    assert book.reads() == {("a", "python train.py"): Grade.OBSERVED}
    assert book.writes() == {("python train.py", "b"): Grade.OBSERVED}


def test_open_for_reading_that_is_never_closed_is_looked_at(world: World) -> None:
    """A mapping of weights stays open as long as the program: ``unresolved`` asks for a look."""
    job = world.shell() / "python serve.py"
    world.put("model")
    world.opens("model", by=job)
    assert world.settle().reads() == {}
    world.tick(S)
    assert world.attributor.unresolved(world.clock.now_ns()) == {job.key: [b"/w/model"]}
    assert world.attributor.unresolved(world.clock.now_ns()) == {}, "once"
    job.holds(files=[HeldFile(b"/w/model", reads=True, writes=False)])
    assert world.settle().reads() == {("model", "python serve.py"): Grade.OBSERVED}


def test_open_for_writing_that_a_look_finds_is_no_read(world: World) -> None:
    job = world.shell() / "python train.py"
    world.put("log")
    world.opens("log", by=job, mode="a")
    job.holds(files=[HeldFile(b"/w/log", reads=False, writes=True)])
    world.modifies("log", by=job)
    world.closes("log", by=job, wrote=True)
    book = world.settle()
    assert book.reads() == {}
    assert book.writes() == {("python train.py", "log"): Grade.OBSERVED}


def test_new_file_whose_first_look_came_after_its_close(world: World) -> None:
    """Created, written by a child and closed before anybody looked: both looks see the same."""
    shell = world.shell()
    script = shell / "sh all.sh"
    child = script / "cat a"
    stat = world.put("log", 10)
    world.see(seen.FileOpened(world.tick(), b"/w/log", stat, script.key, created=True))
    world.see(seen.FileClosed(world.tick(), b"/w/log", wrote=True, stat=stat, process=script.key))
    world.see(seen.FileModified(world.tick(), b"/w/log", child.key, stat))
    book = world.settle()
    assert set(book.writes()) == {("sh all.sh", "log"), ("cat a", "log")}
    assert len(book.versions("log")) == 1


def test_writers_that_ended_long_before_the_close(world: World) -> None:
    """``sh all.sh > log``: every child writes through the shell's descriptor and ends."""
    script = world.shell() / "sh all.sh"
    world.opens("log", by=script, mode="w")
    for command in ("cat a", "sort b"):
        child = script / command
        world.modifies("log", by=child)
        child.exit()
        world.settle()
        world.attributor.settle_now(world.tick(10 * S))
    world.closes("log", by=script, wrote=True)
    book = world.settle()
    assert {step for step, _ in book.writes()} == {"sh all.sh", "cat a", "sort b"}
    assert len(book.versions("log")) == 1


def _child_that_writes_what_its_shell_has_closed(world: World):
    script = world.shell() / "sh all.sh"
    world.opens("log", by=script, mode="w")
    world.closes("log", by=script, wrote=True)
    child = script / "cat a"
    child.holds(files=[HeldFile(b"/w/log", reads=False, writes=True)])
    world.modifies("log", by=child)
    return script, child


def test_descriptor_that_its_shell_had_closed_already(world: World) -> None:
    """The look at the child's descriptors comes after the close, which the queue told too early."""
    _, child = _child_that_writes_what_its_shell_has_closed(world)
    child.exit()
    book = world.settle()
    assert ("cat a", "log") in book.writes()
    assert not world.attributor.holding
    world.reads("log", by=world.shell() / "cat log")
    assert world.settle().version("log").origin is Origin.WRITTEN


def test_open_that_a_look_had_found_before_it_was_told_is_one(world: World) -> None:
    """The look at a program that has just begun may come after its first open, and is told first."""
    script = world.shell() / "sh all.sh"
    script.holds(files=[HeldFile(b"/w/log", reads=False, writes=True)])
    world.opens("log", by=script, mode="w")
    world.closes("log", by=script, wrote=True)
    child = script / "cat a"
    world.modifies("log", by=child)
    child.exit()
    assert {step for step, _ in world.settle().writes()} == {"sh all.sh", "cat a"}


def test_reader_that_has_the_file_open_meanwhile_is_no_writer(world: World) -> None:
    """What a child has changed is not handed to whoever reads the file when it ends."""
    script, child = _child_that_writes_what_its_shell_has_closed(world)
    reader = script / "cat log"
    world.opens("log", by=reader)
    child.exit()
    world.closes("log", by=reader)
    late = script / "cat log again"
    world.opens("log", by=late)
    world.see(seen.FileModified(world.tick(), b"/w/log", child.key, world.change("log")))
    world.closes("log", by=late)
    book = world.settle()
    assert {step for step, _ in book.writes()} == {"sh all.sh", "cat a"}
    assert {step for _, step in book.reads()} == {"cat log", "cat log again"}


def test_two_children_hold_what_neither_opened(world: World) -> None:
    """Who ends first hands what it changed to the other one."""
    script = world.shell() / "sh all.sh"
    world.put("log")
    first, second = script / "python a.py", script / "python b.py"
    for child in (first, second):
        child.holds(files=[HeldFile(b"/w/log", reads=False, writes=True)])
        world.modifies("log", by=child)
    first.exit()
    world.settle()
    second.exit()
    book = world.settle()
    assert {step for step, _ in book.writes()} == {"python a.py", "python b.py"}


def test_change_through_a_mapping(world: World) -> None:
    """Nothing tells of it but the file itself, and it never empties the file."""
    job = world.shell() / "python train.py"
    world.reads("data.npy", by=job)
    world.tick(S)
    stat = world.change("data.npy")
    world.see(seen.FileOpened(world.clock.now_ns(), b"/w/data.npy", stat, job.key))
    world.closes("data.npy", by=job, wrote=True)
    book = world.settle()
    _, new = book.versions("data.npy")
    assert (new.origin, new.derived) == (Origin.WRITTEN, True)
    assert book.writes() == {("python train.py", "data.npy"): Grade.OBSERVED}


def test_close_after_writing_nothing(world: World) -> None:
    """``open(path, "r+").close()`` makes no version, whether the file was known or not."""
    job = world.shell() / "python train.py"
    world.put("a")
    for _ in range(2):
        world.tick(S)
        world.opens("a", by=job, mode="r+")
        world.closes("a", by=job, wrote=True)
    book = world.settle()
    assert [version.origin for version in book.versions("a")] == [Origin.EXISTING]
    assert book.writes() == {}


def test_truncate_that_opens_nothing(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("a", by=job)
    stat = world.change("a", 3)
    world.see(seen.FileModified(world.tick(), b"/w/a", job.key, stat))
    book = world.settle()
    assert book.version("a").stat == stat
    assert book.writes() == {("python train.py", "a"): Grade.OBSERVED}


def test_times_that_are_set_after_the_close(world: World) -> None:
    job = world.shell() / "tar xf a.tar"
    world.writes("a", by=job)
    stat = world.files[b"/w/a"]._replace(mtime_ns=1, ctime_ns=world.tick())
    world.files[b"/w/a"] = stat
    world.see(seen.FileTouched(world.tick(), b"/w/a", stat))
    world.reads("a", by=world.shell() / "cat a")
    book = world.settle()
    assert len(book.versions("a")) == 1
    assert book.read_versions("cat a") == [book.current("a")]


def test_attributes_of_a_file_that_is_being_written_are_no_look_at_it(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("a", by=job)
    world.opens("a", by=job, mode="a")
    world.modifies("a", 500, by=job)
    world.see(seen.FileTouched(world.tick(), b"/w/a", world.files[b"/w/a"]))
    world.closes("a", by=job, wrote=True)
    book = world.settle()
    assert len(book.versions("a")) == 2


def test_file_that_was_made_before_its_open_is_told(world: World) -> None:
    """mknod, or a batch that ended between the two."""
    job = world.shell() / "python train.py"
    world.put("a", 0)
    world.see(seen.FileCreated(world.tick(), b"/w/a", job.key))
    world.see(seen.FileOpened(world.tick(), b"/w/a", world.change("a", 9), job.key))
    world.closes("a", by=job, wrote=True)
    book = world.settle()
    assert book.reads() == {}
    assert book.writes() == {("python train.py", "a"): Grade.OBSERVED}


def test_a_file_that_was_opened_for_the_program_that_begins_with_it(world: World) -> None:
    """``sort < a`` of a shell that opens it and then starts the program; only the first is meant."""
    script = world.shell() / "sh all.sh"
    world.put("a")
    world.opens("a", by=script)
    child = script / "sort"
    child.holds(files=[HeldFile(b"/w/a", reads=True, writes=False)])
    child.exit()
    other = script / "wc"
    other.holds(files=[HeldFile(b"/w/a", reads=True, writes=False)])
    other.exit()
    world.closes("a", by=script)
    book = world.settle()
    assert set(book.reads()) == {("a", "sort"), ("a", "sh all.sh")}


def test_two_opens_that_were_told_as_one(world: World) -> None:
    """``sort -o a a`` reads, and opens again to write before the batch ends."""
    job = world.shell() / "sort -o a a"
    other = world.shell() / "cat a"
    world.reads("a", by=world.shell() / "wc a")
    world.opens("a", by=other)
    world.tick(S)
    stat = world.change("a")
    world.see(seen.FileOpened(world.tick(), b"/w/a", stat, job.key, changed=True))
    world.see(seen.FileModified(world.tick(), b"/w/a", job.key, stat))
    world.closes("a", by=job)
    world.closes("a", by=job, wrote=True)
    book = world.settle()
    old, _ = book.versions("a")
    assert book.read_versions("sort -o a a") == [old.version]
    assert book.writers("a") == {"sort -o a a"}
    assert "cat a" not in {step for _, step in book.reads()}, "it has the file open still"
    world.closes("a", by=other)
    assert world.settle().read_versions("cat a") == [old.version]


def test_read_that_is_told(world: World) -> None:
    """Of a program that is executed, the queue tells that it was read."""
    job = world.shell() / "sh run.sh"
    stat = world.put("run.sh")
    world.see(seen.FileOpened(world.tick(), b"/w/run.sh", stat, job.key))
    world.see(seen.FileRead(world.tick(), b"/w/run.sh", job.key, stat))
    world.see(seen.FileRead(world.tick(), b"/w/run.sh", job.key, stat))
    assert world.settle().reads() == {("run.sh", "sh run.sh"): Grade.OBSERVED}
    world.closes("run.sh", by=job)
    assert len(world.settle().read_versions("sh run.sh")) == 1


def test_what_nobody_may_know_is_no_edge_and_a_gap(world: World) -> None:
    other = ProcessKey("", 0, 1001)
    stat = world.put("a")
    world.see(seen.FileOpened(world.tick(), b"/w/a", stat, other))
    world.see(seen.FileModified(world.tick(), b"/w/a", other, world.change("a")))
    world.see(seen.FileClosed(world.tick(), b"/w/a", wrote=True, stat=world.files[b"/w/a"], process=other))
    book = world.settle()
    assert book.version("a").writers == ()
    details = {gap.detail for gap in book.of(events.Gap)}
    assert details == {"files were read or changed by processes of another user"}


def test_opens_are_forgotten_with_what_was_lost(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("a", by=job)
    world.opens("a", by=job, mode="a")
    world.modifies("a", by=job)
    world.see(seen.Lost(world.tick(), world.clock.now_ns() - MS, b"", "overflow"))
    job.exit()
    world.reads("a", by=world.shell() / "cat a")
    book = world.settle()
    assert ("a", "cat a") in book.reads()
    assert "overflow" in {gap[0] for gap in book.gaps()}


def _lent(world: World, path: str) -> tuple[Node, Node]:
    """Let a script open and close a file through which its child has written; the child seems to live."""
    script = world.shell() / "sh all.sh"
    world.opens(path, by=script, mode="w")
    child = script / "cat a"
    child.holds(files=[HeldFile(b"/w/" + path.encode(), reads=False, writes=True)])
    world.modifies(path, 10, by=child)
    world.closes(path, by=script, wrote=True)
    return script, child


@pytest.mark.parametrize("old", [False, True], ids=["new file", "old content"])
def test_rename_after_the_close_of_a_file_that_a_child_seems_to_have_open(world: World, *, old: bool) -> None:
    """``cat a > both; mv both final`` where the end of ``cat`` is heard of last: nothing of it gets lost."""
    if old:
        world.put("both", 3)
        world.finds("both")
    script, child = _lent(world, "both")
    mover = script / "mv both final"
    world.moves("both", "final", by=mover)
    child.exit()
    mover.exit()
    book = world.settle()
    assert book.current("both") == 0
    sealed = book.version("final")
    assert {book._labels[step] for step, _ in sealed.writers} == {"sh all.sh", "cat a"}


def test_removal_after_the_close_of_a_file_that_a_child_seems_to_have_open(world: World) -> None:
    script, child = _lent(world, "both")
    world.removes("both", by=script)
    child.exit()
    book = world.settle()
    assert book.current("both") == 0
    assert set(book.writes()) == {("sh all.sh", "both"), ("cat a", "both")}


def test_writers_that_wrote_one_after_the_other_before_anybody_could_look(world: World) -> None:
    """One version, sealed when the first had written; the second is known to have written later."""
    first, second = world.shell() / "cat a", world.shell() / "cat b"
    stat = world.put("out", 10)
    for job in (first, second):
        world.see(seen.FileOpened(world.tick(), b"/w/out", stat, job.key, changed=True))
        world.see(seen.FileModified(world.tick(), b"/w/out", job.key, stat))
        world.see(seen.FileClosed(world.tick(), b"/w/out", wrote=True, stat=stat, process=job.key))
        closed_ns = world.clock.now_ns()
    book = world.settle()
    (added,) = book.of(events.WriterAdded)
    assert added.at_ns == closed_ns > book.version("out").at_ns


def test_rename_of_the_directory_of_a_file_that_a_child_seems_to_have_open(world: World) -> None:
    script, child = _lent(world, "d/both")
    world.moves("d", "e", by=script)
    child.exit()
    book = world.settle()
    assert book.current("d/both") == 0
    sealed = book.version("e/both")
    assert {book._labels[step] for step, _ in sealed.writers} == {"sh all.sh", "cat a"}


def test_who_had_closed_what_another_file_then_replaced_wrote_nothing_of_that(world: World) -> None:
    script, child = _lent(world, "both")
    world.put("new", 20)
    world.finds("new")
    world.moves("new", "both", by=script)
    child.exit()
    other = world.shell() / "python other.py"
    world.writes("both", by=other)
    book = world.settle()
    assert {book._labels[step] for step, _ in book.version("both").writers} == {"python other.py"}
