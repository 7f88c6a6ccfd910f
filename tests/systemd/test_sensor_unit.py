"""The system's unit for the sensor service: it loads, and gives the rights that are needed and no others."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mlamd import errors
from mlamd.daemon.feed import SERVICE
from mlamd.host import capabilities

UNIT = Path(__file__).parents[2] / "systemd" / "mlamd-sensor.service"
ANALYZE = shutil.which("systemd-analyze")
NEEDED = {
    "CAP_SYS_ADMIN",
    "CAP_NET_ADMIN",
    "CAP_DAC_READ_SEARCH",
    "CAP_SYS_PTRACE",
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_SYS_NICE",
}

needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed: the unit is not verified here"
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ANALYZE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def settings(name: str) -> list[str]:
    """Return the values of a setting."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


@needs_systemd
def test_the_unit_loads_without_a_complaint(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    shutil.copy(UNIT, unit)
    result = analyze("verify", "--man=no", str(unit))
    assert [line for line in result.stderr.splitlines() if "mlamd" in line] == []
    assert result.returncode == 0, result.stderr


@needs_systemd
def test_a_mistake_in_the_unit_would_be_seen(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("ProtectSystem=", "ProtectSystems="))
    result = analyze("verify", "--man=no", str(unit))
    assert [line for line in result.stderr.splitlines() if "mlamd" in line]


@needs_systemd
def test_it_is_exposed_no_more_than_it_must_be() -> None:
    """A score of 10 is a service with every right; most of ours is root, /proc and CAP_SYS_ADMIN."""
    result = analyze("security", "--offline=true", "--threshold=40", str(UNIT))
    if "Unknown" in result.stderr or "unrecognized" in result.stderr:
        pytest.skip("this systemd cannot judge a unit that is not loaded")
    assert result.returncode == 0, result.stdout


def test_the_capabilities_are_those_that_are_needed() -> None:
    (line,) = settings("CapabilityBoundingSet")
    assert set(line.split()) == NEEDED
    assert set(capabilities._EXACT) <= NEEDED
    text = UNIT.read_text(encoding="utf-8")
    assert all(re.search(rf"^# {name} +\S", text, re.MULTILINE) for name in NEEDED), "each with its reason"
    assert settings("NoNewPrivileges") == ["yes"]


def test_nothing_is_set_that_would_hide_what_it_must_see() -> None:
    hiding = re.compile(r"Private|ProtectHome|ProtectProc|ProcSubset|Inaccessible|TemporaryFileSystem|Root")
    names = re.findall(r"^(\w+)=", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if hiding.match(name)] == []
    assert settings("MountFlags") == ["slave"]
    assert settings("RestrictRealtime") == []


def test_the_socket_lies_in_its_runtime_directory() -> None:
    (name,) = settings("RuntimeDirectory")
    assert SERVICE.parent == Path("/run") / name
    assert settings("RuntimeDirectoryMode") == ["0755"]


def test_restarts_are_prevented_only_for_exit_codes_that_exist() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.MlamdError)}
    (line,) = settings("RestartPreventExitStatus")
    listed = {int(code) for code in line.split()}
    assert listed <= codes | {2, 126, 127}
    assert errors.SensorError.exit_code not in listed, "when the clerk has ended, another start repairs it"


@pytest.mark.root
@pytest.mark.linux
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_root_without_the_other_capabilities_may_do_it() -> None:
    """The bounding set of the unit leaves what exact capture asks for."""
    kept = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in sorted(NEEDED))])
    found = subprocess.run(
        ["setpriv", "--bounding-set", kept, "--inh-caps=-all", "--no-new-privs", "cat", "/proc/self/status"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip(f"this root lacks capabilities itself: {found.stderr}")
    (effective,) = re.findall(r"^CapEff:\s*(\w+)$", found.stdout, re.MULTILINE)
    assert int(effective, 16).bit_count() == len(NEEDED)
