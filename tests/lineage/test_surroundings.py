"""In what surroundings a run ran."""

from collections.abc import Callable

from mlamd.lineage.surroundings import surroundings, untracked_read
from mlamd.lineage.view import View
from tests.story import Story


def test_the_first_that_is_known_of_each_sort(story: Story, view: Callable[[], View]) -> None:

    run = story.run("bash all.sh")
    first, second = story.step(run), story.step(run, at=2)
    story.surround(first, 1, host={"host": "a"})
    story.surround(second, 2, host={"host": "b"}, code={"commit": "c"})
    known = view()
    found = surroundings(known, known.run(run))
    assert (found.host, found.code, found.packages) == ({"host": "a"}, {"commit": "c"}, {})


def test_a_container_of_a_step_goes_before_that_of_the_recorder(
    story: Story, view: Callable[[], View]
) -> None:
    run = story.run("bash all.sh")
    host: dict[str, object] = {"host": "h", "container": {"kind": "a"}}
    story.surround(story.step(run, at=1), 1, host=host)
    story.surround(story.step(run, at=2), 2, host=host, container={"kind": "b"})
    known = view()
    assert surroundings(known, known.run(run)).container == {"kind": "b"}


def test_untracked_files_that_were_read(story: Story, view: Callable[[], View]) -> None:
    """The workspace may be a part of the repository, or the repository one of the workspace."""
    run = story.run("bash all.sh")
    first, second, third = (story.step(run, at=at) for at in (1, 2, 3))
    above: dict[str, object] = {"root": "/r", "untracked": ["w/a.csv", "w/b.csv", "c.csv", "odd \udcff"]}
    story.surround(first, 1, code=above)
    story.surround(second, 2, code={"root": "/r/w/inner", "untracked": ["d"]})
    story.surround(third, 3, host={"host": "h"})
    known = view()
    read = [b"a.csv", b"x.csv", b"/r/c.csv", b"/r/odd \xff", b"inner/d", b"d"]
    found = untracked_read(known, known.run(run), read, b"/r/w")
    assert found == [b"/r/c.csv", b"/r/odd \xff", b"a.csv", b"inner/d"]


def test_variables_that_the_user_keeps_are_among_the_others(story: Story, view: Callable[[], View]) -> None:
    run = story.run("bash all.sh")
    first, second = story.step(run, at=1, variables=("A=1",)), story.step(run, at=2, variables=("A=2", "C=4"))
    story.surround(first, 1, variables={"MY": "x"})
    story.surround(second, 2, variables={"MY": "y", "YOUR": "z"})
    known = view()
    found = surroundings(known, known.run(run)).variables
    assert found == {"A": "1", "C": "4", "MY": "x", "YOUR": "z"}
