"""Which processes concern a directory."""

import pytest

from mlamd.model.processes import ProcessFacts, ProcessKey, concerns, lies_below


def facts(cwd: str, *argv: str) -> ProcessFacts:
    return ProcessFacts(ProcessKey("b", 5, 1), 1, None, 5, 5, 0, 1000, 1, "x", argv, cwd, "/x")


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/w", "/w", True),
        ("/w/a", "/w", True),
        ("/ww", "/w", False),
        ("/", "/w", False),
        ("/x", "/", True),
        ("", "/w", False),
    ],
)
def test_a_path_lies_below_a_directory_or_is_it(path: str, root: str, *, below: bool) -> None:
    assert lies_below(path, root) is below


def test_who_works_in_the_directory_or_names_it_concerns_it() -> None:
    assert concerns(facts("/w/sub", "python"), ("/w",))
    assert concerns(facts("/", "python", "--data=/w/x"), ("/w",))
    assert concerns(facts("/data/x", "python"), ("/w", "/data"))
    assert not concerns(facts("/home", "python", "w"), ("/w",))


def test_who_may_not_be_asked_concerns_nothing() -> None:
    assert not concerns(facts(""), ("/w",))


def test_a_recycled_pid_is_another_key() -> None:
    assert ProcessKey("b", 5, 1) != ProcessKey("b", 5, 2)
    assert ProcessKey("b", 5, 1) != ProcessKey("c", 5, 1)
