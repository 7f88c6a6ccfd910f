"""What machine this is. Sources: proc_cpuinfo(5), proc_meminfo(5), os-release(5), ``/proc/driver/nvidia``."""

import os
import platform
import socket
from contextlib import suppress
from pathlib import Path

from mlamd.host.containers import Inside


def machine(within: Inside, directory: str = "/") -> dict[str, object]:
    """Return name, system, kernel, processor, memory in bytes, and graphics processors of this machine.

    ``disk_bytes`` is the size of the file system of ``directory``. ``within`` is the container that we are
    in; ``container`` is left out where it is none.
    """
    found: dict[str, object] = {
        "host": socket.gethostname(),
        "system": _system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": os.cpu_count() or 0,
    }
    kilobytes = _field(Path("/proc/meminfo"), "MemTotal").split(" ")[0]
    if kilobytes.isdigit():
        found["memory_bytes"] = int(kilobytes) * 1024
    with suppress(OSError):
        disk = os.statvfs(directory)
        found["disk_bytes"] = disk.f_blocks * disk.f_frsize
    gpus = [
        _field(place, "Model") for place in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    ]
    if gpus:
        found |= {"gpus": gpus, "gpu_driver": _first_line(Path("/proc/driver/nvidia/version"))}
    return found | {"container": within.row()} if within.kind else found


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return platform.system()


def _field(path: Path, name: str) -> str:
    """Return the first value of a name in lines of the form ``name: value``, "" if there is none."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""


def _first_line(path: Path) -> str:
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        return next(iter(lines), "").strip()
    return ""
