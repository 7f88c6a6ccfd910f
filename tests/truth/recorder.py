"""A recorder of its own for one temporary workspace, asked through the command line as a user would."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
"""The directory of the package, for machines on which it is not installed."""

_STATE = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


class RecorderError(Exception):
    """A command of mlamd failed; the message holds what it said."""


class Recorder:
    """Initialises the workspace and records it as long as the context lasts.

    ``how`` are the options of ``mlamd start``. ``home`` is a directory outside the workspace for everything
    that mlamd keeps elsewhere.
    """

    def __init__(
        self, workspace: Path, home: Path, how: tuple[str, ...], *, patience_s: float = 60.0
    ) -> None:
        self.workspace = workspace.resolve()
        self._how = how
        self._patience_s = patience_s
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: str(home / name.lower()) for name in _STATE},
        }
        for name in _STATE:
            (home / name.lower()).mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self._run("init", str(self.workspace), in_workspace=False)
        try:
            self._run("start", *self._how)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def log(self) -> dict[str, Any]:
        """Return the whole log document: ``data`` and ``gaps``."""
        return self._ask("log", "--json", "--all", "--limit", "0")

    def lineage(self, path: str) -> dict[str, Any]:
        """Return the data of a path's lineage: ``focus``, ``nodes`` and ``edges``."""
        data = self._ask("lineage", path, "--json")["data"]
        return data if isinstance(data, dict) else {"focus": None, "nodes": [], "edges": []}

    def _ask(self, *words: str) -> dict[str, Any]:
        document = json.loads(self._run(*words))
        if not isinstance(document, dict):
            raise RecorderError(f"{' '.join(words)}: not a document")
        return document

    def _run(self, *words: str, in_workspace: bool = True) -> str:
        place = ["-C", str(self.workspace)] if in_workspace else []
        command = [sys.executable, "-m", "mlamd", *place, *words]
        done = subprocess.run(
            command,
            cwd="/",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=self._patience_s,
        )
        if done.returncode:
            raise RecorderError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _stop(self) -> None:
        pid = self._pid()
        try:
            self._run("stop")
        except (RecorderError, subprocess.TimeoutExpired):
            if pid is None:
                return
            os.kill(pid, signal.SIGKILL)
            raise

    def _pid(self) -> int | None:
        """Return the recorder's pid as long as it runs, for the case that it does not stop when asked."""
        try:
            found = _find_pid(self._ask("status", "--json"))
        except (RecorderError, subprocess.TimeoutExpired, ValueError):
            return None
        if found is None:
            return None
        words = Path(f"/proc/{found}/cmdline")
        return found if words.exists() and b"mlamd" in words.read_bytes() else None


def _find_pid(value: object) -> int | None:
    if isinstance(value, dict):
        pid = value.get("pid")
        if isinstance(pid, int):
            return pid
        value = list(value.values())
    if isinstance(value, list):
        return next((pid for item in value if (pid := _find_pid(item)) is not None), None)
    return None
