"""In what surroundings a run ran."""

from collections.abc import Callable

from mlamd.lineage.surroundings import surroundings
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
