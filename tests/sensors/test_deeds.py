"""From masks to observations: the only possible order, or the likelier one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host.fanotify import (
    ACCESS,
    ATTRIB,
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    ONDIR,
    OPEN,
    OPEN_EXEC,
    RENAME,
)
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark
from mlamd.model.processes import ProcessKey
from mlamd.sensors.deeds import DeedTranslator
from mlamd.sensors.signals import Deed
from tests.sensors.fakes import FakeFiles

WHO = ProcessKey("b00t", 7, 70)
STAT = FileStat(1, 10, 5, 100, 100)
BITS = (ACCESS, ATTRIB, CLOSE_NOWRITE, CLOSE_WRITE, CREATE, DELETE, MODIFY, OPEN, OPEN_EXEC)


@pytest.fixture
def files():
    made = FakeFiles()
    made.stats[b"/w/a"] = STAT
    return made


def _wanted(path: bytes) -> int:
    return 2 if path.endswith(b".pyc") else 0 if b"ignored" in path else 1


def _source(path: bytes) -> bytes | None:
    return path.removesuffix(b".pyc") + b".py"


def translate(files: FakeFiles, mask: int, path: bytes = b"/w/a", target: bytes = b"") -> list:
    translator = DeedTranslator(files, _wanted, _source, lambda _path: False)
    return list(translator.translate(Deed(mask, 5, 9, path, WHO, target)))


def _words(found: list) -> list[str]:
    words = []
    for item in found:
        name = type(item).__name__.removeprefix("File").lower()
        if isinstance(item, seen.FileClosed):
            name += " written" if item.wrote else ""
        if isinstance(item, seen.FileOpened):
            name += (" new" if item.created else "") + (" changed" if item.changed else "")
        words.append(name)
    return words


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (OPEN | CLOSE_NOWRITE, ["opened", "closed"]),
        (OPEN, ["opened"]),
        (CLOSE_NOWRITE, ["closed"]),
        (CLOSE_WRITE, ["closed written"]),
        (MODIFY, ["modified"]),
        (CREATE | OPEN | MODIFY | CLOSE_WRITE, ["opened new changed", "modified", "closed written"]),
        (OPEN | MODIFY | CLOSE_WRITE, ["opened changed", "modified", "closed written"]),
        (CREATE, ["created"]),
        (CREATE | ATTRIB, ["created", "touched"]),
        (ATTRIB, ["touched"]),
        (DELETE, ["removed"]),
        (OPEN | OPEN_EXEC | CLOSE_NOWRITE, ["opened", "read", "closed"]),
        (OPEN_EXEC, ["opened", "read"]),
        (
            OPEN | MODIFY | CLOSE_NOWRITE | CLOSE_WRITE,
            ["opened", "closed", "opened changed", "modified", "closed written"],
        ),
        (
            CREATE | OPEN | MODIFY | CLOSE_NOWRITE | CLOSE_WRITE,
            ["opened new changed", "modified", "closed written", "opened", "closed"],
        ),
        (
            CREATE | OPEN | MODIFY | CLOSE_WRITE | DELETE,
            ["opened new changed", "modified", "closed written", "removed"],
        ),
        (OPEN | ONDIR, []),
        (CREATE | ONDIR, []),
    ],
)
def test_what_a_mask_amounts_to(files, mask, words):
    assert _words(translate(files, mask)) == words


def test_times_and_who(files):
    opened, modified, closed = translate(files, CREATE | OPEN | MODIFY | CLOSE_WRITE)
    assert (opened.at_ns, modified.at_ns, closed.at_ns) == (5, 9, 9)
    assert (opened.process, modified.process, closed.process) == (WHO, WHO, WHO)
    assert opened.stat == modified.stat == closed.stat == STAT
    assert (opened.reads, opened.writes) == (None, None)


def test_hard_link(files):
    files.stats[b"/w/a"] = STAT._replace(links=2)
    assert _words(translate(files, CREATE)) == ["linked"]


def test_renames(files):
    (moved,) = translate(files, RENAME, b"/w/b", b"/w/a")
    assert moved == seen.FileMoved(9, b"/w/b", b"/w/a", is_directory=False, stat=STAT, process=WHO)
    (out,) = translate(files, RENAME, b"/w/a")
    assert out == seen.FileRemoved(9, b"/w/a", is_directory=False, process=WHO)
    (come,) = translate(files, RENAME, b"", b"/w/a")
    assert come == seen.FileArrived(9, b"/w/a", STAT, WHO)
    (directory,) = translate(files, RENAME | ONDIR, b"/w/d", b"/w/e")
    assert directory == seen.FileMoved(9, b"/w/d", b"/w/e", is_directory=True, process=WHO)
    (gone,) = translate(files, RENAME | ONDIR, b"/w/d")
    assert gone == seen.FileRemoved(9, b"/w/d", is_directory=True, process=WHO)


def test_directory_that_comes_from_outside(files, tmp_path):
    (tmp_path / "d/e").mkdir(parents=True)
    for name in ("d/a", "d/e/b"):
        (tmp_path / name).write_text(name)
    top = bytes(tmp_path / "d")
    found = translate(files, RENAME | ONDIR, b"", top)
    assert {item.path for item in found} == {top + b"/a", top + b"/e/b"}
    assert {(item.since_ns, item.at_ns, item.live, item.process) for item in found} == {(5, 9, True, WHO)}


def test_what_is_not_wanted_is_nothing_but_its_end_is_told(files):
    assert translate(files, OPEN | MODIFY | CLOSE_WRITE, b"/w/ignored") == []
    assert _words(translate(files, DELETE, b"/w/ignored")) == ["removed"]


def test_bytecode_stands_for_its_source(files):
    files.stats[b"/w/m.py"] = STAT
    files.marks[b"/w/m.pyc"] = SourceMark(1, 2)
    (opened,) = translate(files, OPEN | CLOSE_NOWRITE, b"/w/m.pyc")
    assert (opened.path, opened.stat, opened.source_mark) == (b"/w/m.pyc", STAT, SourceMark(1, 2))
    assert translate(files, CREATE | OPEN | MODIFY | CLOSE_WRITE, b"/w/m.pyc") == []
    assert translate(files, OPEN | CLOSE_NOWRITE, b"/w/none.pyc") == []


def test_file_that_is_gone_by_now(files):
    opened, modified, closed = translate(files, CREATE | OPEN | MODIFY | CLOSE_WRITE, b"/w/gone")
    assert opened.stat is None
    assert modified.stat is None
    assert closed.stat is None
    assert _words(translate(files, ATTRIB, b"/w/gone")) == []


@given(st.sets(st.sampled_from(BITS)))
def test_opens_come_before_what_is_done_through_them(bits):
    files = FakeFiles()
    files.stats[b"/w/a"] = STAT
    mask = sum(bits | {OPEN} if OPEN_EXEC in bits else bits)
    words = [word.split()[0] for word in _words(translate(files, mask))]
    assert ("removed" in words) == bool(mask & DELETE)
    assert ("modified" in words) == bool(mask & MODIFY)
    assert words.count("closed") == bool(mask & CLOSE_WRITE) + bool(mask & CLOSE_NOWRITE)
    if mask & (OPEN | OPEN_EXEC):
        first = words.index("opened")
        assert first <= min(
            (words.index(word) for word in ("modified", "read", "closed") if word in words), default=99
        )
    if "removed" in words:
        assert words[-1] == "removed"


def test_file_that_was_changed_again_before_the_look_is_told_once(files):
    """The recorder stood still meanwhile: of the closes before the last change nobody knows the content."""
    later_ns = 60_000_000
    files.stats[b"/w/a"] = STAT._replace(mtime_ns=later_ns, ctime_ns=later_ns + 5)
    translator = DeedTranslator(files, _wanted, _source, lambda _path: False)
    lost = []
    for at_ns in (9, 30_000_000, 59_000_000, 61_000_000):
        deed = Deed(MODIFY | CLOSE_WRITE, at_ns - 4, at_ns, b"/w/a", WHO)
        lost += [item for item in translator.translate(deed) if isinstance(item, seen.Lost)]
    assert [(item.from_ns, item.at_ns, item.scope, item.reason) for item in lost] == [
        (5, later_ns, b"/w/a", "late")
    ]


@pytest.mark.parametrize("field", ["mtime_ns", "ctime_ns"])
def test_date_in_the_future_is_no_later_change(files, field):
    files.stats[b"/w/a"] = STAT._replace(**{field: 1 << 60})
    assert not [item for item in translate(files, MODIFY | CLOSE_WRITE) if isinstance(item, seen.Lost)]


def test_what_is_no_regular_file_is_nothing(files):
    files.specials.add(b"/w/fifo")
    assert translate(files, OPEN | MODIFY | CLOSE_WRITE, b"/w/fifo") == []


def test_who_only_read_did_not_read_what_was_written_since(files):
    """The look comes after the read: of a file that was changed by then it says nothing."""
    files.stats[b"/w/a"] = STAT._replace(mtime_ns=10, ctime_ns=11)
    opened, _ = translate(files, OPEN | CLOSE_NOWRITE)
    assert opened.stat is None
    files.stats[b"/w/a"] = STAT._replace(mtime_ns=5, ctime_ns=11)
    opened, _ = translate(files, OPEN | CLOSE_NOWRITE)
    assert opened.stat is not None, "its attributes were changed, not its content"
