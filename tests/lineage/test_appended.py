"""The metrics of a run that appended to a file of earlier runs are its own."""

from collections.abc import Callable, Sequence

import pytest

from mlamd.lineage.metrics import Metric, metrics
from mlamd.lineage.view import View
from mlamd.recognise.series import SeriesBook
from tests.story import Story

_FIRST, _SECOND = (0.9, 0.902, 0.8), (0.5, 0.502, 0.4)


def facts(values: Sequence[float], name: str = "accuracy") -> dict[str, object]:
    book = SeriesBook()
    for step, value in enumerate(values):
        book.add(name, step, value)
    return dict(book.facts())


class Appending:
    """Runs that write ``train.log`` one after the other, each a line of the story."""

    def __init__(self, story: Story, view: Callable[[], View]) -> None:
        self.story = story
        self.view = view
        self.at = 1

    def run(self) -> int:
        self.at += 1
        return self.story.run("python train.py", at=self.at)

    def write(self, run: int, held: dict[str, object] | None, *, derived: bool = True) -> int:
        self.at += 2
        step = self.story.step(run, at=self.at - 1)
        version = self.story.write(step, "train.log", self.at, derived=derived)
        if held is not None:
            self.story.mean(version, "log", held)
        return version

    def metric(self, run: int) -> Metric | None:
        known = self.view()
        found = metrics(known, known.run(run))
        return found[0] if found else None


@pytest.fixture
def appending(story: Story, view: Callable[[], View]) -> Appending:
    return Appending(story, view)


def test_rows_of_earlier_runs_are_left_out(appending: Appending) -> None:
    appending.write(appending.run(), facts(_FIRST), derived=False)
    second = appending.run()
    appending.write(second, facts((*_FIRST, 0.5)))
    appending.write(second, facts((*_FIRST, *_SECOND)))
    found = appending.metric(second)
    assert found is not None
    assert (found.count, found.best, found.least, found.last) == (3, 0.502, 0.4, 0.4)
    assert (found.steps, found.values, found.exact) == ((3, 4, 5), _SECOND, True)


def test_a_single_number_before_is_a_row(appending: Appending) -> None:
    appending.write(appending.run(), {"scalars": {"accuracy": 0.9}}, derived=False)
    second = appending.run()
    appending.write(second, facts((0.9, 0.5)))
    found = appending.metric(second)
    assert found is not None
    assert (found.count, found.best, found.exact) == (1, 0.5, True)


def test_who_wrote_it_anew_has_all_of_it(appending: Appending) -> None:
    appending.write(appending.run(), facts(_FIRST), derived=False)
    second, third = appending.run(), appending.run()
    appending.write(second, facts(_SECOND), derived=False)
    appending.write(third, facts((0.1, 0.2, 0.3, 0.4)))
    for run, count in ((second, 3), (third, 4)):
        found = appending.metric(run)
        assert found is not None
        assert (found.count, found.exact) == (count, True)


def test_who_added_nothing_has_no_metric(appending: Appending) -> None:
    appending.write(appending.run(), facts(_FIRST), derived=False)
    second = appending.run()
    appending.write(second, facts(_FIRST))
    assert appending.metric(second) is None


def test_what_cannot_be_told_apart_is_said(appending: Appending) -> None:
    appending.write(appending.run(), None, derived=False)
    second = appending.run()
    appending.write(second, facts(_FIRST))
    found = appending.metric(second)
    assert found is not None
    assert (found.count, found.exact) == (3, False)


def test_two_runs_at_a_time_are_not_told_apart(appending: Appending) -> None:
    first, second = appending.run(), appending.run()
    appending.write(first, facts((0.9,)), derived=False)
    appending.write(second, facts((0.9, 0.5)))
    appending.write(first, facts((0.9, 0.5, 0.8)))
    found = appending.metric(first)
    assert found is not None
    assert found.exact is False


@pytest.mark.parametrize(
    ("old", "new", "best", "exact"),
    [
        ([0.9] * 3000, [0.25] * 2999 + [0.75], 0.75, False),
        ([0.5] * 3000, [0.25] * 2998 + [0.75, 0.125], 0.75, True),
        ([0.9] * 3000, [0.5] * 3000, 0.5, False),
        ([0.9] * 10, [0.5, 0.6] * 45, 0.6, True),
    ],
)
def test_long_series_are_exact_or_say_that_they_are_not(
    appending: Appending, old: list[float], new: list[float], best: float, exact: bool
) -> None:
    appending.write(appending.run(), facts(old), derived=False)
    second = appending.run()
    appending.write(second, facts(old + new))
    found = appending.metric(second)
    assert found is not None
    assert (found.count, found.best, found.last) == (len(new), best, new[-1])
    assert found.exact is exact
    assert 0.9 not in found.values
