"""What is in a directory, who made it, and who used which state of it."""

import pytest

from mlamd.lineage.datasets import Share, contents, makers, shares, users
from mlamd.lineage.directories import resolve_all
from mlamd.lineage.names import Place
from mlamd.model.evidence import Grade

PLACE = Place(b"/w", b"/w")


def _directory(view, text="data"):
    return resolve_all(view, text, PLACE)


@pytest.fixture
def told(story):
    """Two runs read four files; between them one was changed by a third, and one written anew as it was."""
    story.session()
    maker = story.step(story.run("python make.py"))
    files = [story.write(maker, f"data/{name}.png", 2, name) for name in ("x/1", "x/2", "y/1")]
    files.append(story.existing("data/labels.csv", 2, "labels"))
    first = story.step(story.run("python train.py"))
    for version in files:
        story.read(first, version, 10, Grade.OBSERVED)
    editor = story.step(story.run("python edit.py"))
    files[0] = story.write(editor, "data/x/1.png", 20, "other")
    files[1] = story.write(editor, "data/x/2.png", 20, "x/2")
    second = story.step(story.run("python train.py"))
    for version in files:
        story.read(second, version, 30)
    story.read(editor, files[0], 21)
    story.mean(files[0], "dataset", {"width": 2, "height": 3, "mode": "L"}, "png", made="figure")
    story.mean(files[3], "dataset", {"rows": 3}, "csv")


@pytest.mark.usefixtures("told")
def test_contents(view):
    known = view()
    found = contents(known, _directory(known))
    assert (found.files, found.size_bytes, found.looked_at, found.pictures) == (4, 17, 2, 3)
    assert found.endings == (("png", 3), ("csv", 1))
    assert found.kinds == (("dataset", 2),)
    assert found.formats == (("csv", 1), ("png", 1))
    assert found.sizes == (((2, 3, "L"), 1),)
    assert found.shares == (Share("", "x", 2, 8), Share("", "y", 1, 3))


@pytest.mark.usefixtures("told")
def test_makers(view):
    known = view()
    found, unknown = makers(known, _directory(known))
    assert unknown == 1
    told_of = [(part.run.command[1], part.files, part.grade, part.at_ns // 10**9) for part in found]
    assert told_of == [("edit.py", 2, Grade.INFERRED, 20), ("make.py", 1, Grade.INFERRED, 2)]


@pytest.mark.usefixtures("told")
def test_users_say_what_they_read_and_what_of_it_is_another_now(view):
    known = view()
    directory = _directory(known)
    second, first = users(known, directory)
    assert [second.files, first.files] == [4, 4]
    assert [second.changed, first.changed] == [0, 1]
    assert [second.grade, first.grade] == [Grade.INFERRED, Grade.OBSERVED]
    assert second.digest == contents(known, directory).digest != first.digest
    assert users(known, directory, 1) == [second]


@pytest.mark.usefixtures("told")
def test_the_state_of_a_run_has_the_digest_of_what_it_read(view):
    known = view()
    directory = _directory(known, "data@@-3")
    first = users(known, directory)[-1]
    assert contents(known, directory).digest == first.digest
    assert [part.changed for part in users(known, directory)] == [1, 0]


def _shares(story, view, *names):
    numbers = {name.encode(): story.existing(name, 1, name) for name in names}
    versions = {name: view().version(number) for name, number in numbers.items()}
    return [(share.split, share.name, share.files) for share in shares(versions)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("d/a/1.png d/a/2.png d/b/1.png", [("", "a", 2), ("", "b", 1)]),
        (
            "d/train/a/1.png d/train/b/1.png d/val/a/1.png",
            [("train", "a", 1), ("train", "b", 1), ("val", "a", 1)],
        ),
        ("d/images/a/1.png d/images/b/x/1.png", [("", "a", 1), ("", "b", 1)]),
        ("d/train/1.png d/test/1.png", [("test", "", 1), ("train", "", 1)]),
        ("d/a/1.png d/1.png", [("", "", 1), ("", "a", 1)]),
        ("d/a/1.png d/a/2.png", []),
        ("1.png a/1.png", [("", "", 1), ("", "a", 1)]),
    ],
)
def test_classes_of_an_image_tree(story, view, names, expected):
    assert _shares(story, view, *names.split()) == expected


def test_a_directory_that_is_empty_now(story, view):
    gone = story.existing("data/a", 1)
    story.remove(gone, 2)
    known = view()
    directory = _directory(known)
    assert contents(known, directory).files == 0
    assert makers(known, directory) == ([], 0)
