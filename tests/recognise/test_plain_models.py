"""Models in plain documents: what nobody's library wrote."""

import json

import pytest

from tests.recognise.reading import recognise

MODELS = {
    "rows": ({"weights": [[0.1, 0.2], [0.3, 0.4]], "params": {"lr": 0.1, "seed": 3}}, 1, 4),
    "row and bias": ({"coef": [0.1, 0.2, 0.3], "intercept": 1.5}, 2, 4),
    "layers": ({"state_dict": {"a": {"w": [[1, 2]], "b": [0]}, "c": [[[1], [2]]]}}, 3, 5),
}
OTHERS = {
    "weights of losses": {"weights": [0.3, 0.7], "lr": 0.1},
    "weights by name": {"weights": {"train": 0.3, "val": 0.7}},
    "ragged text": {"weights": [["a", "b"], [1, 2]]},
    "path": {"weights": "best.pt", "bias": True},
    "nothing": {"weights": [], "bias": []},
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_a_model(name):
    held, tensors, parameters = MODELS[name]
    found = recognise("model.json", json.dumps(held))
    assert (found.kind, found.made, found.format) == ("model", "", "json")
    assert (found.facts["tensors"], found.facts["parameters"]) == (tensors, parameters)
    assert found.facts.get("hyperparameters") == held.get("params")


@pytest.mark.parametrize("name", OTHERS)
def test_settings_are_none(name):
    assert recognise("model.json", json.dumps(OTHERS[name])).kind == "config"
