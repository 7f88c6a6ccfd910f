"""Settings of every format, and where they are metrics."""

import json

import pytest

from tests.masking.fakes import SECRETS, drawn
from tests.recognise.reading import recognise

EXPECTED = {"lr": 0.1, "model.layers": 3, "model.name": "small"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conf/a.yaml", "lr: 0.1\nmodel:\n  layers: 3\n  name: small\n"),
        ("a.json", '{"lr": 0.1, "model": {"layers": 3, "name": "small"}}'),
        ("a.toml", 'lr = 0.1\n[model]\nlayers = 3\nname = "small"\n'),
    ],
)
def test_settings_get_dotted_names(name, text):
    found = recognise(name, text)
    assert (found.kind, found.made) == ("config", "")
    assert found.facts["settings"] == EXPECTED


def test_ini_and_variables():
    assert recognise("a.ini", "[train]\nlr = 0.1\nName=x\nflag\n").facts["settings"] == {
        "train.lr": 0.1,
        "train.Name": "x",
        "train.flag": None,
    }
    text = "# a\nexport A=1\nB='x y'\nC=3 # note\nHF_TOKEN=" + drawn(20)
    for name in (".env", ".env.local", "prod.env"):
        found = recognise(name, text)
        assert found.format == "env"
        assert found.facts["settings"] == {"A": 1, "B": "x y", "C": 3, "HF_TOKEN": "***"}


@pytest.mark.parametrize("issuer", sorted(SECRETS))
def test_secrets_are_masked(issuer):
    shown, hidden = SECRETS[issuer]
    held = {
        "note": shown + hidden,
        "wandb": {"api_key": hidden},
        "list": [{"url": f"https://{shown}{hidden}@e.org"}],
    }
    for name in ("a.json", "a.yaml", ".hydra/config.yaml", "metrics.json", "dvclive/params.json", "run.json"):
        found = recognise(name, json.dumps(held))
        assert hidden.strip() not in json.dumps(found.facts)
        assert json.dumps(hidden).strip('"') not in json.dumps(found.facts)


@pytest.mark.parametrize(
    "name", ["metrics.json", "eval_results.json", "out/test-scores.json", "summary.json"]
)
def test_numbers_in_a_file_of_that_name_are_metrics(name):
    found = recognise(name, '{"acc": 0.9, "per_class": {"a": 1}, "model": "x"}')
    assert found.kind == "metrics"
    assert found.facts["scalars"] == {"acc": 0.9, "per_class.a": 1}


def test_a_flat_document_of_numbers_is_metrics_of_who_made_it():
    found = recognise("out.json", '{"f1": 0.1, "layers": 3, "name": "x"}')
    assert (found.kind, found.made) == ("config", "metrics")
    assert found.facts["scalars"] == {"f1": 0.1, "layers": 3}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("args.json", '{"lr": 0.3, "batch_size": 32, "epochs": 10, "dropout": 0.5}'),
        ("saved.json", '{"lr": 0.3, "batch_size": 32, "epochs": 10, "loss_weight": 0.5}'),
        ("config.json", '{"lr": 0.3, "max_error": 0.5, "score_threshold": 0.5}'),
        ("hparams.json", '{"accuracy": 1}'),
        ("params.json", '{"accuracy": 1, "recall": [1, 2]}'),
        ("eval_config.yaml", "f1: 1\nbatch_size: 8\n"),
        ("stats.json", '{"n_rows": 10, "columns": 3}'),
    ],
)
def test_saved_arguments_and_counts_are_no_metrics(name, text):
    found = recognise(name, text)
    assert (found.kind, found.made) == ("config", "")
    assert "scalars" not in found.facts


def test_a_metric_beside_words_and_a_matrix_is_one():
    text = '{"f1": 0.9, "model": "x", "data": "y", "confusion": [[5, 1], [2, 7]]}'
    found = recognise("eval.json", text)
    assert (found.kind, found.facts["scalars"]) == ("metrics", {"f1": 0.9})


def test_lists_of_numbers_are_series():
    found = recognise("history.json", '{"loss": [3, 2, 1], "val_loss": [4, 3, 2], "epochs": 3}')
    assert found.kind == "metrics"
    assert found.facts["series"]["loss"] == {"steps": [0, 1, 2], "values": [3, 2, 1]}
    assert found.facts["scalars"] == {"epochs": 3}


