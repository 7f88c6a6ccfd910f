import bz2
import gzip
import lzma
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.readers import MemoryReader, PartReader, UnpackedReader

PACKED = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("packing", PACKED)
@given(st.binary(max_size=3_000), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 900)), max_size=8))
def test_what_is_compressed_is_read_forwards(packing: str, data: bytes, steps: list[tuple[int, int]]) -> None:
    reader = UnpackedReader(MemoryReader(PACKED[packing](data)), packing, 100_000)
    at = 0
    for skipped, size in steps:
        at += skipped
        assert reader.read(at, size) == data[at : at + size]
        at += size


def test_no_more_is_unpacked_than_the_bound() -> None:
    reader = UnpackedReader(MemoryReader(zlib.compress(bytes(10_000_000))), "zlib", 5_000)
    assert len(reader.read(0, 10_000_000)) == 5_000
    assert not reader.ended


def test_it_is_not_read_backwards_and_noise_is_an_error() -> None:
    reader = UnpackedReader(MemoryReader(gzip.compress(b"abcdef")), "gzip", 100)
    assert reader.read(3, 2) == b"de"
    with pytest.raises(RecogniseError, match="forwards"):
        reader.read(0, 1)
    with pytest.raises(RecogniseError, match="decompressed"):
        UnpackedReader(MemoryReader(b"\x1f\x8bnothing of that kind"), "gzip", 100).read(0, 10)


def test_a_part_ends_where_it_ends() -> None:
    part = PartReader(MemoryReader(b"0123456789"), 2, 5)
    assert (part.size_bytes, part.read(0, 99), part.read(4, 99), part.read(7, 1)) == (5, b"23456", b"6", b"")
    assert PartReader(MemoryReader(b"0123"), 2, 99).size_bytes == 2
    assert PartReader(MemoryReader(b"0123"), 1 << 70, 99).read(0, 5) == b""
