"""What ``/proc`` has of exactly one process: its pid may be another's by now. Source: proc_pid_stat(5)."""

from mlamd.model.processes import ProcessKey

_STAT_BYTES = 4096


def is_same(process: ProcessKey, proc: str = "/proc") -> bool:
    """Say whether a pid still is that process's; raises ``OSError`` if it is nobody's."""
    with open(f"{proc}/{process.pid}/stat", "rb") as file:
        fields = file.read(_STAT_BYTES).rpartition(b")")[2].split()
    return len(fields) > 19 and int(fields[19]) == process.start


def read_of(process: ProcessKey, name: str, most_bytes: int, proc: str = "/proc") -> bytes | None:
    """Return the beginning of an entry; None for a process that is gone, or not ours to look at."""
    try:
        with open(f"{proc}/{process.pid}/{name}", "rb") as file:
            data = file.read(most_bytes)
        return data if is_same(process, proc) else None  # afterwards: it was still the same process
    except (OSError, ValueError):
        return None
