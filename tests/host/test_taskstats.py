"""What the kernel says that real processes have used, and its two layouts of the record."""

import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host.taskstats import Spent, TaskStats, attributes, counts_delays, parse

_MIB = 1 << 20


class Accounts:
    """A subscription, and what it has told so far."""

    def __init__(self) -> None:
        self.stats = TaskStats()
        self.found: list[Spent] = []

    def of(self, pid: int, threads: int = 1) -> list[Spent]:
        """Return the accounts of a process's threads, which have ended."""
        deadline = time.monotonic() + 20
        while len(mine := [spent for spent in self.found if spent.process == pid]) < threads:
            assert time.monotonic() < deadline, "the account did not come"
            select.select([self.stats.descriptor], [], [], 0.1)
            self.found += self.stats.read()
        return mine

    def run(self, script: str, *arguments: object) -> list[Spent]:
        """Run a Python script to its end; return its accounts."""
        command = [sys.executable, "-S", "-c", script, *map(str, arguments)]
        with subprocess.Popen(command) as process:
            assert process.wait() == 0
        return self.of(process.pid)


@pytest.fixture
def accounts(capable: None) -> Iterator[Accounts]:
    del capable
    made = Accounts()
    yield made
    made.stats.close()


@pytest.mark.root
def test_processor_time(accounts):
    (spent,) = accounts.run("import time\nwhile time.process_time() < 0.3: sum(range(100_000))")
    total = spent.user_us + spent.system_us
    assert 300_000 <= total < 1_500_000
    assert spent.user_us > spent.system_us


@pytest.mark.root
def test_time_is_what_wait_says(accounts):
    """The scheduler counts in nanoseconds, both in wait(2) and here; wait adds what the end itself takes."""
    pid = os.fork()
    if not pid:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        os._exit(0)
    _, _, usage = os.wait4(pid, 0)
    (spent,) = accounts.of(pid)
    told, known = spent.user_us + spent.system_us, (usage.ru_utime + usage.ru_stime) * 1e6
    assert 50_000 <= told <= known
    assert told > 0.6 * known
    assert abs(spent.peak_rss_bytes - usage.ru_maxrss * 1024) < 2 * _MIB


@pytest.mark.root
def test_memory(accounts):
    (small,) = accounts.run("pass")
    (spent,) = accounts.run("data = bytearray(b'x') * 50_000_000; del data")
    assert 47 * _MIB < spent.peak_rss_bytes - small.peak_rss_bytes < 60 * _MIB


@pytest.mark.root
def test_bytes_written(accounts, tmp_path):
    (spent,) = accounts.run(
        "import os, sys; file = open(sys.argv[1], 'wb'); file.write(b'x' * 4_194_304); file.flush();"
        "os.fsync(file.fileno())",
        tmp_path / "file",
    )
    assert spent.write_bytes >= 4 * _MIB or spent.write_bytes == 0, "memory file systems write nothing"
    assert spent.write_bytes < 6 * _MIB


@pytest.mark.root
def test_bytes_read_past_the_page_cache(accounts, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 4 * _MIB)
    os.sync()
    script = (
        "import mmap, os, sys\n"
        "try: descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)\n"
        "except OSError: raise SystemExit(0)\n"
        "data = mmap.mmap(-1, 1 << 20)\n"
        "while os.readv(descriptor, [data]): pass\n"
    )
    (spent,) = accounts.run(script, tmp_path / "file")
    if not spent.read_bytes:
        pytest.skip("this filesystem does not read from a device")
    assert 4 * _MIB <= spent.read_bytes < 16 * _MIB
    (cached,) = accounts.run("import sys; open(sys.argv[1], 'rb').read()", tmp_path / "file")
    assert cached.read_bytes < 64 * _MIB
    if counts_delays():
        assert spent.block_delay_ns > 0


@pytest.mark.root
def test_waiting_is_not_counted_as_work(accounts):
    (spent,) = accounts.run("import time; time.sleep(0.3)")
    assert spent.user_us + spent.system_us < 250_000


@pytest.mark.root
def test_short_processes(accounts):
    """None is left out; the time of one that was never interrupted may not be counted at all."""
    pids = []
    for _ in range(200):
        with subprocess.Popen(["true"]) as process:
            pids.append(process.pid)
    found = [accounts.of(pid)[0] for pid in pids]
    assert [(spent.thread, spent.name) for spent in found] == [(pid, "true") for pid in pids]
    assert all(spent.peak_rss_bytes > 0 for spent in found)
    assert 0 < sum(spent.user_us + spent.system_us for spent in found) < 5_000_000
    assert accounts.stats.lost == 0


@pytest.mark.root
def test_threads_are_told_one_by_one(accounts):
    script = (
        "import threading, time\n"
        "def burn():\n"
        " until = time.thread_time() + 0.05\n"
        " while time.thread_time() < until: pass\n"
        "threads = [threading.Thread(target=burn) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
    )
    with subprocess.Popen([sys.executable, "-S", "-c", script]) as process:
        assert process.wait() == 0
    found = accounts.of(process.pid, 9)
    assert len({spent.thread for spent in found}) == len(found) == 9
    burned = [spent for spent in found if spent.thread != process.pid]
    assert all(spent.user_us + spent.system_us >= 48_000 for spent in burned)
    assert {spent.process for spent in found} == {process.pid}


