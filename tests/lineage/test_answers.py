"""why, uses, diff, history, inputs, and the gaps of an answer."""

import pytest

from mlamd.lineage.diff import diff_runs
from mlamd.lineage.gaps import of_graph, of_runs, of_versions
from mlamd.lineage.graph import walk
from mlamd.lineage.history import of_path, of_workspace
from mlamd.lineage.inputs import inputs, outputs
from mlamd.lineage.uses import uses
from mlamd.lineage.why import why
from mlamd.model.evidence import Grade, Origin, Via
from tests.story import S


def _paths(versions) -> list[bytes]:
    return [version.path for version in versions]


def test_why(story, view):
    data = story.existing("data")
    script = story.existing("all.sh")
    run = story.run("bash all.sh", public="aaaa")
    shell, train = story.step(run, "bash all.sh"), story.step(run, "python train.py")
    story.read(shell, script, 2)
    story.flow(shell, train, Via.START, 2)
    story.read(train, data, 3)
    scratch = story.write(train, "scratch", 4)
    story.read(train, scratch, 5)
    model = story.write(train, "model", 6)
    story.read(train, story.existing("later"), 7)
    answer = why(view(), view().version(model))
    (cause,) = answer.causes
    assert (cause.run.id, cause.step.command, cause.grade) == ("aaaa", ("python", "train.py"), Grade.INFERRED)
    assert [version.path for version, _ in cause.inputs] == [b"all.sh", b"data", b"scratch"]
    assert answer.derived_from is None
    assert answer.gaps == ()


def test_why_of_what_nobody_is_known_to_have_written(story, view):
    existing = story.existing("a")
    first = story.write(story.step(story.run("x")), "b", 2)
    found = story.write((), "b", 9, origin=Origin.FOUND, derived=True)
    story.gap(3, 8)
    asked = view()
    assert why(asked, asked.version(existing)).causes == ()
    answer = why(asked, asked.version(found))
    assert answer.causes == ()
    assert answer.derived_from.number == first
    assert [gap.number for gap in answer.gaps] == [1]


def test_uses(story, view):
    data = story.existing("data")
    steps = [story.step(story.run(f"{number}")) for number in range(3)]
    story.read(steps[0], data, 3)
    story.again(steps[0], data, 4, 4)
    made = story.write(steps[0], "made", 4)
    story.read(steps[1], made, 5)
    story.write(steps[1], "more", 6)
    story.read(steps[2], data, 2, Grade.OBSERVED)
    answer = uses(view(), view().version(data))
    assert [(use.step.number, use.count, use.grade) for use in answer.readers] == [
        (steps[2], 1, Grade.OBSERVED),
        (steps[0], 5, Grade.INFERRED),
    ]
    assert _paths(answer.made) == [b"made", b"more"]


def test_inputs_and_outputs_of_a_run(story, view):
    """What it made and read again is no input; the strongest evidence counts."""
    run = story.run("x")
    first, second = story.step(run), story.step(run)
    data = story.existing("data")
    story.read(first, data, 2, Grade.AMBIGUOUS)
    story.read(second, data, 3, Grade.OBSERVED)
    middle = story.write(first, "middle", 4)
    story.read(second, middle, 5)
    story.write([first, second], "out", 6)
    asked = view()
    used = inputs(asked, asked.run(run))
    assert [(item.version.path, item.grade) for item in used] == [(b"data", Grade.OBSERVED)]
    assert [item.version.path for item in outputs(asked, asked.run(run))] == [b"middle", b"out"]


def test_diff(story, view):
    same, twin = story.existing("same", 1, "s"), story.existing("changed", 1, "one")
    runs = [story.run("train 1", 2), story.run("train 2", 12, cwd="/w/sub")]
    steps = [story.step(run) for run in runs]
    for step in steps:
        story.read(step, same, 3)
    story.read(steps[0], twin, 3)
    story.read(steps[1], story.existing("changed", 11, "two"), 13)
    story.read(steps[1], story.existing("only right"), 13)
    for number, step in enumerate(steps):
        story.write(step, "copy", 5 + 10 * number, "equal")
        story.write(step, "model", 6 + 10 * number, f"model {number}")
    asked = view()
    answer = diff_runs(asked, asked.run(runs[0]), asked.run(runs[1]))
    assert answer.command == (("train", "1"), ("train", "2"))
    assert answer.cwd == ("/w", "/w/sub")
    assert [change.path for change in answer.inputs] == [b"changed", b"only right"]
    assert answer.inputs[1].left is None
    assert all(change.certain for change in answer.inputs)
    assert [change.path for change in answer.outputs] == [b"model"]
    assert (answer.same_inputs, answer.same_outputs) == (1, 1)
    itself = diff_runs(asked, asked.run(runs[0]), asked.run(runs[0]))
    assert (itself.command, itself.cwd, itself.inputs, itself.outputs) == (None, None, (), ())


