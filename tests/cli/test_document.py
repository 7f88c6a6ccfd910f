"""The reference of the JSON documents, held against what the commands really print."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

_PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "json.md"
_ODD = "odd \udcff\nname"

QUESTIONS = {
    "runs": [["runs"], ["runs", "-a"]],
    "run": [["show", "@-1"], ["show", "aaaa000000000001"]],
    "asset": [["show", "raw.csv"], ["show", "model"], ["show", "train.log"]],
    "directory": [["show", "data"], ["show", "out"], ["show", "."]],
    "params": [["params", "@-1"]],
    "metrics": [["metrics", "@-1"]],
    "log": [["log"], ["log", "-a"], ["log", "-a", "model"]],
    "lineage": [
        ["lineage", "model"],
        ["lineage", "raw.csv", "--down"],
        ["lineage", "aaaa000000000001"],
        ["lineage", "sorted"],
        ["lineage", "train.log"],
        ["lineage", "bbbb.1", "--depth", "1"],
    ],
    "why": [["why", "model"], ["why", "train.log"], ["why", _ODD], ["why", "notes"]],
    "uses": [["uses", "clean.csv"], ["uses", _ODD]],
    "diff": [["diff", "@-2", "@-1"], ["diff", "@-3", "@-2"]],
    "resources": [["resources", "@-1"], ["resources", "aaaa000000000001"]],
    "status": [["status"]],
    "doctor": [["doctor"]],
    "verify": [["verify"]],
}


def _sections() -> dict[str, str]:
    """Return the text of each kind, and that of the parts that all kinds share."""
    parts = re.split(r"^## ", _PAGE.read_text("utf-8"), flags=re.MULTILINE)
    kinds = {part[1 : part.index("`", 1)]: part for part in parts if part.startswith("`")}
    shared = "".join(part for part in parts if not part.startswith("`"))
    return {kind: shared + text for kind, text in kinds.items()}


_FREE = frozenset(
    {
        "facts",
        "variables",
        "packages",
        "code",
        "host",
        "native",
        "cuda",
        "endings",
        "kinds",
        "formats",
        "dtypes",
    }
)
"""What is below these has pages of its own, or names that users gave."""


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        value = {name: None if name in _FREE else inner for name, inner in value.items()}
        return set(value).union(*(_keys(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(_keys(inner) for inner in value))
    return set()


def test_every_kind_has_a_section():
    assert set(_sections()) == set(QUESTIONS)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_every_key_is_documented(told, kind):
    named = set(re.findall(r"`([a-z0-9_]+)`", _sections()[kind]))
    seen: set[str] = set()
    for question in QUESTIONS[kind]:
        code = int(kind == "doctor")  # it ends with 1, as nothing records
        text = told.mlamd(question[0], "--json", *question[1:], code=code).stdout
        document = json.loads(text)
        assert text.isascii()
        assert list(document) == ["schema", "kind", "data", "gaps"]
        assert document["schema"] == "mlamd/1"
        assert document["kind"] == kind
        assert isinstance(document["gaps"], list)
        seen |= _keys(document)
    assert seen - named == set()
    section = _PAGE.read_text("utf-8").split(f"\n## `{kind}`")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    promised = {name for cell in first_cells for name in re.findall(r"`([a-z0-9_]+)`", cell)}
    assert promised - seen == set(), "documented, but in none of the answers"


def test_recorder_prints_the_same_keys_while_it_runs(recorded):
    running = recorded.ask("status")
    recorded.mlamd("stop")
    stopped = recorded.ask("status")
    assert _keys(running) == _keys(stopped)


def test_runs(told):
    rows = told.ask("runs")["data"]
    assert [row["id"] for row in rows] == ["bbbb000000000003", "aaaa000000000002", "aaaa000000000001"]
    assert rows[0] == {
        "id": "bbbb000000000003",
        "command": ["python", "train.py", "1"],
        "cwd": "/w",
        "kind": "job",
        "status": "failed",
        "exit_code": 1,
        "started_ns": 20_000_000_000,
        "ended_ns": 25_000_000_000,
        "inputs": 5,
        "outputs": 2,
    }
    assert rows[2]["cwd_b64"] == "L3cv/w=="
    assert told.ask("runs", "-n", "1")["data"] == rows[:1]
    assert len(told.ask("runs", "-a", "-n", "0")["data"]) == 4


def test_step_in_a_container(told):
    steps = told.ask("show", "aaaa000000000001")["data"]["steps"]
    inside = {"cgroup": "/docker/0123", "container": "0123", "inner_pid": 7}
    assert [step for step in steps if inside.items() <= step.items()] == [steps[2]]
    assert all(inside.keys().isdisjoint(step) for step in steps[:2])


def test_lineage_is_a_sound_graph(told):
    for question in QUESTIONS["lineage"]:
        data = told.ask(*question)["data"]
        ids = [node["id"] for node in data["nodes"]]
        assert len(set(ids)) == len(ids)
        assert data["focus"] in ids
        assert {edge[end] for edge in data["edges"] for end in ("source", "target")} <= set(ids)
        types = {node["id"]: node["type"] for node in data["nodes"]}
        for edge in data["edges"]:
            if edge["relation"] == "wrote":
                assert types[edge["target"]] == "file"
            if edge["relation"] == "read" and "via" not in edge:
                assert types[edge["source"]] == "file"
        for dataset in data["datasets"]:
            assert set(dataset["files"]) <= set(ids)
            assert len(dataset["files"]) == 3


def test_gaps_that_touch_an_answer_are_named(told):
    assert [gap["reason"] for gap in told.ask("lineage", "model")["gaps"]] == ["overflow"]
    assert told.ask("why", "model@-1")["gaps"] == []
    assert "Something may be missing" in told.mlamd("lineage", "model").stdout


def test_path_that_is_not_utf8(told):
    row = told.ask("why", _ODD)["data"]
    assert row["path"] == _ODD
    assert row["path_b64"] == "b2RkIP8KbmFtZQ=="
    assert "path_b64" not in told.ask("why", "model")["data"]
    (moved,) = [row for row in told.ask("log")["data"] if row.get("source_b64")]
    assert moved["action"] == "moved"


def test_files_that_fold_are_listed_all_the_same(told):
    data = told.ask("show", "@-1")["data"]
    (found,) = data["datasets_read"]
    listed = [row["version"] for row in data["files_read"]]
    assert set(found["files"]) <= set(listed)
    assert len(listed) == 5
    expected = {
        "path": "data/1",
        "file_count": 3,
        "size_bytes": 18,
        "kind": "dataset",
        "evidence": "inferred",
    }
    assert found.items() >= {**expected, "ambiguous": False}.items()
    assert found["endings"] == {"png": 3}
    (cause,) = told.ask("why", "model")["data"]["causes"]
    assert cause["datasets"][0]["digest"] == found["digest"]
    assert [row["path"] for row in told.ask("uses", "raw.csv")["data"]["datasets"]] == ["out"]
