from mlamd.recognise import registry as module
from mlamd.recognise.finding import Finding, RecogniseError, Subject
from mlamd.recognise.readers import MemoryReader
from mlamd.recognise.registry import Registry, installed


class _Fixed:
    def __init__(self, name: str, rank: int, answer: Finding | Exception | None) -> None:
        self.name = name
        self.rank = rank
        self._answer = answer

    def recognise(self, subject: Subject) -> Finding | None:  # noqa: ARG002  (the interface)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def _found(*recognisers: _Fixed) -> Finding:
    return Registry(list(recognisers)).recognise(Subject(b"x", b"", MemoryReader(b"")))


def test_the_lowest_rank_is_asked_first() -> None:
    late, early = Finding("dataset", "late"), Finding("dataset", "early")
    assert _found(_Fixed("a", 60, late), _Fixed("b", 10, early)) == early


def test_one_that_fails_leaves_it_to_the_others() -> None:
    known = Finding("dataset", "x")
    assert _found(_Fixed("a", 1, RecogniseError("cut short")), _Fixed("b", 2, known)) == known
    assert _found(_Fixed("a", 1, ZeroDivisionError()), _Fixed("b", 2, known)) == known


def test_what_nobody_understands_is_generic_and_says_why() -> None:
    assert _found() == Finding("generic", "")
    found = _found(_Fixed("a", 1, RecogniseError("cut short")), _Fixed("b", 2, ZeroDivisionError()))
    assert found == Finding("generic", "", {"trouble": "a: cut short"})
    assert _found(_Fixed("b", 2, ZeroDivisionError())).facts == {"trouble": "b: ZeroDivisionError"}


def test_every_entry_point_loads_and_no_name_is_there_twice() -> None:
    found = installed()
    names = [one.name for one in found.recognisers]
    assert not found.broken
    assert len(set(names)) == len(names)
    assert all(0 < one.rank < 100 for one in found.recognisers)
    assert module.GROUP == "mlamd.recognisers"
