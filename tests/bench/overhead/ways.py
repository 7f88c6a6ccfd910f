"""The ways to run a workload: bare, traced, recorded."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from mlamd.host import fanotify
from mlamd.sensors.capture import REST_S
from tests.bench.overhead import recording
from tests.bench.overhead.tools import StepError, Tools, do
from tests.mount.mounted import mounted, unmount

MOST_S = 900
EXAMPLE = Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")
TRACED = "trace=file,desc,process"
_REST_MS = str(round(REST_S * 1000))


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a workload.

    ``seconds`` is the workload's own time, ``around_s`` what its tracer needed before and after it.
    ``cpu_s`` is the processor time of the recorder and its helpers until they had caught up, ``found``
    how many events or processes were recorded, ``gaps`` what the recorder says that it missed, and
    ``trouble`` why the trial proves nothing.
    """

    seconds: float
    around_s: float
    cpu_s: float | None = None
    found: int | None = None
    gaps: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A script to be run once in a directory that is ready for it."""

    script: str
    directory: Path
    environment: dict[str, str]
    least_events: int


class Bare:
    """Nobody looks."""

    name = "bare"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def check(self) -> None:
        """Raise ``StepError`` if this way cannot be gone here."""
        self.tools.compiled("stopwatch")

    def run(self, task: Task) -> Trial:
        """Run the task; raises ``StepError`` if it fails."""
        return Trial(*timed(self.tools, task, []))


class Strace:
    """Every system call that a tracer of provenance needs, formatted and thrown away."""

    name = "strace"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.before = ["strace", "-f", "-qq", "-e", TRACED, "-o", "/dev/null"]

    def check(self) -> None:
        do("strace", [*self.before, "true"], self.tools.environment)

    def run(self, task: Task) -> Trial:
        return Trial(*timed(self.tools, task, self.before))


class ReproZip:
    """``reprozip trace``, without what it does with the trace afterwards."""

    name = "reprozip"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.trace = tools.work / "reprozip-trace"

    def _before(self) -> list[str]:
        program = self.tools.virtual("reprozip", ("reprozip",)) / "reprozip"
        flags = ["--dont-identify-packages", "--dont-find-inputs-outputs"]
        return [str(program), "trace", "-w", "-d", str(self.trace), *flags]

    def check(self) -> None:
        do("a first `reprozip trace true`", [*self._before(), "true"], self.tools.environment)
        shutil.rmtree(self.trace)

    def run(self, task: Task) -> Trial:
        before = self._before()
        try:
            seconds, around_s = timed(self.tools, task, before)
            return Trial(seconds, around_s, found=self._processes())
        finally:
            shutil.rmtree(self.trace, ignore_errors=True)

    def _processes(self) -> int:
        database = sqlite3.connect(self.trace / "trace.sqlite3")
        try:
            return int(database.execute("SELECT count(*) FROM processes").fetchone()[0])
        finally:
            database.close()


class Kernel:
    """A program in C asks the kernel for the same events, and throws them away: what no reader can avoid."""

    name = "kernel"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def check(self) -> None:
        place = self.tools.work / "kernel"
        place.mkdir()
        self.run(Task("true", place, self.tools.environment, 0))

    def run(self, task: Task) -> Trial:
        mask = str(fanotify.CONTENT | fanotify.NAMES)
        command = [str(self.tools.compiled("discard")), str(task.directory), mask, _REST_MS]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
            try:
                if reader.stdout is None or not reader.stdout.readline():
                    said = reader.stderr.read().decode() if reader.stderr else ""
                    raise StepError(f"the reader in C failed: {said.strip()}")
                return Trial(*timed(self.tools, task, []))
            finally:
                reader.kill()


class Passthrough:
    """libfuse's own example in C over the directory: what a file system of a user can reach."""

    name = "passthrough_ll"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.program = tools.work / self.name

    def check(self) -> None:
        compile_example(self.program)

    def run(self, task: Task) -> Trial:
        place = task.directory.parent / "mounted"
        with passed_through(self.program, task.directory, place):
            return Trial(*timed(self.tools, replace(task, directory=place), []))


