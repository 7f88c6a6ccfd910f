"""The process that looks at programs the moment they begin, on real short ones."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from mlamd.host.connector import Connector, Kind
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey
from mlamd.sensors.looker import Looker, seen_in
from tests.conftest import until

pytestmark = [pytest.mark.root, pytest.mark.linux, pytest.mark.usefixtures("capable")]

BEFORE = ProcessFacts(
    ProcessKey("b", 1, 1),
    1,
    None,
    2,
    3,
    4,
    5,
    6,
    "before",
    ("before",),
    "/before",
    "/bin/before",
    cgroup="/g",
)


@pytest.fixture
def looker():
    made = Looker()
    yield made
    made.close()


class Listening:
    """Hears of execs as the sensor does, with a subscription of its own."""

    def __init__(self, looker):
        self.connector = Connector()
        self.looker = looker
        self.images = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connector.close()

    def until_ended(self, pid):
        """Take in what happens until a process has ended; ask for each image."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            select.select([self.connector.descriptor], [], [], 1.0)
            while (event := self.connector.one()) is not None:
                if event.kind == Kind.EXEC:
                    self.images.setdefault(event.process, []).append(self.looker.image(event, BEFORE))
                elif event.kind == Kind.EXIT and event.process == event.thread == pid:
                    return self.images
        raise AssertionError("the end was not told")


def test_it_listens_when_it_is_made():
    """What begins right after that is seen."""
    for _ in range(10):
        looker = Looker()
        with Listening(looker) as listening:
            with subprocess.Popen(["/bin/sleep", "0.01"]) as process:
                pass
            (image,) = listening.until_ended(process.pid)[process.pid]
        looker.close()
        assert image is not None


def test_short_programs_are_seen(looker):
    """500 programs of about a millisecond each; a busy machine may need a second try."""
    assert any(_seen_of_500(looker) >= 490 for _ in range(4))


def _seen_of_500(looker):
    with Listening(looker) as listening:
        with subprocess.Popen(["bash", "-c", "for i in $(seq 500); do /bin/true number $i; done"]) as process:
            pass
        images = listening.until_ended(process.pid)
    seen = {image.facts.argv for found in images.values() for image in found if image is not None}
    return len(seen & {("/bin/true", "number", str(number)) for number in range(1, 501)})


def test_what_is_seen(looker, tmp_path):
    (tmp_path / "a").write_text("x")
    command = 'exec cat - "\udcff" < a > b 2>> b'
    with Listening(looker) as listening:
        with subprocess.Popen(["sh", "-c", command], cwd=tmp_path, start_new_session=True) as process:
            pass
        images = listening.until_ended(process.pid)
    shell, cat = images[process.pid]
    assert shell.facts.argv[:2] == ("sh", "-c")
    assert cat.facts.argv == ("cat", "-", "\udcff")
    assert cat.facts.cwd == str(tmp_path)
    assert cat.facts.executable == os.path.realpath("/bin/cat")
    assert (cat.facts.group, cat.facts.session, cat.facts.terminal) == (process.pid, process.pid, 0)
    assert (cat.facts.uid, cat.facts.name, cat.facts.cgroup) == (os.getuid(), "cat", "/g")
    assert cat.facts.key == BEFORE.key
    written = HeldFile(bytes(tmp_path / "b"), reads=False, writes=True)
    assert cat.standard[0] == (HeldFile(bytes(tmp_path / "a"), reads=True, writes=False), written, written)
    assert cat.place is not None


def test_pipes(looker):
    with Listening(looker) as listening:
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.communicate(b"x")
        ((image,),) = (listening.until_ended(process.pid)[process.pid],)
    assert [(pipe.reads, pipe.writes) for pipe in image.standard[1][:2]] == [(True, False), (False, True)]
    assert all(isinstance(pipe, HeldPipe) for pipe in image.standard[1])


def test_odd_names_harm_nobody(looker, tmp_path):
    name = bytes(tmp_path) + b"/\xff\n"
    with open(name, "wb") as file, Listening(looker) as listening:
        with subprocess.Popen(["/bin/echo", b"\xfe\n"], stdout=file) as process:
            pass
        ((image,),) = (listening.until_ended(process.pid)[process.pid],)
    assert image.facts.argv == ("/bin/echo", "\udcfe\n")
    assert HeldFile(name, reads=False, writes=True) in image.standard[0]


def test_looker_that_was_killed_is_replaced_by_looking_ourselves(looker):
    os.kill(looker.pid, signal.SIGKILL)
    with Listening(looker) as listening:
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
            while process.pid not in listening.images:
                select.select([listening.connector.descriptor], [], [], 1.0)
                while (event := listening.connector.one()) is not None:
                    if event.kind == Kind.EXEC:
                        listening.images[event.process] = looker.image(event, BEFORE)
        assert listening.images[process.pid].facts.argv == ("/bin/cat",)


def test_looker_ends_with_its_sensor():
    script = (
        "import os, signal; from mlamd.sensors.looker import Looker\n"
        "print(Looker().pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    until(lambda: not os.path.exists(f"/proc/{pid}"))


def test_looker_does_not_end_with_an_interrupt(looker):
    os.kill(looker.pid, signal.SIGINT)
    with Listening(looker) as listening:
        with subprocess.Popen(["/bin/true"]) as process:
            pass
        assert listening.until_ended(process.pid)[process.pid]
    assert os.path.exists(f"/proc/{looker.pid}")


def test_what_could_not_be_read_is_as_before():
    assert seen_in(None, BEFORE) is None
    found = seen_in(
        [b"cat\0a\0", b"", b"", ["", "", ""], None, None, None, None, None, [], b"", None, []], BEFORE
    )
    assert found is not None
    assert found.facts.argv == ("cat", "a")
    assert (found.facts.cwd, found.facts.uid, found.facts.session) == ("/before", 5, 3)
    assert found.standard == ((), ())
    assert found.place is None
