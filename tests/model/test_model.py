"""The room itself: standard library only, frozen types, three families that never mix."""

import dataclasses
import pkgutil
import subprocess
import sys
import typing
from types import ModuleType

import pytest

import mlamd.model
from mlamd.model import derived, events, observations, processes

MODULES = [module.name for module in pkgutil.iter_modules(mlamd.model.__path__)]
_LIST = """
import sys
before = set(sys.modules)
import mlamd.model.{module}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("mlamd.")))
"""


def _types(module: ModuleType) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", MODULES)
def test_the_model_imports_only_the_standard_library(module: str) -> None:
    code = _LIST.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    foreign, ours = done.stdout.splitlines()
    allowed = {"mlamd", "msgpack", "cython_runtime"} if module == "codec" else {"mlamd"}
    assert {name for name in foreign.split() if not name.startswith("_cython")} <= allowed
    assert all(name.startswith("mlamd.model") for name in ours.split())


@pytest.mark.parametrize("module", [events, observations, derived, processes])
def test_all_types_are_frozen_and_slotted(module: ModuleType) -> None:
    found = _types(module)
    assert found
    for kind in found:
        assert kind.__dataclass_params__.frozen, kind
        assert hasattr(kind, "__slots__"), kind
        assert "__dict__" not in dir(kind), kind


def test_the_unions_are_complete() -> None:
    assert set(typing.get_args(events.Event)) == set(_types(events))
    assert set(typing.get_args(observations.Observation)) == set(_types(observations)) - {
        observations.SourceMark
    }


def test_observations_and_events_never_mix() -> None:
    assert not set(typing.get_args(events.Event)) & set(typing.get_args(observations.Observation))


def test_every_public_type_documents_itself() -> None:
    for module in (events, observations, derived, processes):
        for kind in _types(module):
            assert kind.__doc__
            assert not kind.__doc__.startswith(kind.__name__ + "("), kind
