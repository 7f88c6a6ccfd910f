"""The metrics of a run, from what is known of the files that it wrote."""

import math
from collections.abc import Callable

from mlamd.lineage.metrics import direction_of, metrics
from mlamd.lineage.view import View
from tests.story import Story


def test_series_and_single_numbers(story: Story, view: Callable[[], View]) -> None:

    run = story.run("python train.py")
    step = story.step(run)
    story.mean(story.write(step, "log.csv", 2), "metrics", {"series": {}, "scalars": {"loss": 9.0}})
    points = {"loss": {"steps": [0, 5, 9], "values": [1.0, 0.25, 0.5]}, "odd": {"values": ["nan"]}}
    summary = {"loss": {"last": 0.5, "best_min": 0.125, "best_max": 1.0, "count": 10}}
    story.mean(story.write(step, "log.csv", 3), "metrics", {"series": points, "summary": summary})
    scalars = {"accuracy": 0.5, "flag": True, "name": "x"}
    story.mean(story.write(step, "out.json", 3), "config", {"scalars": scalars}, made="metrics")
    story.mean(story.write(step, "other.json", 3), "config", {"scalars": {"x": 1}})
    known = view()
    found = metrics(known, known.run(run))
    assert [(one.name, one.version.path, one.last, one.best, one.count) for one in found] == [
        ("accuracy", b"out.json", 0.5, 0.5, 1),
        ("loss", b"log.csv", 0.5, 0.125, 10),
    ]
    assert found[1].steps == (0, 5, 9)


def test_what_was_only_read_is_no_metric_of_the_run(story: Story, view: Callable[[], View]) -> None:

    run = story.run("python show.py")
    file = story.existing("metrics.json")
    story.mean(file, "metrics", {"scalars": {"loss": 1.0}})
    story.read(story.step(run), file, 2)
    known = view()
    assert metrics(known, known.run(run)) == []


def test_what_is_better_is_told_by_the_name() -> None:
    assert (direction_of("val_loss"), direction_of("answer_f1"), direction_of("epoch")) == ("down", "up", "")


def test_the_user_knows_better() -> None:
    assert direction_of("accuracy", lower=["accuracy"]) == "down"
    assert direction_of("epoch", higher=["epoch"]) == "up"


def test_what_is_no_number_is_the_last_value_and_never_the_best(
    story: Story, view: Callable[[], View]
) -> None:
    """A training that diverged must not look like a good one."""
    run = story.run("python train.py", 1)
    made = story.write(story.step(run, "python train.py", 1), "train.log", 2)
    series = {
        "loss": {"steps": [0, 1, 2], "values": [0.5, 0.4, "nan"]},
        "grad": {"steps": [0], "values": ["inf"]},
    }
    story.mean(made, "log", {"series": series})
    told = view()
    grad, loss = metrics(told, told.run(run))
    assert math.isnan(loss.last)
    assert (loss.best, loss.count) == (0.4, 3)
    assert grad.last == math.inf
