"""What real processes use, as ``/proc`` and psutil tell it: both the same."""

import os
import subprocess
import sys

import psutil
import pytest

from mlamd.host.procfs import ProcFs, read
from mlamd.host.usage import ProcUsage, PsutilUsage, UsageHost, usage_host
from mlamd.model.processes import LivingRun, ProcessKey
from mlamd.sensors.sampling import S, Sampler

pytestmark = pytest.mark.linux

_WORK = """
import subprocess, sys, threading, time
data = bytearray(b"x") * 40_000_000
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker():
    with subprocess.Popen(
        [sys.executable, "-c", _WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate()


def _key(pid: int) -> ProcessKey:
    host = ProcFs()
    facts = host.look(pid)
    host.close()
    assert facts is not None
    return facts.key


@pytest.fixture(params=[ProcUsage, PsutilUsage])
def host(request: pytest.FixtureRequest) -> UsageHost:
    made: UsageHost = request.param()
    return made


def test_look(worker, host):
    key = _key(worker.pid)
    usage = host.look(key)
    assert usage is not None
    assert usage.parent_pid == os.getpid()
    assert 250_000 <= usage.user_us + usage.system_us < 5_000_000
    assert 250_000 <= usage.children_user_us + usage.children_system_us < 5_000_000
    assert usage.threads == 2
    assert usage.rss_bytes > 40_000_000
    pss = host.pss(key)
    assert pss is not None
    assert 40_000_000 < pss <= usage.rss_bytes * 1.1


def test_process_that_is_gone(worker, host):
    key = _key(worker.pid)
    assert host.look(key) is not None
    worker.communicate()
    assert host.look(key) is None
    assert host.pss(key) is None
    host.keep(())
    assert host.look(key) is None


def test_both_say_the_same(worker):
    key = _key(worker.pid)
    one, other = ProcUsage().look(key), PsutilUsage().look(key)
    assert one is not None
    assert other is not None
    assert one._replace(rss_bytes=0) == other._replace(rss_bytes=0)
    assert abs(one.rss_bytes - other.rss_bytes) < 1_000_000


def test_bytes_that_went_to_storage(host, tmp_path):
    key = _key(os.getpid())
    before = host.look(key)
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    after = host.look(key)
    assert before is not None
    assert after is not None
    counted = after.written_bytes - before.written_bytes
    assert counted >= 1_000_000 or counted == 0, "memory file systems write nothing"


def test_pid_that_belongs_to_another_process_by_now(worker, host):
    key = _key(worker.pid)
    assert host.look(key._replace(start=key.start - 1000)) is None


def test_what_may_not_be_asked_is_left_out(worker, monkeypatch):
    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    key = _key(worker.pid)
    monkeypatch.setattr(psutil.Process, "io_counters", denied)
    monkeypatch.setattr(psutil.Process, "memory_full_info", denied)
    usage = PsutilUsage().look(key)
    assert usage is not None
    assert (usage.read_bytes, usage.written_bytes) == (0, 0)
    assert PsutilUsage().pss(key) is None
    monkeypatch.setattr(psutil.Process, "num_threads", denied)
    assert PsutilUsage().look(key) is None


def test_what_belongs_to_another_user_is_left_out(monkeypatch):
    def denied(path: str) -> bytes:
        if path.endswith("stat"):
            return read(path)
        raise PermissionError(path)

    key = _key(os.getpid())
    monkeypatch.setattr("mlamd.host.usage.read", denied)
    usage = ProcUsage().look(key)
    assert usage is not None
    assert (usage.read_bytes, usage.written_bytes) == (0, 0)
    assert ProcUsage().pss(key) is None


def test_sampler_over_real_processes(worker):
    key = _key(worker.pid)
    sampler = Sampler(usage_host(), 0)
    (sample,) = sampler.sample([LivingRun(1, 5 * S, frozenset({key}))], 6 * S)
    assert sample.user_us + sample.system_us >= 500_000
    assert sample.processes == 1
    assert sample.pss_bytes is not None
    assert (sample.at_ns, sample.span_ns) == (6 * S, S)
