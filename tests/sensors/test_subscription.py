"""Two streams, one without times, become one story: hand-made batches."""

import pytest

from mlamd.host.fanotify import (
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    ONDIR,
    OPEN,
    RENAME,
)
from mlamd.host.taskstats import Spent
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, ProcessKey
from mlamd.sensors.signals import Deed
from tests.sensors.machinery import BOOT, READ, WROTE, Machine, words


@pytest.fixture
def machine() -> Machine:
    return Machine(b"/w/d", b"/w/d/e")


def _spent(pid: int, user_us: int) -> Spent:
    return Spent(pid, pid, "x", user_us, 0, 0, 0, 0, 0)


def test_process_is_told_with_its_ancestors_before_its_first_deed(machine):
    machine.run(10, 1, "bash", cwd="/")
    machine.run(11, 10, "python", "/home/x.py", cwd="/")
    machine.does(WROTE, 11, b"/w/a")
    assert words(machine.batch()) == ["1 is init", "10 is bash", "11 is python /home/x.py", "11: /w/a"]
    machine.does(READ, 11, b"/w/a")
    assert words(machine.batch()) == ["11: /w/a"], "once"


def test_who_has_nothing_to_do_with_the_directories_is_not_told_of(machine):
    machine.run(10, 1, "ls", "/home", cwd="/home")
    machine.does(WROTE, 10, b"/home/a")
    machine.exit(10)
    assert machine.batch() == []


def test_program_of_the_directory_is_told_without_any_deed(machine):
    """It may have pipes to others: its place or its words concern the workspace."""
    machine.run(10, 1, "sort", cwd="/w/d")
    machine.run(11, 1, "cat", "/w/a", cwd="/")
    machine.exit(10)
    machine.exit(11)
    assert words(machine.batch()) == [
        "1 is init",
        "10 is sort",
        "11 is cat /w/a",
        "10 ended 0",
        "11 ended 0",
    ]


def test_exec_lies_where_the_queue_shows_that_the_program_was_opened(machine):
    machine.run(10, 1, "sh", "all.sh")
    machine.batch()
    machine.fork(11, 10)
    machine.does(OPEN, 11, b"/w/in")
    machine.does(CREATE | OPEN, 11, b"/w/out")
    machine.opens_program(11, b"sort")
    machine.exec(11, "sort")
    machine.does(MODIFY | CLOSE_WRITE, 11, b"/w/out")
    machine.exit(11)
    assert words(machine.batch()) == [
        "11 is sh all.sh",
        "11: /w/in",
        "11: /w/out",
        "11 is sort",
        "11: /w/out",
        "11 ended 0",
    ]


def test_what_was_joined_around_an_exec_is_taken_apart(machine):
    """The kernel puts the close of the program to the open of the shell, before the exec."""
    machine.run(10, 1, "sh", "all.sh")
    machine.batch()
    machine.fork(11, 10)
    machine.does(WROTE, 11, b"/w/out")
    machine.opens_program(11, b"cat")
    machine.exec(11, "cat", "a")
    machine.does(READ, 11, b"/w/a")
    machine.exit(11)
    told = machine.batch()
    assert words(told) == [
        "11 is sh all.sh",
        "11: /w/out",
        "11 is cat a",
        "11: /w/out",
        "11: /w/a",
        "11 ended 0",
    ]
    first, rest = [deed.mask for deed in told if isinstance(deed, Deed) and deed.path == b"/w/out"]
    assert (first, rest) == (CREATE | OPEN, MODIFY | CLOSE_WRITE)


def test_what_was_joined_after_the_open_was_read_is_the_programs_that_holds_the_file(machine):
    """``cat a > out`` where ``out`` is there: the shell empties it, and the kernel joins both changes."""
    machine.run(10, 1, "sh", "all.sh")
    machine.fork(11, 10)
    machine.does(OPEN, 11, b"/w/out")
    machine.batch()
    machine.does(MODIFY | CLOSE_WRITE, 11, b"/w/out")
    machine.opens_program(11, b"cat")
    held = ((HeldFile(b"/w/out", reads=False, writes=True),), ())
    machine.exec(11, "cat", "a", held=held)
    machine.does(READ, 11, b"/w/a")
    assert [word for word in words(machine.batch()) if "holds" not in word] == [
        "11 is cat a",
        "11: /w/out",
        "11: /w/a",
    ]