def compile_example(program: Path) -> None:
    """Compile libfuse's example; raises ``StepError`` if it is not there."""
    flags = subprocess.run(
        ["pkg-config", "fuse3", "--cflags", "--libs"], capture_output=True, text=True, check=False
    )
    if not EXAMPLE.exists() or flags.returncode:
        raise StepError(f"{EXAMPLE} is not there: install libfuse3-dev")
    command = ["gcc", "-O2", "-w", "-o", str(program), str(EXAMPLE), *flags.stdout.split()]
    do(f"compiling {EXAMPLE.name}", command, dict(os.environ))


@contextmanager
def passed_through(program: Path, source: Path, place: Path, *options: str) -> Iterator[None]:
    """Let the example show a directory at a new place as long as the block lasts.

    It keeps every file open that the kernel remembers, so it may come to the limit of open files.
    """
    place.mkdir()
    command = [str(program), "-f", "-o", ",".join((f"source={source}", *options)), str(place)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL):
        try:
            _await_mount(place)
            yield
        finally:
            unmount(place)


class Mounted:
    """mlamd's file system over the directory, without a recorder."""

    name = "mount"

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def check(self) -> None:
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            raise StepError("/dev/fuse cannot be used")

    def run(self, task: Task) -> Trial:
        with mounted(task.directory) as process:
            before = psutil.Process(process.pid).cpu_times()
            trial = Trial(*timed(self.tools, task, []))
            after = psutil.Process(process.pid).cpu_times()
        used_s = after.user + after.system - before.user - before.system
        return replace(trial, cpu_s=used_s)


def _await_mount(place: Path) -> None:
    deadline = time.monotonic() + 20
    while not os.path.ismount(place):
        if time.monotonic() > deadline:
            raise StepError(f"nothing was mounted over {place}")
        time.sleep(0.01)


class Recorded:
    """A recorder that was started before the workload, as a user would have it."""

    name = "mlamd"

    def __init__(self, tools: Tools, sensor: str) -> None:
        self.tools = tools
        self.how: tuple[str, ...] = ("--sensor", sensor)

    def check(self) -> None:
        place = self.tools.work / "first"
        place.mkdir()
        try:
            with recording.recorded(place, self.how):
                pass
        finally:
            shutil.rmtree(place)

    def run(self, task: Task) -> Trial:
        with recording.recorded(task.directory, self.how) as recorder:
            before = recorder.reading()
            seconds, around_s = timed(self.tools, task, [])
            trouble = "" if recorder.caught_up() else "the recorder did not catch up"
            used = recorder.reading().since(before)
            gaps = recorder.gaps()
        if not trouble and used.events < task.least_events:
            trouble = f"only {used.events} events, {task.least_events} or more are plausible"
        if not trouble and any(gap.startswith(recording.LOST) for gap in gaps):
            trouble = "events were lost"
        return Trial(seconds, around_s, used.cpu_s, used.events, gaps, trouble)


class RecordedMount(Recorded):
    """The same in mount mode."""

    name = "mlamd-mount"

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools, "")
        self.how = ("--mode", "mount")


Way = Bare | Strace | ReproZip | Kernel | Passthrough | Mounted | Recorded
MAKERS: dict[str, Callable[[Tools, str], Way]] = {
    "bare": lambda tools, _: Bare(tools),
    "strace": lambda tools, _: Strace(tools),
    "reprozip": lambda tools, _: ReproZip(tools),
    "kernel": lambda tools, _: Kernel(tools),
    "passthrough_ll": lambda tools, _: Passthrough(tools),
    "mount": lambda tools, _: Mounted(tools),
    "mlamd": Recorded,
    "mlamd-mount": lambda tools, _: RecordedMount(tools),
}


def timed(tools: Tools, task: Task, before: list[str]) -> tuple[float, float]:
    """Run a task behind the words ``before``; return its own seconds, and those around it.

    Raises ``StepError`` if it fails.
    """
    out = tools.work / "took"
    out.unlink(missing_ok=True)
    command = [*before, str(tools.compiled("stopwatch")), str(out), "sh", "-e", "-c", task.script]
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=task.directory,
        env=task.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            _, said = process.communicate(timeout=MOST_S)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise StepError(f"not done after {MOST_S} s") from error
            raise
    whole = time.perf_counter() - began
    if process.returncode or not out.exists():
        raise StepError(f"it ended with status {process.returncode}: {said.strip()[-300:]}")
    seconds = int(out.read_text(encoding="ascii")) / 1e9
    return seconds, whole - seconds
