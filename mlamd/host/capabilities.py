"""Which capabilities this process has. Source: capabilities(7), proc_pid_status(5)."""

import sys

_EXACT = {"CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12, "CAP_DAC_READ_SEARCH": 2}
"""fanotify of whole filesystems; process connector and taskstats; open_by_handle_at."""


def missing(status: str = "/proc/self/status") -> str:
    """Return the capabilities that exact capture needs and this process lacks, "" if it has them all."""
    if sys.platform != "linux":
        return "Linux"
    try:
        with open(status, encoding="ascii", errors="replace") as lines:
            effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    except (OSError, StopIteration):
        effective = 0
    return ", ".join(name for name, bit in _EXACT.items() if not effective >> bit & 1)