def test_deed_of_a_program_that_has_long_begun_is_not_taken_apart(machine):
    machine.run(10, 1, "cat")
    machine.does(WROTE, 10, b"/w/a")
    (deed,) = [item for item in machine.batch() if isinstance(item, Deed)]
    assert deed.mask == WROTE


def test_script_and_its_interpreter(machine):
    """The queue shows the script, then the interpreter, then the loader; the image is one."""
    machine.fork(10, 1)
    for name in (b"s.sh", b"bash", b"ld-linux-x86-64.so.2"):
        machine.opens_program(10, name)
    machine.exec(10, "bash", "./s.sh")
    machine.does(READ, 10, b"/w/a")
    assert words(machine.batch())[1:] == ["10 is bash ./s.sh", "10: /w/a"]


def test_two_execs_in_one_batch(machine):
    """The close of the script may have come before or after the first of them."""
    machine.run(10, 1, "sh", "x.sh")
    machine.does(READ, 10, b"/w/x.sh")
    machine.opens_program(10, b"env")
    machine.exec(10, "env", "python")
    machine.opens_program(10, b"python")
    machine.exec(10, "python")
    machine.does(WROTE, 10, b"/w/a")
    assert words(machine.batch())[1:] == [
        "10 is sh x.sh",
        "10: /w/x.sh",
        "10 is env python",
        "10: /w/x.sh",
        "10 is python",
        "10: /w/a",
    ]


def test_exec_that_is_heard_of_only_with_the_next_batch(machine):
    machine.run(10, 1, "sh", "x.sh")
    machine.fork(11, 10)
    machine.opens_program(11, b"cat")
    machine.batch()
    machine.exec(11, "cat")
    machine.does(WROTE, 11, b"/w/a")
    assert words(machine.batch()) == ["11 is cat", "11: /w/a"]


def test_exec_without_a_sign_in_the_queue_is_told_when_all_before_it_has_been_read(machine):
    machine.run(10, 1, "sh", "x.sh")
    machine.batch()
    machine.fork(11, 10)
    machine.exec(11, "cat")
    machine.exit(11)
    assert words(machine.batch(ripe=False)) == []
    assert words(machine.batch()) == ["11 is cat", "11 ended 0"]


def test_end_comes_after_all_that_a_process_did(machine):
    machine.run(10, 1, "cat")
    machine.exit(10)
    machine.does(WROTE, 10, b"/w/a")
    machine.does(CLOSE_WRITE, 10, b"/w/b")
    assert words(machine.batch())[1:] == ["10 is cat", "10: /w/a", "10: /w/b", "10 ended 0"]


def test_end_waits_until_its_file_events_have_been_read(machine):
    machine.run(10, 1, "cat")
    machine.exit(10)
    machine.batch(ripe=False)
    machine.does(WROTE, 10, b"/w/a")
    assert words(machine.batch())[-2:] == ["10: /w/a", "10 ended 0"]


def test_parent_is_what_it_was_when_it_forked(machine):
    """Its exec may be told only later in the queue than the deeds of its child."""
    machine.run(10, 1, "bash", "all.sh")
    machine.batch()
    machine.exec(10, "python", "all.py")
    machine.run(11, 10, "cat", "a")
    machine.does(READ, 11, b"/w/a")
    told = words(machine.batch())
    assert told.index("10 is python all.py") < told.index("11 is cat a")


def test_parent_that_became_another_after_the_fork(machine):
    machine.run(10, 1, "bash", "all.sh")
    machine.batch()
    machine.run(11, 10, "cat", "a")
    machine.does(READ, 11, b"/w/a")
    machine.opens_program(10, b"python")
    machine.exec(10, "python", "all.py")
    assert words(machine.batch()) == ["11 is cat a", "11: /w/a", "10 is python all.py"]


def test_own_processes_do_nothing(machine):
    machine.subscription.own = {10}
    machine.run(10, 1, "mlamd")
    machine.does(WROTE, 10, b"/w/a")
    told = machine.batch()
    assert not [item for item in told if isinstance(item, Deed)]
    assert [item.facts.own for item in told if isinstance(item, seen.ProcessSeen)] == [False, True]


def test_directory_that_an_own_process_makes_is_known(machine):
    machine.subscription.own = {10}
    machine.run(10, 1, "mlamd")
    machine.makes(10, b"/w/new")
    machine.run(11, 1, "cat")
    machine.does(WROTE, 11, b"/w/new/a")
    assert "11: /w/new/a" in words(machine.batch())


