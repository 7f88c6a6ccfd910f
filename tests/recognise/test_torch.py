"""Checkpoints as they are found in the wild, put together by hand, since torch is not installed here."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from mlamd.recognise.finding import Finding
from mlamd.recognise.registry import Registry, installed
from tests.recognise.files import CORPUS, recognised


@pytest.fixture(scope="module")
def registry() -> Registry:
    return installed()


def _archive(path: Path, data: bytes, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", data)
        for name in names:
            file.writestr(f"archive/{name}", b"")


class _Storages(pickle._Pickler):  # type: ignore[name-defined, misc]
    def persistent_id(self, obj: object) -> object:
        return obj.key if isinstance(obj, _Storage) else None


class _Storage:
    def __init__(self, size: int) -> None:
        self.key = ("storage", float, "0", "cpu", size)


def _of(tmp_path: Path, registry: Registry, top: object) -> Finding:
    data = io.BytesIO()
    _Storages(data, 2).dump(top)
    _archive(tmp_path / "x.pt", data.getvalue())
    return recognised(registry, tmp_path / "x.pt")


def test_what_is_kept_beside_the_weights_are_settings(tmp_path: Path, registry: Registry) -> None:
    found = _of(
        tmp_path,
        registry,
        {"epoch": 3, "args": {"lr": 0.1, "nested": {"a": [1, 2]}}, "state_dict": OrderedDict()},
    )
    assert (found.kind, found.format) == ("model", "pytorch")
    assert found.facts["hyperparameters"] == {"epoch": 3, "args.lr": 0.1, "args.nested.a": [1, 2]}


def test_tensors_without_names_are_a_dataset(tmp_path: Path, registry: Registry) -> None:
    found = _of(tmp_path, registry, (_Storage(3), _Storage(4)))
    assert (found.kind, found.format, found.facts["class"]) == ("dataset", "pytorch", "tuple")


def test_harm_is_named_and_not_done(tmp_path: Path, registry: Registry) -> None:
    _archive(tmp_path / "x.pt", b"cposix\nsystem\n(S'touch harmed'\ntR.")
    found = recognised(registry, tmp_path / "x.pt")
    assert found.facts["dangerous"] == ["posix.system"]
    assert not list(tmp_path.glob("harmed"))


def test_an_optimiser_is_none_of_the_parameters(registry: Registry) -> None:
    state, checkpoint = (recognised(registry, CORPUS / name).facts for name in ("state.pt", "checkpoint.pt"))
    assert checkpoint["parameters"] == state["parameters"]


def test_an_archive_that_is_no_checkpoint_is_an_archive(tmp_path: Path, registry: Registry) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("data/a.txt", "a")
    assert recognised(registry, tmp_path / "x.zip").format == "zip"
