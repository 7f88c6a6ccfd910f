"""Pieces of knowledge that many versions or steps share: each is stored once, under its digest.

``MEANING``   {kind, format, made, facts}: what a content is (``mlamd.recognise.finding``)
``PACKAGES``  an interpreter and the distributions that are installed for it
``CODE``      the state of a git repository
``HOST``      the machine, and the container that the recorder is in
``CONTAINER`` the container of a step, if that is another one (empty: none)
``NATIVE``    the native libraries that a step loaded (``mlamd.host.libraries``)
``VARIABLES`` those of its environment that the user wants to have kept, by name
"""

import zlib
from collections.abc import Mapping
from typing import Any

from mlamd.model import codec

MEANING, PACKAGES, CODE = "meaning", "packages", "code"
HOST, CONTAINER, NATIVE, VARIABLES = "host", "container", "native", "variables"


def pack(knowledge: Mapping[str, Any]) -> bytes:
    """Pack what is known: msgpack, deflated (RFC 1950)."""
    return zlib.compress(codec.packer().pack(dict(knowledge)), 6)


def unpack(value: bytes) -> dict[str, Any]:
    """Unpack what ``pack`` packed; raises ``ValueError`` for anything else."""
    try:
        return dict(codec.unpack(zlib.decompress(value)))
    except (TypeError, zlib.error) as error:
        raise ValueError(str(error)) from error
