"""The table of directories, kept true by events alone."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host.fanotify import Handles
from mlamd.sensors.directories import Directories
from tests.sensors.machinery import READ, WROTE, Machine, words


@pytest.fixture
def machine() -> Machine:
    made = Machine(b"/w/d", b"/w/d/e")
    made.run(10, 1, "sh", "x.sh")
    made.batch()
    return made


def test_directory_that_is_made(machine):
    machine.makes(10, b"/w/new")
    machine.makes(10, b"/w/new/inner")
    machine.does(WROTE, 10, b"/w/new/inner/a")
    assert words(machine.batch()) == ["10: /w/new/inner/a"]


def test_directory_that_is_made_and_removed_in_one_batch(machine):
    """Its events come before its end; its handle never comes back."""
    for _ in range(2):
        machine.makes(10, b"/w/tmp")
        machine.does(WROTE, 10, b"/w/tmp/a")
        machine.removes(10, b"/w/tmp")
    assert words(machine.batch()) == ["10: /w/tmp/a"] * 2
    assert len(machine.directories) == 3
    machine.does(READ, 10, b"/w/tmp/late")
    assert words(machine.batch()) == [], "what is removed is none of ours"


def test_rename_with_files_in_between(machine):
    machine.does(WROTE, 10, b"/w/d/e/a")
    machine.renames(10, b"/w/d", b"/w/f", directory=True)
    machine.does(WROTE, 10, b"/w/f/e/b")
    machine.renames(10, b"/w/f", b"/w/g", directory=True)
    machine.does(WROTE, 10, b"/w/g/e/c")
    assert words(machine.batch()) == [
        "10: /w/d/e/a",
        "10: /w/d > /w/f",
        "10: /w/f/e/b",
        "10: /w/f > /w/g",
        "10: /w/g/e/c",
    ]


def test_directory_that_leaves(machine):
    machine.does(WROTE, 10, b"/w/d/e/a")
    machine.renames(10, b"/w/d", b"/home/d", directory=True)
    machine.does(WROTE, 10, b"/home/d/e/b")
    assert words(machine.batch()) == ["10: /w/d/e/a", "10: /w/d > "]
    assert len(machine.directories) == 1


def test_directory_that_comes_with_what_it_holds(machine):
    machine.tree |= {b"/home/x", b"/home/x/y"}
    machine.renames(10, b"/home/x", b"/w/x", directory=True)
    machine.does(WROTE, 10, b"/w/x/y/a")
    assert words(machine.batch()) == ["10:  > /w/x", "10: /w/x/y/a"]


def test_directory_that_leaves_and_comes_back(machine):
    machine.renames(10, b"/w/d", b"/home/d", directory=True)
    machine.renames(10, b"/home/d", b"/w/back", directory=True)
    machine.does(WROTE, 10, b"/w/back/e/a")
    assert words(machine.batch())[-1] == "10: /w/back/e/a"


def test_name_that_only_begins_like_that_of_a_directory_which_moved(machine):
    machine.makes(10, b"/w/dd")
    machine.renames(10, b"/w/d", b"/w/f", directory=True)
    machine.does(WROTE, 10, b"/w/dd/a")
    assert words(machine.batch())[-1] == "10: /w/dd/a"


@pytest.mark.parametrize("name", [b".git", b"node_modules", b".venv", b"site-packages", b".mlamd"])
def test_noise_is_left_out(machine, name):
    machine.makes(10, b"/w/" + name)
    machine.does(WROTE, 10, b"/w/" + name + b"/a")
    machine.renames(10, b"/w/d", b"/w/" + name, directory=True)
    assert words(machine.batch()) == [f"10: /w/d > /w/{name.decode()}"]
    assert len(machine.directories) == 1


def test_noise_that_becomes_a_directory_of_ours(machine):
    machine.makes(10, b"/w/node_modules")
    machine.makes(10, b"/w/node_modules/x")
    machine.renames(10, b"/w/node_modules", b"/w/kept", directory=True)
    machine.does(WROTE, 10, b"/w/kept/x/a")
    assert words(machine.batch())[-1] == "10: /w/kept/x/a"


def test_place_of_a_process(machine):
    machine.handles.standing[10] = b"/w/d"
    assert machine.directories.standing(10) == b"/w/d"
    machine.handles.standing[10] = b"/home"
    assert machine.directories.standing(10) is None
    assert machine.directories.standing(11) is None


def test_each_filesystem_is_told_of_once(machine):
    assert machine.devices == [(b"/w", 1)]
    machine.directories.build()
    assert machine.devices == [(b"/w", 1)] * 2, "marks may have been lost"


def test_no_room(machine):
    machine.directories._room = lambda _count: False
    machine.makes(10, b"/w/new")
    machine.batch()
    assert machine.directories.missed == 1
    machine.directories.build()
    assert len(machine.directories) == 0


_names = st.sampled_from([b"a", b"b", b"c", b".git"])
_paths = st.lists(_names, min_size=1, max_size=3).map(lambda names: b"/w/" + b"/".join(names))
_outside = _names.map(lambda name: b"/home/" + name)
_deeds = st.lists(
    st.one_of(
        st.tuples(st.just("make"), _paths | _outside),
        st.tuples(st.just("remove"), _paths),
        st.tuples(st.just("move"), _paths | _outside, _paths | _outside),
        st.tuples(st.just("batch")),
    ),
    max_size=30,
)


@given(_deeds)
def test_table_is_what_a_walk_would_find(deeds):
    """Whatever is done to directories, and however it falls into batches."""
    machine = Machine()
    machine.tree.add(b"/home")
    machine.keys[b"/home"] = b"key:/home"
    machine.run(10, 1, "sh")
    for deed in deeds:
        _play(machine, *deed)
    machine.batch()
    table = dict(machine.directories._paths)
    machine.directories.build()
    assert table == machine.directories._paths


def _play(machine, verb, *paths):
    tree = machine.tree
    if verb == "batch" or (verb == "move" and any(path in tree for path in paths[1:])):
        machine.batch()
    elif verb == "make" and paths[0] not in tree and os.path.dirname(paths[0]) in tree:
        machine.makes(10, paths[0])
    elif verb == "remove" and paths[0] in tree and not _below(tree, paths[0]):
        machine.removes(10, paths[0])
    elif verb == "move":
        source, target = paths
        if source in tree and os.path.dirname(target) in tree and not target.startswith(source + b"/"):
            if target.startswith(b"/w") and not source.startswith(b"/w"):
                machine.batch()
            machine.renames(10, source, target, directory=True)
            machine.batch()


def _below(tree, path):
    return any(other.startswith(path + b"/") for other in tree)


@pytest.mark.root
@pytest.mark.usefixtures("capable")
def test_real_directories(tmp_path):
    for name in ("a/b", "a/.git/objects", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("/usr")
    top, handles = bytes(tmp_path), Handles()
    met = []
    directories = Directories((top,), handles, lambda path, device: met.append((path, device)))
    directories.build()
    assert {os.path.relpath(path, top) for path in directories._paths.values()} == {b".", b"a", b"a/b", b"c"}
    assert met == [(top, os.stat(tmp_path).st_dev)]
    key = handles.key_of(top + b"/a/b")
    assert directories.path(key) == top + b"/a/b"
    assert directories.standing(os.getpid()) is None
