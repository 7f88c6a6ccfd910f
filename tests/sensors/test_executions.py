"""The book of processes, written from the connector's events."""

import pytest

from mlamd.host.connector import Kind, ProcessEvent
from mlamd.host.taskstats import Spent
from mlamd.model.processes import HeldFile, ProcessKey
from mlamd.sensors.executions import Usage
from tests.sensors.machinery import BOOT, Machine, pipes


@pytest.fixture
def machine() -> Machine:
    return Machine()


def known(machine, pid):
    found = machine.executions.of(pid)
    assert found is not None
    return found


def test_fork_looks_like_its_parent(machine):
    machine.run(10, 1, "python", "train.py")
    machine.fork(11, 10)
    child = known(machine, 11)
    assert child.facts.argv == ("python", "train.py")
    assert child.parent is known(machine, 10)
    assert (child.facts.parent_pid, child.facts.parent) == (
        10,
        ProcessKey(BOOT, 10, known(machine, 10).key.start),
    )
    assert child.key.pid == 11
    assert not child.looked


def test_exec_makes_another_program_of_the_same_process(machine):
    machine.run(10, 1, "sh")
    before = known(machine, 10).key
    machine.exec(10, "cat", "a", cwd="/w")
    after = known(machine, 10)
    assert (after.key, after.facts.argv, after.facts.cwd) == (before, ("cat", "a"), "/w")
    assert after.looked
    assert after.complete


def test_program_that_was_seen_too_late(machine):
    machine.run(10, 1, "sh", "x.sh")
    machine.exec(10, "cat", seen_in_time=False)
    late = known(machine, 10)
    assert (late.facts.argv, late.facts.name, late.complete) == ((), "", False)
    assert late.facts.cwd == "/w", "as it was before"
    machine.exit(10, spent=Spent(10, 10, "cat", 1, 1, 0, 0, 0, 0))
    assert late.facts.name == "cat", "the account knows the name"


def test_exit_code_and_signal(machine):
    machine.run(10, 1, "sh")
    ended = known(machine, 10)
    machine.exit(10, 7)
    assert ended.code == 7
    machine.run(11, 1, "sh")
    killed = known(machine, 11)
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 11, 11, 0, 9))
    assert killed.code == -9


def test_process_ends_with_its_last_thread(machine):
    machine.run(10, 1, "python")
    machine.take(ProcessEvent(Kind.FORK, machine.tick(), 10, 12, 1))
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 10, 10, 0, 3 << 8))
    assert not known(machine, 10).ended_ns
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 10, 12, 0, 0))
    ended = known(machine, 10)
    assert ended.ended_ns
    assert ended.code == 3, "that of the main thread"


def test_threads_end_with_an_exec(machine):
    machine.run(10, 1, "python")
    machine.take(ProcessEvent(Kind.FORK, machine.tick(), 10, 12, 1))
    machine.exec(10, "cat")
    machine.exit(10)
    assert known(machine, 10).ended_ns


def test_threads_of_one_that_was_there_before(machine):
    machine.table.put(20, 1, "server")
    machine.table.counts[20] = 2
    machine.executions.survey()
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 20, 21, 0, 0))
    assert not known(machine, 20).ended_ns
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 20, 20, 0, 0))
    assert known(machine, 20).ended_ns


def test_pid_that_is_used_again(machine):
    machine.run(10, 1, "cat")
    first = known(machine, 10)
    machine.exit(10)
    assert known(machine, 10) is first, "its last deeds may still be in the queue"
    machine.run(10, 1, "dog")
    assert known(machine, 10) is not first
    machine.executions.forget(machine.now_ns + 60_000_000_000)
    assert known(machine, 10).facts.argv == ("dog",)


def test_ended_processes_are_forgotten_after_a_while(machine):
    machine.run(10, 1, "cat")
    machine.exit(10)
    machine.executions.forget(machine.now_ns)
    assert machine.executions.of(10) is not None
    machine.executions.forget(machine.now_ns + 60_000_000_000)
    assert machine.executions.of(10) is None


def test_fork_of_a_parent_that_nobody_told_of(machine):
    machine.table.put(30, 1, "sshd")
    machine.fork(31, 30)
    assert known(machine, 31).parent is known(machine, 30)


def test_end_of_one_that_nobody_told_of(machine):
    machine.take(ProcessEvent(Kind.EXIT, machine.tick(), 99, 99, 0, 0))
    assert machine.executions.of(99) is None


def test_fork_that_a_look_had_found_already(machine):
    """The survey and the queue overlap."""
    machine.table.put(20, 1, "python")
    machine.executions.survey()
    before = known(machine, 20)
    machine.take(ProcessEvent(Kind.FORK, machine.tick(), 20, 20, 1))
    assert known(machine, 20) is before


def test_survey_after_a_loss(machine):
    machine.run(10, 1, "cat")
    machine.run(11, 1, "dog")
    del machine.table.facts[10]
    machine.table.put(12, 11, "new")
    assert [one.key.pid for one in machine.executions.survey()] == [12]
    ends = machine.executions.vanished(machine.tick())
    assert [(change.kind, change.known.key.pid) for change in ends] == [(Kind.EXIT, 10)]
    assert machine.executions.vanished(machine.tick()) == []


def test_everybody_is_told_parents_first(machine):
    machine.table.put(50, 1, "parent")
    machine.table.put(20, 50, "child")
    machine.executions.survey()
    assert [one.key.pid for one in machine.executions.everybody()].index(1) == 0


