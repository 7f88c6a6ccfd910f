"""Ancestors and descendants, and what order has to do with them."""

import pytest

from mlamd.lineage.graph import walk
from mlamd.model.evidence import Grade, Via


def _files(graph) -> set[bytes]:
    return {version.path for version in graph.files.values()}


def _relations(graph) -> set[tuple[str, int, str, str, int]]:
    return {(*edge.source, edge.relation, *edge.target) for edge in graph.edges.values()}


def _up(view, number, **options):
    return _files(walk(view, view.version(number), **options))


def _down(view, number, **options):
    return _files(walk(view, view.version(number), down=True, **options))


def test_order_inside_a_step(story, view):
    """It reads A, writes B, then reads C and writes D: B does not depend on C."""
    a, c = story.existing("A"), story.existing("C")
    step = story.step(story.run("x"))
    story.read(step, a, 2)
    b = story.write(step, "B", 3)
    story.read(step, c, 4)
    d = story.write(step, "D", 5)
    asked = view()
    assert _up(asked, b) == {b"A", b"B"}
    assert _up(asked, d) == {b"A", b"C", b"D"}
    assert _down(asked, a) == {b"A", b"B", b"D"}
    assert _down(asked, c) == {b"C", b"D"}


def test_a_step_that_is_reached_again_with_a_later_bound(story, view):
    a, c = story.existing("A"), story.existing("C")
    first, second = story.step(story.run("x")), story.step(story.run("y"))
    story.read(first, a, 2)
    b = story.write(first, "B", 3)
    story.read(first, c, 4)
    d = story.write(first, "D", 5)
    story.read(second, b, 6)
    story.read(second, d, 7)
    e = story.write(second, "E", 8)
    assert _up(view(), e) == {b"A", b"B", b"C", b"D", b"E"}


def test_child_gets_what_its_parent_had_read_before_it_started(story, view):
    before, after = story.existing("before"), story.existing("after")
    run = story.run("make")
    parent, child = story.step(run), story.step(run)
    story.read(parent, before, 2)
    story.flow(parent, child, Via.START, 3)
    story.read(parent, after, 4)
    made = story.write(child, "made", 5)
    asked = view()
    assert _up(asked, made) == {b"before", b"made"}
    assert _down(asked, before) == {b"before", b"made"}
    assert _down(asked, after) == {b"after"}
    graph = walk(asked, asked.version(made))
    assert ("step", parent, "started", "step", child) in _relations(graph)


def test_two_pipelines_of_one_driver_stay_apart(story, view):
    run = story.run("bash all.sh")
    driver = story.step(run)
    script = story.existing("all.sh")
    story.read(driver, script, 1)
    made = []
    for number in range(2):
        step = story.step(run)
        story.flow(driver, step, Via.START, 2)
        story.read(step, story.existing(f"in{number}"), 3)
        made.append(story.write(step, f"out{number}", 4))
    asked = view()
    assert _up(asked, made[0]) == {b"all.sh", b"in0", b"out0"}
    assert _up(asked, made[1]) == {b"all.sh", b"in1", b"out1"}


@pytest.mark.parametrize(("via", "name"), [(Via.PIPE, "pipe"), (Via.JOB, "job")])
def test_pipes(story, view, via, name):
    run = story.run("cat a | sort > b")
    cat, sort = story.step(run), story.step(run)
    a, late = story.existing("a"), story.existing("late")
    story.read(cat, a, 2)
    story.flow(cat, sort, via)
    b = story.write(sort, "b", 4)
    story.read(cat, late, 5)
    asked = view()
    assert _up(asked, b) == {b"a", b"b"}
    assert _down(asked, a) == {b"a", b"b"}
    assert _down(asked, late) == {b"late"}
    (edge,) = [edge for edge in walk(asked, asked.version(b)).edges.values() if edge.via]
    assert (edge.via, edge.relation, edge.source, edge.target) == (
        name,
        "read",
        ("step", cat),
        ("step", sort),
    )


def test_append_derives_from_the_version_before(story, view):
    """Also where the reader before has gone, and nobody else wrote."""
    first = story.write(story.step(story.run("x")), "log", 2)
    second = story.write(story.step(story.run("y")), "log", 3, derived=True)
    third = story.write(story.step(story.run("z")), "log", 4, derived=True)
    fourth = story.write(story.step(story.run("w")), "log", 5)
    asked = view()
    assert set(walk(asked, asked.version(third)).files) == {first, second, third}
    assert set(walk(asked, asked.version(third)).steps) == {1, 2, 3}
    assert set(walk(asked, asked.version(fourth)).files) == {fourth}
    assert set(walk(asked, asked.version(first), down=True).files) == {first, second, third}
    assert ("file", first, "derived", "file", second) in _relations(walk(asked, asked.version(second)))


def test_derived_versions_are_followed_through_a_rename(story, view):
    first = story.write(story.step(story.run("x")), "log", 2)
    second = story.write(story.step(story.run("y")), "log", 3, derived=True)
    story.move(second, b"old log", 4)
    asked = view()
    assert set(walk(asked, asked.version(first), down=True).files) == {first, second}


