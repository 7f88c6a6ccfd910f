"""The sensor service with real users: one's own lineage is exact, another's never arrives.

``ONE`` is the user ``nobody``, whose workspace is recorded; ``OTHER`` is a stranger who tries to learn of it.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mlamd.errors import AlreadyRecordedError, UnavailableError
from mlamd.host.capabilities import missing
from mlamd.sensors import frames
from tests.conftest import NOBODY, Project, until

pytestmark = [
    pytest.mark.linux,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason="exact capture is not possible here"),
]

ONE, OTHER = NOBODY, 65_533
HELLO = {"protocol": frames.PROTOCOL, "roots": [], "own": []}


@contextmanager
def user(uid: int) -> Iterator[None]:
    """Be somebody else for a moment, in this process."""
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def does(uid: int, place: Path, *command: str, code: int = 0) -> None:
    """Run a command as a user, to its end."""
    made = subprocess.run(command, cwd=place, user=uid, group=uid, extra_groups=[], check=False)
    assert made.returncode == code


class Service:
    """``mlamd sensor`` as a process."""

    def __init__(self, place: Path) -> None:
        self.path = place / "sensor.sock"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        command = [sys.executable, "-m", "mlamd", "sensor", "--socket", str(self.path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert "serving exact capture at" in self._process.stdout.readline()
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> tuple[int, str]:
        """End it; return the exit code and what it said."""
        assert self._process is not None
        self._process.send_signal(number)
        _, said = self._process.communicate(timeout=30)
        return self._process.returncode, said

    def children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Recorder:
    """A recorder as it might be: it greets, and keeps every byte that it gets."""

    def __init__(self, service: Service, uid: int) -> None:
        self.got = b""
        self.socket = socket.socket(socket.AF_UNIX)
        with user(uid):
            self.socket.connect(str(service.path))
        self.socket.settimeout(30)
        self._splitter = frames.Splitter()
        self._values: list[Any] = []

    def greet(self, *roots: Path) -> dict[str, Any]:
        self.send(HELLO | {"roots": [bytes(root) for root in roots]})
        return dict(self.value())

    def send(self, value: object) -> None:
        self.socket.sendall(frames.frame(value))

    def value(self) -> Any:
        while not self._values:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.got += data
            self._values += self._splitter.feed(data)
        return self._values.pop(0)

    def items(self, number: int = 1) -> list[list[Any]]:
        """Return everything that has been told until now."""
        self.send(["sync", number])
        found: list[list[Any]] = []
        while True:
            for item in self.value():
                if item[0] == 7:
                    assert item[1] == number
                    return found
                found.append(item)

    def deeds(self) -> list[list[Any]]:
        return [item for item in self.items() if item[0] == 0]

    def cut_off(self) -> bool:
        """Say whether the service ends the connection, in time."""
        try:
            while True:
                self.value()
        except (EOFError, ConnectionResetError):
            return True


@pytest.fixture
def service(open_project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service(open_project.root.parent)
    monkeypatch.setenv("MLAMD_SENSOR_SOCKET", str(made.path))
    made.start()
    yield made
    if made.alive():
        assert made.kill(signal.SIGTERM)[0] == 0
        assert not made.path.exists()


@pytest.fixture
def recorder(service: Service) -> Iterator[Callable[[int], Recorder]]:
    made: list[Recorder] = []

    def connect(uid: int) -> Recorder:
        made.append(Recorder(service, uid))
        return made[-1]

    yield connect
    for each in made:
        each.socket.close()


@pytest.fixture
def shared(open_project: Project) -> Path:
    """A directory of root that everybody may write to."""
    place = open_project.root.parent / "shared"
    place.mkdir()
    place.chmod(0o1777)
    return place


def ask(project: Project, *arguments: str) -> Any:
    return json.loads(project.as_nobody(arguments[0], "--json", *arguments[1:]).stdout)


def begin(project: Project) -> "subprocess.Popen[str]":
    project.as_nobody("init")
    return project.foreground(nobody=True)


def sync(project: Project) -> None:
    """Wait until everything is stored; only the user's own processes may ask."""
    ask(project, "status")
    ask(project, "runs")