def test_usage_of_threads_is_added(machine):
    machine.run(10, 1, "python")
    for thread in (12, 10):
        machine.executions.spent([Spent(10, thread, "python", 5, 1, 100 + thread, 7, 8, 9)])
    assert known(machine, 10).usage == Usage(10, 2, 112, 14, 16, 18, 2)
    machine.executions.spent([Spent(77, 77, "stranger", 5, 1, 1, 1, 1, 1)])


def test_descriptors_are_looked_at_with_the_program(machine):
    held = ((HeldFile(b"/w/a", True, False),), ())
    machine.run(10, 1, "sh")
    machine.exec(10, "cat", held=held)
    assert machine._changes[-1].held == held


def test_descriptors_of_who_has_nothing_to_do_with_us_are_not(machine):
    machine.fork(10, 1)
    machine.exec(10, "ls", cwd="/", held=pipes(reads="p"))
    assert machine._changes[-1].held is None


def capture(machine):
    """Let a parent make a pipe, of which it still has both ends, for what its child prints."""
    machine.run(10, 1, "python", "driver.py")
    machine.fork(11, 10)
    machine.table.descriptors[10] = pipes(reads="p", writes="p")
    machine.exec(11, "sort", held=pipes(writes="p"))


def test_parent_is_looked_at_a_little_later(machine):
    """It may have the other end of a pipe, when it has closed what it does not need."""
    capture(machine)
    assert machine.executions.waits
    assert machine.executions.later(machine.now_ns) == []
    machine.table.descriptors[10] = pipes(reads="p")
    (change,) = machine.executions.later(machine.now_ns + 1_000_000_000)
    assert change.kind is None
    assert change.known is known(machine, 10)
    assert change.held is not None
    assert [(pipe.channel, pipe.reads) for pipe in change.held[1]][:1] == [("p", True)]
    assert not machine.executions.waits


def test_parent_is_looked_at_again_while_it_has_both_ends(machine):
    """On a busy machine it may take its time to close what it does not need."""
    capture(machine)
    assert machine.executions.later(machine.now_ns + 60_000_000) == []
    machine.table.descriptors[10] = pipes(reads="p")
    assert machine.executions.later(machine.now_ns + 70_000_000) == [], "not at once"
    (change,) = machine.executions.later(machine.now_ns + 1_000_000_000)
    assert change.held is not None
    assert not any(pipe.writes for pipe in change.held[1])


def test_parent_that_was_itself_looked_at_late(machine):
    """It had made the pipe for its child by then; that it is known already says nothing of who reads."""
    machine.fork(10, 1)
    machine.exec(10, "python", "driver.py", held=pipes(reads="p", writes="p"))
    machine.executions.later(machine.now_ns + 1_000_000_000)
    assert not machine.executions.waits
    machine.fork(11, 10)
    machine.exec(11, "sort", held=pipes(writes="p"))
    machine.table.descriptors[10] = pipes(reads="p")
    (change,) = machine.executions.later(machine.now_ns + 1_000_000_000)
    assert change.known is known(machine, 10)


def test_pipe_that_children_share_is_asked_for_once(machine):
    """The job server of make(1): every child has both ends."""
    machine.fork(10, 1)
    machine.exec(10, "make", held=pipes(reads="p", writes="p"))
    machine.fork(11, 10)
    machine.exec(11, "cc", held=pipes(reads="p", writes="p"))
    machine.executions.later(machine.now_ns + 1_000_000_000)
    for n in range(30):
        machine.executions.later(machine.now_ns + n * 1_000_000_000)
    machine.fork(12, 10)
    machine.exec(12, "cc", held=pipes(reads="p", writes="p"))
    assert not machine.executions.waits


def test_parent_that_keeps_both_ends_is_given_up(machine):
    capture(machine)
    changes = [machine.executions.later(machine.now_ns + n * 1_000_000_000) for n in range(30)]
    assert len([one for one in changes if one]) == 1
    assert not machine.executions.waits


def test_parent_that_ends_at_once_has_kept_its_end(machine):
    """A short child, and a parent that ends as soon as it has read what the child printed."""
    capture(machine)
    machine.exit(11)
    machine.exit(10)
    kept, end = machine._changes[-2:]
    assert (kept.kind, kept.known, end.kind) == (None, known(machine, 10), Kind.EXIT)
    assert [(pipe.channel, pipe.reads, pipe.writes) for pipe in kept.held[1]] == [("p", True, False)]
    assert not machine.executions.waits


def test_parent_that_has_ended_is_not_looked_at(machine):
    machine.run(10, 1, "sh", "x.sh")
    machine.fork(11, 10)
    machine.exec(11, "sort", held=pipes(writes="p"))
    machine.exit(10)
    assert machine.executions.later(machine.now_ns + 1_000_000_000) == []


def test_group_and_session_change_after_the_fork(machine):
    machine.run(10, 1, "bash")
    machine.fork(11, 10)
    child = known(machine, 11)
    facts = machine.table.facts[11]
    start = child.key._replace(start=child.key.start + 1)
    machine.table.facts[11] = type(facts)(
        start, 10, facts.parent, 11, 11, 4, 0, 1, "bash", ("bash",), "/", "/bin/bash"
    )
    after = machine.executions.look_again(child)
    assert (after.group, after.session, after.terminal, after.key) == (11, 11, 4, child.key)
