"""Honesty: what may have been missed becomes a gap that is stored."""

from mlamd.model import events
from mlamd.model import observations as seen
from tests.attribution.world import MS, S, World


def test_lost_observations_are_a_gap(world: World) -> None:
    now_ns = world.tick()
    world.see(seen.Lost(now_ns, now_ns - 5 * MS, b"", "overflow", "the queue was full"))
    (gap,) = world.settle().of(events.Gap)
    assert (gap.from_ns, gap.to_ns) == (now_ns - 5 * MS, now_ns)
    assert (gap.reason, gap.detail, gap.scope, gap.count) == ("overflow", "the queue was full", 0, 1)


def test_a_gap_has_the_scope_in_which_something_may_have_been_missed(world: World) -> None:
    now_ns = world.tick()
    world.see(seen.Lost(now_ns, now_ns, b"/w/data/secret", "unwatchable", "no permission"))
    assert world.settle().gaps() == [("unwatchable", "data/secret", 1)]


def test_a_gap_at_the_top_has_no_narrower_scope(world: World) -> None:
    now_ns = world.tick()
    world.see(seen.Lost(now_ns, now_ns, b"/w", "unwatchable", "no permission"))
    assert world.settle().gaps() == [("unwatchable", "", 1)]


def test_accesses_by_nobody_known_are_one_gap_a_stretch_of_time(anonymous: World) -> None:
    for number in range(10):
        anonymous.reads(f"a{number}")
    first = anonymous.settle()
    assert first.gaps() == [("unattributed", "", 10)]
    anonymous.tick(5 * S)
    anonymous.reads("b")
    assert anonymous.settle().gaps()[1:] == [("unattributed", "b", 1)]


def test_a_gap_spans_the_time_of_what_it_counts(anonymous: World) -> None:
    begin_ns = anonymous.tick()
    anonymous.reads("a")
    anonymous.tick(300 * MS)
    anonymous.reads("a")
    end_ns = anonymous.tick()
    (gap,) = anonymous.settle().of(events.Gap)
    assert begin_ns < gap.from_ns < gap.to_ns <= end_ns
    assert gap.to_ns - gap.from_ns >= 300 * MS


def test_a_stretch_does_not_wait_for_ever(anonymous: World) -> None:
    for _ in range(40):
        anonymous.reads("a")
        anonymous.tick(500 * MS)
        anonymous.poll()
    assert len(anonymous.drain().gaps()) >= 1


def test_reads_and_changes_are_told_apart(anonymous: World) -> None:
    anonymous.reads("a")
    anonymous.writes("b")
    details = {gap.detail for gap in anonymous.settle().of(events.Gap)}
    assert len(details) == 2


def test_a_gap_that_is_still_open_is_stored_when_the_recorder_stops(anonymous: World) -> None:
    anonymous.reads("a")
    assert anonymous.finish().gaps() == [("unattributed", "a", 1)]


def test_numbers_of_gaps_go_on_after_a_restart(world: World) -> None:
    now_ns = world.tick()
    world.see(seen.Lost(now_ns, now_ns, b"", "overflow"))
    world.settle()
    after = world.restarted()
    after.see(seen.Lost(after.tick(), now_ns, b"", "not-running"))
    assert [gap.gap for gap in after.settle().of(events.Gap)] == [1, 2]