def test_depth_counts_steps(story, view):
    version = story.existing("0")
    for number in range(1, 6):
        step = story.step(story.run(f"{number}"))
        story.read(step, version, number)
        version = story.write(step, f"{number}", number)
    asked = view()
    graph = walk(asked, asked.version(version), depth=2)
    assert _files(graph) == {b"3", b"4", b"5"}
    assert graph.cut
    assert _down(asked, 1, depth=1) == {b"0", b"1"}
    whole = walk(asked, asked.version(version), depth=5)
    assert _files(whole) == {b"0", b"1", b"2", b"3", b"4", b"5"}
    assert not whole.cut


def test_cycles_end(story, view):
    """Two programs that take turns with two files, and a step that reads what it wrote."""
    run = story.run("x")
    left, right = story.step(run), story.step(run)
    a = story.write(left, "a", 2)
    story.read(left, a, 3)
    story.read(right, a, 3)
    b = story.write(right, "b", 4)
    story.read(left, b, 5)
    last = story.write(left, "a", 6, derived=True)
    story.flow(left, right, Via.PIPE)
    story.flow(right, left, Via.PIPE)
    asked = view()
    assert set(walk(asked, asked.version(last)).files) == {a, b, last}
    assert set(walk(asked, asked.version(a), down=True).files) == {a, b, last}
    assert set(walk(asked, asked.run(run), down=True).steps) == {left, right}


def test_focus_on_runs_and_steps(story, view):
    run = story.run("x")
    first, second = story.step(run), story.step(run)
    story.read(first, story.existing("a"), 2)
    story.read(second, story.existing("b"), 2)
    story.write(second, "c", 3)
    asked = view()
    assert _files(walk(asked, asked.run(run))) == {b"a", b"b"}
    assert _files(walk(asked, asked.step(first))) == {b"a"}
    assert _files(walk(asked, asked.run(run), down=True)) == {b"c"}
    assert walk(asked, asked.run(run)).focus == ("run", run)


def test_candidates_are_all_shown_and_none_is_certain(story, view):
    run = story.run("x")
    steps = [story.step(run), story.step(run)]
    made = story.write(steps, "made", 3)
    graph = walk(view(), view().version(made))
    assert [edge.grade for edge in graph.edges.values()] == [Grade.AMBIGUOUS] * 2


def test_counts_of_repeated_reads(story, view):
    step = story.step(story.run("x"))
    a = story.existing("a")
    story.read(step, a, 2)
    story.again(step, a, 99, 3)
    made = story.write(step, "b", 4)
    edges = walk(view(), view().version(made)).edges.values()
    assert [edge.count for edge in edges if edge.relation == "read"] == [100]


def test_nothing_is_made_of_itself_or_of_what_came_later(story, view):
    """A shell that writes a file, and opens it for another command within one look at the queue."""
    run = story.run("sh s.sh")
    shell = story.step(run)
    given = story.existing("given")
    story.read(shell, given, 1)
    made = story.write(shell, "made", 3)
    story.read(shell, made, 3)
    other = story.step(run)
    late = story.write(other, "late", 5)
    story.read(shell, late, 3)
    after = story.write(shell, "after", 6)
    asked = view()
    assert _up(asked, made) == {b"given", b"made"}
    assert _up(asked, after) == {b"given", b"made", b"late", b"after"}
    assert _down(asked, made) == {b"made", b"after"}
    assert _down(asked, late) == {b"late", b"after"}


def test_writer_that_was_added_later_brings_what_it_had_read_by_then(story, view):
    """Two runs wrote one after the other before anybody could look: one version."""
    first, second = story.step(story.run("cat a")), story.step(story.run("cat b"))
    a, b, c = (story.existing(name) for name in "abc")
    story.read(first, a, 1)
    out = story.write(first, "out", 2)
    story.read(second, b, 3)
    story.add_writer(out, second, 4)
    story.read(second, c, 5)
    asked = view()
    assert _up(asked, out) == {b"a", b"b", b"out"}
    assert _down(asked, b) == {b"b", b"out"}
    assert _down(asked, c) == {b"c"}


def test_what_was_made_and_read_while_the_output_was_open(story, view):
    """Within one look at the queue, an output that was opened first is sealed first, at the same time."""
    run = story.run("python p.py")
    opener, helper = story.step(run), story.step(run)
    out = story.write(opener, "out", 4)
    made = story.write(helper, "made", 4)
    story.read(opener, made, 3)
    asked = view()
    assert _up(asked, out) == {b"out", b"made"}
    assert _down(asked, made) == {b"made", b"out"}


def test_version_that_a_later_writer_had_read_is_not_made_of_itself(story, view):
    first, second = story.step(story.run("cat a")), story.step(story.run("cat b"))
    out = story.write(first, "out", 2)
    story.read(second, out, 3)
    story.add_writer(out, second, 4)
    graph = walk(view(), view().version(out), down=True)
    assert ("step", second, "wrote", "file", out) not in _relations(graph)
