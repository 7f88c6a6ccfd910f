"""Pickles are read, never loaded."""

import os
import pickle
from pathlib import Path

import pytest

from mlamd.recognise.finding import Finding
from mlamd.recognise.registry import installed
from tests.recognise.files import CORPUS, recognised


class _Harm:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def _of(path: Path, data: bytes, name: str = "x.pkl") -> Finding:
    path.write_bytes(data)
    return recognised(installed(), path, name)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_start_a_program_does_nothing(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "harmed"
    found = _of(tmp_path / "x.pkl", pickle.dumps({"weights": [1, 2], "x": _Harm(target)}, protocol))
    assert not target.exists()
    assert found.format == "pickle"
    assert found.facts["dangerous"] == [f"{os.system.__module__}.system"]


def test_a_forest_says_its_own_settings_and_not_those_of_its_trees() -> None:
    found = recognised(installed(), CORPUS / "forest.joblib")
    settings = found.facts["hyperparameters"]
    assert isinstance(settings, dict)
    assert settings["min_samples_split"] == 17
    assert not [name for name in settings if name.startswith("estimator")]


def test_a_pickle_of_too_many_opcodes_is_told_as_far_as_it_was_read(tmp_path: Path) -> None:
    data = {"first": 1, "second": "two", "long": list(range(500_000))}
    found = _of(tmp_path / "x.pkl", pickle.dumps(data))
    assert found.facts["partial"] is True
    assert found.facts["class"] == "dict"


def test_a_pickle_by_its_name_only_is_one_only_if_it_can_be_read(tmp_path: Path) -> None:
    found = _of(tmp_path / "x.pkl", b"(this is no pickle")
    assert found.kind == "generic"
    assert str(found.facts["trouble"]).startswith("pickle: ")
    assert _of(tmp_path / "x.pkl", pickle.dumps([1], 0), "x.unknown").kind == "generic"
