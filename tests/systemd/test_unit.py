"""The unit template for a user's service manager: it loads, names the right workspace, gives up in time."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from mlamd import errors

UNITS = Path(__file__).parents[2] / "systemd"
UNIT = UNITS / "mlamd@.service"
MOUNT_UNIT = UNITS / "mlamd-mount@.service"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed: the unit is not verified here"
)


def verify(unit: Path, log_level: str = "notice") -> subprocess.CompletedProcess[str]:
    """Load a unit as a user's manager would; needs a runtime directory, but no session and no manager."""
    runtime = unit.parent / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    command = [str(ANALYZE), "--user", "verify", "--man=no", str(unit)]
    surroundings = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_LOG_LEVEL": log_level}
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=60)


def complaints(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what was said of our unit; an unknown or unreadable setting is a warning with exit status 0."""
    return [line for line in result.stderr.splitlines() if re.search("mlamd(-mount)?@", line)]


def exit_codes() -> set[int]:
    """Return the exit codes of every expected failure."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {kind.exit_code for kind in kinds if issubclass(kind, errors.MlamdError)}


def setting(name: str, unit: Path = UNIT) -> str:
    """Return the value of a setting that a unit has once."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return str(value)


@needs_systemd
@pytest.mark.parametrize("source", [UNIT, MOUNT_UNIT], ids=lambda unit: unit.stem)
@pytest.mark.parametrize("instance", ["", "home-me-project"])
def test_the_unit_loads_without_a_complaint(tmp_path: Path, source: Path, instance: str) -> None:
    unit = tmp_path / source.name.replace("@", f"@{instance}")
    shutil.copy(source, unit)

    result = verify(unit)

    assert complaints(result) == []
    assert result.returncode == 0, result.stderr


@needs_systemd
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("TimeoutStopSec=", "TimeoutStop="),
        ("KillMode=mixed", "KillMode=gently"),
        ("ExecStart=/usr/bin/env", "ExecStart=/nowhere/env"),
    ],
)
def test_a_mistake_in_the_unit_would_be_seen(tmp_path: Path, right: str, wrong: str) -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert right in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(right, wrong), encoding="utf-8")

    result = verify(unit)

    assert complaints(result) or result.returncode != 0


@needs_systemd
@pytest.mark.parametrize(
    ("instance", "workspace"),
    [("home-me-project", "/home/me/project"), (r"srv-my\x20work\x2d2", "/srv/my work-2")],
)
def test_the_instance_names_the_workspace(tmp_path: Path, instance: str, workspace: str) -> None:
    unit = tmp_path / f"mlamd@{instance}.service"
    shutil.copy(UNIT, unit)

    dump = verify(unit, log_level="debug").stdout

    (command,) = re.findall(r"Command Line: (.*)", dump)
    assert shlex.split(command) == ["/usr/bin/env", "mlamd", "-C", workspace, "start", "--foreground"]


def test_restarts_are_prevented_only_for_exit_codes_that_exist() -> None:
    usage, cannot_execute, not_found = 2, 126, 127  # click; env(1)
    listed = {int(code) for code in setting("RestartPreventExitStatus").split()}

    assert listed <= exit_codes() | {usage, cannot_execute, not_found}
    assert errors.AlreadyRecordedError.exit_code in listed
    assert errors.StoreFullError.exit_code not in listed


def test_the_processes_of_a_mount_outlive_its_recorder() -> None:
    listed = {int(code) for code in setting("RestartPreventExitStatus", MOUNT_UNIT).split()}
    before = {int(code) for code in setting("RestartPreventExitStatus").split()}

    assert listed == before | {errors.MountBusyError.exit_code}
    assert setting("KillMode", MOUNT_UNIT) == "process"
    assert "stop" in setting("ExecStop", MOUNT_UNIT)


def test_nothing_is_set_that_would_hide_other_processes() -> None:
    """In a user's manager these start a user namespace; from there, /proc/PID/cwd and the like are closed."""
    hiding = re.compile(r"Private|Protect|ReadOnly|ReadWrite|Inaccessible|Bind")
    names = re.findall(r"^(\w+)=", UNIT.read_text(encoding="utf-8"), re.MULTILINE)

    assert [name for name in names if hiding.match(name)] == []