# --- one's own -------------------------------------------------------------------------------


@pytest.mark.usefixtures("service")
def test_a_users_lineage_is_exact(open_project: Project) -> None:
    begin(open_project)
    status = ask(open_project, "status")["data"]
    assert "of the sensor service; who did what is observed" in status["how"]
    assert status["sensors"][:2] == ["fanotify", "process connector"]
    assert status["notes"] == []
    for words in ("echo raw > raw", "sort raw -o sorted", "cat raw sorted > both; mv both final", "rm raw"):
        does(ONE, open_project.root, "sh", "-c", words)
    why = ask(open_project, "why", "final")
    assert why["gaps"] == []
    assert {(each["evidence"], each["ambiguous"]) for each in why["data"]["causes"]} == {("observed", False)}
    (cause,) = (each for each in why["data"]["causes"] if each["step"]["command"][0] == "cat")
    assert cause["step"]["command"] == ["cat", "raw", "sorted"]
    assert cause["run"]["command"] == ["sh", "-c", "cat raw sorted > both; mv both final"]
    assert cause["run"]["exit_code"] == 0
    assert {(each["path"], each["evidence"]) for each in cause["inputs"]} == {
        ("raw", "observed"),
        ("sorted", "observed"),
    }
    assert ask(open_project, "log", "raw")["data"][0]["action"] == "removed"
    assert {run["status"] for run in ask(open_project, "runs")["data"]} == {"succeeded"}


def test_the_recorder_works_on_without_a_service(service: Service, open_project: Project) -> None:
    service.kill(signal.SIGTERM)
    begin(open_project)
    assert "inferred" in ask(open_project, "status")["data"]["how"]
    open_project.mlamd("-C", str(open_project.root), "status")


def test_a_service_that_dies_is_a_gap_and_recording_goes_on(service: Service, open_project: Project) -> None:
    process = begin(open_project)
    sleeping = subprocess.Popen(["sleep", "60"], cwd=open_project.root, user=ONE, group=ONE, extra_groups=[])
    try:
        does(ONE, open_project.root, "sh", "-c", "echo 1 > before")
        sync(open_project)
        service.kill()
        does(ONE, open_project.root, "sh", "-c", "echo 2 > meanwhile")
        service.start()
        until(lambda: not ask(open_project, "status")["data"]["trouble"])
        assert "sensor-down" in json.dumps(ask(open_project, "status")["gaps"])
        does(ONE, open_project.root, "sh", "-c", "cat before > after")
        causes = ask(open_project, "why", "after")["data"]["causes"]
        (cause,) = (each for each in causes if each["step"]["command"] == ["cat", "before"])
        assert cause["evidence"] == "observed"
        assert [each["path"] for each in cause["inputs"]] == ["before"]
        log = ask(open_project, "log")["data"]
        assert {row["path"] for row in log} == {"before", "meanwhile", "after"}
        assert process.poll() is None
        assert sleeping.poll() is None
    finally:
        sleeping.kill()
        sleeping.wait()


@pytest.mark.usefixtures("service")
def test_the_store_is_not_touched_by_the_service(open_project: Project) -> None:
    begin(open_project)
    does(ONE, open_project.root, "sh", "-c", "echo 1 > file")
    sync(open_project)
    owners = {path.lstat().st_uid for path in open_project.store.rglob("*")}
    assert owners == {ONE}


# --- another's -------------------------------------------------------------------------------


def test_another_users_workspace_is_refused(
    recorder: Callable[[int], Recorder], open_project: Project, shared: Path
) -> None:
    for roots in ([open_project.root], [Path("/")], [open_project.root, shared], [shared, open_project.root]):
        stranger = recorder(OTHER)
        assert set(stranger.greet(*roots)) == {"error"}
        does(ONE, open_project.root, "sh", "-c", "echo 1 > file; rm file")
        assert b"file" not in stranger.got


