import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise import cursor
from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.readers import MemoryReader

_STEPS = st.lists(st.tuples(st.sampled_from(["take", "skip", "byte"]), st.integers(0, 40)), max_size=30)


@given(st.binary(max_size=300), st.integers(0, 50), st.integers(1, 64), _STEPS)
def test_a_cursor_gives_what_stands_there(
    data: bytes, at: int, block: int, steps: list[tuple[str, int]]
) -> None:
    at = min(at, len(data))
    reading = Cursor(MemoryReader(data), at, block=block)
    place = at
    for kind, count in steps:
        size = 1 if kind == "byte" else count
        if place + size > len(data):
            with pytest.raises(RecogniseError):
                getattr(reading, kind)(*([] if kind == "byte" else [count]))
            return
        if kind == "take":
            assert reading.take(count) == data[place : place + count]
        elif kind == "byte":
            assert reading.byte() == data[place]
        else:
            reading.skip(count)
        place += size
        assert reading.at == place


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.integers(1, 64))
def test_lines_are_read_one_after_another(lines: list[bytes], block: int) -> None:
    reading = Cursor(MemoryReader(b"".join(line + b"\n" for line in lines)), block=block)
    assert [reading.line(100) for _ in lines] == lines
    with pytest.raises(RecogniseError):
        reading.line(100)


def test_an_endless_line_is_given_up() -> None:
    with pytest.raises(RecogniseError, match="too long"):
        Cursor(MemoryReader(b"x" * 300_000)).line(10)


def test_numbers_and_their_bounds() -> None:
    reading = Cursor(MemoryReader(bytes(range(1, 16))))
    assert (reading.u8(), reading.u16(), reading.u32()) == (1, 0x0302, 0x07060504)
    assert reading.u64() == 0x0F0E0D0C0B0A0908
    with pytest.raises(RecogniseError, match="ends early"):
        reading.u8()
    with pytest.raises(RecogniseError):
        reading.skip(-1)


def test_a_piece_beyond_all_measure_is_not_read() -> None:
    class Vast(MemoryReader):
        @property
        def size_bytes(self) -> int:
            return 1 << 40

    with pytest.raises(RecogniseError, match="too large"):
        Cursor(Vast(b"")).take(cursor.MOST_PIECE + 1)
