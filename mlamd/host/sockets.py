"""Which Unix sockets are connected with each other. Source: sock_diag(7)."""

import socket
import struct

_SOCK_DIAG_BY_FAMILY = 20
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_UDIAG_SHOW_PEER = 0x4
_UNIX_DIAG_PEER = 2
_ALL_STATES = 0xFFFFFFFF


def unix_peers() -> dict[int, int]:
    """Return inode → inode of the other end, for all connected Unix sockets that we may see.

    Empty where the kernel does not answer. One dump; about 1 ms for some hundred sockets.
    """
    if not hasattr(socket, "AF_NETLINK"):
        return {}
    request = struct.pack("=BBHIIII", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _UDIAG_SHOW_PEER, 0)
    request += struct.pack("=I", 0)
    header = struct.pack(
        "=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0
    )
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:
            netlink.settimeout(0.2)
            netlink.send(header + request)
            return _collect(netlink)
    except OSError:
        return {}


def _collect(netlink: socket.socket) -> dict[int, int]:
    peers: dict[int, int] = {}
    while True:
        data = netlink.recv(1 << 16)
        position = 0
        while position + 16 <= len(data):
            length, kind = struct.unpack_from("=IH", data, position)
            if kind in {_NLMSG_DONE, _NLMSG_ERROR} or length < 16:
                return peers
            _message(data[position + 16 : position + length], peers)
            position += (length + 3) & ~3


def _message(body: bytes, peers: dict[int, int]) -> None:
    """Take apart a ``struct unix_diag_msg`` (16 bytes) and its attributes."""
    if len(body) < 16:
        return
    inode = struct.unpack_from("=I", body, 4)[0]
    position = 16
    while position + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, position)
        if length < 4:
            return
        if kind == _UNIX_DIAG_PEER and length >= 8:
            peers[inode] = struct.unpack_from("=I", body, position + 4)[0]
        position += (length + 3) & ~3
