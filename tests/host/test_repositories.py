"""The state of a repository, held against git; nothing of what a repository names is run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlamd.host.repositories import state, without_credentials


def git(place: Path, *arguments: str) -> str:
    command = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("a = 1\n")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_one(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://name:secret@host/path.git")
    found = state(str(repository))
    assert found is not None
    assert (found["commit"], found["branch"]) == (git(repository, "rev-parse", "HEAD"), "main")
    assert (found["dirty"], found["diff"], found["untracked"]) == ([], "", [])
    assert found["remote"] == "https://host/path.git"


def test_what_differs(repository: Path) -> None:
    (repository / "a.py").write_text("a = 2\n")
    (repository / "new.py").write_text("b = 1\n")
    (repository / "sub").mkdir()
    found = state(str(repository / "sub"))
    assert found is not None
    assert found["dirty"] == ["a.py"]
    assert "+a = 2" in str(found["diff"])


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("x\n")
    git(tmp_path, "add", "a")
    found = state(str(tmp_path))
    assert found is not None
    assert (found["commit"], found["dirty"]) == ("", ["a"])


def test_no_repository(tmp_path: Path) -> None:
    assert state(str(tmp_path)) is None
    assert state(str(tmp_path / "missing")) is None


def test_nothing_that_the_repository_names_is_run(repository: Path) -> None:
    proof = repository.parent / f"{repository.name}.ran"
    program = repository / "program"
    program.write_text(f"#!/bin/sh\ntouch {proof}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.mine.textconv", "diff.mine.command", "core.pager"):
        git(repository, "config", name, str(program))
    (repository / ".gitattributes").write_text("*.py diff=mine\n")
    (repository / "a.py").write_text("a = 3\n")
    found = state(str(repository))
    assert found is not None
    assert "+a = 3" in str(found["diff"])
    assert not proof.exists()


def test_no_filter_of_contents_is_run(repository: Path) -> None:
    """``.gitattributes`` names it, and ``git diff`` would run it for a file that has changed."""
    proof = repository.parent / f"{repository.name}.ran"
    git(repository, "config", "filter.mine.clean", f"sh -c 'touch {proof}; cat'")
    git(repository, "config", "filter.mine.required", "true")
    git(repository, "config", "filter.other.process", f"touch {proof}")
    (repository / ".gitattributes").write_text("*.py filter=mine\n*.txt filter=other\n")
    (repository / "a.py").write_text("a = 30\n")
    found = state(str(repository))
    assert found is not None
    assert "+a = 30" in str(found["diff"])
    assert not proof.exists()


def test_what_git_does_not_tell_is_unknown(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("git")
    fake = repository.parent / f"{repository.name}-bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\ncase "$*" in *" diff "*) exit 128;; esac\nexec {real} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    found = state(str(repository))
    assert found is not None
    assert (found["dirty"], found["unknown"]) == ([], ["dirty"])


def test_the_record_is_no_part_of_the_code(repository: Path) -> None:
    (repository / ".mlamd").mkdir()
    (repository / ".mlamd/data").write_text("x")
    found = state(str(repository))
    assert found is not None
    assert found["untracked"] == []


def test_the_index_is_not_written(repository: Path) -> None:
    (repository / "a.py").touch()
    before = (repository / ".git/index").stat().st_mtime_ns
    state(str(repository))
    assert (repository / ".git/index").stat().st_mtime_ns == before


def test_a_secret_in_the_query_of_a_remote_is_masked(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://u:p@h/x.git?private_token=hunter2-hunter2")
    found = state(str(repository))
    assert found is not None
    assert found["remote"] == "https://h/x.git?private_token=***"


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://u:p@h:1/x?y", "https://h:1/x?y"),
        ("https://token@h/x", "https://h/x"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("/srv/x.git", "/srv/x.git"),
        ("http://[::1", ""),
    ],
)
def test_remotes_without_credentials(url: str, clean: str) -> None:
    assert without_credentials(url) == clean
