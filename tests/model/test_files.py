"""What identifies content without reading it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.model.files import FileStat

_number = st.integers(0, 3)
_stats = st.builds(FileStat, _number, _number, _number, _number, _number, _number)
STAT = FileStat(1, 2, 3, 4, 5, 1)


@pytest.mark.parametrize("field", ["device", "inode", "size_bytes", "mtime_ns"])
def test_a_change_of_identity_size_or_mtime_is_another_content(field: str) -> None:
    assert not STAT.same_content(STAT._replace(**{field: 9}))


@pytest.mark.parametrize("field", ["ctime_ns", "links"])
def test_what_chmod_link_and_rename_change_is_the_same_content(field: str) -> None:
    assert STAT.same_content(STAT._replace(**{field: 9}))


def test_nothing_known_is_not_the_same() -> None:
    assert not STAT.same_content(None)


@given(_stats, _stats, _stats)
def test_sameness_is_an_equivalence(one: FileStat, two: FileStat, three: FileStat) -> None:
    assert one.same_content(one)
    assert one.same_content(two) == two.same_content(one)
    if one.same_content(two) and two.same_content(three):
        assert one.same_content(three)
