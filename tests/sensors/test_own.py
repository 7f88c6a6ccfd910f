"""Our own reading, on a real directory, through sensor and translator."""

import os
import threading
from pathlib import Path

import pytest

from mlamd.host.files import LocalFiles, file_stat
from mlamd.model import observations as seen
from mlamd.sensors.own import OwnReads
from mlamd.sensors.translate import Translator
from tests.sensors.watching import watching

pytestmark = pytest.mark.linux


def _reads(signals: list, translator: Translator, path: bytes) -> tuple[int, int]:
    found = [one for signal in signals if signal.path == path for one in translator.translate(signal)]
    opens = sum(isinstance(one, seen.FileOpened) for one in found)
    return opens, sum(isinstance(one, seen.FileClosed) for one in found)


def test_digesting_is_not_observed_and_a_users_simultaneous_read_is(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "data")
    (tmp_path / "data").write_bytes(b"x" * 3_000_000)
    own = OwnReads()
    files = LocalFiles(own)
    translator = Translator(LocalFiles(), own, lambda name: 1, lambda name: None)  # noqa: ARG005
    stat = file_stat((tmp_path / "data").stat())
    with watching(tmp_path) as watch:
        files.digest(path, stat)
        assert _reads(watch.sync(), translator, path) == (0, 0)
        before = len(watch.signals)
        user = threading.Thread(target=lambda: [(tmp_path / "data").read_bytes() for _ in range(5)])
        user.start()
        for _ in range(5):
            assert files.digest(path, stat).whole is not None
        user.join()
        watch.sync()
        opens, closes = _reads(watch.signals[before:], translator, path)
        assert 1 <= opens <= 5, "the kernel joins equal events that stand next to each other"
        assert 1 <= closes <= 5
