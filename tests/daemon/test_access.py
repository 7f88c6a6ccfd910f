"""Who may read what: asked of the kernel, by a process that becomes the user."""

import os
import signal
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlamd.daemon.access import KEPT_S, Allowance, View
from mlamd.daemon.clerk import GONE, HIDDEN, NO, YES, Clerk, Person, Place, peer
from mlamd.errors import SensorError
from mlamd.host.fanotify import ATTRIB, CREATE, ONDIR, OPEN, RENAME, Handles, Raw

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

ONE = Person(65_533, 65_533, ())
OTHER = Person(65_532, 65_532, ())
IN_GROUP = Person(65_533, 65_533, (777,))


@pytest.fixture
def clerk() -> Iterator[Clerk]:
    made = Clerk()
    yield made
    made.close()


@pytest.fixture
def top() -> Iterator[Path]:
    """A directory that everybody can reach."""
    with tempfile.TemporaryDirectory(prefix="mlamd-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


def key_of(directory: Path) -> bytes:
    key = Handles().key_of(bytes(directory))
    assert key is not None
    return key


def verdict(clerk: Clerk, person: Person, path: Path) -> int:
    place = Place(bytes(path.parent), key_of(path.parent), (os.fsencode(path.name),))
    ((found,),) = clerk.verdicts(person, [place])
    return found


def make(path: Path, mode: int, owner: Person = OTHER, group: int | None = None) -> Path:
    path.write_text("x")
    os.chown(path, owner.uid, owner.gid if group is None else group)
    path.chmod(mode)
    return path


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingClerk:
    """Counts the questions."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk
        self.asked = 0

    def verdicts(self, person: Person, places: list[Place]) -> list[list[int]]:
        self.asked += 1
        return self._clerk.verdicts(person, places)


class Watched:
    """A view with a clock, and a directory that everybody may list."""

    def __init__(self, clerk: Clerk, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.clerk = CountingClerk(clerk)
        self.view = View(self.clerk, ONE, Allowance(), self.clock)  # type: ignore[arg-type]
        self.key = key_of(directory)

    def allowed(self, name: str, *, changed: bool = False, theirs: bool = False) -> bool:
        path = bytes(self.directory / name)
        return self.view.allowed(path, self.key, changed=changed, theirs=theirs)

    def batch(self, *deeds: tuple[int, str]) -> None:
        raws = [Raw(mask, 1, self.key, os.fsencode(name), b"") for mask, name in deeds]
        self.view.foresee(raws, {self.key: bytes(self.directory)}.get)


@pytest.fixture
def watched(clerk: Clerk, top: Path) -> Watched:
    return Watched(clerk, top)


@pytest.mark.parametrize(
    ("mode", "group", "person", "expected"),
    [
        (0o644, None, ONE, YES),
        (0o600, None, ONE, NO),
        (0o600, None, OTHER, YES),
        (0o640, 777, ONE, NO),
        (0o640, 777, IN_GROUP, YES),
        (0o604, 777, IN_GROUP, NO),
        (0o200, None, OTHER, YES),
    ],
)
def test_the_kernel_judges_modes_owners_and_groups(
    clerk: Clerk, top: Path, mode: int, group: int | None, person: Person, expected: int
) -> None:
    assert verdict(clerk, person, make(top / "file", mode, group=group)) == expected


def test_access_control_lists_count(clerk: Clerk, top: Path) -> None:
    """Format: linux/posix_acl_xattr.h."""
    file = make(top / "file", 0o600)
    entries = [
        (1, 6, 0xFFFFFFFF),
        (2, 4, ONE.uid),
        (4, 0, 0xFFFFFFFF),
        (16, 4, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    ]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")
    assert verdict(clerk, ONE, file) == YES
    assert verdict(clerk, Person(65_531, 65_531, ()), file) == NO


def test_every_directory_above_counts(clerk: Clerk, top: Path) -> None:
    inner = top / "closed" / "inner"
    inner.mkdir(parents=True)
    file = make(inner / "file", 0o644)
    assert verdict(clerk, ONE, file) == YES
    inner.chmod(0o711)
    assert verdict(clerk, ONE, file) == HIDDEN
    inner.parent.chmod(0o700)
    assert verdict(clerk, ONE, file) == NO


def test_a_path_that_leads_elsewhere_now_says_nothing(clerk: Clerk, top: Path) -> None:
    before, other = top / "before", top / "other"
    before.mkdir()
    other.mkdir()
    make(other / "file", 0o644)
    key = key_of(before)
    before.rename(top / "moved")
    for trick in (lambda: before.symlink_to(other), lambda: (before.unlink(), other.rename(before))):
        trick()
        assert clerk.verdicts(ONE, [Place(bytes(before), key, (b"file",))]) == [[GONE]]


def test_a_link_is_not_followed(clerk: Clerk, top: Path) -> None:
    secret = make(top / "secret", 0o600)
    (top / "link").symlink_to(secret)
    assert verdict(clerk, ONE, top / "link") == YES
    assert verdict(clerk, ONE, secret) == NO
    assert verdict(clerk, ONE, top / "none") == GONE


def test_the_clerk_is_root_again_after_each_question(clerk: Clerk, top: Path) -> None:
    file = make(top / "file", 0o600)
    for person, expected in ((ONE, NO), (OTHER, YES), (ONE, NO)):
        assert verdict(clerk, person, file) == expected
        status = Path(f"/proc/{clerk.pid}/status").read_text()
        assert "Uid:\t0\t0\t0\t0\n" in status
        assert "Groups:\t \n" in status


def test_directories_are_listed_with_the_users_eyes(clerk: Clerk, top: Path) -> None:
    for name, mode in (("open", 0o755), ("closed", 0o700), ("closed/inner", 0o755), (".git", 0o755)):
        (top / name).mkdir()
        (top / name).chmod(mode)
    (top / "file").write_text("")
    (top / "link").symlink_to("open")
    asked = [top, top / "open", top / "closed", top / "closed/inner", top / "link", top / "none"]
    answers = clerk.listed(ONE, [bytes(path) for path in asked])
    assert [None if answer is None else sorted(answer[2]) for answer in answers] == [
        [b"closed", b"open"], [], [], None, None, None,
    ]  # fmt: skip
    assert answers[0] is not None
    assert tuple(answers[0][:2]) == (key_of(top), top.stat().st_dev)


def test_a_long_answer_comes_in_parts(clerk: Clerk, top: Path) -> None:
    view = View(clerk, ONE, Allowance())
    many = [bytes(top)] * 300
    found: list[object] = []
    while len(found) < len(many):
        found += view.listed(many[len(found) :])
    assert len(found) == len(many)


@pytest.mark.parametrize("way", ["killed", "asked as root"])
def test_a_clerk_that_ended_lets_nobody_be_told_anything(clerk: Clerk, top: Path, way: str) -> None:
    file = make(top / "file", 0o644)
    if way == "killed":
        os.kill(clerk.pid, signal.SIGKILL)
    with pytest.raises(SensorError):
        verdict(clerk, ONE if way == "killed" else Person(0, 0, ()), file)
    with pytest.raises(SensorError):
        verdict(clerk, ONE, file)


def test_a_peer_is_who_connected(top: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(top / "socket"))
        (top / "socket").chmod(0o666)
        listener.listen()
        os.setgroups([777, 778])
        os.setegid(65_533)
        os.seteuid(65_533)
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(top / "socket"))
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups([])
        accepted, _ = listener.accept()
        with connection, accepted:
            assert peer(accepted) == Person(65_533, 65_533, (777, 778))


# --- what is kept ----------------------------------------------------------------------------


def test_an_answer_is_kept_for_five_seconds(watched: Watched) -> None:
    file = make(watched.directory / "file", 0o644)
    assert watched.allowed("file")
    file.chmod(0o600)
    assert watched.allowed("file")
    watched.clock.now += KEPT_S + 0.1
    assert not watched.allowed("file")


@pytest.mark.parametrize("mask", [ATTRIB, CREATE, RENAME])
def test_an_answer_is_dropped_when_something_changed(watched: Watched, mask: int) -> None:
    file = make(watched.directory / "file", 0o644)
    assert watched.allowed("file")
    file.chmod(0o600)
    watched.batch((mask, "file"))
    assert not watched.allowed("file", changed=True)
    assert not watched.allowed("file")


def test_changed_asks_anew_even_where_nothing_was_foreseen(watched: Watched) -> None:
    file = make(watched.directory / "file", 0o644)
    assert watched.allowed("file")
    file.chmod(0o600)
    watched.batch()
    assert not watched.allowed("file", changed=True)


@pytest.mark.parametrize("flush", ["hook", "foreseen"])
def test_everything_is_dropped_when_a_directory_changed(watched: Watched, flush: str) -> None:
    file = make(watched.directory / "file", 0o644)
    assert watched.allowed("file")
    watched.directory.chmod(0o700)
    if flush == "hook":
        watched.view.flush()
    else:
        watched.batch((ATTRIB | ONDIR, "other"))
    assert not watched.allowed("file")
    file.unlink()


def test_a_batch_is_one_question(watched: Watched) -> None:
    for number in range(100):
        make(watched.directory / f"{number}", 0o644 if number % 2 else 0o600)
    watched.batch(*((OPEN, f"{number}") for number in range(100)))
    assert [watched.allowed(f"{number}") for number in range(100)] == [
        bool(number % 2) for number in range(100)
    ]
    assert watched.clerk.asked == 1
    watched.batch(*((OPEN, f"{number}") for number in range(100)))
    assert watched.clerk.asked == 1


def test_who_is_gone_is_told_of_if_it_was_theirs_or_known_before(watched: Watched) -> None:
    assert not watched.allowed("never")
    assert watched.allowed("never", theirs=True)
    file = make(watched.directory / "known", 0o644)
    assert watched.allowed("known")
    file.unlink()
    assert watched.allowed("known", changed=True)


def test_a_name_that_was_known_is_not_another_file_of_that_name(watched: Watched) -> None:
    file = make(watched.directory / "file", 0o644)
    assert watched.allowed("file")
    file.unlink()
    watched.batch((CREATE, "file"))
    assert not watched.allowed("file", changed=True)


def test_what_may_be_read_but_not_listed_is_told_of_if_it_was_theirs(watched: Watched) -> None:
    make(watched.directory / "file", 0o644)
    watched.directory.chmod(0o711)
    assert not watched.allowed("file")
    assert watched.allowed("file", theirs=True)


def test_the_answers_are_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlamd.daemon.access.MOST_KEPT", 10)
    for number in range(50):
        watched.allowed(f"{number}")
    assert len(watched.view._verdicts) <= 11


# --- roots and directories -------------------------------------------------------------------


def test_roots(clerk: Clerk, top: Path) -> None:
    view = View(clerk, ONE, Allowance())
    own, others, closed = top / "own", top / "others", top / "closed"
    for path, owner, mode in ((own, ONE, 0o700), (others, OTHER, 0o755), (closed, OTHER, 0o700)):
        path.mkdir(mode=mode)
        os.chown(path, owner.uid, owner.gid)
    (top / "link").symlink_to(own)
    make(top / "file", 0o644, ONE)

    def refused(path: Path, *, workspace: bool) -> bool:
        return bool(view.refuses(bytes(path), workspace=workspace))

    assert not refused(own, workspace=True)
    assert not refused(others, workspace=False)
    for path in (others, closed, closed / "inner", Path("/"), top / "file", top / "link", Path("/proc")):
        assert refused(path, workspace=True), path
    for path in (closed, closed / "inner", Path("/"), top / "file", top / "none", Path("/proc/self")):
        assert refused(path, workspace=False), path
    assert view.refuses(bytes(closed), workspace=False) == view.refuses(bytes(top / "none"), workspace=False)


def test_an_allowance_comes_back_slowly_and_counts_what_is_remembered() -> None:
    clock = Clock()
    allowance = Allowance(600, clock)
    assert allowance.take(500)
    assert not allowance.take(101)
    clock.now += 1
    assert allowance.take(101)
    clock.now += 10_000
    allowance.remembered = lambda: 500
    assert not allowance.take(101)
    assert allowance.take(100)
