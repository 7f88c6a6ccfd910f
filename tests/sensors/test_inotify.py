"""The inotify sensor on real directories."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlamd.errors import AccessError, WatchLimitError, WorkspaceGoneError
from mlamd.sensors.signals import Act
from tests.sensors.watching import watching

pytestmark = pytest.mark.linux
LIMITS = Path("/proc/sys/fs/inotify")


@pytest.fixture
def limit() -> Iterator[Callable[[str, int], None]]:
    """Lower a limit of inotify; it is as before when the test ends."""
    before: dict[Path, str] = {}

    def lower(name: str, value: int) -> None:
        path = LIMITS / name
        if os.getuid() != 0 or not os.access(path, os.W_OK):
            pytest.skip(f"only root may change {path}")
        before.setdefault(path, path.read_text(encoding="ascii"))
        path.write_text(f"{value}\n", encoding="ascii")

    yield lower
    for path, value in before.items():
        path.write_text(value, encoding="ascii")


def test_a_write_is_an_open_a_change_and_a_close(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        (tmp_path / "a").write_bytes(b"x")
        assert watch.acts("a") == [
            (Act.CREATE, b"a"),
            (Act.OPEN, b"a"),
            (Act.MODIFY, b"a"),
            (Act.CLOSE_WRITE, b"a"),
        ]


def test_a_read_is_an_open_and_a_close_that_says_that_content_was_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    with watching(tmp_path) as watch:
        (tmp_path / "a").read_bytes()
        (tmp_path / "b").open("rb").close()
        assert watch.acts("a") == [(Act.OPEN, b"a"), (Act.CLOSE_READ, b"a")]
        read = {signal.path[-1:]: signal.read for signal in watch.signals if signal.act is Act.CLOSE_READ}
        assert read == {b"a": True, b"b": False}


def test_an_update_in_place_says_that_content_was_read_before(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"x")
    with watching(tmp_path) as watch:
        with (tmp_path / "a").open("r+b") as file:
            file.read()
            file.write(b"y")
        with (tmp_path / "b").open("ab") as file:
            file.write(b"y")
        watch.sync()
        read = {signal.path[-1:]: signal.read for signal in watch.signals if signal.act is Act.CLOSE_WRITE}
        assert (read[b"a"], read[b"b"]) == (True, False)


def test_emptying_a_file_is_reported_as_a_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with watching(tmp_path) as watch:
        (tmp_path / "a").open("w").close()
        acts = watch.acts("a")
        assert sorted(acts[:2], key=str) == [(Act.MODIFY, b"a"), (Act.OPEN, b"a")]
        assert acts[2:] == [(Act.CLOSE_WRITE, b"a")]


def test_a_rename_has_two_halves_with_one_cookie(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with watching(tmp_path) as watch:
        (tmp_path / "a").rename(tmp_path / "b")
        left, came = watch.sync()[:2]
        assert (left.act, came.act) == (Act.MOVED_FROM, Act.MOVED_TO)
        assert left.cookie == came.cookie != 0


def test_a_removed_file_and_a_removed_directory_are_reported(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").touch()
    with watching(tmp_path) as watch:
        shutil.rmtree(tmp_path / "d")
        acts = watch.acts("d")
        assert (Act.DELETE, b"d/a") in acts
        assert (Act.DELETE, b"d") in acts
        assert watch.sensor.watched() == 1


def test_a_hard_link_is_a_creation(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with watching(tmp_path) as watch:
        os.link(tmp_path / "a", tmp_path / "b")
        assert watch.acts("b") == [(Act.CREATE, b"b")]


def test_looking_at_metadata_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with watching(tmp_path) as watch:
        (tmp_path / "a").stat()
        (tmp_path / "a").chmod(0o600)
        os.utime(tmp_path / "a", (1, 1))
        list(tmp_path.iterdir())
        with pytest.raises(FileNotFoundError):
            (tmp_path / "none").read_bytes()
        assert watch.sync() == []


def test_times_bracket_what_happened_and_keep_its_order(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        before_ns = time.time_ns()
        for number in range(50):
            (tmp_path / str(number)).write_bytes(b"x")
        signals = watch.sync()
        after_ns = time.time_ns()
        times = [signal.at_ns for signal in signals]
        assert times == sorted(times)
        assert len(set(times)) == len(times)
        assert before_ns <= times[0] <= times[-1] <= after_ns
        assert all(signal.from_ns <= signal.at_ns for signal in signals)


@pytest.mark.parametrize("repeat", range(50))
def test_a_write_ten_directories_deep_at_once_is_never_missed(tmp_path: Path, repeat: int) -> None:
    with watching(tmp_path) as watch:
        deep = Path(*(f"d{repeat}-{level}" for level in range(10)))
        (tmp_path / deep).mkdir(parents=True)
        (tmp_path / deep / "a").write_bytes(b"x")
        name = os.fsencode(deep / "a")
        acts = {act for act, path in watch.acts() if path == name}
        assert acts & {Act.FOUND, Act.CLOSE_WRITE}
        (tmp_path / deep / "b").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, os.fsencode(deep / "b")) in watch.acts()
        assert watch.sensor.watched() == 11


def test_what_stood_in_a_directory_that_moved_in_is_found_and_it_is_watched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    (outside / "d/e").mkdir(parents=True)
    (outside / "d/e/a").touch()
    with watching(root) as watch:
        (outside / "d").rename(root / "d")
        watch.collector.wait_for(lambda: watch.sensor.watched() == 3)
        assert (Act.FOUND, b"d/e/a") in watch.acts()
        (root / "d/e/b").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"d/e/b") in watch.acts()


def test_watches_follow_a_directory_that_is_renamed(tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "dd").mkdir()
    with watching(tmp_path) as watch:
        (tmp_path / "d").rename(tmp_path / "x")
        watch.sync()
        (tmp_path / "x/e/a").write_bytes(b"x")
        (tmp_path / "dd/a").write_bytes(b"x")
        acts = watch.acts()
        assert (Act.CLOSE_WRITE, b"x/e/a") in acts
        assert (Act.CLOSE_WRITE, b"dd/a") in acts
        assert watch.sensor.watched() == 4
        (tmp_path / "x").rename(tmp_path / "dd/y")
        watch.sync()
        (tmp_path / "dd/y/e/b").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"dd/y/e/b") in watch.acts()


def test_a_directory_that_is_made_where_another_had_stood_is_watched(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with watching(tmp_path) as watch:
        (tmp_path / "d").rename(tmp_path / "old")
        (tmp_path / "d").mkdir()
        watch.sync()
        (tmp_path / "d/a").write_bytes(b"x")
        (tmp_path / "old/b").write_bytes(b"x")
        acts = watch.acts()
        assert {(Act.CLOSE_WRITE, b"d/a"), (Act.CLOSE_WRITE, b"old/b")} <= set(acts)


@pytest.mark.parametrize("repeat", range(10))
def test_a_directory_that_was_made_renamed_and_made_again_in_one_moment_is_watched(
    tmp_path: Path, repeat: int
) -> None:
    with watching(tmp_path) as watch:
        for number in range(1, 4):
            (tmp_path / "last").mkdir()
            (tmp_path / "last").rename(tmp_path / f"{repeat}-{number}")
        (tmp_path / "last").mkdir()
        watch.sync()
        wanted = {f"{repeat}-{number}/a" for number in range(1, 4)} | {"last/a"}
        for name in wanted:
            (tmp_path / name).write_bytes(b"x")
        closed = {path.decode() for act, path in watch.acts() if act is Act.CLOSE_WRITE}
        assert closed == wanted


def test_a_directory_that_replaces_an_empty_one_is_watched(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "x").mkdir()
    with watching(tmp_path) as watch:
        (tmp_path / "d").rename(tmp_path / "x")
        watch.sync()
        (tmp_path / "x/a").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"x/a") in watch.acts()
        assert watch.sensor.watched() == 2


def test_what_vanishes_while_it_is_scanned_hides_nothing_else(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    for number in range(200):
        (outside / f"d/{number}").mkdir(parents=True)
    with watching(root) as watch:
        (outside / "d").rename(root / "d")
        for number in range(0, 200, 2):
            (root / f"d/{number}").rmdir()
        watch.sync()
        for number in range(1, 200, 2):
            (root / f"d/{number}/a").write_bytes(b"x")
        closed = [path for act, path in watch.acts() if act is Act.CLOSE_WRITE]
        assert len(closed) == 100


def test_a_directory_that_moved_out_is_watched_no_more(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d/e").mkdir(parents=True)
    outside.mkdir()
    with watching(root) as watch:
        (root / "d").rename(outside / "d")
        watch.sync()
        time.sleep(0.3)
        (root / "x").touch()
        watch.sync()
        before = len(watch.sync())
        (outside / "d/e/a").write_bytes(b"x")
        watch.sync()
        assert len(watch.sync()) == before
        assert watch.sensor.watched() == 1


def test_a_directory_that_moved_out_and_back_in_is_watched_below_its_new_name(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d/e").mkdir(parents=True)
    outside.mkdir()
    with watching(root) as watch:
        (root / "d").rename(outside / "d")
        watch.sync()
        (outside / "d").rename(root / "new")
        watch.sync()
        (root / "new/e/a").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"new/e/a") in watch.acts()


def test_noise_directories_are_not_watched(tmp_path: Path) -> None:
    (tmp_path / ".git/objects").mkdir(parents=True)

    def skip(directory: bytes) -> bool:
        return os.path.basename(directory) in {b".git", b".venv"}

    with watching(tmp_path, skip=skip) as watch:
        assert watch.sensor.watched() == 1
        (tmp_path / ".venv/lib").mkdir(parents=True)
        (tmp_path / ".git/HEAD").write_bytes(b"x")
        (tmp_path / ".venv/lib/x").write_bytes(b"x")
        assert watch.acts() == [(Act.CREATE, b".venv")]
        assert watch.sensor.watched() == 1


def test_a_directory_that_is_renamed_to_noise_is_watched_no_more(tmp_path: Path) -> None:
    (tmp_path / "env/lib").mkdir(parents=True)
    with watching(tmp_path, skip=lambda directory: directory.endswith(b".venv")) as watch:
        (tmp_path / "env").rename(tmp_path / ".venv")
        watch.sync()
        before = len(watch.sync())
        (tmp_path / ".venv/lib/a").write_bytes(b"x")
        assert len(watch.sync()) == before
        assert watch.sensor.watched() == 1


def test_refresh_watches_what_is_no_noise_any_more(tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    noise = {b"d"}
    with watching(tmp_path, skip=lambda directory: os.path.basename(directory) in noise) as watch:
        assert watch.sensor.watched() == 1
        noise.clear()
        watch.sensor.refresh()
        assert watch.sensor.watched() == 3
        (tmp_path / "d/e/a").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"d/e/a") in watch.acts()


def test_one_more_directory_is_watched_without_those_below(tmp_path: Path) -> None:
    root, extra = tmp_path / "root", tmp_path / "extra"
    root.mkdir()
    (extra / "below").mkdir(parents=True)
    with watching(root) as watch:
        watch.sensor.watch_extra(os.fsencode(extra))
        (extra / "a").write_bytes(b"x")
        (extra / "below/b").write_bytes(b"x")
        watch.sync()
        paths = {signal.path for signal in watch.signals}
        assert os.fsencode(extra / "a") in paths
        assert os.fsencode(extra / "below/b") not in paths


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    with watching(root) as watch:
        (root / "later").symlink_to(outside)
        watch.sync()
        (outside / "a").write_bytes(b"x")
        watch.sync()
        assert watch.sensor.watched() == 1


@pytest.mark.parametrize("name", [b"new\nline", b"caf\xe9 \xff", b"\x01\x7f", "ü".encode(), b" ", b"-rf"])
def test_names_may_hold_any_bytes(tmp_path: Path, name: bytes) -> None:
    top = os.fsencode(tmp_path)
    with watching(tmp_path) as watch:
        os.mkdir(top + b"/" + name)
        watch.sync()
        with open(top + b"/" + name + b"/" + name, "wb") as file:
            file.write(b"x")
        acts = watch.acts()
        assert (Act.CLOSE_WRITE, name + b"/" + name) in acts


def test_dropped_events_are_reported_as_lost(tmp_path: Path, limit: Callable[[str, int], None]) -> None:
    limit("max_queued_events", 8)
    with watching(tmp_path) as watch:
        for number in range(5000):
            (tmp_path / str(number % 7)).write_bytes(b"x")
        watch.collector.wait_for(lambda: any(signal.act is Act.LOST for signal in watch.signals))
        lost = next(signal for signal in watch.signals if signal.act is Act.LOST)
        assert lost.detail.startswith("overflow")
        assert lost.path == b""
        assert 0 < lost.from_ns <= lost.at_ns
        time.sleep(0.05)
        (tmp_path / "after").write_bytes(b"x")
        watch.collector.wait_for(lambda: any(signal.path.endswith(b"/after") for signal in watch.signals))


def test_a_directory_that_was_missed_in_an_overflow_is_watched_after_a_refresh(
    tmp_path: Path, limit: Callable[[str, int], None]
) -> None:
    limit("max_queued_events", 1)
    with watching(tmp_path) as watch:
        for number in range(300):
            (tmp_path / f"d{number}/e").mkdir(parents=True)
        watch.collector.wait_for(lambda: any(signal.act is Act.LOST for signal in watch.signals))
        time.sleep(0.05)
        watch.sensor.refresh()
        assert watch.sensor.watched() == 601


def test_no_watches_left_is_an_expected_failure(tmp_path: Path, limit: Callable[[str, int], None]) -> None:
    for number in range(20):
        (tmp_path / f"d{number}").mkdir()
    limit("max_user_watches", 5)
    with pytest.raises(WatchLimitError, match=r"max_user_watches.*\.mlamdignore"), watching(tmp_path):
        pass


def test_no_watches_left_later_is_reported_as_lost(tmp_path: Path, limit: Callable[[str, int], None]) -> None:
    with watching(tmp_path) as watch:
        limit("max_user_watches", 1)
        (tmp_path / "d").mkdir()
        watch.collector.wait_for(lambda: any(signal.act is Act.LOST for signal in watch.signals))
        (lost,) = [signal for signal in watch.signals if signal.act is Act.LOST]
        assert lost.path == os.fsencode(tmp_path / "d")
        assert lost.detail.startswith("unwatchable: ")
        (tmp_path / "a").write_bytes(b"x")
        assert (Act.CLOSE_WRITE, b"a") in watch.acts()


def test_no_instances_left_is_an_expected_failure(tmp_path: Path, limit: Callable[[str, int], None]) -> None:
    limit("max_user_instances", 0)
    with pytest.raises(WatchLimitError, match="max_user_instances"), watching(tmp_path):
        pass


@pytest.mark.parametrize("deed", ["remove", "rename"])
def test_a_root_that_goes_away_is_reported(tmp_path: Path, deed: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with watching(root) as watch:
        if deed == "remove":
            root.rmdir()
        else:
            root.rename(tmp_path / "other")
        watch.collector.wait_for(lambda: any(signal.act is Act.GONE for signal in watch.signals))
        gone = next(signal for signal in watch.signals if signal.act is Act.GONE)
        assert gone.path == os.fsencode(root)


def test_a_directory_below_that_goes_away_is_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with watching(tmp_path) as watch:
        (tmp_path / "d").rmdir()
        watch.sync()
        assert all(signal.act is not Act.GONE for signal in watch.signals)


def test_a_root_that_is_no_directory_is_an_expected_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("none", "file"):
        with pytest.raises(WorkspaceGoneError, match=name), watching(tmp_path / name):
            pass


def test_a_root_that_may_not_be_read_is_an_expected_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # noqa: ARG005  (root may read everything)
    with pytest.raises(AccessError, match="permission"), watching(tmp_path):
        pass


def test_two_roots_are_watched_with_their_own_paths(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    with watching(one, roots=(two,)) as watch:
        (two / "a").write_bytes(b"x")
        watch.sync()
        assert os.fsencode(two / "a") in {signal.path for signal in watch.signals}


def test_stopping_twice_or_without_a_start_is_harmless(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        watch.sensor.stop()


def test_every_file_of_many_short_writes_is_reported(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        for number in range(500):
            (tmp_path / f"f{number}").write_bytes(b"x")
        closed = {signal.path for signal in watch.sync() if signal.act is Act.CLOSE_WRITE}
        assert len(closed) == 500
