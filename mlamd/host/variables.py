"""The environment variables of a living process. Source: proc_pid_environ(5)."""

from collections.abc import Callable

from mlamd.host.entries import read_of
from mlamd.model.processes import ProcessKey

_MOST_BYTES = 1 << 20


def variables(process: ProcessKey, wanted: Callable[[str], bool], proc: str = "/proc") -> dict[str, str]:
    """Return the variables with a wanted name that a program began with.

    Empty for a process that is gone, or not ours to look at, and on systems that do not tell.
    """
    data = read_of(process, "environ", _MOST_BYTES, proc) or b""
    texts = (one.decode("utf-8", "surrogateescape") for one in data.split(b"\0"))
    pairs = (text.partition("=") for text in texts)
    return {name: value for name, equals, value in pairs if equals and wanted(name)}
