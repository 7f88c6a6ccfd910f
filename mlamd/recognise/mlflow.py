"""MLflow's stores: the directory ``mlruns``, and the database of its SQLite store.

https://mlflow.org/docs/latest/tracking: a metric is a file with lines ``timestamp value step``, a parameter
a file that holds its value; the database has the tables ``runs``, ``params`` and ``metrics``.
"""

import re
import sqlite3
from contextlib import closing
from urllib.parse import quote

from mlamd.masking.text import mask_setting
from mlamd.recognise.config import settings_of
from mlamd.recognise.document import parse_document
from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.text import whole_text
from mlamd.recognise.typed import typed_nested

_PLACE = re.compile(rb"(?:^|/)([0-9a-f]{32})/(metrics|params|tags)/(.+)$")
_POINT = re.compile(r"\d{9,}\s+(\S+)(?:\s+(-?\d+))?")
_MOST_BYTES = 8 << 20
_MOST_RUNS = 200
_MOST_ROWS = 200_000
_MOST_OPERATIONS = 20_000_000


def recognise_file(subject: Subject) -> Finding | None:
    """Return a metric, a parameter or a tag of a run in a store of files; None for any other file."""
    place = _PLACE.search(subject.path)
    if place is None:
        return None
    content = whole_text(subject, _MOST_BYTES)
    if content is None:
        return None
    name = place[3].decode("utf-8", "replace")
    facts: dict[str, Fact] = {"tracker": "mlflow", "run_id": place[1].decode()}
    if place[2] == b"metrics":
        return _metric(content, name, facts)
    plain = mask_setting(name, typed_nested(content.strip()) if place[2] == b"params" else content.strip())
    key = "settings" if place[2] == b"params" else "tags"
    return Finding("config", f"mlflow {key}", {**facts, key: {name: bounded(plain)}})


def _metric(content: str, name: str, facts: dict[str, Fact]) -> Finding | None:
    book = SeriesBook()
    for place, line in enumerate(content.splitlines()):
        point = _POINT.match(line)
        if point is None:
            return None
        try:
            book.add(name, int(point[2] or place), float(point[1]))
        except ValueError:
            return None
    return Finding("metrics", "mlflow metric", {**facts, **book.facts()})


def recognise_meta(subject: Subject) -> Finding | None:
    """Return what ``meta.yaml`` says of a run or an experiment; None for any other file of that name."""
    content = whole_text(subject, 1 << 20)
    held = parse_document(content, "yaml") if content is not None else None
    if not isinstance(held, dict) or "lifecycle_stage" not in held:
        return None
    facts: dict[str, Fact] = {"tracker": "mlflow", "settings": settings_of(held)}
    if isinstance(held.get("run_id"), str):
        facts["run_id"] = bounded(held["run_id"])
    return Finding("config", "mlflow meta", facts)


class MlflowDatabase:
    """An SQLite database with the tables of MLflow."""

    name = "mlflow"
    rank = 9

    def recognise(self, subject: Subject) -> Finding | None:
        """Return settings and series of its newest runs; None for other databases."""
        if not subject.head.startswith(b"SQLite format 3\x00"):
            return None
        if subject.whole and b"latest_metrics" not in subject.head:
            return None
        address = f"file:{quote(subject.reader.path())}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=0)) as database:
                database.execute("pragma trusted_schema = off")
                database.set_progress_handler(lambda: 1, _MOST_OPERATIONS)
                database.text_factory = lambda held: held.decode("utf-8", "replace")
                return _database(database)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise RecogniseError(f"SQLite: {error}"[:200]) from error


def _database(database: sqlite3.Connection) -> Finding | None:
    tables = {str(row[0]) for row in database.execute("select name from sqlite_master where type = 'table'")}
    if not {"runs", "metrics", "params", "latest_metrics"} <= tables:
        return None
    rows = database.execute("select run_uuid, name, start_time from runs order by start_time desc, run_uuid")
    names = {str(run): name for run, name, _ in rows.fetchmany(_MOST_RUNS)}
    runs: dict[str, Fact] = {}
    newest = next(iter(names), "")
    facts: dict[str, Fact] = {"tracker": "mlflow", "run_id": newest}
    for run, name in names.items():
        settings: dict[str, Fact] = {}
        for key, value in database.execute("select key, value from params where run_uuid = ?", (run,)):
            settings[str(key)] = bounded(mask_setting(str(key), typed_nested(str(value))))
        scalars: dict[str, Fact] = {}
        query = "select key, value, is_nan from latest_metrics where run_uuid = ?"
        for key, value, is_nan in database.execute(query, (run,)):
            scalars[str(key)] = "nan" if is_nan else bounded(value)
        runs[run] = {"name": bounded(name), "settings": settings, "scalars": scalars}
        if run == newest:
            facts |= {"settings": settings, "scalars": scalars}
    facts["runs"] = runs
    return Finding("metrics", "sqlite", facts | _series(database, newest).facts())


def _series(database: sqlite3.Connection, run: str) -> SeriesBook:
    book = SeriesBook()
    query = "select key, step, value from metrics where run_uuid = ? and not is_nan order by step, timestamp"
    for key, step, value in database.execute(query, (run,)).fetchmany(_MOST_ROWS):
        if isinstance(step, int) and isinstance(value, int | float):
            book.add(str(key), step, value)
    return book
