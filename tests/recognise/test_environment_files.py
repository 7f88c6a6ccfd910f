"""Packages that a project asks for, in every file that says so."""

import pytest

from tests.masking.fakes import PASSWORD
from tests.recognise.reading import recognise

REQUIREMENTS = """
# comment
torch>=2.1,<3  # why
numpy==1.26.4 ; python_version < "3.12"
Scikit_Learn[extra]~=1.3
-r other.txt
--index-url https://ada:pw@pypi.local/simple
./local
git+https://github.com/a/b.git
mine @ git+https://github.com/a/mine.git@v1
pandas == 2.0 \\
    --hash=sha256:abc
plain
"""


PROJECT = """
[project]
dependencies = ["a>=1"]
[project.optional-dependencies]
x = ["b"]
[dependency-groups]
dev = ["c==2", {include-group = "x"}]
[tool.poetry.dependencies]
d = "^1"
e = {version = "2", extras = ["z"]}
"""


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "dev-requirements.in", "requirements/gpu.txt"]
)
def test_requirements(name):
    found = recognise(name, REQUIREMENTS)
    assert (found.kind, found.format) == ("environment", "requirements")
    assert found.facts["packages"] == {
        "torch": ">=2.1,<3",
        "numpy": "==1.26.4",
        "scikit-learn": "~=1.3",
        "mine": "@ git+https://github.com/a/mine.git@v1",
        "pandas": "== 2.0",
        "plain": "",
    }


@pytest.mark.parametrize(
    ("name", "text", "packages"),
    [
        (
            "environment.yml",
            "name: x\ndependencies: [python=3.11, 'conda-forge::numpy>=1.2', pip, {pip: [torch==2.1]}]",
            {"python": "=3.11", "numpy": ">=1.2", "pip": "", "torch": "==2.1"},
        ),
        (
            "pyproject.toml",
            PROJECT,
            {"a": ">=1", "b": "", "c": "==2", "d": "^1", "e": "2"},
        ),
        ("poetry.lock", '[[package]]\nname = "A"\nversion = "1"\n', {"a": "==1"}),
        ("uv.lock", 'version = 1\n[[package]]\nname = "a"\nversion = "1"\n', {"a": "==1"}),
        ("Pipfile", '[packages]\na = "*"\n[dev-packages]\nb = "==1"\n', {"a": "", "b": "==1"}),
        ("Pipfile.lock", '{"default": {"a": {"version": "==1"}}, "develop": {}}', {"a": "==1"}),
        ("setup.cfg", "[options]\ninstall_requires =\n    a>=1\n    b\n", {"a": ">=1", "b": ""}),
        (
            "Dockerfile",
            "FROM --platform=linux python AS x\nRUN pip install -r r.txt \\\n 'torch==2.1' numpy && rm x\n",
            {"torch": "==2.1", "numpy": ""},
        ),
    ],
)
def test_other_files(name, text, packages):
    found = recognise(name, text)
    assert found.kind == "environment"
    assert found.facts["packages"] == packages
    assert found.facts["packages_count"] == len(packages)


def test_images_of_a_container():
    assert recognise("Dockerfile", "FROM a:1 AS b\nFROM c\n").facts["images"] == ["a:1", "c"]


def test_secrets_are_masked():
    found = recognise("requirements.txt", f"mine @ git+https://ada:{PASSWORD}@github.com/a/mine.git")
    assert found.facts["packages"] == {"mine": "@ git+https://ada:***@github.com/a/mine.git"}


@pytest.mark.parametrize(
    "name", ["environment.yml", "pyproject.toml", "uv.lock", "Pipfile.lock", "setup.cfg"]
)
@pytest.mark.parametrize(
    "text", ["", "[", "3", "a: [b]", "[package]", '{"default": 3}', "dependencies: 3", "project = 3"]
)
def test_what_has_another_form_is_no_error(name, text):
    assert recognise(name, text).kind in {"environment", "config", "generic"}