def test_diff_of_contents_that_are_not_known(story, view):
    runs = [story.run("x", at) for at in (1, 2)]
    for run in runs:
        story.write(story.step(run), "big", 3, "")
    asked = view()
    (change,) = diff_runs(asked, asked.run(runs[0]), asked.run(runs[1])).outputs
    assert not change.certain


def test_history_of_a_file_that_was_renamed_over_another(story, view):
    old = story.write(story.step(story.run("x")), "model", 2)
    new = story.write(story.step(story.run("y")), "model.new", 3)
    story.move(new, b"model", 4)
    story.remove(new, 5)
    asked = view()
    found = of_path(asked, asked.version(new), reads=True, limit=0)
    rows = [(row.at_ns // S, row.action, row.path, row.version.number) for row in found]
    assert rows == [
        (5, "removed", b"model", new),
        (4, "moved", b"model", new),
        (3, "wrote", b"model.new", new),
        (2, "wrote", b"model", old),
    ]


def test_history_of_a_name_that_was_free_for_a_while(story, view):
    """What was removed before another file got its name still is an earlier version of that name."""
    old = story.write(story.step(story.run("x")), "model", 2)
    story.remove(old, 3)
    new = story.write(story.step(story.run("y")), "model.new", 4)
    story.move(new, b"model", 5)
    asked = view()
    assert [version.number for version in asked.history(new)] == [new, old]


def test_log_is_newest_first_and_limited(story, view):
    step = story.step(story.run("x"))
    for at in range(2, 30):
        story.read(step, story.write(step, f"f{at}", at), at)
    asked = view()
    assert [row.at_ns // S for row in of_workspace(asked, reads=False, limit=3)] == [29, 28, 27]
    assert len(of_workspace(asked, reads=True, limit=0)) == 56


def test_log_limit_looks_at_old_versions_with_new_deeds(story, view):
    """A version that was sealed long ago may have been removed a moment ago."""
    first = story.write(story.step(story.run("x")), "first", 2)
    for at in range(3, 60):
        story.write((), f"f{at}", at)
    story.remove(first, 100)
    rows = of_workspace(view(), reads=False, limit=2)
    assert (rows[0].action, rows[0].path) == ("removed", b"first")


# --- gaps --------------------------------------------------------------------------------------


@pytest.fixture
def with_gaps(story):
    data = story.existing("in/data", 1)
    run = story.run("x", 10)
    step = story.step(run, at=10)
    story.read(step, data, 11)
    model = story.write(step, "out/model", 15)
    story.end(run, [step], 20)
    story.gap(2, 5)
    story.gap(12, 13)
    story.gap(12, 13, b"elsewhere")
    story.gap(12, 13, b"out")
    story.gap(12, 13, b"ou")
    story.gap(19, 30)
    story.gap(21, 30)
    return run, model, data


def test_gaps_of_a_graph(with_gaps, view):
    _, model, _ = with_gaps
    asked = view()
    assert [gap.number for gap in of_graph(asked, walk(asked, asked.version(model)))] == [2, 4, 6]


def test_gaps_of_runs(with_gaps, view):
    run, _, _ = with_gaps
    assert [gap.number for gap in of_runs(view(), [view().run(run)])] == [2, 3, 4, 5, 6]
    assert of_runs(view(), []) == []


def test_gaps_of_versions(with_gaps, view):
    _, _, data = with_gaps
    assert [gap.number for gap in of_versions(view(), [view().version(data)])] == [1, 2, 6, 7]
    assert of_versions(view(), []) == []
