from pathlib import Path

import pytest

from mlamd.recognise.arrays import NumpyArrays, named
from mlamd.recognise.registry import Registry
from tests.recognise.files import recognised


@pytest.mark.parametrize(
    ("name", "size", "facts"),
    [
        ("train_uint16_8x10.bin", 160, {"dtype": "uint16", "shape": [8, 10], "from_name": True}),
        ("train-f32.dat", 400, {"dtype": "float32", "shape": [100], "from_name": True}),
        ("x_float64_3x4.memmap", 96, {"dtype": "float64", "shape": [3, 4], "from_name": True}),
        ("x_float64_3x5.memmap", 96, {"dtype": "float64", "shape": [12], "from_name": True}),
        ("x.memmap", 96, {}),
    ],
)
def test_memory_maps_are_known_by_name(
    tmp_path: Path, name: str, size: int, facts: dict[str, object]
) -> None:
    (tmp_path / name).write_bytes(bytes(size))
    found = recognised(Registry([NumpyArrays()]), tmp_path / name)
    assert (found.kind, found.format, found.facts) == ("dataset", "memmap", facts)


@pytest.mark.parametrize("name", ["weights.bin", "x.dat", "print8.bin", "x_float64.bin", "f32.txt"])
def test_other_files_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(97))
    assert recognised(Registry([NumpyArrays()]), tmp_path / name).format == ""


@pytest.mark.parametrize(
    ("descr", "name"),
    [
        ("<f8", "float64"),
        ("|b1", "bool"),
        (">i2", "int16"),
        ("<c16", "complex128"),
        ("|O", "object"),
        ("<U5", "<U5"),
    ],
)
def test_types_have_their_usual_names(descr: str, name: str) -> None:
    assert named(descr) == name
