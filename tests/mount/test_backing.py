"""The directory below, without any mount: numbers, names that come and go, what has lost its name."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlamd.mount.backing import CAPABILITY, Backing, Caller, Changes
from mlamd.mount.nodes import ROOT

pytestmark = [pytest.mark.linux]

US = Caller(os.geteuid(), os.getegid())


@pytest.fixture
def backing(tmp_path: Path) -> Iterator[Backing]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    made = Backing(descriptor)
    yield made
    made.close()
    os.close(descriptor)


def put(backing: Backing, name: bytes, content: bytes = b"", parent: int = ROOT) -> int:
    handle, node, _ = backing.create(parent, name, 0o644, os.O_WRONLY, US)
    backing.write(handle, 0, content)
    backing.release(handle)
    return node.number


def test_number_is_that_of_the_inode(backing: Backing, tmp_path: Path) -> None:
    number = put(backing, b"a", b"text")
    assert number == (tmp_path / "a").stat().st_ino
    node, status = backing.lookup(ROOT, b"a")
    assert (node.number, status.st_size) == (number, 4)


def test_path_follows_renames_of_directories_above(backing: Backing) -> None:
    outer, _ = backing.make_directory(ROOT, b"outer", 0o755, US)
    inner, _ = backing.make_directory(outer.number, b"inner", 0o755, US)
    node = backing.nodes[put(backing, b"f", b"x", inner.number)]
    assert backing.nodes.path(node) == b"outer/inner/f"
    backing.rename(ROOT, b"outer", ROOT, b"moved", 0)
    assert backing.nodes.path(node) == b"moved/inner/f"
    backing.rename(inner.number, b"f", ROOT, b"f", 0)
    assert backing.nodes.path(node) == b"f"


def test_what_has_lost_its_name_is_reached_as_long_as_the_kernel_knows_it(backing: Backing) -> None:
    number = put(backing, b"a", b"text")
    backing.remove(ROOT, b"a")
    handle = backing.open(number, os.O_RDONLY)
    assert backing.read(handle, 0, 10) == b"text"
    assert backing.attributes(number).st_nlink == 0
    backing.set_attributes(number, Changes(mode=0o600), None)
    assert backing.attributes(number).st_mode & 0o777 == 0o600
    backing.release(handle)
    backing.forget(number, 1)
    with pytest.raises(KeyError):
        backing.nodes[number]


def test_file_that_was_renamed_over_is_still_what_it_was(backing: Backing) -> None:
    old = put(backing, b"a", b"old")
    handle = backing.open(old, os.O_RDONLY)
    new = put(backing, b"b", b"newer")
    backing.rename(ROOT, b"b", ROOT, b"a", 0)
    assert backing.read(handle, 0, 10) == b"old"
    assert backing.lookup(ROOT, b"a")[0].number == new
    backing.release(handle)


def test_exchange(backing: Backing) -> None:
    first, second = put(backing, b"a"), put(backing, b"b")
    backing.rename(ROOT, b"a", ROOT, b"b", 2)
    assert backing.lookup(ROOT, b"a")[0].number == second
    assert backing.lookup(ROOT, b"b")[0].number == first


def test_one_of_several_names(backing: Backing) -> None:
    number = put(backing, b"a", b"text")
    backing.link(number, ROOT, b"b")
    backing.remove(ROOT, b"a")
    assert backing.nodes.path(backing.nodes[number]) == b"b"
    assert backing.attributes(number).st_nlink == 1


def test_generation_tells_a_number_that_is_used_again(backing: Backing) -> None:
    first = backing.nodes[put(backing, b"a")]
    backing.remove(ROOT, b"a")
    backing.forget(first.number, 1)
    second = backing.nodes[put(backing, b"b")]
    assert first.generation != second.generation


def test_failed_removal_changes_nothing(backing: Backing) -> None:
    directory, _ = backing.make_directory(ROOT, b"d", 0o755, US)
    put(backing, b"f", b"x", directory.number)
    with pytest.raises(OSError, match="not empty"):
        backing.remove_directory(ROOT, b"d")
    assert backing.nodes.path(directory) == b"d"
    assert directory.kept == -1


def test_path_of_the_greatest_length(backing: Backing, tmp_path: Path) -> None:
    """Relative to the directory it is as long as a path may be; a prefix of ours would be too much."""
    parent, name, length = ROOT, b"n" * 250, 0
    here = os.open(tmp_path, os.O_RDONLY)
    while length + 251 < 4090:
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        parent = backing.lookup(parent, name)[0].number
        length += 251
    os.close(here)
    backing.set_attributes(parent, Changes(mode=0o700), None)
    assert backing.attributes(parent).st_mode & 0o777 == 0o700


def test_store_is_shown_as_a_link(tmp_path: Path) -> None:
    (tmp_path / ".mlamd").mkdir()
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    backing = Backing(descriptor, b"/proc/1/fd/3/./.mlamd")
    node, status = backing.lookup(ROOT, b".mlamd")
    assert status.st_mode & 0o170000 == 0o120000
    assert status.st_size == len(backing.read_link(node.number))
    for refused in (
        lambda: backing.remove_directory(ROOT, b".mlamd"),
        lambda: backing.remove(ROOT, b".mlamd"),
    ):
        with pytest.raises(OSError, match="recorded") as error:
            refused()
        assert error.value.errno == errno.EBUSY
    with pytest.raises(OSError, match="recorded"):
        backing.rename(ROOT, b".mlamd", ROOT, b"x", 0)
    os.close(descriptor)


def test_that_a_file_has_no_capability_is_remembered_until_one_is_set(
    backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def getxattr(*arguments: object, **_: object) -> bytes:
        asked.append(arguments)
        raise OSError(errno.ENODATA, "it has none")

    monkeypatch.setattr(os, "getxattr", getxattr)
    monkeypatch.setattr(os, "setxattr", lambda *_, **__: None)
    number = put(backing, b"new", b"text")
    for _ in range(2):
        with pytest.raises(OSError, match="none"):
            backing.get_attribute(number, CAPABILITY)
    assert not asked
    backing.set_attribute(number, CAPABILITY, b"x")
    for _ in range(3):
        with pytest.raises(OSError, match="none"):
            backing.get_attribute(number, CAPABILITY)
    assert len(asked) == 1


def test_file_that_was_made_behind_our_back_is_opened(backing: Backing, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    handle, node, status = backing.create(ROOT, b"a", 0o644, os.O_RDWR, US)
    assert (backing.read(handle, 0, 10), status.st_size, node.uncapable) == (b"text", 4, False)
    with pytest.raises(FileExistsError):
        backing.create(ROOT, b"a", 0o644, os.O_RDWR | os.O_EXCL, US)
    backing.release(handle)


def test_close_is_to_come_while_a_change_was_not_told(backing: Backing) -> None:
    handle, node, _ = backing.create(ROOT, b"a", 0o644, os.O_WRONLY, US)
    assert backing.closes(node)
    held = backing.handle(handle)
    held.closed = True
    assert not backing.closes(node)
    backing.write(handle, 0, b"text")
    assert backing.closes(node)
    backing.release(handle)
    assert not backing.closes(node)