def test_a_data_root_that_may_not_be_read_is_refused(
    recorder: Callable[[int], Recorder], shared: Path
) -> None:
    own, closed = shared / "own", shared / "closed"
    for path, uid in ((own, OTHER), (closed, ONE)):
        path.mkdir(mode=0o700)
        os.chown(path, uid, uid)
    (own / "link").symlink_to(closed)
    stranger = recorder(OTHER)
    answer = stranger.greet(own, closed, closed / "inner", Path("/"), own / "link", Path("/proc/1/root"))
    refused = {bytes(root): why for root, why in answer["roots"]}
    roots = (own, closed, closed / "inner", Path("/"), own / "link")
    assert [bool(refused[bytes(root)]) for root in roots] == [
        False, True, True, True, True,
    ]  # fmt: skip
    does(ONE, closed, "sh", "-c", "echo 1 > SECRETNAME; cat SECRETNAME > SECRETCOPY")
    does(OTHER, own, "sh", "-c", "echo 1 > mine")
    assert b"mine" in {deed[4].rpartition(b"/")[2] for deed in stranger.deeds()}
    assert b"SECRET" not in stranger.got


def test_files_of_a_shared_directory_that_may_not_be_read_are_not_told_of(
    recorder: Callable[[int], Recorder], shared: Path
) -> None:
    own = shared / "own"
    own.mkdir()
    os.chown(own, OTHER, OTHER)
    stranger = recorder(OTHER)
    assert "roots" in stranger.greet(own, shared)
    script = """
        umask 077; echo 1 > SECRET1; cat SECRET1 > SECRET2; mv SECRET2 SECRET3; chmod 400 SECRET3
        mkdir SECRET4; echo 1 > SECRET4/SECRET5; mkdir SECRET4/SECRET6; mv SECRET1 SECRET4/SECRET7
        mv SECRET4 SECRET8; touch SECRET8/SECRET6/SECRET9; rm -r SECRET3
        umask 022; echo 2 > open1; cat open1 > open2; mv open2 open3; rm open1
        mv SECRET8/SECRET7 open4; chmod 644 open4; mv open3 SECRET8/SECRETA
    """
    does(ONE, shared, "sh", "-c", script)
    time.sleep(0.1)
    does(
        ONE, shared, "sh", "-c", "cat open4 > /dev/null; echo 3 > open5; cat SECRET8/* > /dev/null 2>&1; true"
    )
    deeds = stranger.deeds()
    assert b"SECRET" not in stranger.got
    assert {b"open4", b"open5"} <= {deed[4].rpartition(b"/")[2] for deed in deeds}
    assert {tuple(deed[5]) for deed in deeds} <= {(0, ONE, 0), (-1, 0, 0)}, "who it was must not be told"


@pytest.mark.usefixtures("service")
def test_nothing_of_other_users_processes_arrives(
    recorder: Callable[[int], Recorder], open_project: Project, shared: Path
) -> None:
    """Markers in all that could be seen of others, sought in every byte that arrives or is stored."""
    begin(open_project)
    data = open_project.root / "data"
    data.mkdir()
    data.chmod(0o777)
    spy = recorder(ONE)
    assert "roots" in spy.greet(open_project.root, shared)
    for uid, place in ((OTHER, data), (OTHER, shared), (0, data), (0, open_project.root)):
        script = (
            "umask 022; echo SECRETTEXT > shown; cat shown | sort > shown2; exec 3<shown; exec sleep 0.01"
        )
        directory = shared / f"SECRETDIR{uid}"
        directory.mkdir(exist_ok=True)
        directory.chmod(0o700)
        os.chown(directory, uid, uid)
        words = ["sh", "-c", script, f"SECRETWORD {open_project.root} {place}"]
        subprocess.run(
            words,
            cwd=place,
            user=uid,
            group=uid,
            extra_groups=[],
            check=True,
            env={"SECRETVAR": "1", "OMP_NUM_THREADS": "SECRET"},
        )
        command = ["sh", "-c", f"exec 4>SECRETFILE; cat {data}/shown", "SECRETWORD2"]
        subprocess.run(command, cwd=directory, user=uid, group=uid, extra_groups=[], check=True)
    does(ONE, open_project.root, "sh", "-c", "cat data/shown > mine")
    items = spy.items()
    sync(open_project)
    assert b"SECRET" not in spy.got
    told = [item for item in items if item[0] == 1]
    mine = {tuple(item[2][0]) for item in told if item[2][6] == ONE}
    for item in told:
        if item[2][6] != ONE:
            facts = item[2]
            assert facts[9:12] + facts[13:] == [[], "", "", "", "", 0, [], ""]
    for kind, what in ((2, "held"), (4, "usage")):
        assert {tuple(item[2]) for item in items if item[0] == kind} <= mine, what
    assert all(item[3] is None for item in items if item[0] == 3 and tuple(item[2]) not in mine), "exit codes"
    stored = [path for path in open_project.store.rglob("*") if path.is_file()]
    deadline = time.monotonic() + 10
    while not any(b"shown" in path.read_bytes() for path in stored):  # the catalog comes a second later
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for path in stored:
        content = path.read_bytes().replace(b"SECRETTEXT", b"")
        assert b"SECRET" not in content, path
    causes = ask(open_project, "why", "mine")["data"]["causes"]
    (cause,) = (each for each in causes if each["step"]["command"][0] == "cat")
    assert [each["path"] for each in cause["inputs"]] == ["data/shown"]
    assert ask(open_project, "log", "data/shown")["data"][0]["evidence"] != "observed"


