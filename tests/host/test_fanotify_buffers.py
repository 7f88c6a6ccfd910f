"""What a fanotify group reads, packed by hand as include/uapi/linux/fanotify.h lays it out."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host.fanotify import OVERFLOW, Raw, UnsupportedError, events_in

_FID, _DFID_NAME, _OLD, _NEW = 1, 2, 10, 12

_keys = st.builds(
    lambda fsid, kind, handle: fsid + struct.pack("=Ii", len(handle), kind) + handle,
    st.binary(min_size=8, max_size=8),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.binary(max_size=128),
)
_names = st.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name)
_deeds = st.builds(
    Raw,
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 1 << 22),
    _keys,
    _names,
    _keys,
    st.just(b""),
    st.just(b""),
    st.none(),
)
_renames = st.builds(
    Raw, st.just(0x10000000), st.integers(0, 1 << 22), _keys, _names, _keys, _keys, _names, st.none()
)
_overflows = st.just(Raw(OVERFLOW, 0, b"", b"", b""))
_raws = st.lists(st.one_of(_deeds, _renames, _overflows), max_size=20)


def _record(kind: int, key: bytes, name: bytes | None = None) -> bytes:
    body = key if name is None else key + name + b"\0"
    body += bytes(-(len(body)) % 4)
    return struct.pack("=BBH", kind, 0, 4 + len(body)) + body


def pack(raw: Raw, *, version: int = 3, more: bytes = b"") -> bytes:
    """Return the event as the kernel writes it, with ``more`` after the metadata that we know."""
    body = more
    if raw.new_directory:
        body += _record(_OLD, raw.directory, raw.name) + _record(_NEW, raw.new_directory, raw.new_name)
    elif raw.directory:
        body += _record(_DFID_NAME, raw.directory, raw.name)
    if raw.target:
        body += _record(_FID, raw.target)
    return struct.pack("=IBxHQii", 24 + len(body), version, 24 + len(more), raw.mask, -1, raw.pid) + body


@given(_raws, st.sampled_from([b"", bytes(8)]))
def test_round_trip(raws, more):
    assert list(events_in(b"".join(pack(raw, more=more) for raw in raws))) == raws


@given(_deeds, st.integers(20, 200))
def test_record_of_an_unknown_kind_is_passed_over(raw, kind):
    data = bytearray(pack(raw))
    extra = _record(kind, bytes(20))
    struct.pack_into("=I", data, 0, len(data) + len(extra))
    assert list(events_in(bytes(data) + extra)) == [raw]


def test_nothing():
    assert list(events_in(b"")) == []


def test_another_version_of_the_format():
    with pytest.raises(UnsupportedError, match="version 4"):
        list(events_in(pack(Raw(1, 1, b"", b"", b""), version=4)))
