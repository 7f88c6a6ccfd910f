"""Many files below one directory that play the same part are one dataset."""

import pytest

from mlamd.lineage.folding import Rule, datasets, ending, endings, fold, fold_made, merkle, rule_of
from mlamd.lineage.graph import walk
from mlamd.settings import Settings


def _tree(story, *names: str) -> list[int]:
    return [story.existing(name, 1, name) for name in names]


def _folded(view, versions, above=2, roots=()):
    """Return directory and names of each dataset."""
    known = view()
    found = fold([known.version(number) for number in versions], Rule(above, roots))
    return [
        (one.directory.decode(), [known.version(number).path.decode() for number in one.members])
        for one in found
    ]


def test_a_tree_of_classes_is_one_dataset(story, view):
    names = [f"data/train/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(2)]
    versions = _tree(story, *names, "train.py", "data/labels.csv")
    assert _folded(view, versions) == [("data/train", names)]


def test_everything_below_the_directory_belongs_to_it(story, view):
    names = ["data/a.png", "data/b/c.png", "data/b/d.PNG", "data/labels.csv", "data/b/e.txt"]
    assert _folded(view, _tree(story, *names, "other/x.csv")) == [("data", names)]


def test_trees_with_other_endings_stay_apart(story, view):
    pictures = [f"data/images/{number}.jpg" for number in range(3)]
    labels = [f"data/labels/{number}.txt" for number in range(3)]
    expected = [("data/images", pictures), ("data/labels", labels)]
    assert _folded(view, _tree(story, *pictures, *labels)) == expected


def test_many_files_of_one_directory_fold_whatever_they_are_called(story, view):
    names = ["zarr/0.0", "zarr/0.1", "zarr/x.json", "zarr/y.npy"]
    assert _folded(view, _tree(story, *names), above=3) == [("zarr", names)]
    assert _folded(view, _tree(story, *names), above=4) == []


def test_the_workspace_itself_is_no_dataset(story, view):
    apart = _tree(story, *(f"{place}/x.csv" for place in "abcd"))
    assert _folded(view, apart) == []
    names = ["1.csv", "2.csv", "3.csv"]
    assert _folded(view, _tree(story, *names, "train.py", "a/4.csv")) == [("", names)]


def test_many_versions_of_one_file_are_no_dataset(story, view):
    versions = [story.write((), "out/model.pt", number) for number in range(5)]
    assert _folded(view, versions) == []


def test_what_different_runs_made_stays_apart(story, view):
    steps = [story.step(story.run("x")) for _ in range(2)]
    made = [story.write(step, f"out/{number}", 2) for step in steps for number in range(3)]
    known = view()
    found = fold_made([known.version(number) for number in made], Rule(2))
    assert [one.members for one in found] == [tuple(made[:3]), tuple(made[3:])]


def test_data_roots_are_told_apart(story, view):
    names = [f"/mnt/{place}/{part}/{number}.npy" for place in "ab" for part in "cd" for number in range(2)]
    versions = _tree(story, *names)
    assert _folded(view, versions) == [("/mnt", names)]
    roots = rule_of(Settings(data_roots=("/mnt/a", "/mnt/b"))).roots
    assert _folded(view, versions, roots=roots) == [("/mnt/a", names[:4]), ("/mnt/b", names[4:])]


@pytest.mark.parametrize(
    ("path", "expected"),
    [(b"a/b.PNG", "png"), (b"a.b/c", ""), (b".hidden", ""), (b"x.tar.gz", "gz"), (b"0.1", ""), (b"a.", "")],
)
def test_endings(path, expected):
    assert ending(path) == expected


def test_endings_are_counted():
    assert endings([b"a.x", b"b.y", b"c.y", b"d"]) == (("y", 2), ("", 1), ("x", 1))


def test_two_versions_of_one_path_have_one_digest(story, view):
    first, second = story.existing("d/a", 1, "one"), story.write((), "d/a", 2, "two")
    known = view()
    both = [known.version(first), known.version(second)]
    assert merkle(b"d", both) == merkle(b"d", both[::-1])


def _dataset(story, view, directory, contents, above=3):
    step = story.step(story.run("x"))
    for number, content in enumerate(contents):
        story.read(step, story.existing(f"{directory}/{number}", 1, content), 2)
    story.read(step, story.existing("alone"), 2)
    model = story.write(step, "model", 3)
    graph = walk(view(), view().version(model))
    return graph, datasets(graph, Rule(above))


def test_many_files_of_one_directory_fold(story, view):
    graph, (found,) = _dataset(story, view, "data", ["a", "b", "c", "d"])
    assert found.directory == b"data"
    assert len(found.members) == 4
    assert found.size_bytes == 4
    assert datasets(graph, Rule(4)) == []


def test_digest_of_a_dataset_depends_on_names_and_contents_only(story, view):
    versions = [story.existing(f"{place}/{name}", 1, name) for place in ("one", "t/wo") for name in "abc"]
    other = [story.existing(f"three/{name}", 1, name.upper()) for name in "abc"]
    unknown = story.existing("one/d", 1, "")
    known = [view().version(number) for number in versions]
    digest = merkle(b"one", known[:3])
    assert digest == merkle(b"t/wo", known[3:]) == merkle(b"one", known[2::-1])
    assert len(digest) == 64
    assert digest != merkle(b"three", [view().version(number) for number in other])
    assert merkle(b"one", [*known[:3], view().version(unknown)]) == ""


def test_files_with_different_readers_do_not_fold(story, view):
    first, second = story.step(story.run("x")), story.step(story.run("y"))
    for number in range(6):
        story.read((first, second)[number % 2], story.existing(f"data/{number}"), 2)
    middle = story.write(first, "middle", 3)
    story.read(second, middle, 4)
    model = story.write(second, "model", 5)
    graph = walk(view(), view().version(model))
    assert len(datasets(graph, Rule(2))) == 2
    assert datasets(graph, Rule(3)) == []
