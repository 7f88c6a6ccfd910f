"""What files are, by the role that they played."""

from collections.abc import Callable

from mlamd.lineage.meanings import kind_by_use, kind_of, kind_of_all
from mlamd.lineage.view import View
from tests.story import Story


def test_kinds_go_by_the_role(story: Story, view: Callable[[], View]) -> None:

    file = story.existing("a.csv")
    story.mean(file, "dataset", {}, "csv", made="metrics")
    other = story.existing("b")
    known = view()
    assert kind_of(known, file, made=False) == "dataset"
    assert kind_of(known, file, made=True) == "metrics"
    assert kind_of(known, other, made=True) == ""


def test_many_files_are_what_most_of_them_are_to_the_run(story: Story, view: Callable[[], View]) -> None:
    tables = [story.existing(f"out/{number}.csv") for number in range(3)]
    for table in tables[:2]:
        story.mean(table, "dataset", {}, "csv", made="metrics")
    story.mean(tables[2], "generic", {}, "csv")
    other = story.existing("b")
    known = view()
    assert kind_of_all(known, tables, made=False) == "dataset"
    assert kind_of_all(known, tables, made=True) == "metrics"
    assert kind_of_all(known, [other], made=True) == ""
    assert kind_of_all(known, tables[1:], made=True) == "metrics"


def test_a_result_is_a_dataset_from_when_another_step_reads_it(
    story: Story, view: Callable[[], View]
) -> None:
    evaluation = story.step(story.run("python evaluate.py"))
    table = story.write(evaluation, "results.csv", 2)
    story.read(evaluation, table, 3)
    story.mean(table, "dataset", {}, "csv", made="metrics")
    assert kind_by_use(view(), view().version(table)) == "metrics"
    story.read(story.step(story.run("python report.py")), table, 4)
    assert kind_by_use(view(), view().version(table)) == "dataset"
    found = story.existing("given.csv")
    story.mean(found, "dataset", {}, "csv", made="metrics")
    assert kind_by_use(view(), view().version(found)) == "dataset"
