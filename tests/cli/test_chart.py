"""Charts of blocks: what is highest fills the height, and what is not known is not nothing."""

from hypothesis import given
from hypothesis import strategies as st

from mlamd.cli import chart


def test_rows():
    assert chart.rows([0, 1, 2, None, 4], 2) == ["    █", "▁▄█·█"]
    assert chart.rows([None, None], 2) == ["  ", "··"]
    assert chart.rows([0, None, 0.0], 1) == ["▁·▁"]
    assert chart.rows([], 3) == ["", "", ""]


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=40), st.integers(1, 5))
def test_every_value_is_one_column(values, height):
    lines = chart.rows(values, height)
    assert [len(line) for line in lines] == [len(values)] * height
    for place, value in enumerate(values):
        assert (lines[-1][place] == chart.MISSING) == (value is None)
        assert value is None or lines[-1][place] != " "
    known = [value for value in values if value is not None]
    if known and max(known) > 0:
        assert "█" in lines[0]
