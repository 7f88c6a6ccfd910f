"""A workspace that is recorded exactly, and places in it for one scene each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlamd.daemon import client
from mlamd.journal.log import Journal
from mlamd.model import events
from mlamd.model.evidence import Grade
from tests.attribution.book import Book
from tests.conftest import Project, until

_THIS = Path("/proc/self/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()


def book_of(project: Project) -> Book:
    """Return everything that happened until now, as it is stored."""
    until(lambda: client.ask(project.store, "sync", timeout_s=60)["done"], 240)
    journal = Journal(project.store)
    book = Book()
    try:
        for _, block in journal.blocks():
            book.add(block)
    finally:
        journal.close()
    return book


class UnreadError(Exception):
    """A program of the scene had ended before it could be looked at, as one of some hundred does."""


class Scene:
    """A directory of a recorded workspace in which one test plays.

    Unless it is ``lenient``, a program that could not be looked at in time raises ``UnreadError``.
    """

    lenient = False

    def __init__(self, project: Project, name: str) -> None:
        self.project = project
        self.script = ""
        self.pid = 0
        self.code = 0
        self.enter(name)

    def enter(self, name: str) -> None:
        """Begin in a new directory."""
        self.name = name
        self.root = self.project.root / name
        self.root.mkdir()
        self.put(a="3\n1\n2\n")

    def put(self, **files: str) -> None:
        """Write files from this process, which is not a part of the scene; they are stored on return."""
        for name, text in files.items():
            (self.root / name).write_text(text)
        self.project.sync()

    def begin(self, script: str) -> "subprocess.Popen[bytes]":
        """Let a shell begin with a script, in a session of its own."""
        self.script = script
        return subprocess.Popen(["sh", "-c", script], cwd=self.root, start_new_session=True)

    def run(self, script: str, code: int = 0) -> Book:
        """Run a shell script to its end; return what is stored."""
        with self.begin(script) as process:
            self.pid = process.pid
            assert process.wait() == code
        return self.book()

    def python(self, script: str) -> Book:
        """Run a Python script ``p.py`` in this directory to its end."""
        self.put(**{"p.py": script})
        return self.run(f"{sys.executable} p.py")

    def wait_for_open(self, pid: int, name: str) -> None:
        """Wait until a process has a file open."""
        path, place = str(self.root / name), Path(f"/proc/{pid}/fd")

        def opened() -> bool:
            for entry in place.iterdir():
                with suppress(FileNotFoundError):  # it was closed since it was listed
                    if os.readlink(entry) == path:
                        return True
            return False

        until(opened)

    def book(self) -> Book:
        book = book_of(self.project)
        pairs = {*book.writes(), *((step, path) for path, step in book.reads())}
        for event in (*book.of(events.Moved), *book.of(events.Removed)):
            who = event.movers if isinstance(event, events.Moved) else event.removers
            pairs |= {(book._labels[step], book._path(event.path)) for step, _ in who}
        unread = any(not step and path.startswith(self.name + "/") for step, path in pairs)
        if unread and not self.lenient:
            raise UnreadError(self.name)
        return book

    def edges(self, book: Book) -> set[tuple[str, str]]:
        """Return the edges of files in this directory; each must have been observed.

        The shell of the scene is called ``sh``, Python ``python``, this process is left out.
        """
        found = set()
        for reading, pairs in ((True, book.reads()), (False, book.writes())):
            for pair, grade in pairs.items():
                path, step = pair if reading else (pair[1], pair[0])
                if not path.startswith(self.name + "/") or step == _THIS:
                    continue
                assert grade is Grade.OBSERVED, (path, step)
                inner = path.removeprefix(self.name + "/")
                found.add((inner, self._short(step)) if reading else (self._short(step), inner))
        return found

    def _short(self, step: str) -> str:
        if step == f"sh -c {self.script}":
            return "sh"
        return "python" if step.startswith(sys.executable) else step

    def path(self, name: str) -> str:
        return f"{self.name}/{name}"

    def sealed(self, book: Book, name: str) -> list[events.Sealed]:
        """Return the versions of a file, without those that this process made."""
        return [
            version
            for version in book.versions(self.path(name))
            if not any(book._labels[step] == _THIS for step, _ in version.writers)
        ]

    def gaps(self, book: Book) -> list[tuple[str, str, int]]:
        """Return the gaps but for where nobody was known (a file found before the recorder was there)."""
        return [gap for gap in book.gaps() if not gap[1] or gap[1].startswith(self.name + "/")]


@contextmanager
def recording(root: Path, *options: str) -> Iterator[Project]:
    """Record a new workspace exactly, as long as the block lasts."""
    root.mkdir(exist_ok=True)
    project = Project(root)
    try:
        project.mlamd("init")
        project.mlamd("start", "--sensor", "fanotify", *options)
        assert project.pid()
        yield project
    finally:
        project.clean_up()


def children(pid: int | None) -> list[int]:
    """Return the pids of the children of all threads of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def sensor_pid(project: Project) -> int:
    """Return the pid of the recorder's sensor process; 0 while there is none."""
    for pid in children(project.pid()):
        with suppress(OSError):
            if b"\0sensor\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return 0


def outside(project: Project) -> Path:
    """Return a directory beside the workspace, on the same filesystem."""
    place = project.root.parent / "outside"
    place.mkdir(exist_ok=True)
    assert os.stat(place).st_dev == os.stat(project.root).st_dev
    return place
