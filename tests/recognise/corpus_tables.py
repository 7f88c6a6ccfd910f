"""The part of the corpus that is tables and arrays."""

# ruff: noqa: PLC0415  (each part imports its own libraries, and hands functions on)

import gzip
import json
import sqlite3
from typing import Any

from make_corpus import Shelf

_ARROW_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16"}


def _frame(rows: int = 40) -> Any:
    import numpy as np
    import pandas as pd

    numbers = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "height": numbers.normal(170, 9, rows).round(2),
            "name": [f"person {place}" for place in range(rows)],
            "born": pd.date_range("1990-01-01", periods=rows).strftime("%Y-%m-%d"),
            "smoker": numbers.integers(0, 2, rows).astype(bool),
        }
    )


def _kinds(frame: Any) -> dict[str, str]:
    names = {"int64": "int", "float64": "float", "bool": "bool"}
    return {
        name: "date" if name == "born" else names.get(str(kind), "string")
        for name, kind in frame.dtypes.items()
    }


def make_delimited(shelf: Shelf) -> None:
    frame = _frame()
    facts = {"columns": _kinds(frame), "column_count": 5, "rows": len(frame), "header": True}
    comma = facts | {"delimiter": "comma", "encoding": "utf-8"}
    shelf.put("people.csv", lambda path: frame.to_csv(path, index=False), "dataset", "csv", comma)
    shelf.put("people.csv.gz", lambda path: frame.to_csv(path, index=False), "dataset", "csv", comma)
    for name, form, mark, word in (
        ("people.tsv", "tsv", "\t", "tab"),
        ("semicolons.csv", "csv", ";", "semicolon"),
        ("people.psv", "psv", "|", "pipe"),
    ):
        shelf.put(
            name,
            lambda path, mark=mark: frame.to_csv(path, index=False, sep=mark),
            "dataset", form, facts | {"delimiter": word},
        )  # fmt: skip
    quoted = _frame(12)
    quoted["name"] = [f'says "{place}",\nand goes' for place in range(12)]
    shelf.put(
        "quoted.csv", lambda path: quoted.to_csv(path, index=False), "dataset", "csv",
        {"columns": _kinds(quoted), "rows": 12, "delimiter": "comma"},
    )  # fmt: skip
    numbers = frame[["id", "height"]]
    shelf.put(
        "headless.csv", lambda path: numbers.to_csv(path, index=False, header=False), "dataset", "csv",
        {"columns": {"column 1": "int", "column 2": "float"}, "rows": 40, "header": False},
    )  # fmt: skip
    wide = frame[["id", "name"]]
    shelf.put(
        "wide.csv", lambda path: wide.to_csv(path, index=False, encoding="utf-16"), "dataset", "csv",
        {"columns": {"id": "int", "name": "string"}, "rows": 40, "encoding": "utf-16"},
    )  # fmt: skip


def make_metrics(shelf: Shelf) -> None:
    import pandas as pd

    frame = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [0.9, 0.5, 0.4], "val_acc": [0.5, 0.6, 0.65]})
    facts = {"columns": {"epoch": "int", "train_loss": "float", "val_acc": "float"}, "rows": 3}
    shelf.put("history.csv", lambda path: frame.to_csv(path, index=False), "dataset", "csv", facts, "metrics")
    shelf.put(
        "history.jsonl", lambda path: frame.to_json(path, orient="records", lines=True), "dataset", "jsonl",
        facts, "metrics",
    )  # fmt: skip


def make_jsonlines(shelf: Shelf) -> None:
    frame = _frame()
    kinds = _kinds(frame) | {"born": "string"}
    shelf.put(
        "people.jsonl", lambda path: frame.to_json(path, orient="records", lines=True), "dataset", "jsonl",
        {"columns": kinds, "rows": 40, "column_count": 5},
    )  # fmt: skip


