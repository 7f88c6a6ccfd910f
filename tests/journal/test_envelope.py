"""Blocks of events: what goes in comes out, and what is damaged is refused."""

import struct
import types
import zlib
from dataclasses import fields
from enum import IntEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.errors import StoreDamagedError, StoreTooNewError
from mlamd.journal import envelope
from mlamd.model import codec, events
from mlamd.model.files import FileStat

_ARGUMENTS = st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))
"""What a command line may hold: text in which bytes that are not UTF-8 are surrogate escapes."""
_NUMBERS = st.integers(-(2**63), 2**64 - 1)
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: _NUMBERS,
    str: _ARGUMENTS,
    bytes: st.binary(max_size=300),
    bool: st.booleans(),
    type(None): st.none(),
    FileStat: st.builds(FileStat, *[_NUMBERS] * 6),
}


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Build the values of a field from its annotation."""
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if isinstance(hint, types.UnionType):
        return st.one_of([_strategy(part) for part in get_args(hint)])
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return st.lists(_strategy(parts[0]), max_size=4).map(tuple)
        return st.tuples(*[_strategy(part) for part in parts])
    assert issubclass(hint, IntEnum), hint
    return st.sampled_from(hint)


def _of(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: _strategy(hints[field.name]) for field in fields(kind)})


ANY_EVENT = st.one_of([_of(kind) for kind in envelope.TAGS.values()])


@pytest.mark.parametrize("kind", envelope.TAGS.values(), ids=lambda kind: kind.__name__)
def test_every_kind_comes_back(kind):
    @given(_of(kind))
    def check(event: Any) -> None:
        (again,) = envelope.decode(envelope.encode([event]))
        assert again == event
        assert type(again) is kind
        for field in fields(kind):
            assert type(getattr(again, field.name)) is type(getattr(event, field.name))

    check()


@given(st.lists(ANY_EVENT, max_size=30))
def test_blocks_come_back_in_order(batch):
    assert envelope.decode(envelope.encode(batch)) == batch


def test_every_event_has_a_tag():
    assert set(envelope.TAGS.values()) == set(get_args(events.Event))


@given(st.lists(ANY_EVENT, min_size=1, max_size=5), st.data())
def test_a_changed_byte_is_noticed(batch, data):
    block = bytearray(envelope.encode(batch))
    place = data.draw(st.integers(1, len(block) - 1))
    block[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreDamagedError):
        envelope.decode(bytes(block))


@given(st.lists(ANY_EVENT, min_size=1, max_size=5), st.data())
def test_a_block_that_is_cut_off_is_noticed(batch, data):
    block = envelope.encode(batch)
    with pytest.raises(StoreDamagedError):
        envelope.decode(block[: data.draw(st.integers(0, len(block) - 1))])


def test_newer_version():
    block = bytearray(envelope.encode([events.SessionEnded(1, "s", "stopped")]))
    block[0] = envelope.VERSION + 1
    with pytest.raises(StoreTooNewError, match="upgrade mlamd"):
        envelope.decode(bytes(block))


def _block(*rows: list[Any]) -> bytes:
    body = zlib.compress(b"".join(codec.pack(row) for row in rows))
    return struct.pack(">BI", envelope.VERSION, zlib.crc32(body)) + body


def test_unknown_kind():
    with pytest.raises(StoreTooNewError, match="unknown kind 99"):
        envelope.decode(_block([99, 1]))


def test_fields_that_an_older_writer_did_not_know_get_their_defaults():
    assert envelope.decode(_block([7, 5, 6, 0])) == [events.StepEnded(5, 6, 0)]
    assert envelope.decode(_block([9, 5, b"d"])) == [events.Digested(5, b"d")]