def test_a_program_that_becomes_another_user_is_told_no_more(
    recorder: Callable[[int], Recorder], open_project: Project
) -> None:
    spy = recorder(ONE)
    assert "roots" in spy.greet(open_project.root)
    inner = f"cat {open_project.root}/file > /dev/null; : SECRETWORD"
    command = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "sh", "-c", inner]
    (open_project.root / "file").write_text("")
    (open_project.root / "file").chmod(0o644)
    for _ in range(20):
        subprocess.run(command, cwd=open_project.root, check=True)
    deeds = spy.deeds()
    assert b"SECRET" not in spy.got
    assert (0, OTHER, 0) in {tuple(deed[5]) for deed in deeds}


# --- who misbehaves --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x01\xc1",
        frames.frame([]),
        frames.frame(None),
        frames.frame(HELLO),
        frames.frame(HELLO | {"roots": [10**10]}),
        frames.frame(HELLO | {"roots": [b"relative"]}),
        frames.frame(HELLO | {"roots": [b"/a/../b"]}),
        frames.frame(HELLO | {"roots": [b"/a\0b"]}),
        frames.frame(HELLO | {"roots": "/"}),
        frames.frame(HELLO | {"roots": None}),
        frames.frame(HELLO | {"roots": [b"/tmp"], "protocol": 99}),
        frames.frame(["sync", 1]),
    ],
)
def test_garbage_is_cut_off_and_harms_nobody(
    service: Service, recorder: Callable[[int], Recorder], open_project: Project, words: bytes
) -> None:
    good = recorder(ONE)
    assert "roots" in good.greet(open_project.root)
    bad = recorder(OTHER)
    bad.socket.sendall(words)
    assert bad.cut_off()
    does(ONE, open_project.root, "sh", "-c", "echo 1 > file")
    assert good.deeds()
    assert service.alive()


@pytest.mark.parametrize("number", [1.5, float("inf"), "9" * 400, None, [], 2**64 - 1])
@pytest.mark.usefixtures("service")
def test_garbage_after_the_greeting(
    recorder: Callable[[int], Recorder], open_project: Project, number: object
) -> None:
    bad = recorder(ONE)
    assert "roots" in bad.greet(open_project.root)
    bad.send(["sync", number])
    if not isinstance(number, int):
        assert bad.cut_off()
    assert "roots" in recorder(ONE).greet(open_project.root)


@pytest.mark.usefixtures("service")
def test_random_bytes(recorder: Callable[[int], Recorder], open_project: Project) -> None:
    chance = random.Random(1)
    hello = frames.frame(HELLO | {"roots": [bytes(open_project.root)]})
    for _ in range(100):
        words = bytearray(hello)
        for _ in range(chance.randrange(1, 6)):
            words[chance.randrange(4, len(words))] = chance.randrange(256)
        bad = recorder(ONE)
        with suppress(OSError):  # it may have been refused already: there are eight before it
            bad.socket.sendall(words)
        bad.socket.close()
    until(lambda: "roots" in _answer(recorder(ONE), open_project.root))


