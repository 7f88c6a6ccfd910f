"""Files of other trackers: damaged, cut off, and files of the same name that are none of theirs."""

import json
import random
import sqlite3
from pathlib import Path

import pytest

from tests.masking.fakes import PASSWORD, drawn
from tests.recognise.reading import recognise, recognise_file

FILES = Path(__file__).parent / "corpus_meaning" / "files"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("metrics.json", '{"acc": 0.5}', "metrics"),
        ("run.json", '{"a": "x"}', "config"),
        ("task.json", '{"hyperparams": 3}', "config"),
        ("task.json", '{"hyperparams": {"a": {"b": 3}}, "id": 3}', "config"),
        ("config.yaml", "lr: 3", "config"),
        ("config.yaml", "_wandb: 3\nlr: {value: 3}", "config"),
        ("meta.yaml", "a: b", "config"),
        ("trainer_state.json", '{"log_history": [3, {"a": []}]}', "metrics"),
        ("trainer_state.json", "[]", "generic"),
        ("wandb-summary.json", "[", "config"),
        ("metrics.json", '{"a": {"steps": 3, "values": [1]}}', "metrics"),
    ],
)
def test_files_of_the_same_name(name, text, kind):
    assert recognise(name, text).kind == kind


def test_wandb_config():
    found = recognise(
        "wandb/config.yaml", "_wandb: {value: {x: 1}}\nlr: {desc: null, value: 0.1}\nmodel: {value: {n: 3}}\n"
    )
    assert found.facts == {"tracker": "wandb", "settings": {"lr": 0.1, "model.n": 3}}


def test_wandb_summary():
    found = recognise(
        "wandb-summary.json", '{"loss": 0.5, "_step": 3, "_wandb": {"runtime": 3}, "best": {"acc": 1}}'
    )
    assert found.facts["scalars"] == {"loss": 0.5, "best.acc": 1}


RUN = "mlruns/0/" + "a" * 32


def test_mlflow_files():
    found = recognise(f"{RUN}/metrics/val/loss", "1700000000000 0.5 0\n1700000000001 nan 1\n")
    assert found.facts["series"] == {"val/loss": {"steps": [0, 1], "values": [0.5, "nan"]}}
    assert recognise(f"{RUN}/params/password", PASSWORD).facts["settings"] == {"password": "***"}
    assert recognise(f"{RUN}/params/sizes", "[1, 2]").facts["settings"] == {"sizes": [1, 2]}
    assert recognise(f"{RUN}/metrics/x", "no points").kind == "generic"
    assert recognise("other/metrics/x", "1700000000000 0.5 0").kind != "metrics"


def test_mlflow_database_of_two_runs_and_other_databases(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_bytes((FILES / "mlflow/mlflow.db").read_bytes())
    with sqlite3.connect(path) as database:
        database.execute("pragma foreign_keys = off")
        database.execute("insert into runs (run_uuid, name, start_time) values ('b', 'two', 9999999999999)")
        database.execute("insert into params (run_uuid, key, value) values ('b', 'api_key', ?)", (drawn(20),))
    found = recognise_file(path, "mlflow.db")
    assert found.facts["run_id"] == "b"
    assert found.facts["settings"] == {"api_key": "***"}
    assert len(found.facts["runs"]) == 2
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("create table metrics (x)")
    assert recognise_file(other, "other.db").kind == "dataset"


def test_attributes_of_guild():
    top = "runs/x/.guild/attrs/"
    assert recognise(top + "flags", "lr: 0.1\nname: x\n").facts["settings"] == {"lr": 0.1, "name": "x"}
    held = recognise(top + "env", f"OMP_NUM_THREADS: '4'\nHF_TOKEN: {drawn(20)}\nHOME: /home/ada\n")
    assert held.facts["settings"] == {"OMP_NUM_THREADS": "4"}
    assert recognise(top + "cmd", "- python\n- --api-key\n- abc\n").facts["command"] == [
        "python",
        "--api-key",
        "***",
    ]
    assert recognise(top + "exit_status", "0\n").facts["settings"] == {"exit_status": 0}


def test_lines_of_json():
    lines = "".join(json.dumps({"step": n, "loss": n / 2}) + "\n" for n in range(3))
    found = recognise("log.jsonl", lines)
    assert (found.kind, found.format) == ("metrics", "jsonl")
    assert found.facts["series"]["loss"] == {"steps": [0, 1, 2], "values": [0, 0.5, 1]}
    assert recognise("data.jsonl", '{"text": "step"}\n').kind != "metrics"


DAMAGED = [
    "tensorboardx/events.out.tfevents.1",
    "tensorboardx/events.out.tfevents.3",
    "tensorboard/events.out.tfevents.2.v2",
    "wandb/run-offline.wandb",
    "mlflow/mlflow.db",
    "transformers/trainer_state.json",
    "notebook/done.ipynb",
    "clearml/task.json",
]


@pytest.mark.parametrize("name", DAMAGED)
def test_files_that_are_cut_off_or_damaged_are_no_error(name, tmp_path):
    content = (FILES / name).read_bytes()
    draw = random.Random(3)
    held = tmp_path / "held"
    rounds = 20 if len(content) > 100_000 else 200
    for turn in range(rounds):
        damaged = bytearray(content)
        if turn % 2:
            del damaged[draw.randrange(len(damaged)) :]
        else:
            for _ in range(draw.randrange(1, 20)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        held.write_bytes(damaged)
        found = recognise_file(held, name)
        json.dumps(found.facts, allow_nan=False)


def test_what_was_cut_off_keeps_what_came_before():
    content = (FILES / "tensorboardx/events.out.tfevents.1").read_bytes()
    assert recognise("events.out.tfevents.1", content[:-10]).facts["series"]["train/loss"]["steps"][:2] == [
        0,
        10,
    ]
    content = (FILES / "wandb/run-offline.wandb").read_bytes()
    assert recognise("x.wandb", content[:-300]).facts["settings"]["lr"] == 0.1
