"""Tables of metrics, and tables that are data."""

import pytest

from mlamd.recognise.metrics_csv import MetricsTableRecogniser
from tests.recognise.reading import recognise, subject


def series(text, name="metrics.csv"):
    found = recognise(name, text)
    assert found.kind == "metrics"
    return {key: (one["steps"], one["values"]) for key, one in found.facts["series"].items()}


def test_a_table_with_holes_as_lightning_writes_it():
    text = "epoch,step,train_loss,val_loss\n0,9,0.5,\n0,9,,0.6\n1,19,0.4,\n1,19,,0.5\n"
    assert series(text) == {"train_loss": ([9, 19], [0.5, 0.4]), "val_loss": ([9, 19], [0.6, 0.5])}


def test_a_table_as_tensorboard_exports_it():
    assert series("Wall time,Step,Value\n1.5,0,3\n2.5,10,2\n") == {"Value": ([0, 10], [3, 2])}


def test_other_delimiters_and_line_ends():
    expected = {"loss": ([0, 1], [0.5, 0.4])}
    assert series("epoch;loss\r\n0;0.5\r\n1;0.4\r\n") == expected
    assert series("epoch\tloss\n0\t0.5\n1\t0.4", "a.tsv") == expected
    assert series('"epoch","loss"\n"0","0.5"\n"1","0.4"\n') == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "epoch,name\n1,x\n",
        "step,weight\n1,2\n",
        "text,label\nloss,1\n",
        "epoch,loss\nx,y\n",
        "score,name\n1,x\n",
    ],
)
def test_other_tables_are_not_ours(text):
    assert MetricsTableRecogniser().recognise(subject("a.csv", text)) is None


def test_a_header_alone_is_the_beginning_of_metrics():
    assert recognise("a.csv", "epoch,loss\n").kind == "metrics"


def test_words_nan_and_short_rows():
    assert series("step,loss,acc\n1,nan\n2,x,0.5\n3\n") == {"loss": ([1], ["nan"]), "acc": ([2], [0.5])}


def test_a_table_that_may_be_data_is_that_to_its_readers():
    found = recognise("stocks.csv", "round,return,value\n1,.5,6\n2,.6,7\n")
    assert (found.kind, found.made, found.facts["rows"]) == ("dataset", "metrics", 2)
    assert found.facts["series"]["return"]["steps"] == [1, 2]


def test_comments_percent_signs_and_a_header_that_stands_twice():
    assert series("# run 3\nepoch,acc\n1,93.1%\n2,1e-1\n") == {"acc": ([1, 2], [93.1, 0.1])}
    assert series("epoch,loss\n1,0.5\nepoch,loss\n2,0.4\n") == {"loss": ([1, 2], [0.5, 0.4])}


def test_series_are_thinned_and_their_ends_exact():
    found = recognise("a.csv", "step,loss\n" + "".join(f"{n},{abs(n - 77_777)}\n" for n in range(100_000)))
    drawn, summary = found.facts["series"]["loss"], found.facts["summary"]["loss"]
    assert len(drawn["steps"]) == len(drawn["values"]) <= 1000
    assert (drawn["steps"][0], drawn["steps"][-1]) == (0, 99_999)
    assert (summary["count"], summary["best_min"], summary["best_min_step"]) == (100_000, 0, 77_777)
    assert (summary["first"], summary["best_max"], summary["last"]) == (77_777, 77_777, 22_222)
