"""What is installed for an interpreter, held against what pip says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from mlamd.host import interpreters


def made(prefix: Path, *names: str) -> Path:
    """Make a virtual environment that has these distributions, and no interpreter."""
    site = prefix / "lib" / "python3.12" / "site-packages"
    for name in names:
        (site / name).mkdir(parents=True)
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
