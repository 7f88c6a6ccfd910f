import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.delimited import Delimited
from mlamd.recognise.finding import Finding, Subject
from mlamd.recognise.readers import MemoryReader
from tests.recognise.files import recognised

_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=8)


def _of(data: bytes, name: str = "x.csv") -> Finding:
    found = Delimited().recognise(Subject(name.encode(), data[:65_536], MemoryReader(data)))
    assert found is not None
    return found


@given(st.lists(st.tuples(st.integers(), _CELLS, st.floats(allow_nan=False)), min_size=3, max_size=30))
def test_rows_and_types_of_what_the_csv_module_wrote(rows: list[tuple[int, str, float]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "text", "share"])
    writer.writerows(rows)
    facts = _of(text.getvalue().encode()).facts
    assert (facts["rows"], facts["header"], facts["column_count"]) == (len(rows), True, 3)
    columns = facts["columns"]
    assert isinstance(columns, dict)
    assert list(columns) == ["number", "text", "share"]
    assert columns["share"] in {"float", "int"}


@pytest.mark.parametrize(
    ("text", "header", "columns", "rows"),
    [
        ("a,b\n1,2\n3,4\n", True, {"a": "int", "b": "int"}, 2),
        ("1,2\n3,4.5", False, {"column 1": "int", "column 2": "float"}, 2),
        (",x\n0,true\n1,false\n", True, {"column 1": "int", "x": "bool"}, 2),
        ("a;b\n1,5;2\n2,5;3\n", True, {"a": "string", "b": "int"}, 2),
        ("day,at\n2024-01-31,2024-01-31 10:00:00\n", True, {"day": "date", "at": "timestamp"}, 1),
        ("a,b\n,\nNA,nan\n", True, {"a": "empty", "b": "empty"}, 2),
        ("only\none\ntwo\n", True, {"only": "string"}, 2),
        ("a,b\r\n\r\n1,2\r\n\r\n", True, {"a": "int", "b": "int"}, 1),
    ],
)  # fmt: skip
def test_headers_and_types(text: str, header: bool, columns: dict[str, str], rows: int) -> None:
    facts = _of(text.encode()).facts
    assert (facts["header"], facts["columns"], facts["rows"]) == (header, columns, rows)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("epoch,train_loss,val_loss\n1,0.5,0.6\n", "metrics"),
        ("step,lr\n1,0.1\n", "metrics"),
        ("metric,value\nauc,0.9\n", "metrics"),
        ("id,prediction\n1,0.1\n", ""),
        ("glossary,text,more\nx,y,z\n", ""),
        ("epoch,loss\n" + "1,2\n" * 30_000, ""),
    ],
)
def test_what_looks_like_metrics(text: str, made: str) -> None:
    assert _of(text.encode()).made == made


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        (
            "country,2019,2020\nFrance,1.5,2\nChad,3,4\n",
            {"country": "string", "2019": "float", "2020": "int"},
            2,
        ),
        ("place,year,born\nx,1990,2005\ny,1991,2006\n", {"place": "string", "year": "int", "born": "int"}, 2),
        ("a,a,b\n1,2,3\n4,5,6\n", {"a": "int", "a.1": "int", "b": "int"}, 2),
        ("# made by x\n#\nid,x\n1,2\n3,4\n", {"id": "int", "x": "int"}, 2),
        ("# a, b\n1,2\n3,4\n", {"a": "int", "b": "int"}, 2),
        ("text,label\nI like it,pos\nbad,neg\n", {"text": "string", "label": "string"}, 2),
        ("de,fr\n" + "Guten Tag,Bon jour\n" * 10, {"de": "string", "fr": "string"}, 10),
    ],
)
def test_headers_of_many_forms(text: str, columns: dict[str, str], rows: int) -> None:
    facts = _of(text.encode()).facts
    assert (facts["header"], facts["columns"], facts["rows"]) == (True, columns, rows)


@pytest.mark.parametrize(
    "text",
    [
        "alice,hunter2pass,admin\nbob,qwerty,user\ncarol,letmein1,admin\n",
        "alice,hunter2pass,admin\nbob,qwerty,user\n",
        "alice,hunter2pass,admin\n",
        "alice,password,admin\nbob,qwerty,user\n",
        "paris,1990,2005\nrome,1991,2006\n",
        "paris,2005,53\nrome,1991,2006\n",
    ],
)
def test_a_row_of_data_is_no_header(text: str) -> None:
    facts = _of(text.encode()).facts
    assert (facts["header"], facts["rows"]) == (False, text.count("\n"))
    assert not {"alice", "paris"} & set(map(str, facts["columns"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "scalars"),
    [
        ("results.csv", "accuracy,f1\n0.91,0.88\n", {"accuracy": 0.91, "f1": 0.88}),
        ("scores.csv", "metric,value\nauc,0.9\nf1,0.8\n", {"auc": 0.9, "f1": 0.8}),
        ("eval.csv", "model,accuracy,f1\nrf,0.9,0.8\n", {"accuracy": 0.9, "f1": 0.8}),
        ("x.csv", "model,accuracy\nrf,0.9\nsvm,0.8\n", {"rf.accuracy": 0.9, "svm.accuracy": 0.8}),
        ("report.csv", ",recall\ncat,0.5\ndog,0.6\n", {"cat.recall": 0.5, "dog.recall": 0.6}),
    ],
)
def test_single_numbers_of_tables(name: str, text: str, scalars: dict[str, float]) -> None:
    found = _of(text.encode(), name)
    assert (found.kind, found.made, found.facts["scalars"]) == ("dataset", "metrics", scalars)


@pytest.mark.parametrize(
    "text",
    [
        "loss\n0.5\n0.4\n",
        ",loss\n0,0.5\n1,0.4\n",
        "episode,loss\n0,0.5\n1,0.4\n",
        "fold,loss\n0,0.5\n1,0.4\n",
    ],
)
def test_rows_of_metrics_are_series(text: str) -> None:
    found = _of(text.encode())
    assert found.made == "metrics"
    assert found.facts["series"] == {"loss": {"steps": [0, 1], "values": [0.5, 0.4]}}


@pytest.mark.parametrize(
    "text", ["id,label,score\n1,0,.5\n2,1,.7\n", "image,score\na,.5\nb,.7\n", "a,f1\nx,y\n"]
)
def test_numbers_of_other_tables_are_data(text: str) -> None:
    assert _of(text.encode()).made == ""


def test_rows_of_a_large_file_are_estimated_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("id,name\n")
        for place in range(2_000_000):
            file.write(f"{place},person number {place}\n")
    assert path.stat().st_size > 40_000_000
    facts = recognised_as_table(path)
    assert facts["rows_estimated"] is True
    assert isinstance(facts["rows"], int)
    assert abs(facts["rows"] - 2_000_000) < 100_000


def recognised_as_table(path: Path) -> dict[str, object]:
    from mlamd.recognise.registry import Registry  # noqa: PLC0415

    return dict(recognised(Registry([Delimited()]), path).facts)


def test_a_compressed_file_of_which_a_part_is_unpacked_is_estimated() -> None:
    text = "id,x\n" + "".join(f"{place},{place % 977}\n" for place in range(1_500_000))
    facts = _of(gzip.compress(text.encode(), 1), "x.csv.gz").facts
    assert facts["rows_estimated"] is True
    assert isinstance(facts["rows"], int)
    assert abs(facts["rows"] - 1_500_000) < 150_000
