"""Processes in ``/proc``, and the names of control groups as container engines make them."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.host.procfs import ProcFs, cgroup_of, container_in, look_at_image

pytestmark = pytest.mark.linux

_ID = "3f7c9a0b12de4567890abcdef0123456789abcdef0123456789abcdef012345a"
_POD = "kubepods-besteffort-pod5a8e7c1e_2c34_4f0e_9d1c_0123456789ab"


@pytest.fixture
def table():
    made = ProcFs()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        (f"/docker/{_ID}", _ID),
        (f"/docker/{_ID}/", _ID),
        (f"/docker/{_ID}/inner", _ID),
        (f"/system.slice/docker-{_ID}.scope", _ID),
        (f"/system.slice/docker-{_ID}.scope/init.scope", _ID),
        (f"/machine.slice/libpod-{_ID}.scope", _ID),
        (f"/machine.slice/libpod-{_ID}.scope/container", _ID),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{_ID}.scope", _ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/{_POD}.slice/cri-containerd-{_ID}.scope", _ID),
        (f"/kubepods.slice/kubepods-burstable.slice/{_POD}.slice/crio-{_ID}.scope", _ID),
        (f"/kubepods/besteffort/pod5a8e7c1e-2c34-4f0e-9d1c-0123456789ab/{_ID}", _ID),
        (f"/system.slice/containerd.service/kubepods-burstable-pod5a8e.slice:cri-containerd:{_ID}", _ID),
        (f"/actions_job/{_ID}", _ID),
        (f"/../{_ID}", _ID),
        ("/lxc/web", "web"),
        ("/lxc/web/system.slice/cron.service", "web"),
        ("/lxc.payload.web", "web"),
        ("/lxc.payload/web", "web"),
        ("/lxc.payload.web/user.slice", "web"),
        ("/machine.slice/machine-debian.scope", "debian"),
        ("/machine.slice/machine-debian.scope/payload", "debian"),
        ("/", ""),
        ("", ""),
        ("/init.scope", ""),
        ("/user.slice/user-1000.slice/session-3.scope", ""),
        ("/system.slice/docker.service", ""),
        ("/machine.slice", ""),
        ("/lxc.monitor.web", ""),
        (f"/docker/{_ID[:-1]}", ""),
        (f"/docker/{_ID}a", ""),
        (f"/docker/{_ID.upper()}", ""),
        (f"/machine.slice/libpod-conmon-{_ID}.scope", ""),
    ],
)
def test_container_in(cgroup, container):
    assert container_in(cgroup) == container


@given(st.text(max_size=100))
def test_container_in_any_text(text):
    assert container_in(f"/docker/{_ID}") == _ID
    container_in(text)


@pytest.mark.parametrize(
    ("text", "cgroup"),
    [
        ("0::/user.slice/session-3.scope\n", "/user.slice/session-3.scope"),
        ("0::/\n", "/"),
        ("", "/"),
        (
            f"12:pids:/docker/{_ID}\n11:memory:/docker/{_ID}\n1:name=systemd:/docker/{_ID}\n0::/docker/{_ID}\n",
            f"/docker/{_ID}",
        ),
        (
            "3:cpu,cpuacct:/\n1:name=systemd:/user.slice/session-1.scope\n0::/\n",
            "/user.slice/session-1.scope",
        ),
        (f"3:cpu,cpuacct:/docker/{_ID}\n2:cpuset:/\n", f"/docker/{_ID}"),
        ("0::/odd:name:with:colons\n", "/odd:name:with:colons"),
    ],
)
def test_cgroup_of(text, cgroup):
    assert cgroup_of(text) == cgroup


def test_container_of_a_fake_process(tmp_path):
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("b00t\n")
    place = tmp_path / "77"
    place.mkdir()
    (place / "cgroup").write_text(f"0::/system.slice/docker-{_ID}.scope\n")
    (place / "status").write_text("Name:\tpython\nPid:\t77\nNSpid:\t77\t5\nNSpgid:\t77\t5\n")
    table = ProcFs(str(tmp_path))
    assert table.container(77) == (f"/system.slice/docker-{_ID}.scope", _ID, 5)
    (place / "status").write_text("Name:\tpython\nPid:\t77\nNSpid:\t77\n")
    assert table.container(77)[2] == 0
    (place / "status").write_text("Name:\tan old kernel\n")
    assert table.container(77)[2] == 0
    assert table.container(78) == ("", "", 0)
    table.close()


def test_mapped_and_threads(table, tmp_path):
    name = os.fsencode(tmp_path) + b"/with blank \xff"
    script = (
        "import mmap, os, sys, threading, time\n"
        "file = open(os.fsencode(sys.argv[1]), 'r+b'); data = mmap.mmap(file.fileno(), 0); file.close()\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "print(flush=True); sys.stdin.read()\n"
    )
    with open(name, "wb") as file:
        file.write(b"x" * 5000)
    command = [sys.executable, "-c", script, os.fsdecode(name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        mapped = table.mapped(process.pid)
        assert name in mapped
        assert all(path.startswith(b"/") for path in mapped)
        assert table.threads(process.pid) == 2
        process.communicate()
    assert table.mapped(process.pid) == frozenset()
    assert table.threads(process.pid) == 1


def test_start_of_now_is_that_of_a_process_forked_now(table):
    before = time.monotonic_ns()
    with subprocess.Popen(["sleep", "60"]) as process:
        after = time.monotonic_ns()
        facts = table.look(process.pid)
        process.kill()
    assert facts is not None
    (first, first_ns), (last, last_ns) = table.start_of(before), table.start_of(after)
    assert first - 1 <= facts.key.start <= last
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert first_ns - tick_ns <= facts.started_ns <= last_ns


def test_look_at_image():
    with subprocess.Popen(
        [b"/bin/cat", b"-", b"\xff"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/tmp",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()
        image = look_at_image(process.pid)
        process.communicate()
    assert image is not None
    argv, executable, cwd, standard, uid, name, group, session, terminal, variables, program = image
    assert program == b"/bin/cat"
    assert all(isinstance(variable, bytes) for variable in variables)
    assert all(target.startswith("pipe:[") for target in standard)
    assert argv == b"/bin/cat\0-\0\xff\0"
    assert executable == os.fsencode(os.path.realpath("/bin/cat"))
    assert (cwd, uid, name) == (b"/tmp", os.getuid(), "cat")
    assert (group, session) == (os.getpgrp(), os.getsid(0))
    assert isinstance(terminal, int)
    assert look_at_image(process.pid) is None
    kernel_thread = 2
    assert os.getpid() == 1 or look_at_image(kernel_thread) is None