@pytest.mark.root
def test_odd_name(accounts, tmp_path):
    program = os.fsencode(tmp_path) + b"/\xff name"
    Path(os.fsdecode(program)).symlink_to("/bin/true")
    with subprocess.Popen([program]) as process:
        pass
    assert accounts.of(process.pid)[0].name == "\udcff name"


@pytest.mark.root
def test_loss_is_counted(accounts):
    accounts.stats._socket.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF
    for _ in range(60):
        subprocess.run(["true"], check=True)
    found = accounts.stats.read()
    assert len(found) < 60
    assert accounts.stats.lost >= 1


@pytest.mark.root
def test_user_without_the_capability():
    script = (
        "import encodings.ascii, os; from mlamd.host.taskstats import TaskStats\n"
        "os.setgroups([]); os.setuid(65534)\n"
        "try:\n TaskStats()\n"
        "except PermissionError: raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 7, done.stderr


# --- the formats -----------------------------------------------------------------------------

_FIELDS_12 = {"blkio_delay_total": 40, "cpu_run_virtual_total": 72, "ac_comm": 80, "ac_pid": 128}
_FIELDS_12 |= {"ac_utime": 152, "ac_stime": 160, "hiwater_rss": 200, "read_bytes": 248, "write_bytes": 256}
_FIELDS_12 |= {"ac_tgid": 368}
_SIZES = {12: 392, 13: 408, 14: 432, 15: 528, 16: 544}


def _places(version: int) -> dict[str, int]:
    """Return where each field lies.

    Version 15 put ``blkio_delay_max`` and ``_min`` and their like between the fields that there were; since
    version 16 new ones stand at the end again.
    """
    if version != 15:
        return _FIELDS_12
    places = {"blkio_delay_total": 56, "cpu_run_virtual_total": 120, "ac_comm": 128, "ac_pid": 176}
    places |= {"ac_utime": 200, "ac_stime": 208, "hiwater_rss": 248, "read_bytes": 296, "write_bytes": 304}
    return places | {"ac_tgid": 464}


def _attribute(kind: int, body: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def _message(version: int, spent: Spent, run_ns: int = 0, *, of: int = 4) -> bytes:
    at, data = _places(version), bytearray(_SIZES.get(version, 320))
    struct.pack_into("=H", data, 0, version)
    struct.pack_into("=Q", data, at["blkio_delay_total"], spent.block_delay_ns)
    struct.pack_into("=Q", data, at["cpu_run_virtual_total"], run_ns)
    name = spent.name.encode("utf-8", "surrogateescape")
    data[at["ac_comm"] : at["ac_comm"] + len(name)] = name
    struct.pack_into("=I", data, at["ac_pid"], spent.thread)
    struct.pack_into("=QQ", data, at["ac_utime"], spent.user_us, spent.system_us)
    struct.pack_into("=Q", data, at["hiwater_rss"], spent.peak_rss_bytes >> 10)
    struct.pack_into("=QQ", data, at["read_bytes"], spent.read_bytes, spent.write_bytes)
    if version >= 12:
        struct.pack_into("=I", data, at["ac_tgid"], spent.process)
    inner = _attribute(1, struct.pack("=I", spent.thread)) + _attribute(3, bytes(data))
    return bytes(20) + _attribute(of, inner)


_numbers = st.integers(0, 1 << 60)
_ids = st.integers(1, 1 << 22)
_names = st.binary(max_size=15).filter(lambda name: b"\0" not in name)
_spents = st.builds(
    Spent,
    _ids,
    _ids,
    _names.map(lambda name: name.decode("utf-8", "surrogateescape")),
    _numbers,
    _numbers,
    st.integers(0, 1 << 40).map(lambda kib: kib << 10),
    _numbers,
    _numbers,
    _numbers,
)


@given(_spents, st.sampled_from(sorted(_SIZES)))
def test_layouts(spent, version):
    assert parse(_message(version, spent)) == spent


def test_run_time_is_shared_as_the_ticks_were_counted():
    spent = Spent(1, 1, "x", 30_000, 10_000, 0, 0, 0, 0)
    exact = parse(_message(15, spent, 44_000_400))
    assert exact is not None
    assert (exact.user_us, exact.system_us) == (33_000, 11_000)
    short = parse(_message(12, spent._replace(user_us=0, system_us=0), 700_999))
    assert short is not None
    assert (short.user_us, short.system_us) == (700, 0)


def test_version_that_does_not_name_the_process():
    assert parse(_message(11, Spent(1, 1, "x", 1, 1, 0, 0, 0, 0))) is None


def test_record_of_a_whole_process_is_left_out():
    """The kernel sends it beside that of the last thread (TASKSTATS_TYPE_AGGR_TGID)."""
    assert parse(_message(15, Spent(1, 1, "x", 1, 1, 0, 0, 0, 0), of=5)) is None


@given(st.binary(max_size=600))
def test_garbage_is_nothing(data):
    list(attributes(data, 0, len(data)))
    parse(data)


@given(_spents, st.integers(0, 560), st.sampled_from(sorted(_SIZES)))
def test_message_that_ends_early(spent, size, version):
    assert parse(_message(version, spent)[:size]) in {None, spent}
