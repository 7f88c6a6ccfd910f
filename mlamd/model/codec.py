"""Packing of values to msgpack: every choice is made here, once.

Text may carry surrogate escapes (paths and arguments that are not UTF-8), bytes stay bytes,
sequences come back as lists. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from collections.abc import Iterator
from typing import Any

import msgpack


def packer() -> msgpack.Packer:
    """Make a packer; it is not safe to share between threads."""
    return msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape", autoreset=True)


_PACKER = packer()


def pack(value: object) -> bytes:
    """Pack one value. To be called from the thread that owns the store, or for small values."""
    packed: bytes = _PACKER.pack(value)
    return packed


def unpack(data: bytes) -> Any:
    """Unpack one value; raises ``ValueError`` for anything that is not exactly one.

    A damaged map may have a list as its key, which msgpack reports as a ``TypeError``.
    """
    try:
        return msgpack.unpackb(
            data, raw=False, unicode_errors="surrogateescape", use_list=True, strict_map_key=False
        )
    except (msgpack.UnpackException, msgpack.ExtraData, TypeError) as error:
        raise ValueError(str(error)) from error


def unpack_all(data: bytes) -> Iterator[Any]:
    """Unpack the values that stand one after the other in ``data``."""
    unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape", strict_map_key=False)
    unpacker.feed(data)
    return iter(unpacker)
