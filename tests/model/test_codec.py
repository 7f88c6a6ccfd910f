"""Packing: what goes in comes out, whatever its bytes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.model import codec

_text = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | _text
_values = st.recursive(
    _scalars | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(_text | st.integers(0, 99), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(_values)
def test_a_value_comes_back(value: object) -> None:
    assert codec.unpack(codec.pack(value)) == value


@given(st.lists(_values, max_size=5))
def test_values_that_stand_one_after_the_other_come_back(values: list[object]) -> None:
    assert list(codec.unpack_all(b"".join(map(codec.pack, values)))) == values


def test_text_that_is_not_utf_8_stays_what_it_is() -> None:
    assert codec.unpack(codec.pack("caf\udce9")) == "caf\udce9"


def test_text_and_bytes_stay_apart() -> None:
    assert codec.unpack(codec.pack(["a", b"a"])) == ["a", b"a"]


def test_tuples_come_back_as_lists() -> None:
    assert codec.unpack(codec.pack((1, (2, 3)))) == [1, [2, 3]]


@given(_values)
def test_the_same_value_is_always_packed_the_same_way(value: object) -> None:
    assert codec.packer().pack(value) == codec.pack(value)


@pytest.mark.parametrize("data", [b"", b"\x93\x01", codec.pack(1) + codec.pack(2), b"\xc1", b"\x81\x90\x00"])
def test_what_is_not_exactly_one_value_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the words are msgpack's)
        codec.unpack(data)


@given(st.binary(max_size=60))
def test_damaged_data_raises_nothing_but_value_error(data: bytes) -> None:
    with suppress(ValueError):
        codec.unpack(data)
