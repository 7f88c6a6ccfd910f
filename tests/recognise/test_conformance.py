"""Every installed recogniser keeps to what is asked of all; and the check finds those that do not."""

import ast
import json
import os
import pickle
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlamd.recognise.conformance import Problem, check, examine, trials
from mlamd.recognise.finding import Finding, RecogniseError, Recogniser, Subject
from mlamd.recognise.hostile import content
from mlamd.recognise.registry import Registry, installed
from tests.recognise.files import CORPUS

EXPECTED = json.loads((CORPUS / "expected.json").read_text())
INSTALLED = {one.name: one for one in installed().recognisers}
MUTATED = 3_000
FORBIDDEN = Path(__file__).with_name("written-by-a-recogniser")


def _known(recogniser: Recogniser) -> dict[str, bytes]:
    """The files of the corpus that a recogniser knows, whoever else may know them."""
    found = {}
    for name in EXPECTED:
        data = (CORPUS / name).read_bytes()
        outcome = Registry([recogniser]).recognise(Subject(name.encode(), data[:65_536], _Memory(data)))
        if outcome.format:
            found[name] = data
    return found


class _Memory:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes = len(data)

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]

    def path(self) -> str:
        raise RecogniseError("it has no path")


@pytest.mark.parametrize("name", INSTALLED)
def test_installed_recognisers_conform(name: str) -> None:
    recogniser = INSTALLED[name]
    examples = dict(list(_known(recogniser).items())[:12])
    assert check(recogniser, examples, rounds=40, seed=1) == []


class _All:
    """All recognisers together, as the daemon asks them."""

    name = "all"
    rank = 0

    def __init__(self) -> None:
        self._registry = installed()

    def recognise(self, subject: Subject) -> Finding | None:
        found = self._registry.recognise(subject)
        trouble = str(found.facts.get("trouble", ""))
        assert not re.fullmatch(r"\w+: \w+(Error|Exception)", trouble), trouble
        return found if found.format else None


def test_changed_files_do_no_harm(tmp_path: Path) -> None:
    examples = {name: (CORPUS / name).read_bytes() for name in EXPECTED}
    everyone = _All()
    problems = []
    changed = [trial for trial in trials(examples, MUTATED, seed=2) if not trial[2]][-MUTATED:]
    assert len(changed) == MUTATED
    for name, changed_content, _ in changed:
        outcome = examine(everyone, name, changed_content, tmp_path / "file")
        if outcome.problem:
            problems.append((name, changed_content.what, outcome.problem))
    assert problems == []


class _Bad:
    """A recogniser that does what it should not."""

    name = "bad"
    rank = 0

    def __init__(self, does: Callable[[Subject], object]) -> None:
        self._does = does

    def recognise(self, subject: Subject) -> Finding | None:
        found = self._does(subject)
        return found if isinstance(found, Finding) else Finding("dataset", "bad")


def _dawdle(_: Subject) -> None:
    until = time.process_time() + 1.1
    while time.process_time() < until:
        pass


@pytest.mark.parametrize(
    ("does", "word"),
    [
        (lambda _: pickle.loads(pickle.dumps(os.getcwd)), "pickle.find_class"),  # noqa: S301  (what is looked for)
        (lambda _: subprocess.run(["true"], check=True), "subprocess.Popen"),
        (lambda _: ast.literal_eval("[1]"), "compile"),
        (lambda _: FORBIDDEN.write_text("x"), "open"),
        (lambda subject: subject.head[10_000_000], "IndexError"),
        (lambda _: bytes(300 << 20), "memory"),
        (lambda subject: [subject.reader.read(0, 60_000) for _ in range(1_300)], "read"),
        (_dawdle, "took"),
        (lambda _: Finding("thing", "bad"), "kind"),
        (lambda _: Finding("dataset", ""), "format"),
    ],
)
def test_the_check_finds_what_none_may_do(
    does: Callable[[Subject], object], word: str, tmp_path: Path
) -> None:
    data = content("an example", bytes(70_000))
    plain = examine(_Bad(does), "some.file", data, tmp_path / "file").problem
    measured = examine(_Bad(does), "some.file", data, tmp_path / "file", measured=True).problem
    assert word in plain + measured
    assert not FORBIDDEN.exists()


def test_a_recogniser_that_does_not_know_its_example_is_found() -> None:
    class Blind:
        name = "blind"
        rank = 0

        def recognise(self, subject: Subject) -> Finding | None:  # noqa: ARG002  (the interface)
            return None

    found = check(Blind(), {"some.file": b"x"}, rounds=0)
    assert found == [Problem("some.file", "an example", "does not know an example")]
