"""Processes in ``/proc``, and the names of control groups as container engines make them."""

import os
import subprocess
import sys
import time

import pytest

from mlamd.host.procfs import ProcFs, look_at_image

pytestmark = pytest.mark.linux

_ID = "3f7c9a0b12de4567890abcdef0123456789abcdef0123456789abcdef012345a"


@pytest.fixture
def table():
    made = ProcFs()
    yield made
    made.close()


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