def _answer(recorder: Recorder, root: Path) -> dict[str, Any]:
    """Greet; an empty answer is that of a service that has too many recorders just now."""
    try:
        return recorder.greet(root)
    except (OSError, EOFError):
        return {}


@pytest.mark.usefixtures("service")
def test_a_refusal_is_not_the_last_word(recorder: Callable[[int], Recorder], open_project: Project) -> None:
    stranger = recorder(OTHER)
    assert "error" in stranger.greet(open_project.root)
    stranger.socket.close()
    assert "roots" in recorder(ONE).greet(open_project.root)


def test_who_says_nothing_is_cut_off(recorder: Callable[[int], Recorder]) -> None:
    assert recorder(OTHER).cut_off()


@pytest.mark.usefixtures("service")
def test_who_asks_without_end_is_cut_off(recorder: Callable[[int], Recorder], open_project: Project) -> None:
    bad = recorder(ONE)
    assert "roots" in bad.greet(open_project.root)
    with pytest.raises(OSError, match=r"."):  # noqa: PT012  (any of the calls may find it closed)
        while True:
            bad.socket.sendall(frames.frame(["sync", 1]) * 1000)
            time.sleep(0.001)
    assert "roots" in recorder(ONE).greet(open_project.root)


def test_connections_are_counted(recorder: Callable[[int], Recorder], open_project: Project) -> None:
    several = [recorder(ONE) for _ in range(8)]
    assert all("roots" in each.greet(open_project.root) for each in several)
    assert recorder(ONE).cut_off()
    assert "error" in recorder(OTHER).greet(open_project.root)
    several.pop().socket.close()
    time.sleep(0.2)
    assert "roots" in recorder(ONE).greet(open_project.root)


def test_who_does_not_read_harms_nobody(
    service: Service, recorder: Callable[[int], Recorder], open_project: Project
) -> None:
    deaf, good = recorder(ONE), recorder(ONE)
    assert "roots" in deaf.greet(open_project.root)
    assert "roots" in good.greet(open_project.root)
    does(ONE, open_project.root, "sh", "-c", "for i in $(seq 20000); do : > file$i; done")
    assert len(good.deeds()) >= 20_000
    assert service.alive()


# --- life ------------------------------------------------------------------------------------


def test_only_one_serves(service: Service, open_project: Project) -> None:
    open_project.fails(AlreadyRecordedError, "sensor", "--socket", service.path)
    assert service.alive()


def test_a_socket_left_behind_is_replaced(service: Service) -> None:
    service.kill()
    assert service.path.exists()
    service.start()
    assert service.path.stat().st_mode & 0o777 == 0o666


def test_only_root_can_serve(open_project: Project) -> None:
    path = open_project.root / "socket"
    assert "root" in open_project.fails(UnavailableError, "sensor", "--socket", path, nobody=True)


def test_without_the_clerk_the_service_ends_with_an_error(
    service: Service, recorder: Callable[[int], Recorder], open_project: Project
) -> None:
    good = recorder(ONE)
    assert "roots" in good.greet(open_project.root)
    os.kill(min(service.children()), signal.SIGKILL)
    assert good.cut_off()
    code, said = service.kill(0)
    assert code == 43
    assert "asks for permissions has ended" in said


def test_it_ends_with_its_helpers(service: Service) -> None:
    helpers = service.children()
    assert len(helpers) == 2
    service.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in helpers))


def test_the_service_manager_is_told(open_project: Project) -> None:
    """Source of the protocol: sd_notify(3)."""
    place = open_project.root.parent
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(str(place / "notify"))
        command = [sys.executable, "-m", "mlamd", "sensor", "--socket", str(place / "sensor.sock")]
        surroundings = os.environ | {"NOTIFY_SOCKET": str(place / "notify")}
        with subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL) as process:
            assert manager.recv(100) == b"READY=1"
            process.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(30) == 0
