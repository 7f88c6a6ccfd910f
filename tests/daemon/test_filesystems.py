"""Exact capture on filesystems of all kinds, and from other namespaces: right paths, or a clear statement."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlamd.host.capabilities import missing
from tests.conftest import Project

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.skipif(bool(missing()), reason=f"exact capture needs {missing()}"),
]

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount something until the end of the test."""
    with ExitStack() as stack:

        def mounted(*words: str | Path) -> None:
            subprocess.run(["mount", *words], check=True, capture_output=True)
            stack.callback(subprocess.run, ["umount", "--lazy", words[-1]], check=False)

        yield mounted


def begun(root: Path) -> Project:
    project = Project(root)
    project.mlamd("init")
    project.mlamd("start")
    project.pid()
    return project


def work(project: Project) -> dict[str, Any]:
    """Make and copy files in a new directory; return path → evidence of what was written."""
    subprocess.run(
        ["sh", "-c", "echo a > a; mkdir -p new/inner; cp a new/inner/b; mv new/inner/b new/c"],
        cwd=project.root,
        check=True,
    )
    log = project.ask("log", "--all", "--limit", "0")["data"]
    return {row["path"]: row["evidence"] for row in log if row["action"] == "wrote"}


def watch(project: Project) -> str:
    try:
        return "\n".join(project.ask("status")["data"]["notes"])
    finally:
        project.mlamd("stop")


def test_tmpfs(tmp_path, mount):
    mount("-t", "tmpfs", "tmpfs", tmp_path)
    project = begun(tmp_path)
    assert work(project) == {"a": "observed", "new/inner/b": "observed"}
    assert watch(project) == ""


@pytest.mark.parametrize("kind", ["xfs", "btrfs", "ext4"])
def test_a_filesystem_of_its_own(tmp_path, mount, kind):
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"needs mkfs.{kind}")
    image, root = tmp_path / "image", tmp_path / "root"
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
    try:
        mount("-o", "loop", image, root)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot mount {kind}: {error.stderr!r}")
    project = begun(root)
    assert work(project) == {"a": "observed", "new/inner/b": "observed"}
    assert watch(project) == ""


def test_overlay_without_file_handles_says_so(tmp_path, mount):
    for name in ("lower", "upper", "work", "root"):
        (tmp_path / name).mkdir()
    places = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work,nfs_export=off"
    mount("-t", "overlay", "overlay", "-o", places, tmp_path / "root")
    project = begun(tmp_path / "root")
    evidence = work(project)
    notes = watch(project)
    if notes:
        assert "inotify" in notes
        assert "observed" not in evidence.values()
    else:
        assert evidence == {"a": "observed", "new/inner/b": "observed"}


def test_a_bind_mount_is_the_workspace(tmp_path, mount):
    (tmp_path / "source" / "project").mkdir(parents=True)
    (tmp_path / "bound").mkdir()
    mount("--bind", tmp_path / "source", tmp_path / "bound")
    project = begun(tmp_path / "bound" / "project")
    subprocess.run(["sh", "-c", "echo x > y"], cwd=tmp_path / "source" / "project", check=True)
    assert work(project) == {"a": "observed", "new/inner/b": "observed", "y": "observed"}
    assert watch(project) == ""


def test_a_data_root_that_is_mounted_anew(project, tmp_path, mount):
    data = tmp_path / "data"
    data.mkdir()
    mount("-t", "tmpfs", "tmpfs", data)
    project.mlamd("init")
    (project.store / "settings.toml").write_text(f'data_roots = ["{data}"]\n')
    project.mlamd("start")
    subprocess.run(["umount", data], check=True)
    mount("-t", "tmpfs", "tmpfs", data)
    project.sync()
    subprocess.run(["sh", "-c", f"echo 2 > {data}/two; cp {data}/two copy"], cwd=project.root, check=True)
    log = project.ask("log", "--all", "--limit", "0")
    reads = [row["path"] for row in log["data"] if row["action"] == "read"]
    assert f"{data}/two" in reads
    assert "remounted" in [gap["reason"] for gap in project.ask("status")["gaps"]]


def test_another_mount_and_pid_namespace(recorded):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare(1)")
    # It stays until it has been looked at: how quick one may be is tested elsewhere.
    copy = "import shutil, time; shutil.copy('a', 'b'); time.sleep(0.3)"
    inner = f'mount --bind . /mnt; cd /mnt/sub; exec {sys.executable} -c "{copy}"'
    (recorded.root / "sub").mkdir()
    (recorded.root / "sub" / "a").write_text("a\n")
    subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", inner],
        cwd=recorded.root,
        check=True,
    )
    (cause,) = recorded.ask("why", "sub/b")["data"]["causes"]
    assert cause["evidence"] == "observed"
    assert [row["path"] for row in cause["inputs"]] == ["sub/a"]
    assert cause["step"]["cwd"] == str(recorded.root / "sub")
    assert 0 < cause["step"]["inner_pid"] < cause["step"]["pid"]
