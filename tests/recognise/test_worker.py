"""The process that looks into files keeps within its bounds, whatever a recogniser does."""

import os
import pickle
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mlamd.model import codec
from mlamd.recognise.finding import Finding, RecogniseError, Subject
from mlamd.recognise.registry import Registry, installed
from mlamd.recognise.worker import MOST_ANSWER_BYTES, Descriptor, look, packed


class One:
    """A recogniser that does what it is told."""

    name = "one"
    rank = 1

    def __init__(self, work: object) -> None:
        self._work = work

    def recognise(self, subject: Subject) -> Finding | None:
        return self._work(subject)  # type: ignore[operator,no-any-return]


def _looked(tmp_path: Path, work: object, content: bytes = b"abc") -> Finding:
    file = tmp_path / "a"
    file.write_bytes(content)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return look(Registry([One(work)]), b"a", descriptor)
    finally:
        os.close(descriptor)


def test_one_that_never_ends_is_ended(tmp_path: Path) -> None:
    def for_ever(_: Subject) -> Finding | None:
        while True:
            with suppress(Exception):  # not even that keeps it
                sum(range(1000))

    began = time.process_time()
    found = _looked(tmp_path, for_ever)
    assert found.kind == "generic"
    assert "longer than" in str(found.facts["trouble"])
    assert time.process_time() - began < 2


def test_one_that_fails_is_told_of(tmp_path: Path) -> None:
    def fails(_: Subject) -> Finding | None:
        raise KeyError("x")

    assert "KeyError" in str(_looked(tmp_path, fails).facts["trouble"])


def test_too_much_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    with file.open("wb") as sparse:
        sparse.truncate(4 << 30)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        reader = Descriptor(descriptor, 1000)
        assert reader.size_bytes == 4 << 30
        assert reader.read(0, 900) == bytes(900)
        with pytest.raises(RecogniseError, match="too much"):
            reader.read(0, 101)
        with pytest.raises(RecogniseError):
            Descriptor(descriptor, 1000).path()
    finally:
        os.close(descriptor)


def test_a_copy_for_libraries_has_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"content")
    descriptor = os.open(file, os.O_RDONLY)
    reader = Descriptor(descriptor)
    try:
        assert Path(reader.path()).read_bytes() == b"content"
        assert reader.read(3, 100) == b"tent"
        assert reader.read(100, 1) == b""
    finally:
        reader.close()
        os.close(descriptor)


def test_too_many_facts_are_cut() -> None:
    finding = Finding("dataset", "csv", {"rows": 3, "columns": ["x" * 1000] * 1000})
    answer = packed(finding)
    assert len(answer) < MOST_ANSWER_BYTES
    assert codec.unpack(answer)["facts"] == {"rows": 3, "trouble": "it says more of itself than is kept"}


class _Evil:
    def __init__(self, proof: str) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._proof,)


def test_nothing_is_loaded(tmp_path: Path) -> None:
    """A pickle and a YAML that would make a directory make none."""
    proof = str(tmp_path / "made")
    files = {
        "a.pkl": pickle.dumps(_Evil(proof)),
        "b.joblib": pickle.dumps(_Evil(proof), 2),
        "c.yaml": f"!!python/object/apply:os.mkdir ['{proof}']\n".encode(),
        "d.pt": pickle.dumps(_Evil(proof), 2),
    }
    registry = installed()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        descriptor = os.open(tmp_path / name, os.O_RDONLY)
        try:
            look(registry, name.encode(), descriptor)
        finally:
            os.close(descriptor)
    assert not Path(proof).exists()


def test_secrets_are_masked_whoever_found_them() -> None:
    facts = {"hyperparameters": {"api_key": "verysecretvalue1", "alpha": 0.5}, "columns": [{"name": "token"}]}
    kept = codec.unpack(packed(Finding("model", "pickle", facts)))["facts"]
    assert kept == {"hyperparameters": {"api_key": "***", "alpha": 0.5}, "columns": [{"name": "token"}]}
