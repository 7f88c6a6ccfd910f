"""The libraries of living steps are found out behind the recording."""

import subprocess
import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import pytest
import trio

from mlamd.catalog.catalog import Catalog, current
from mlamd.catalog.memory import CatalogMemory
from mlamd.daemon import libraries
from mlamd.daemon.documents import Documents
from mlamd.daemon.libraries import Libraries
from mlamd.host.clock import SystemClock
from mlamd.host.libraries import Loaded
from mlamd.journal import documents
from mlamd.journal.documents import CODE, HOST, NATIVE, PACKAGES
from mlamd.lineage.view import View
from mlamd.model.events import Documented, Event, Surrounded
from mlamd.model.processes import ProcessKey
from tests.conftest import Project

pytestmark = pytest.mark.linux

KEY = ProcessKey("boot", 7, 1)


def test_a_step_that_loads_late_and_ends(recorded: Project) -> None:
    """numpy is loaded after the first look; what was known of the step before stays known."""
    subprocess.run(["git", "init", "-q"], cwd=recorded.root, check=True)
    script = (
        "import time; open('a').read(); time.sleep(0.7); import numpy; time.sleep(1.5)\n"
        "open('b', 'w').write('x'); time.sleep(0.1)"
    )
    (recorded.root / "a").write_text("1")
    subprocess.run([sys.executable, "-c", script], cwd=recorded.root, check=True, start_new_session=True)
    recorded.sync()
    with current(recorded.store) as tables:
        view = View(tables)
        (writer,) = view.version(view.current(b"b")[0]).writers
        found = view.surroundings(writer.step)
    assert set(found) == {HOST, CODE, PACKAGES, NATIVE}
    assert found[NATIVE]["packages"] == ["numpy"]
    assert [path for path in found[NATIVE]["libraries"] if "openblas" in path]


class Told:
    """Looks that find what a test says, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: Loaded) -> None:
        self._looks = list(looks)
        self.asked = 0
        monkeypatch.setattr(libraries, "LOOKS_S", tuple(0.01 * n for n in range(len(looks))))
        monkeypatch.setattr(libraries, "loaded", self._loaded)

    def _loaded(self, process: ProcessKey) -> Loaded:
        del process
        self.asked += 1
        return self._looks.pop(0)

    def at_work(self, steps: Collection[int]) -> dict[int, list[ProcessKey]]:
        return {step: [KEY] for step in steps}


def _made(store: Path, told: Told, *, end: bool) -> list[Event]:
    async def main() -> list[Event]:
        with closing(Catalog(store, write=True)) as catalog:
            book = Documents(CatalogMemory(catalog))
            watching = Libraries(book, SystemClock(), told.at_work, lambda: None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watching.run)
                watching.begun(5)
                looks = len(libraries.LOOKS_S)
                while told.asked < looks:
                    await trio.sleep(0.01)
                await trio.sleep(0.05)
                nursery.cancel_scope.cancel()
            if end:
                watching.ended(5)
                watching.finish()
            return watching.take()

    return trio.run(main)


A, B = Loaded(frozenset({"/liba.so"})), Loaded(frozenset({"/libb.so"}), frozenset({"numpy"}))


def test_it_is_told_when_two_looks_have_found_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, surrounded = _made(tmp_path, Told(monkeypatch, A, B, B, A, B), end=True)
    assert isinstance(document, Documented)
    assert isinstance(surrounded, Surrounded)
    assert (document.sort, surrounded.step, surrounded.documents) == (NATIVE, 5, (document.document,))
    assert documents.unpack(document.value) == {"libraries": ["/liba.so", "/libb.so"], "packages": ["numpy"]}


def test_what_is_not_settled_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _made(tmp_path / "a", Told(monkeypatch, A, B), end=False) == []
    document, _ = _made(tmp_path / "b", Told(monkeypatch, A, B), end=True)
    assert isinstance(document, Documented)
    assert documents.unpack(document.value)["libraries"] == ["/liba.so", "/libb.so"]


def test_a_step_that_nobody_could_look_at_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _made(tmp_path, Told(monkeypatch, Loaded(), Loaded()), end=True) == []