def make_parquet(shelf: Shelf) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(_frame(), preserve_index=False)
    nested = pa.table(
        {
            "when": pa.array([1, 2, 3], pa.timestamp("us")),
            "small": pa.array([1, 2, 3], pa.int8()),
            "vector": pa.array([[1.0], [2.0, 3.0], []], pa.list_(pa.float32())),
            "point": pa.array([{"x": 1, "y": 2.0}] * 3),
        }
    )
    for name, what, groups in (("people.parquet", table, 10), ("nested.parquet", nested, 3)):
        shelf.put(
            name, lambda path, what=what, groups=groups: pq.write_table(what, path, row_group_size=groups),
            "dataset", "parquet", {},
        )  # fmt: skip
        about = pq.ParquetFile(shelf.folder / name)
        columns = {}
        for place in range(len(about.schema)):
            column = about.schema.column(place)
            logical = json.loads(column.logical_type.to_json())
            physical = {"DOUBLE": "float64", "FLOAT": "float32", "BOOLEAN": "bool", "BYTE_ARRAY": "binary"}
            kind = physical.get(column.physical_type, column.physical_type.lower())
            if logical["Type"] == "Int":
                kind = ("int" if logical["isSigned"] else "uint") + str(logical["bitWidth"])
            elif logical["Type"] != "None":
                kind = logical["Type"].lower()
            columns[column.path] = kind
        shelf.expected[name]["facts"] = {
            "columns": columns, "rows": about.metadata.num_rows, "row_groups": about.metadata.num_row_groups,
            "column_count": about.metadata.num_columns, "written_by": about.metadata.created_by,
        }  # fmt: skip


def make_arrow(shelf: Shelf) -> None:
    import pyarrow as pa
    from pyarrow import feather

    table = pa.Table.from_pandas(_frame(), preserve_index=False).append_column(
        "small", pa.array([1.0] * 40, pa.float32())
    )
    columns = {field.name: _ARROW_NAMES.get(str(field.type), str(field.type)) for field in table.schema}
    facts = {"columns": columns, "rows": table.num_rows, "column_count": table.num_columns}

    def stream(path: Any) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=15)

    def file(path: Any) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=15)

    shelf.put("people.feather", lambda path: feather.write_feather(table, path), "dataset", "arrow", facts)
    shelf.put("stream.arrow", stream, "dataset", "arrow-stream", facts | {"batches": 3})
    shelf.put("file.arrow", file, "dataset", "arrow", facts | {"batches": 3})


def make_numpy(shelf: Shelf) -> None:
    import numpy as np

    plain = np.arange(60, dtype=np.float32).reshape(3, 20)
    record = np.zeros(5, dtype=[("a", "<i4"), ("b", "<f8"), ("c", "S3")])
    columns = np.asfortranarray(np.eye(4))

    def facts(array: Any) -> dict[str, Any]:
        return {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "fortran_order": not array.flags.c_contiguous,
        }

    shelf.put("plain.npy", lambda path: np.save(path, plain), "dataset", "npy", facts(plain))
    shelf.put("columns.npy", lambda path: np.save(path, columns), "dataset", "npy", facts(columns))
    shelf.put(
        "record.npy", lambda path: np.save(path, record), "dataset", "npy",
        {"shape": [5], "columns": {"a": "int32", "b": "float64", "c": "|S3"}},
    )  # fmt: skip
    for name, save in (("stored.npz", np.savez), ("packed.npz", np.savez_compressed)):
        shelf.put(
            name, lambda path, save=save: save(path, x=plain, y=columns.astype(np.int16)), "dataset", "npz",
            {"array_count": 2, "arrays": {"x": facts(plain), "y": facts(columns.astype(np.int16))}},
        )  # fmt: skip

    def memory_map(path: Any) -> None:
        np.memmap(path, dtype=np.int16, mode="w+", shape=(20, 30)).flush()

    shelf.put(
        "tokens_int16_20x30.dat", memory_map, "dataset", "memmap", {"dtype": "int16", "shape": [20, 30]}
    )


