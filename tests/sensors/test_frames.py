"""What goes over the line between sensor and recorder comes out as it went in, however it is cut."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.model import codec
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey
from mlamd.sensors.frames import LENGTH, Reader, Splitter, Synced, frame, row_of, synced
from mlamd.sensors.signals import Deed

BOOT = "b00t"
_numbers = st.integers(0, (1 << 63) - 1)
_ids = st.integers(-1, 1 << 22)
_text = st.binary(max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))
_paths = st.binary(max_size=60)
_keys = st.builds(ProcessKey, st.sampled_from([BOOT, ""]), _ids, _numbers)
_facts = st.builds(
    ProcessFacts,
    key=_keys,
    parent_pid=_ids,
    parent=st.none() | _keys,
    group=_ids,
    session=_ids,
    terminal=_ids,
    uid=_ids,
    started_ns=_numbers,
    name=_text,
    argv=st.lists(_text, max_size=5).map(tuple),
    cwd=_text,
    executable=_text,
    own=st.booleans(),
    cgroup=_text,
    container=_text,
    inner_pid=_ids,
)
_files = st.lists(st.builds(HeldFile, _paths, st.booleans(), st.booleans()), max_size=3).map(tuple)
_pipes = st.lists(st.builds(HeldPipe, _text, st.booleans(), st.booleans()), max_size=3).map(tuple)
_items = st.one_of(
    st.builds(Deed, st.integers(0, (1 << 64) - 1), _numbers, _numbers, _paths, _keys, _paths),
    st.builds(seen.ProcessSeen, _numbers, _facts, _numbers),
    st.builds(seen.ProcessHeld, _numbers, _keys, _files, _pipes, st.booleans()),
    st.builds(seen.ProcessGone, _numbers, _keys, st.none() | st.integers(-64, 255)),
    st.builds(
        seen.ProcessUsed,
        *(_numbers, _keys, _numbers, _numbers, _numbers, _numbers, _numbers),
        st.none() | _numbers,
        _numbers,
    ),
    st.builds(seen.ProcessesPolled, _numbers, _numbers, st.just(frozenset())),
    st.builds(seen.Lost, _numbers, _numbers, _paths, _text, _text),
)


@given(st.lists(_items, max_size=10))
def test_every_item_comes_out_as_it_went_in(items):
    (value,) = Splitter().feed(frame([row_of(item) for item in items]))
    assert Reader(BOOT).items(value) == items


@given(st.lists(_items, min_size=1, max_size=3), st.data())
def test_frames_may_be_cut_anywhere(items, data):
    stream = b"".join(frame([row_of(item)]) for item in items) + synced(7)
    cut = data.draw(st.integers(0, len(stream)))
    splitter, found = Splitter(), []
    for part in (stream[:cut], stream[cut:]):
        for value in splitter.feed(part):
            found += Reader(BOOT).items(value)
    assert found == [*items, Synced(7)]


def test_byte_by_byte():
    stream = frame({"protocol": 1}) + synced(1) + frame([])
    splitter, found = Splitter(), []
    for position in range(len(stream)):
        found += splitter.feed(stream[position : position + 1])
    assert found == [{"protocol": 1}, [[7, 1]], []]


def test_frame_that_is_too_large():
    splitter = Splitter(100)
    assert splitter.feed(frame(b"x" * 90)) == [b"x" * 90]
    with pytest.raises(ValueError, match="too large"):
        splitter.feed(LENGTH.pack(101))


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error_or_waits_for_more(data):
    try:
        values = Splitter(1 << 16).feed(data)
    except ValueError:
        return
    for value in values:
        try:
            Reader(BOOT).items(value)
        except ValueError:
            continue


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 40) | st.binary(max_size=8) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(_plain)
def test_values_that_are_no_items(value):
    """Whoever speaks is not trusted: anything but items is an error of one kind."""
    try:
        Reader(BOOT).items(value)
    except ValueError:
        return


def test_body_that_is_no_msgpack():
    body = b"\xc1"
    with pytest.raises(ValueError):  # noqa: PT011  (msgpack's message is its own)
        Splitter().feed(LENGTH.pack(len(body)) + body)


def test_unknown_kind():
    with pytest.raises(ValueError, match="unknown kind 99"):
        Reader(BOOT).items([[99]])


def test_what_no_sensor_tells_of():
    with pytest.raises(TypeError):
        row_of(seen.FileRead(1, b"/w/a", ProcessKey(BOOT, 1, 1)))


def test_length_is_four_bytes_big_endian():
    body = codec.pack([1])
    assert frame([1]) == struct.pack(">I", len(body)) + body


@given(_facts)
def test_boot_is_the_readers_own(facts):
    (value,) = Splitter().feed(frame([row_of(seen.ProcessSeen(1, facts))]))
    (item,) = Reader("other").items(value)
    assert isinstance(item, seen.ProcessSeen)
    boot = "other" if facts.key.boot else ""
    assert item.facts.key == facts.key._replace(boot=boot)
    assert replace(item.facts, key=facts.key, parent=facts.parent) == facts
