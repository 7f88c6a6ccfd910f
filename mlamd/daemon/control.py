"""The control socket: one request a connection, a line of JSON each way.

Requests are ``{"ask": "status"}``, ``{"ask": "sync"}`` and ``{"ask": "stop"}``. The socket has mode
0600 and answers only the recorder's own user (``SO_PEERCRED``, unix(7)) and root. Its path is reached
through the directory's descriptor, as a Unix socket's address ends at 108 bytes.
"""

import json
import socket
from functools import partial
from typing import Any

import trio

from mlamd.daemon.client import MOST_BYTES
from mlamd.daemon.listening import is_allowed
from mlamd.daemon.recorder import Recorder


async def serve(recorder: Recorder, listener: socket.socket, ready: trio.Event) -> None:
    """Answer until cancelled; who wants to synchronise waits until the recorder is ``ready``."""
    server = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    await trio.serve_listeners(partial(_answer, recorder, ready), [server])


async def _answer(recorder: Recorder, ready: trio.Event, stream: trio.SocketStream) -> None:
    async with stream:
        try:
            if not is_allowed(stream.socket):
                return
            with trio.fail_after(60):
                request = json.loads(await _line(stream))
                reply = await _reply(recorder, ready, request)
                await stream.send_all(json.dumps(reply).encode() + b"\n")
        except (ValueError, trio.BrokenResourceError, trio.TooSlowError):
            return


_PATIENCE = 4
"""How many times it is waited for that everything has been taken in, before a stop all the same."""


async def stop(recorder: Recorder, ready: trio.Event) -> None:
    """Let the recorder take in what has happened until now, and end."""
    complete = False
    for _ in range(_PATIENCE):
        complete = complete or not ready.is_set() or await recorder.sync()
    recorder.stop(complete=complete)


async def _line(stream: trio.SocketStream) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < MOST_BYTES:
        part = await stream.receive_some(MOST_BYTES)
        if not part:
            break
        data += part
    return data


async def _reply(recorder: Recorder, ready: trio.Event, request: Any) -> dict[str, Any]:
    ask = request.get("ask") if isinstance(request, dict) else None
    if ask == "status":
        return recorder.status()
    if ask == "sync":
        await ready.wait()
        return {"done": await recorder.sync()}
    if ask == "stop":
        await stop(recorder, ready)
        return {"done": True}
    return {"error": f"unknown request {ask!r}"}
