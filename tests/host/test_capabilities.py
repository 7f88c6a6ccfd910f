"""What this process may do, read from a status as proc_pid_status(5) describes it."""

import subprocess
import sys

import pytest

from mlamd.host.capabilities import missing

_ALL = "CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH"


@pytest.mark.parametrize(
    ("mask", "lacking"),
    [
        ("0000000000000000", _ALL),
        ("000001ffffffffff", ""),
        (f"{1 << 21 | 1 << 12 | 1 << 2:016x}", ""),
        (f"{1 << 21:016x}", "CAP_NET_ADMIN, CAP_DAC_READ_SEARCH"),
        (f"{1 << 12 | 1 << 2:016x}", "CAP_SYS_ADMIN"),
        (f"{(1 << 41) - 1 & ~(1 << 12):016x}", "CAP_NET_ADMIN"),
    ],
)
def test_effective_set_counts(tmp_path, mask, lacking):
    status = tmp_path / "status"
    status.write_text(
        f"Name:\tpython\nCapPrm:\t000001ffffffffff\nCapEff:\t{mask}\nCapBnd:\t000001ffffffffff\n"
    )
    assert missing(str(status)) == lacking


def test_status_that_says_nothing(tmp_path):
    assert missing(str(tmp_path / "none")) == _ALL
    (tmp_path / "status").write_bytes(b"Name:\t\xff\n")
    assert missing(str(tmp_path / "status")) == _ALL


def test_elsewhere_than_on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert missing() == "Linux"


@pytest.mark.root
def test_process_that_gave_its_capabilities_away(capable):
    del capable
    assert missing() == ""
    script = (
        "import os, sys\n"
        "os.setgroups([]); os.setuid(65534)\n"
        "sys.stdout.write(open('/proc/self/status').read())\n"
    )
    status = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in status.splitlines() if line.startswith("CapEff:")]
    assert int(line.split()[1], 16) == 0
