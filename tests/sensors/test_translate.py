"""From signals to observations."""

import pytest

from mlamd.host.clock import ManualClock
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark
from mlamd.sensors.own import OwnReads
from mlamd.sensors.signals import Act, Signal
from mlamd.sensors.translate import Translator
from tests.sensors.fakes import FakeFiles

A, B = b"/w/a", b"/w/b"
STAT = FileStat(1, 2, 3, 4, 5)
MS = 1_000_000


class Bench:
    """A translator with its fakes; names that hold ``noise`` are noise."""

    def __init__(self) -> None:
        self.files = FakeFiles()
        self.own = OwnReads(ManualClock(0))
        self.files.stats = {A: STAT, B: STAT}

        def wanted(path: bytes) -> int:
            return 0 if b"noise" in path else 2 if path.endswith(b".pyc") else 1

        def source(path: bytes) -> bytes | None:
            return A if path.endswith(b"a.pyc") else None

        self.translator = Translator(self.files, self.own, wanted, source)

    def see(self, *signals: Signal) -> list[seen.Observation]:
        return [found for signal in signals for found in self.translator.translate(signal)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_open_comes_with_a_look_at_the_file(bench: Bench) -> None:
    assert bench.see(Signal(Act.OPEN, 9, A, from_ns=7)) == [seen.FileOpened(9, A, STAT, since_ns=7)]


def test_closes_and_changes_are_passed_on(bench: Bench) -> None:
    assert bench.see(
        Signal(Act.MODIFY, 1, A), Signal(Act.CLOSE_WRITE, 2, A, read=True), Signal(Act.CLOSE_READ, 3, A)
    ) == [
        seen.FileModified(1, A),
        seen.FileClosed(2, A, wrote=True, stat=STAT, read=True),
        seen.FileClosed(3, A, wrote=False),
    ]


def test_the_two_halves_of_a_rename_are_one_observation(bench: Bench) -> None:
    assert bench.see(Signal(Act.MOVED_FROM, 1, A, cookie=5), Signal(Act.MOVED_TO, 2, B, cookie=5)) == [
        seen.FileMoved(2, A, B, is_directory=False, stat=STAT)
    ]


def test_other_signals_may_stand_between_the_halves(bench: Bench) -> None:
    found = bench.see(
        Signal(Act.MOVED_FROM, 1, A, cookie=5),
        Signal(Act.MOVED_FROM, 2, b"/w/c", cookie=6),
        Signal(Act.MODIFY, 3, B),
        Signal(Act.MOVED_TO, 4, B, cookie=5),
        Signal(Act.MOVED_TO, 5, b"/w/d", cookie=6),
    )
    moves = [one for one in found if isinstance(one, seen.FileMoved)]
    assert [(move.source, move.path) for move in moves] == [(A, B), (b"/w/c", b"/w/d")]


def test_a_name_that_leaves_the_tree_is_removed(bench: Bench) -> None:
    assert bench.see(Signal(Act.MOVED_FROM, 1, A, cookie=5)) == []
    assert list(bench.translator.expire(50 * MS)) == []
    assert list(bench.translator.expire(200 * MS)) == [seen.FileRemoved(1, A, is_directory=False)]
    assert list(bench.translator.expire(900 * MS)) == []


def test_a_name_that_left_is_removed_before_what_comes_long_after(bench: Bench) -> None:
    found = bench.see(
        Signal(Act.MOVED_FROM, 1, A, is_directory=True, cookie=5), Signal(Act.MODIFY, 500 * MS, B)
    )
    assert found == [seen.FileRemoved(1, A, is_directory=True), seen.FileModified(500 * MS, B)]


def test_a_name_that_comes_in_arrives(bench: Bench) -> None:
    assert bench.see(Signal(Act.MOVED_TO, 1, A, cookie=9)) == [seen.FileArrived(1, A, STAT)]
    assert bench.see(Signal(Act.MOVED_TO, 1, b"/w/d", is_directory=True, cookie=9)) == []


def test_a_directorys_rename_has_no_stat(bench: Bench) -> None:
    assert bench.see(
        Signal(Act.MOVED_FROM, 1, A, is_directory=True, cookie=5),
        Signal(Act.MOVED_TO, 2, B, is_directory=True, cookie=5),
    ) == [seen.FileMoved(2, A, B, is_directory=True)]


def test_a_removal_is_passed_on_for_files_and_directories(bench: Bench) -> None:
    assert bench.see(Signal(Act.DELETE, 1, A), Signal(Act.DELETE, 2, B, is_directory=True)) == [
        seen.FileRemoved(1, A, is_directory=False),
        seen.FileRemoved(2, B, is_directory=True),
    ]


def test_a_creation_is_a_hard_link_if_the_file_has_other_names(bench: Bench) -> None:
    assert bench.see(Signal(Act.CREATE, 1, A)) == []
    bench.files.stats[A] = STAT._replace(links=2)
    assert bench.see(Signal(Act.CREATE, 1, A)) == [seen.FileLinked(1, A, bench.files.stats[A])]


def test_what_was_met_in_a_new_directory_is_found_alive(bench: Bench) -> None:
    assert bench.see(Signal(Act.FOUND, 9, A, from_ns=3)) == [seen.FileFound(9, A, STAT, 3, live=True)]
    assert bench.see(Signal(Act.FOUND, 9, b"/w/gone", from_ns=3)) == []


def test_noise_and_directories_are_left_out(bench: Bench) -> None:
    acts = [Act.OPEN, Act.MODIFY, Act.CLOSE_WRITE, Act.CLOSE_READ, Act.CREATE, Act.FOUND]
    assert bench.see(*(Signal(act, 1, b"/w/noise") for act in acts)) == []
    assert bench.see(*(Signal(act, 1, A, is_directory=True) for act in acts)) == []


def test_a_loss_is_passed_on_with_its_reason_and_detail(bench: Bench) -> None:
    assert bench.see(Signal(Act.LOST, 9, b"", from_ns=3, detail="overflow")) == [
        seen.Lost(9, 3, b"", "overflow")
    ]
    assert bench.see(Signal(Act.LOST, 9, A, from_ns=3, detail="unwatchable: no: permission")) == [
        seen.Lost(9, 3, A, "unwatchable", "no: permission")
    ]


def test_a_cache_comes_with_its_mark_and_a_look_at_its_source(bench: Bench) -> None:
    cache = b"/w/__pycache__/a.pyc"
    bench.files.marks[cache] = SourceMark(1, 2)
    assert bench.see(Signal(Act.OPEN, 9, cache, from_ns=7)) == [
        seen.FileOpened(9, cache, STAT, source_mark=SourceMark(1, 2), since_ns=7)
    ]
    assert bench.see(Signal(Act.CLOSE_WRITE, 9, cache), Signal(Act.OPEN, 9, b"/w/b.pyc")) == []


def test_our_own_digesting_makes_no_observation(bench: Bench) -> None:
    bench.own.announce(A)
    assert bench.see(Signal(Act.OPEN, 1, A), Signal(Act.CLOSE_READ, 2, A)) == []


def test_a_users_read_at_the_same_time_survives(bench: Bench) -> None:
    bench.own.announce(A)
    opens = bench.see(Signal(Act.OPEN, 1, A), Signal(Act.OPEN, 2, A))
    assert len(opens) == 1
    closes = bench.see(Signal(Act.CLOSE_READ, 3, A), Signal(Act.CLOSE_READ, 4, A))
    assert len(closes) == 1


def test_our_own_read_takes_nothing_from_other_files(bench: Bench) -> None:
    bench.own.announce(A)
    assert len(bench.see(Signal(Act.OPEN, 1, B), Signal(Act.CLOSE_READ, 2, B))) == 2
    assert bench.see(Signal(Act.OPEN, 3, A), Signal(Act.CLOSE_READ, 4, A)) == []


def test_a_close_after_writing_is_never_ours(bench: Bench) -> None:
    bench.own.announce(A)
    bench.see(Signal(Act.OPEN, 1, A))
    assert len(bench.see(Signal(Act.CLOSE_WRITE, 2, A))) == 1
    assert bench.see(Signal(Act.CLOSE_READ, 3, A)) == []


def test_two_announcements_take_two_opens() -> None:
    own = OwnReads(ManualClock(0))
    own.announce(A)
    own.announce(A)
    assert [own.took_open(A, at_ns) for at_ns in (1, 2, 3)] == [True, True, False]
    assert [own.took_close(A, at_ns) for at_ns in (4, 5, 6)] == [True, True, False]


def test_an_open_from_long_before_the_announcement_is_not_ours() -> None:
    clock = ManualClock(10_000 * MS)
    own = OwnReads(clock)
    own.announce(A)
    assert not own.took_open(A, 9_000 * MS)
    assert own.took_open(A, 10_001 * MS)


def test_an_announced_open_that_does_not_show_up_is_forgotten() -> None:
    own = OwnReads(ManualClock(0))
    own.announce(A)
    assert not own.took_open(A, 60_000 * MS)
    assert not own.took_open(A, 1)


def test_an_open_that_is_looked_at_late_is_ours_all_the_same() -> None:
    clock = ManualClock(0)
    own = OwnReads(clock)
    own.announce(A)
    clock.advance(60_000 * MS)
    own.announce(B)
    assert own.took_open(A, 3 * MS)
    assert own.took_open(B, 60_001 * MS)
