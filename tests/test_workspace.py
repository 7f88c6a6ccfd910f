"""Where a workspace begins, and where its store may live."""

import stat

import pytest

from mlamd import workspace
from mlamd.errors import NotAWorkspaceError, StoreDamagedError, StoreLocationError


def _mounts(*lines: str) -> str:
    """Write a mount table as in proc_pid_mountinfo(5)."""
    rows = [f"{20 + n} 1 0:{n} / {line}" for n, line in enumerate(("/ rw - ext4 /dev/sda1 rw", *lines))]
    return "\n".join(rows)


def test_create_and_find(tmp_path):
    made, elsewhere = workspace.create(tmp_path)
    assert (made.root, made.store, elsewhere) == (tmp_path, tmp_path / ".mlamd", False)
    assert stat.S_IMODE(made.store.stat().st_mode) == 0o700
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert workspace.find(below) == workspace.find(tmp_path) == made
    assert workspace.create(tmp_path) == (made, False)


def test_links_are_resolved(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    link = tmp_path / "link"
    link.symlink_to(root)
    made, _ = workspace.create(link)
    assert made.root == root
    assert workspace.find(link) == made


def test_nothing_there(tmp_path):
    for start in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NotAWorkspaceError):
            workspace.find(start)


def test_inner_workspace_goes_first(tmp_path):
    workspace.create(tmp_path)
    inner = tmp_path / "inner"
    inner.mkdir()
    made, _ = workspace.create(inner)
    assert workspace.find(inner) == made


def test_store_elsewhere(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    store = tmp_path / "odd \udcff" / "store"
    made, elsewhere = workspace.create(root, store)
    assert elsewhere
    assert made.store == store
    assert workspace.find(root) == made


def test_network_file_system(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "home" / "my project"
    root.mkdir(parents=True)
    table = _mounts(f"{tmp_path}/home rw - nfs4 server:/home rw")
    made, elsewhere = workspace.create(root, mount_table=table)
    assert elsewhere
    assert made.store.parent == tmp_path / "state" / "mlamd"
    assert (root / ".mlamd").read_text() == f"{made.store}\n"
    assert workspace.find(root) == made


def test_network_file_system_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    root.mkdir()
    table = _mounts(f"{tmp_path} rw - nfs server:/home rw")
    for store in (None, tmp_path / "store"):
        with pytest.raises(StoreLocationError, match="--store"):
            workspace.create(root, store, table)
    assert not (root / ".mlamd").exists()


def test_store_of_another_workspace_is_not_shared(tmp_path):
    """Two recorders would lock each other out, and their paths would mix."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    workspace.create(roots[0], tmp_path / "store")
    with pytest.raises(StoreLocationError, match="another workspace"):
        workspace.create(roots[1], tmp_path / "store")


def test_mark_that_was_removed_can_be_made_again(tmp_path):
    root = tmp_path / "one"
    root.mkdir()
    made, _ = workspace.create(root, tmp_path / "store")
    (root / ".mlamd").unlink()
    assert workspace.create(root, tmp_path / "store") == (made, True)


def test_relative_mark(tmp_path):
    (tmp_path / ".mlamd").write_text("store\n")
    with pytest.raises(StoreDamagedError, match="not there"):
        workspace.find(tmp_path)


def test_state_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert workspace.state_home() == tmp_path / ".local" / "state" / "mlamd"
