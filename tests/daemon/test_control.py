"""The control socket: whom it answers, and what it makes of nonsense."""

import json
import os
import socket
import subprocess
import sys

import pytest

from mlamd.daemon import client
from mlamd.errors import NotAnsweringError, NotRunningError


def _say(store, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        with client.address_of(store) as address:
            connection.connect(address)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)


def test_nonsense_does_not_end_the_recorder(recorded):
    assert _say(recorded.store, b"\xff\xfe\n") == b""
    assert _say(recorded.store, b"") == b""
    assert json.loads(_say(recorded.store, b"[1]\n")) == {"error": "unknown request None"}
    assert "unknown request" in json.loads(_say(recorded.store, b'{"ask": "dance"}\n'))["error"]
    assert _say(recorded.store, b"x" * 60_000) == b""
    recorded.sync()


@pytest.mark.root
def test_another_user_is_not_answered(recorded):
    """Even where the directories' modes would let it in."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    recorded.store.chmod(0o711)
    (recorded.store / "control.sock").chmod(0o777)
    become = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setuid(65534)\n"
        "connection = socket.socket(socket.AF_UNIX); connection.connect('control.sock')\n"
        'connection.sendall(b\'{"ask": "stop"}\\n\'); print(connection.recv(99))'
    )
    done = subprocess.run(
        [sys.executable, "-c", become, str(recorded.store)], capture_output=True, text=True, check=False
    )
    refused = ("ConnectionResetError", "BrokenPipeError")  # before or after it could send its question
    assert done.stdout == "b''\n" or done.stderr.strip().rpartition("\n")[2].startswith(refused), done
    assert recorded.ask("status")["data"]["state"] == "running"


def test_nobody_listens(project):
    project.mlamd("init")
    with pytest.raises(NotRunningError):
        client.ask(project.store, "status")


def test_a_listener_without_an_answer(project):
    project.mlamd("init")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with client.address_of(project.store) as address:
            listener.bind(address)
        listener.listen()
        with pytest.raises(NotAnsweringError):
            client.ask(project.store, "status", timeout_s=0.2)


def test_deep_workspace(project):
    """The address of a Unix socket ends at 108 bytes; the path of a workspace does not."""
    project.root = project.root.joinpath(*["d" * 60] * 5)
    project.root.mkdir(parents=True)
    project.store = project.root / ".mlamd"
    assert len(str(project.store)) > 250
    project.start()
    (project.root / "file").write_text("x")
    assert [row["path"] for row in project.ask("log")["data"]] == ["file"]
    project.mlamd("stop")
