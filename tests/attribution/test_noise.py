"""What is environment, what is ignored, and ``.mlamdignore`` in gitignore's syntax."""

import pytest

from mlamd.attribution.noise import Noise, Sort, is_system
from mlamd.model import events
from tests.attribution.world import World

ENVIRONMENT = [
    "lib/python3.11/site-packages/torch/nn.py",
    "lib/dist-packages/x.py",
    ".venv/bin/python",
    "venv/lib/x.so",
    ".conda/pkgs/x",
    "env/conda-meta/history",
    "web/node_modules/react/index.js",
    ".tox/py311/log",
]
IGNORED = [
    ".git/HEAD",
    "sub/.git/objects/ab/cdef",
    ".hg/store",
    ".mlamd/journal/data.mdb",
    ".ipynb_checkpoints/a-checkpoint.ipynb",
    "nb/.ipynb_checkpoints/a-checkpoint.ipynb",
    ".train.py.swp",
    "src/.train.py.swo",
    "train.py~",
    "#train.py#",
    ".#train.py",
    "4913",
    ".nfs00000000004b0f1200000001",
    ".fuse_hidden0000000100000001",
]
LINEAGE = [
    "train.py",
    "data/a.csv",
    ".env.json",
    "a~b",
    "4913.csv",
    "gitignore/.gitignore",
    "notes.swp.txt",
    ".github/workflows/ci.yml",
    "x.swp",
    "caf\udce9",
]


@pytest.mark.parametrize("path", ENVIRONMENT)
def test_interpreter_and_library_files_are_environment(path: str) -> None:
    assert Noise().sort(path.encode()) is Sort.ENVIRONMENT


@pytest.mark.parametrize("path", IGNORED)
def test_git_swap_files_checkpoints_and_the_store_are_ignored(path: str) -> None:
    assert Noise().sort(path.encode()) is Sort.IGNORED


@pytest.mark.parametrize("path", LINEAGE)
def test_everything_else_is_lineage(path: str) -> None:
    assert Noise().sort(path.encode("utf-8", "surrogateescape")) is Sort.LINEAGE


@pytest.mark.parametrize("path", ["__pycache__/m.cpython-311.pyc", "pkg/__pycache__/m.cpython-311.opt-1.pyc"])
def test_caches_of_bytecode_are_of_a_sort_of_their_own(path: str) -> None:
    assert Noise().sort(path.encode()) is Sort.BYTECODE


def test_caches_in_an_environment_are_environment() -> None:
    assert Noise().sort(b".venv/lib/__pycache__/m.cpython-311.pyc") is Sort.ENVIRONMENT


@pytest.mark.parametrize("path", ["/usr/lib/python3/os.py", "/lib/x.so", "/etc/passwd", "/proc/1/stat"])
def test_files_of_the_system_are_told(path: str) -> None:
    assert is_system(path.encode())
    assert not is_system(b"/data/a")


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        (["*.log"], "a.log", True),
        (["*.log"], "sub/a.log", True),
        (["/a.log"], "sub/a.log", False),
        (["*.log", "!keep.log"], "keep.log", False),
        (["*.log", "!keep.log"], "sub/keep.log", False),
        (["*.log", "!keep.log"], "lose.log", True),
        (["tmp/"], "tmp/a", True),
        (["tmp/"], "sub/tmp/deep/a", True),
        (["tmp/"], "tmp", False),
        (["/tmp/"], "sub/tmp/a", False),
        (["a/**/b"], "a/x/y/b", True),
        (["data/*", "!data/raw/"], "data/raw/x", False),
        (["data/*", "!data/raw/"], "data/other", True),
        (["data/", "!data/raw"], "data/raw", True),
        (["# a.log", "", "  "], "a.log", False),
        (["\\#a"], "#a", True),
        (["?.csv"], "a.csv", True),
        (["[ab].csv"], "c.csv", False),
    ],
)
def test_mlamdignore_has_gitignores_syntax(patterns: list[str], path: str, *, ignored: bool) -> None:
    assert (Noise(patterns).sort(path.encode()) is Sort.IGNORED) is ignored


def test_what_is_not_utf_8_is_matched_too() -> None:
    assert Noise(["*.tmp"]).sort(b"\xff\xfe.tmp") is Sort.IGNORED


@pytest.mark.parametrize("path", [".git/HEAD", ".venv/bin/x", ".train.py.swp", "skip/a", "b.log"])
def test_noise_makes_no_event(path: str) -> None:
    for identified in (False, True):
        world = World(identified=identified, patterns=["skip/", "*.log"])
        job = world.shell() / "python train.py"
        world.reads(path, by=job)
        world.writes(path, by=job)
        world.links(path, path + "2", by=job) if "." not in path else None
        world.removes(path, by=job)
        book = world.settle()
        assert book.events == []


def test_a_file_that_is_renamed_to_noise_is_gone_and_comes_back_with_its_history(world: World) -> None:
    job = world.shell() / "vimlike notes"
    world.writes("notes", by=job)
    world.moves("notes", "notes~", by=job)
    book = world.settle()
    assert book.current("notes") == 0
    world.writes("notes", by=job)
    assert world.settle().history("notes") == [2, 1]


def test_a_directory_that_is_renamed_to_noise_is_gone(world: World) -> None:
    job = world.shell() / "mv env .venv"
    world.writes("env/a", by=job)
    world.moves("env", ".venv", by=job)
    book = world.settle()
    assert len(book.of(events.Removed)) == 1


def test_noise_can_be_changed_at_any_time(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("a.log", by=job)
    world.settle()
    world.attributor.places.noise = Noise(["*.log"])
    world.writes("a.log", by=job)
    world.writes("b.log", by=job)
    assert len(world.settle().of(events.Sealed)) == 1