def test_what_is_used_counts_for_who_is_told_of(machine):
    """A child that nobody is told of has worked for its parent."""
    machine.run(10, 1, "make", cwd="/w")
    machine.batch()
    machine.fork(11, 10)
    machine.exit(11, spent=_spent(11, 30))
    machine.exit(10, spent=_spent(10, 4))
    assert words(machine.batch()) == ["10 used 34", "10 ended 0"]


def test_losses_are_told_after_what_was_read(machine):
    machine.run(10, 1, "cat")
    machine.does(READ, 10, b"/w/a")
    told = machine.batch(lost=(("overflow", "x"),))
    assert [word for word in words(told) if "is" not in word] == ["10: /w/a", "lost overflow"]
    (lost,) = [item for item in told if isinstance(item, seen.Lost)]
    assert lost.from_ns < lost.at_ns


def test_programs_that_could_not_be_looked_at_are_counted(machine):
    machine.run(10, 1, "sh", "x.sh")
    machine.batch()
    machine.fork(11, 10)
    machine.exec(11, "cat", seen_in_time=False)
    machine.does(WROTE, 11, b"/w/a")
    machine.batch()
    assert machine.subscription.unread == 1


def test_who_was_there_before(machine):
    machine.table.put(20, 1, "python", "serve.py", cwd="/w")
    machine.table.put(21, 1, "top", cwd="/")
    machine.table.descriptors[20] = (
        (HeldFile(b"/w/model", True, False), HeldFile(b"/etc/x", True, False)),
        (),
    )
    machine.executions.survey()
    machine.subscription.survey(machine.tick(), machine.table.held)
    assert words(machine.told) == ["1 is init", "20 is python serve.py", "20 holds /w/model"]


def test_files_that_stay_open_are_looked_at(machine):
    machine.run(10, 1, "python", "x.py")
    machine.batch()
    machine.table.descriptors[10] = ((HeldFile(b"/w/a", True, True), HeldFile(b"/w/other", True, False)), ())
    machine.does(OPEN, 10, b"/w/a")
    machine.does(READ, 10, b"/w/b")
    told = machine.batch()
    assert words(told) == ["10: /w/a", "10: /w/b", "10 holds /w/a"]
    (held,) = [item for item in told if isinstance(item, seen.ProcessHeld)]
    assert not held.whole


def test_process_that_nobody_told_of_and_that_is_gone(machine):
    machine.does(WROTE, 99, b"/w/a")
    (deed,) = machine.batch()
    assert isinstance(deed, Deed)
    assert deed.process == ProcessKey("", 99, 0)


def test_other_users_are_not_told_of():
    machine = Machine(uid=1000)
    machine.fork(10, 1)
    machine.exec(10, "cat", "secret", uid=1001)
    machine.does(WROTE, 10, b"/w/a")
    machine.fork(11, 1)
    machine.does(WROTE, 11, b"/w/b")
    machine.exec(11, "cat", uid=1001)
    machine.exit(10)
    told = machine.batch()
    assert "secret" not in str(told)
    deeds = [item for item in told if isinstance(item, Deed)]
    assert [(deed.path, deed.mask, deed.process.boot) for deed in deeds] == [
        (b"/w/a", WROTE, ""),
        (b"/w/b", WROTE, ""),
    ]


def test_rename_is_told_with_both_names(machine):
    machine.run(10, 1, "mv")
    machine.renames(10, b"/w/a", b"/w/d/b")
    machine.renames(10, b"/home/x", b"/w/x")
    machine.renames(10, b"/w/y", b"/home/y")
    machine.renames(10, b"/home/z", b"/home/zz")
    told = [item for item in machine.batch() if isinstance(item, Deed)]
    assert [(deed.path, deed.target) for deed in told] == [
        (b"/w/a", b"/w/d/b"),
        (b"", b"/w/x"),
        (b"/w/y", b""),
    ]
    assert {deed.mask for deed in told} == {RENAME}
    assert all(deed.process == ProcessKey(BOOT, 10, 10) for deed in told)


def test_directories_themselves_are_no_deeds_unless_renamed(machine):
    machine.run(10, 1, "mkdir")
    machine.makes(10, b"/w/new")
    machine.does(OPEN | CLOSE_NOWRITE | ONDIR, 10, b"/w/d")
    machine.does(DELETE | ONDIR, 10, b"/w/nothing")
    assert [item for item in machine.batch() if isinstance(item, Deed)] == []
