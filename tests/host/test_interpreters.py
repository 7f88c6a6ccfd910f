"""What is installed for an interpreter, held against what pip says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlamd.host import interpreters


def made(prefix: Path, *names: str) -> Path:
    """Make a virtual environment that has these distributions, and no interpreter."""
    site = prefix / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    for name in names:
        (site / name).mkdir()
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.1\nuv = 0.5\n")
    return prefix


def test_what_pip_lists_is_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        check=True,
    )
    listed = {re.sub(r"[-_.]+", "-", one["name"]).lower(): one["version"] for one in json.loads(done.stdout)}
    found = interpreters.installed(sys.executable, str(Path(sys.executable).resolve()))
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert {name: packages.get(name) for name in listed} == listed
    assert found["prefix"] == sys.prefix
    assert str(found["version"]).startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")


def test_a_virtual_environment_is_told_by_the_path_of_the_program(tmp_path: Path) -> None:
    prefix = made(tmp_path / "env", "torch-2.1.0+cpu.dist-info", "Some_Thing-1.dist-info", "notes")
    found = interpreters.installed(f"{prefix}/bin/python", "/usr/bin/python3.12")
    assert found == {
        "executable": "/usr/bin/python3.12",
        "prefix": str(prefix),
        "manager": "uv",
        "version": "3.12.1",
        "packages": {"some-thing": "1", "torch": "2.1.0+cpu"},
    }


def test_marks_change_when_something_is_installed(tmp_path: Path) -> None:
    prefix = made(tmp_path / "env", "a-1.dist-info")
    program = f"{prefix}/bin/python"
    before = interpreters.marks(program, "/nowhere/bin/python")
    assert interpreters.marks(program, "/nowhere/bin/python") == before
    (prefix / "lib/python3.12/site-packages/b-2.dist-info").mkdir()
    assert interpreters.marks(program, "/nowhere/bin/python") != before


def test_names_of_interpreters() -> None:
    assert all(interpreters.is_python(name) for name in ("/usr/bin/python3.11", "python", "/x/pypy3.10"))
    assert not any(interpreters.is_python(name) for name in ("/usr/bin/pythonista", "/bin/sh", ""))


def test_what_conda_installed_is_found_beside_the_distributions(tmp_path: Path) -> None:
    prefix = made(tmp_path / "envs/x", "numpy-2.1.0.dist-info")
    (prefix / "pyvenv.cfg").unlink()
    meta = prefix / "conda-meta"
    meta.mkdir()
    names = ("python-3.12.7-hc5c86c4_0_cpython", "libgcc-ng-14.2.0-h69a702a_1", "numpy-2.1.0-py312h58c1407_0")
    for name in (*names, "cuda-version-12.4-hbda6634_3"):
        (meta / f"{name}.json").write_text("{}")
    (meta / "history").write_text("")
    (meta / "odd.json").write_text("")
    program = f"{prefix}/bin/python"
    found = interpreters.installed(program, f"{prefix}/bin/python3.12")
    assert (found["manager"], found["packages"]) == ("conda", {"numpy": "2.1.0"})
    assert found["conda"] == {
        "cuda-version": "12.4",
        "libgcc-ng": "14.2.0",
        "numpy": "2.1.0",
        "python": "3.12.7",
    }


def test_marks_change_when_conda_installs_what_is_no_distribution(tmp_path: Path) -> None:
    prefix = made(tmp_path / "env")
    (prefix / "conda-meta").mkdir()
    executable = f"{prefix}/bin/python3.12"
    before = interpreters.marks(executable, executable)
    (prefix / "conda-meta/mkl-2024.2.2-ha957f24_16.json").write_text("{}")
    assert interpreters.marks(executable, executable) != before


def test_a_virtual_environment_of_condas_python_tells_both(tmp_path: Path) -> None:
    meta = tmp_path / "conda/conda-meta"
    meta.mkdir(parents=True)
    (meta / "openssl-3.4.0-hb9d3cd8_0.json").write_text("{}")
    prefix = made(tmp_path / "env", "a-1.dist-info")
    found = interpreters.installed(f"{prefix}/bin/python", f"{tmp_path}/conda/bin/python3.12")
    assert (found["packages"], found["conda"]) == ({"a": "1"}, {"openssl": "3.4.0"})


VIRTUALENV = "home = /usr/bin\nversion_info = 3.12.1.final.0\nvirtualenv = 20.26.6\n"


@pytest.mark.parametrize(
    ("place", "settings", "files", "manager"),
    [
        (".cache/pypoetry/virtualenvs/proj-Vqf3Yq7_-py3.12", VIRTUALENV, {}, "poetry"),
        ("Library/Caches/pypoetry/virtualenvs/proj-x-py3.12", VIRTUALENV, {}, "poetry"),
        ("proj/.venv", VIRTUALENV + "prompt = proj-py3.12\n", {"proj/poetry.lock": ""}, "poetry"),
        ("proj/.venv", VIRTUALENV, {"proj/poetry.lock": ""}, "venv"),
        ("proj/.venv", "home = /usr/bin\nuv = 0.5.1\n", {"proj/poetry.lock": ""}, "uv"),
        ("pypoetry/.venv", "home = /usr/bin\n", {}, "venv"),
        ("share/virtualenvs/proj-a3de50_-", VIRTUALENV, {"ENV/.project": "/gone"}, "pipenv"),
        ("proj/.venv", VIRTUALENV, {"proj/Pipfile": "", "ENV/.project": "TMP/proj"}, "pipenv"),
        ("share/virtualenvs/wrapped", VIRTUALENV, {"ENV/.project": "/gone"}, "venv"),
        (".pyenv/versions/3.12.1", "", {}, "pyenv"),
        (".pyenv/versions/3.12.1/envs/mine", VIRTUALENV, {}, "pyenv"),
        ("opt/python", "", {}, "system"),
    ],
)
def test_the_manager_is_named_where_the_layout_tells(
    tmp_path: Path, place: str, settings: str, files: dict[str, str], manager: str
) -> None:
    prefix = made(tmp_path / place)
    (prefix / "pyvenv.cfg").write_text(settings)
    for name, text in files.items():
        file = tmp_path / name.replace("ENV", place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("TMP", str(tmp_path)))
    program = f"{prefix}/bin/python"
    executable = "/usr/bin/python3.12" if settings else program
    assert interpreters.installed(program, executable)["manager"] == manager
