"""The environment variables of a living process. Source: proc_pid_environ(5)."""

from collections.abc import Callable

from mlamd.model.processes import ProcessKey

_MOST_BYTES = 1 << 20


def variables(process: ProcessKey, wanted: Callable[[str], bool], proc: str = "/proc") -> dict[str, str]:
    """Return the variables with a wanted name that a program began with.

    Empty for a process that is gone, or not ours to look at, and on systems that do not tell.
    """
    try:
        with open(f"{proc}/{process.pid}/environ", "rb") as file:
            data = file.read(_MOST_BYTES)
        with open(f"{proc}/{process.pid}/stat", "rb") as file:  # afterwards: it was still the same process
            fields = file.read(4096).rpartition(b")")[2].split()
        if int(fields[19]) != process.start:
            return {}
    except (OSError, ValueError, IndexError):
        return {}
    texts = (one.decode("utf-8", "surrogateescape") for one in data.split(b"\0"))
    pairs = (text.partition("=") for text in texts)
    return {name: value for name, equals, value in pairs if equals and wanted(name)}
