"""A recorder around a trial: started before it, asked after it, and always stopped."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import mlamd
from mlamd.daemon import client
from mlamd.errors import MlamdError
from tests.bench.overhead.tools import StepError, do

LOST = ("overflow", "inbox-full")
_PATIENCE_S = 300.0


def _environment() -> dict[str, str]:
    """Return an environment in which ``python -m mlamd`` is the mlamd that was imported here."""
    return {**os.environ, "PYTHONPATH": str(Path(mlamd.__file__).parents[1])}


def _mlamd(directory: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "mlamd", "-C", str(directory), *words]


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor time of a recorder and all its descendants until now, and how many events it stored."""

    cpu_s: float
    events: int

    def since(self, earlier: "Reading") -> "Reading":
        """Return what came after an earlier reading."""
        return Reading(self.cpu_s - earlier.cpu_s, self.events - earlier.events)


class Recorder:
    """The recorder of one workspace, seen from outside."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = directory / ".mlamd"
        self.process = psutil.Process(self._status()["pid"])

    def _status(self) -> dict[str, Any]:
        return client.ask(self.store, "status", timeout_s=30)

    def reading(self) -> Reading:
        """Measure; children that have ended count through who has waited for them."""
        cpu_s = 0.0
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                cpu_s += sum(process.cpu_times()[:4])
        return Reading(cpu_s, self._status()["events"])

    def caught_up(self) -> bool:
        """Wait until all that has happened is stored, digests included; False if that takes too long."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(MlamdError):
                if client.ask(self.store, "sync", timeout_s=60)["done"] and not self._status()["digesting"]:
                    return True
            time.sleep(0.02)
        return False

    def gaps(self) -> tuple[str, ...]:
        """Return what it says that it may have missed; gaps that say the same are one line."""
        shown = subprocess.check_output(_mlamd(self.directory, "status", "--json"), env=_environment())
        times: Counter[str] = Counter()
        for gap in json.loads(shown)["gaps"]:
            times[f"{gap['reason']}: {gap['detail'] or 'no detail'}"] += gap["count"]
        return tuple(f"{gap} ({count} times)" for gap, count in times.items())


@contextmanager
def recorded(directory: Path, how: tuple[str, ...]) -> Iterator[Recorder]:
    """Record a directory for as long as the context lasts; ``how`` are options of ``start``.

    Raises ``StepError`` if that cannot be.
    """
    do("mlamd init", _mlamd(directory, "init"), _environment())
    do(f"mlamd start {' '.join(how)}", _mlamd(directory, "start", *how), _environment())
    try:
        recorder = Recorder(directory)
        if not recorder.caught_up():
            raise StepError("the recorder was not ready")
        os.sync()
        yield recorder
    finally:
        do("mlamd stop", _mlamd(directory, "stop"), _environment())