def test_a_list_of_records_with_steps_is_a_series_and_others_are_not_ours():
    found = recognise("log.json", '[{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2}]')
    assert (found.kind, found.facts["series"]["loss"]["steps"]) == ("metrics", [1, 2])
    nested = recognise(
        "epochs.json", '[{"epoch": 1, "val": {"acc": 0.5}}, {"epoch": 2, "val": {"acc": 0.6}}]'
    )
    assert nested.facts["series"] == {"val.acc": {"steps": [1, 2], "values": [0.5, 0.6]}}
    assert recognise("data.json", '[{"text": "a", "label": 1}]').kind == "generic"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.yaml", "a: ["),
        ("a.toml", "x"),
        ("a.ini", "no section = 1"),
        ("b.yml", "{{ jinja }}: {% x %}"),
    ],
)
def test_a_document_that_cannot_be_read_is_still_a_config(name, text):
    found = recognise(name, text)
    assert found.kind == "config"
    assert "bad" in found.facts["trouble"]


def test_deep_and_huge_json_is_no_trouble():
    assert recognise("a.json", "[" * 100_000).kind in {"config", "generic"}
    assert recognise("a.json", '{"a": ' * 3000 + "1" + "}" * 3000).kind in {"config", "generic"}
    assert recognise("a.json", '{"a": ' + "9" * 5000 + "}").facts
    assert recognise("a.json", '{"a": NaN, "b": 1e999}').facts["settings"] == {"a": "nan", "b": "inf"}
    groups = {f"group{one}": {f"name{inner}": inner for inner in range(50)} for one in range(100)}
    many = recognise("a.json", json.dumps(groups))
    assert many.facts["settings_cut"] is True


def test_overrides_of_hydra_are_settings():
    found = recognise("out/.hydra/overrides.yaml", "- lr=0.1\n- +a.b=[1,2]\n- ~x\n- db.password=hush\n")
    assert found.facts["settings"] == {"lr": 0.1, "a.b": [1, 2], "db.password": "***"}
    assert found.facts["overrides"] == ["lr=0.1", "+a.b=[1,2]", "~x", "db.password=***"]


COCO = {
    "info": {"year": 2026},
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}],
    "categories": [{"id": 1, "name": "cat"}],
}


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("vocab.json", {f"w{one}": one for one in range(2000)}),
        ("vocab.yaml", {f"w{one}": one for one in range(300)}),
        ("a.json", {"model": {"vocab": {f"w{one}": one for one in range(300)}}}),
        ("labels.json", {"cat": 0, "dog": 1}),
        ("names.json", {"0": "cat", "1": "dog"}),
        ("split.json", {"train": ["a.png", "b.png"], "val": ["c.png"]}),
        ("ids.json", {"kept": list(range(30)), "left": [1]}),
        ("instances.json", COCO),
        ("instances.yaml", {"images": [{"id": one} for one in range(30)]}),
    ],
)
def test_documents_of_data_are_no_settings(name, held):
    found = recognise(name, json.dumps(held))
    assert (found.kind, found.facts) == ("dataset", {"entries": len(held)})


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("a.json", {"lr": 0.1, "layers": [{"units": 3}, {"units": 4}]}),
        ("a.json", {"layers": [64, 32], "betas": [0.9, 0.99]}),
        ("a.yaml", {"names": {0: "cat", 1: "dog"}, "train": "a", "val": "b"}),
        ("a.yaml", {"callbacks": [{"name": "stop"}], "hooks": [{"name": "save"}]}),
        ("a.json", {"lr": 0.1}),
        ("a.json", {"epochs": 3, "batch_size": 8}),
    ],
)
def test_settings_with_lists_are_settings(name, held):
    assert recognise(name, json.dumps(held)).kind == "config"


@pytest.mark.parametrize("held", [{"accuracy": 0.9, "epoch": 3}, {"test": {"loss": 0.1, "f1": 0.5}}])
def test_metrics_of_another_run_are_no_settings(held):
    assert recognise("prev.json", json.dumps(held)).kind == "metrics"
