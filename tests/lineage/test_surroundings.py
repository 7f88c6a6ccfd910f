"""In what surroundings a run ran."""

from collections.abc import Callable

from mlamd.lineage.meanings import kind_of
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


def test_kinds_go_by_the_role(story: Story, view: Callable[[], View]) -> None:

    file = story.existing("a.csv")
    story.mean(file, "dataset", {}, "csv", made="metrics")
    other = story.existing("b")
    known = view()
    assert kind_of(known, file, made=False) == "dataset"
    assert kind_of(known, file, made=True) == "metrics"
    assert kind_of(known, other, made=True) == ""
