from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise import lines
from mlamd.recognise.lines import lines_in, lines_of
from mlamd.recognise.readers import MemoryReader


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bb\n", b'"', b"\n\n"]).map(bytes), max_size=40))
def test_lines_are_counted_whatever_the_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = sum(1 for line in whole.split(b"\n") if line.strip(b"\r"))
    assert lines_in(pieces) == (expected, True, b'"' in whole)
    assert lines_in([whole]).total == expected


def test_of_a_large_file_they_are_estimated_from_all_over_it() -> None:
    short, long = b"x\n" * 1_000_000, b"y" * 99 + b"\n"
    data = short * 4 + long * (lines.MOST_COUNTED // 100)
    found = lines_of(MemoryReader(data))
    assert not found.exact
    assert abs(found.total - data.count(b"\n")) < 0.15 * data.count(b"\n")
