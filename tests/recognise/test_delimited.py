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
