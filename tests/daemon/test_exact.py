"""What a recorder with the exact sensor stores of real commands: every edge, as observed, and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlamd.model import events
from tests.conftest import Project
from tests.daemon.exactly import Scene, outside, recording

pytestmark = [pytest.mark.root, pytest.mark.linux, pytest.mark.usefixtures("capable")]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with recording(tmp_path_factory.mktemp("exact") / "project") as project:
        yield project


@pytest.fixture
def scene(capable: None, workspace: Project, request: pytest.FixtureRequest) -> Scene:
    del capable
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return Scene(workspace, name)


@pytest.mark.parametrize(
    ("script", "edges"),
    [
        ("cp a b", {("a", "cp a b"), ("cp a b", "b")}),
        ("cat a > b", {("a", "cat a"), ("cat a", "b")}),
        ("sort < a > b", {("a", "sort"), ("sort", "b")}),
        ("sort a | uniq > b", {("a", "sort a"), ("uniq", "b")}),
        ("while read l; do echo $l; done < a > b", {("a", "sh"), ("sh", "b")}),
        ("while read l; do echo $l >> b; done < a", {("a", "sh"), ("sh", "b")}),
        ("cat a >> b; cat a >> b", {("a", "cat a"), ("cat a", "b")}),
        ("sort -o a a", {("a", "sort -o a a"), ("sort -o a a", "a")}),
        ("dd if=a of=b status=none", {("a", "dd if=a of=b status=none"), ("dd if=a of=b status=none", "b")}),
        ("tee b < a > /dev/null", {("a", "tee b"), ("tee b", "b")}),
        (": > b", {("sh", "b")}),
        ("touch b", {("touch b", "b")}),
        ("ls -l a > /dev/null; test -f a; stat a > /dev/null", set()),
        ("cat none 2> /dev/null || true", set()),
        ("mkdir -p x/y/z; cp a x/y/z/b", {("a", "cp a x/y/z/b"), ("cp a x/y/z/b", "x/y/z/b")}),
        ("mkdir x; mv x y; cp a y/b", {("a", "cp a y/b"), ("cp a y/b", "y/b")}),
        ("(cd /; cp $OLDPWD/a $OLDPWD/b) > /dev/null", None),
    ],
)
def test_edges_of_commands(scene, script, edges):
    """Who redirects a file opens it, and may be named beside, or of what is read in place of, its user."""
    book = scene.run(script)
    if edges is None:
        command = f"cp {scene.root}/a {scene.root}/b"
        edges = {("a", command), (command, "b")}
    redirected = (
        {(name, "sh") for name in ("a", "b")} | {("sh", "b")} if "<" in script or ">" in script else set()
    )
    inherited = {edge for edge in edges if edge[0] == "a"} if "< a" in script else set()
    assert edges - inherited <= scene.edges(book) <= edges | redirected
    if ("a", "sh") in redirected and any(target == "b" for _, target in edges) and inherited:
        assert scene.path("a") in book.sources(scene.path("b"))
    assert scene.gaps(book) == []


def test_rename_keeps_the_history(scene):
    book = scene.run("cp a b && mv b c && mkdir d && mv c d/e")
    (version,) = scene.sealed(book, "b")
    assert book.current(scene.path("d/e")) == version.version
    assert book.current(scene.path("b")) == book.current(scene.path("c")) == 0
    moves = [event for event in book.of(events.Moved) if event.version == version.version]
    assert [book._labels[event.movers[0][0]] for event in moves] == ["mv b c", "mv c d/e"]


def test_append_derives(scene):
    book = scene.run("echo x >> a")
    (version,) = scene.sealed(book, "a")
    assert version.derived
    assert scene.edges(book) == {("sh", "a")}


def test_truncating_open_does_not_derive(scene):
    book = scene.run("echo x > a")
    (version,) = scene.sealed(book, "a")
    assert not version.derived
    assert version.previous


def test_update_in_place_derives(scene):
    """Of one that was opened, changed and closed before anybody could look, this is not known."""
    scene.put(**{"p.py": "file = open('a', 'r+'); input(); file.seek(2); file.write('9'); file.close()"})
    with subprocess.Popen([sys.executable, "p.py"], cwd=scene.root, stdin=subprocess.PIPE) as process:
        scene.wait_for_open(process.pid, "a")
        scene.project.sync()
        process.communicate(b"\n")
    book = scene.book()
    (version,) = scene.sealed(book, "a")
    assert version.derived
    assert {("a", "python"), ("python", "a")} <= scene.edges(book)


@pytest.mark.parametrize("script", ["truncate -s 2 a", "python"])
def test_truncate(scene, script):
    """With truncate(1), and with truncate(2), which opens nothing."""
    book = scene.python("import os; os.truncate('a', 2)") if script == "python" else scene.run(script)
    (version,) = scene.sealed(book, "a")
    assert version.stat.size_bytes == 2
    assert (script, "a") in scene.edges(book)


def test_read_through_a_mapping(scene):
    book = scene.python(
        "import mmap; file = open('a', 'rb'); data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "file.close(); open('b', 'wb').write(data)"
    )
    assert scene.edges(book) == {("p.py", "python"), ("a", "python"), ("python", "b")}


def test_write_through_a_mapping(scene):
    book = scene.python(
        "import mmap; file = open('a', 'r+b'); data = mmap.mmap(file.fileno(), 0)\n"
        "data[0] = 57; data.flush(); data.close(); file.close()"
    )
    (version,) = scene.sealed(book, "a")
    assert ("python", "a") in scene.edges(book)
    assert version.derived


def test_hard_link_shares_the_version(scene):
    book = scene.run("cp a b && ln b c && cat c > d")
    (version,) = scene.sealed(book, "b")
    assert book.current(scene.path("c")) == version.version
    assert {edge for edge in scene.edges(book) if "d" in edge} >= {("cat c", "d")}
    assert version.version in book.read_versions("cat c")


def test_atomic_save(scene):
    book = scene.python(
        "import os; text = open('a').read(); open('a.tmp', 'w').write(text + 'x'); os.replace('a.tmp', 'a')"
    )
    version = book.version(scene.path("a"))
    assert book.history(scene.path("a"))[0] == version.version
    assert len(book.history(scene.path("a"))) == 2
    (moved,) = [event for event in book.of(events.Moved) if event.version == version.version]
    assert moved.temporary
    assert book.current(scene.path("a.tmp")) == 0


def test_times_set_after_the_close_make_no_version(scene):
    scene.run(
        "touch -d 2001-01-01 a; mkdir t; tar cf t.tar a; cp -p a z; zip -q t.zip a 2> /dev/null || true"
    )
    book = scene.run("cd t && tar xf ../t.tar")
    (version,) = scene.sealed(book, "t/a")
    assert {step for step, _ in version.writers}
    assert len(scene.sealed(book, "z")) == 1
    book = scene.run("cat t/a z > u")
    assert book.read_versions("cat t/a z") == [version.version, scene.sealed(book, "z")[0].version]
    assert len(scene.sealed(book, "t/a")) == 1


def test_log_that_children_write_through_an_inherited_descriptor(scene):
    scene.put(**{"all.sh": "cat a\nsort a\necho done\n/bin/echo end\n"})
    book = scene.run("sh all.sh > log")
    assert scene.edges(book) - {("sh", "log")} == {
        ("all.sh", "sh all.sh"),
        ("a", "cat a"),
        ("a", "sort a"),
        ("cat a", "log"),
        ("sort a", "log"),
        ("sh all.sh", "log"),
        ("/bin/echo end", "log"),
    }
    assert book.version(scene.path("log")).stat.size_bytes == (scene.root / "log").stat().st_size


def test_two_processes_write_the_same_file(scene):
    script = (
        "import sys; file = open('log', 'a', buffering=1)\n"
        "for number in range(50): file.write(f'{sys.argv[1]}\\n')\n"
    )
    scene.put(**{"p.py": script})
    book = scene.run(f"{sys.executable} p.py x & {sys.executable} p.py y & wait")
    steps = {step for step, path in book.writes() if path == scene.path("log")}
    assert steps == {f"{sys.executable} p.py x", f"{sys.executable} p.py y"}


def test_names(scene):
    names = [b"new\nline", b"not utf-8 \xff", b"-dash", "ünï".encode(), b"tab\t"]
    place = os.fsencode(scene.root)
    for name in names:
        subprocess.run([b"cp", b"--", b"a", name], cwd=place, check=True)
        os.rename(place + b"/" + name, place + b"/" + name + b"2")
    book = scene.book()
    for name in names:
        text = name.decode("utf-8", "surrogateescape")
        assert (f"cp -- a {text}", text) in scene.edges(book)
        assert book.current(scene.path(text + "2"))


def test_directory_that_comes_from_outside(scene):
    place = outside(scene.project) / f"come-{scene.name}"
    (place / "deep").mkdir(parents=True)
    (place / "deep/file").write_text("x")
    book = scene.run(f"mv {place} in && cat in/deep/file > out")
    assert scene.edges(book) - {("sh", "out")} == {
        (f"mv {place} in", "in/deep/file"),
        ("in/deep/file", "cat in/deep/file"),
        ("cat in/deep/file", "out"),
    }


def test_directory_that_leaves(scene):
    place = outside(scene.project) / f"gone-{scene.name}"
    book = scene.run(f"mkdir d && cp a d/b && mv d {place} && cp a {place}/c")
    assert book.current(scene.path("d/b")) == 0
    assert {edge for edge in scene.edges(book) if "c" in edge} == set()
    removed = [event for event in book.of(events.Removed) if book._path(event.path) == scene.path("d/b")]
    assert [book._labels[event.removers[0][0]] for event in removed] == [f"mv d {place}"]


def test_removed(scene):
    book = scene.run("cp a b && mkdir d && cp a d/b && rm b && rm -r d")
    assert book.current(scene.path("b")) == book.current(scene.path("d/b")) == 0
    removers = {
        book._path(event.path): book._labels[event.removers[0][0]]
        for event in book.of(events.Removed)
        if book._path(event.path).startswith(scene.name)
    }
    assert removers == {scene.path("b"): "rm b", scene.path("d/b"): "rm -r d"}


def test_tree_made_at_once_and_removed_and_made_again(scene):
    book = scene.run(
        "for i in 1 2 3; do mkdir -p x/y/z; cp a x/y/z/b; rm -r x; done; mkdir -p x/y/z; cp a x/y/z/c"
    )
    assert len(scene.sealed(book, "x/y/z/b")) == 3
    assert book.writers(scene.path("x/y/z/c")) == {"cp a x/y/z/c"}


def test_ends_of_short_processes(scene):
    book = scene.run("cp a b; sh -c 'echo > c; exit 7'; sh -c 'echo > d; kill -9 $$'; exit 3", code=3)
    codes = {book._labels[event.step]: event.exit_code for event in book.of(events.StepEnded)}
    assert codes["cp a b"] == 0
    assert codes["sh -c echo > c; exit 7"] == 7
    assert codes["sh -c echo > d; kill -9 $$"] == -9


def test_two_jobs_at_once(scene):
    """Neither reads what the other one writes, however they take turns."""
    scene.lenient = True
    for name in "xy":
        scene.put(
            **{f"{name}.sh": f"for i in $(seq 30); do cat a > {name}$i; cat {name}$i > {name}-$i; done\n"}
        )
    with scene.begin("sh x.sh") as first, scene.begin("sh y.sh") as second:
        assert first.wait() == second.wait() == 0
    book = scene.book()
    edges = scene.edges(book)
    unread = "" in book.steps
    for name in "xy":
        for number in range(1, 31):
            middle, last = f"{name}{number}", f"{name}-{number}"
            _check_writers(edges, middle, {"cat a"}, {f"sh {name}.sh"}, unread=unread)
            _check_writers(edges, last, {f"cat {middle}"}, {f"sh {name}.sh"}, unread=unread)
            assert {step for path, step in edges if path == middle} <= {f"cat {middle}", ""}
    assert {gap[0] for gap in scene.gaps(book)} <= {"unreadable"}


def _check_writers(edges, path, required, allowed, *, unread):
    """Check who wrote a file; a program that ended before it could be looked at has no name."""
    writers = {step for step, written in edges if written == path}
    assert writers <= required | allowed | {""}
    assert required <= writers or unread


def test_interpreter_is_no_input_but_its_modules_are(scene):
    (scene.root / "m.py").write_text("x = 1\n")
    book = scene.python("import m; open('b', 'w').write('x')")
    assert scene.edges(book) == {("p.py", "python"), ("m.py", "python"), ("python", "b")}
    book = scene.run(f"{sys.executable} p.py again")
    assert scene.path("m.py") in {path for path, step in book.reads() if step.endswith("again")}
