import sqlite3
from pathlib import Path

import pytest

from mlamd.recognise.registry import Registry
from mlamd.recognise.sqlite import Sqlite, columns_of
from tests.recognise.files import recognised


def _tables(path: Path) -> dict[str, dict[str, object]]:
    found = recognised(Registry([Sqlite()]), path)
    assert found.format == "sqlite", found
    tables = found.facts["tables"]
    assert isinstance(tables, dict)
    return tables


def test_rows_of_a_large_table_are_estimated_and_small_ones_counted(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "x.db")
    base.execute("PRAGMA page_size = 1024")
    base.execute("CREATE TABLE large (a INTEGER, b TEXT)")
    base.execute("CREATE TABLE small (a)")
    base.execute("CREATE TABLE keyed (a TEXT PRIMARY KEY) WITHOUT ROWID")
    base.executemany("INSERT INTO large VALUES (?, ?)", ((n, "x" * (n % 60)) for n in range(300_000)))
    base.executemany("INSERT INTO keyed VALUES (?)", ((f"key {n}",) for n in range(5_000)))
    base.execute("INSERT INTO small VALUES (1), (2)")
    base.commit()
    base.close()
    tables = _tables(tmp_path / "x.db")
    assert tables["small"] == {"columns": {"a": ""}, "rows": 2}
    assert (tables["keyed"]["rows"], "rows_estimated" in tables["keyed"]) == (5_000, False)
    rows = tables["large"]["rows"]
    assert isinstance(rows, int)
    assert tables["large"]["rows_estimated"] is True
    assert abs(rows - 300_000) < 15_000


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_names_in_any_encoding_and_schemas_longer_than_a_page(tmp_path: Path, encoding: str) -> None:
    base = sqlite3.connect(tmp_path / "x.db")
    base.execute(f"PRAGMA encoding = '{encoding}'")
    base.execute("PRAGMA page_size = 512")
    names = [f"größe_{place}" for place in range(150)]
    base.execute(f"CREATE TABLE maße ({', '.join(name + ' REAL' for name in names)})")
    base.commit()
    base.close()
    assert _tables(tmp_path / "x.db")["maße"] == {"columns": dict.fromkeys(names, "real"), "rows": 0}


def test_a_log_beside_the_file_is_left_alone(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "x.db")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("CREATE TABLE t (a)")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.execute("INSERT INTO t VALUES (1)")
    base.commit()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert list(_tables(tmp_path / "x.db")) == ["t"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    base.close()


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("CREATE TABLE t(a, b INT, c VARCHAR(10) NOT NULL DEFAULT (1+2))",
         {"a": "", "b": "int", "c": "varchar(10)"}),
        ('CREATE TABLE "t(" (`a b` TEXT, [c] REAL CHECK (c > 0), \'d\' BLOB)',
         {"a b": "text", "c": "real", "d": "blob"}),
        ("CREATE TABLE t(a DOUBLE PRECISION, -- no, b\n PRIMARY KEY (a), FOREIGN KEY (a) REFERENCES u(x, y))",
         {"a": "double precision"}),
        ("CREATE TABLE t AS SELECT 1", {}),
        ("CREATE TABLE t(", {}),
    ],
)  # fmt: skip
def test_columns_of_a_declaration(sql: str, columns: dict[str, str]) -> None:
    assert columns_of(sql) == columns
