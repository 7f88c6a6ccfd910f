import re
from dataclasses import fields
from pathlib import Path

import pytest

from mlamd.errors import SettingsError
from mlamd.settings import Settings, load, parse

_PAGE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"


def test_missing_file_means_defaults(tmp_path):
    assert load(tmp_path / "settings.toml") == Settings()


def test_every_setting_can_be_set(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(
        'data_roots = ["/data"]\nignore = ["*.tmp"]\ncommit_every_ms = 10\nfold_above_files = 0\n'
    )
    expected = Settings(data_roots=("/data",), ignore=("*.tmp",), commit_every_ms=10, fold_above_files=0)
    assert load(path) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"no_such_key": 1}, "unknown setting 'no_such_key'"),
        ({"ignore": "x"}, "ignore must be a list of strings"),
        ({"ignore": [1]}, "ignore must be a list of strings"),
        ({"commit_every_ms": "1"}, "commit_every_ms must be a whole number"),
        ({"commit_every_ms": 1.5}, "commit_every_ms must be a whole number"),
        ({"commit_every_ms": True}, "commit_every_ms must be a whole number"),
        ({"commit_every_ms": -1}, "commit_every_ms must be a whole number"),
        ({"recognise": 1}, "recognise must be true or false"),
        ({"data_roots": ["relative"]}, "'relative' must be an absolute path"),
    ],
)
def test_wrong_values(data, said):
    with pytest.raises(SettingsError, match=f"^here: .*{said}"):
        parse(data, "here")


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = 1\na = 2\n"])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        load(path)


def test_directory_instead_of_a_file(tmp_path):
    with pytest.raises(SettingsError, match="Is a directory"):
        load(tmp_path)


def test_page_lists_every_setting_with_its_default():
    text = _PAGE.read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| `(.+?)` \| \S.* \|$", text, re.MULTILINE)
    expected = []
    for field in fields(Settings):
        if isinstance(field.default, tuple):
            expected.append((field.name, "list of strings", "[]"))
        elif isinstance(field.default, bool):
            expected.append((field.name, "true or false", str(field.default).lower()))
        else:
            expected.append((field.name, "whole number", str(field.default)))
    assert rows == expected