def make_hdf5(shelf: Shelf) -> None:
    import h5py
    import numpy as np

    def facts(path: Any) -> dict[str, Any]:
        datasets: dict[str, Any] = {}
        groups = 1

        def visit(name: str, one: Any) -> None:
            nonlocal groups
            if isinstance(one, h5py.Dataset):
                kind = "text" if h5py.check_string_dtype(one.dtype) else one.dtype.name
                datasets["/" + name] = {"dtype": kind, "shape": list(one.shape)}
            else:
                groups += 1

        with h5py.File(path) as file:
            file.visititems(visit)
            attributes = {
                key: value.item() if hasattr(value, "item") else value for key, value in file.attrs.items()
            }
        found = {"datasets": datasets, "groups": groups, "dataset_count": len(datasets)}
        return found | ({"attributes": attributes} if attributes else {})

    def fill(file: Any) -> None:
        file.attrs["rate"] = 0.25
        file.attrs["title"] = "Messungen über Nacht"
        file.attrs["count"] = 7
        file.create_dataset("x", data=np.zeros((5, 3), np.float32))
        file.create_dataset("labels", data=["one", "two"])
        file.create_dataset("deep/er/flags", data=np.ones(4, bool), chunks=(2,), compression="gzip")
        file.create_dataset("half", data=np.zeros(3, np.float16))

    def old(path: Any) -> None:
        with h5py.File(path, "w") as file:
            fill(file)

    def new(path: Any) -> None:
        with h5py.File(path, "w", libver="latest") as file:
            fill(file)

    def many(path: Any) -> None:
        with h5py.File(path, "w") as file:
            for place in range(20):
                file.create_dataset(f"series/{place:03}", data=np.arange(3))
            file.attrs["n"] = 20

    def dense(path: Any) -> None:
        with h5py.File(path, "w", track_order=True) as file:
            for place in range(30):
                file.create_dataset(f"{'long ' * 9}{place:03}", data=np.zeros((place, 2), np.int16))

    for name, write in (("old.h5", old), ("new.hdf5", new), ("many.h5", many), ("dense.h5", dense)):
        shelf.put(name, write, "dataset", "hdf5", {})
        shelf.expected[name]["facts"] = facts(shelf.folder / name)


def make_sqlite(shelf: Shelf) -> None:
    def write(path: Any) -> None:
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as base:
            base.execute("PRAGMA page_size = 512")
            base.execute(
                'CREATE TABLE runs (id INTEGER PRIMARY KEY, "the name" TEXT NOT NULL, -- what for\n'
                " score DECIMAL(10, 2) DEFAULT 0, at TIMESTAMP, UNIQUE (id, score), CHECK (score > 0))"
            )
            base.execute("CREATE TABLE kept (key TEXT, value BLOB, PRIMARY KEY (key)) WITHOUT ROWID")
            base.execute("CREATE TABLE none (a, b)")
            base.executemany(
                "INSERT INTO runs VALUES (?, ?, 1.5, NULL)", [(n, f"run {n}") for n in range(300)]
            )
            base.executemany("INSERT INTO kept VALUES (?, 'v')", [(f"key {n}",) for n in range(90)])
            base.execute("CREATE INDEX names ON runs (at)")
            base.execute("CREATE VIEW seen AS SELECT * FROM runs")
        base.close()

    shelf.put("runs.sqlite", write, "dataset", "sqlite", {})
    base = sqlite3.connect(shelf.folder / "runs.sqlite")
    tables = {}
    for (name,) in base.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall():
        columns = base.execute(f'SELECT name, type FROM pragma_table_info("{name}")').fetchall()  # noqa: S608
        rows = base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        kinds = {column: kind.lower().replace(", ", ",") for column, kind in columns}
        tables[name] = {"columns": kinds, "rows": rows}
    base.close()
    shelf.expected["runs.sqlite"]["facts"] = {"tables": tables, "table_count": len(tables)}


def make_text(shelf: Shelf) -> None:
    text = "\n".join(f"Zeile {place}: für alle" for place in range(30))
    shelf.put(
        "words.txt", lambda path: path.write_text(text), "dataset", "text",
        {"encoding": "utf-8", "lines": len(text.splitlines())},
    )  # fmt: skip
    shelf.put(
        "words.txt.gz", lambda path: path.write_bytes(gzip.compress(text.encode(), mtime=0)), "dataset", "gz",
        {"files": 1, "total_bytes": len(text.encode())},
    )  # fmt: skip
