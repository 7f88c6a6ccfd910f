"""The sensor for other systems works, and reports, on Linux too."""

import os
from pathlib import Path

from mlamd.sensors import portable
from mlamd.sensors.inotify import InotifySensor
from mlamd.sensors.observer import ObserverSensor
from mlamd.sensors.signals import Act
from tests.sensors.watching import watching


def test_changes_moves_and_removals_are_reported(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with watching(tmp_path, sensor=ObserverSensor) as watch:
        (tmp_path / "d/a").write_bytes(b"x")
        (tmp_path / "d/a").rename(tmp_path / "b")
        (tmp_path / "b").unlink()
        acts = watch.acts()
        assert (Act.CLOSE_WRITE, b"d/a") in acts
        assert (Act.DELETE, b"b") in acts
        left = next(signal for signal in watch.signals if signal.act is Act.MOVED_FROM)
        came = next(signal for signal in watch.signals if signal.act is Act.MOVED_TO)
        assert (left.path, came.path) == (os.fsencode(tmp_path / "d/a"), os.fsencode(tmp_path / "b"))
        assert left.cookie == came.cookie


def test_it_says_that_reads_may_be_missed(tmp_path: Path) -> None:
    with watching(tmp_path, sensor=ObserverSensor) as watch:
        lost = watch.signals[0]
        assert lost.act is Act.LOST
        assert lost.detail.startswith("unsupported: ")
        assert watch.sensor.watched() == 1
        watch.sensor.refresh()


def test_noise_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with watching(tmp_path, sensor=ObserverSensor, skip=lambda path: path.endswith(b".git")) as watch:
        (tmp_path / ".git/x").write_bytes(b"x")
        assert watch.acts(".git/") == []


def test_one_more_directory_is_watched(tmp_path: Path) -> None:
    root, extra = tmp_path / "root", tmp_path / "extra"
    root.mkdir()
    extra.mkdir()
    with watching(root, sensor=ObserverSensor) as watch:
        watch.sensor.watch_extra(os.fsencode(extra))
        (extra / "a").write_bytes(b"x")
        watch.collector.wait_for(
            lambda: any(signal.path == os.fsencode(extra / "a") for signal in watch.signals)
        )


def test_linux_gets_inotify_and_others_the_observer() -> None:
    assert portable.file_sensor() is InotifySensor
