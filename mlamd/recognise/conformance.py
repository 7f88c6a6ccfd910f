"""What is asked of every recogniser, as a check that can be run against any, also another package's.

    from mlamd.recognise.conformance import check

    assert check(MyRecogniser(), {"some.file": content}) == []

The check calls the recogniser on the examples, on changed examples, and on files that wish it ill, under the
names of the examples. It asks that each call

- returns a ``Finding`` or None, or raises ``RecogniseError`` (``MemoryError``, ``RecursionError`` are borne);
- ends within ``MOST_SECONDS`` of processor time;
- has allocated no more than ``MOST_MEMORY_BYTES`` at any moment (measured on some of the calls);
- reads no more than ``MOST_READ_BYTES``;
- executes and unpickles nothing, starts no process, opens no connection, and writes and removes no file.
"""

import gc
import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mlamd.recognise.finding import HEAD_BYTES, KINDS, Finding, RecogniseError, Recogniser, Subject
from mlamd.recognise.hostile import Content, anywhere, mutated
from mlamd.recognise.hostile import content as plain

MOST_SECONDS = 1.0
MOST_MEMORY_BYTES = 256 << 20
MOST_READ_BYTES = 64 << 20
_MEASURED_EVERY = 16
_FORBIDDEN = (
    "pickle.find_class", "marshal.load", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
    "os.fork", "os.startfile", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link",
    "os.symlink", "os.chmod", "os.truncate", "os.kill", "subprocess.", "socket.", "shutil.", "pty.",
    "webbrowser.", "urllib.", "ctypes.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, and with which file."""

    name: str
    content: str
    what: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call took and gave. ``memory_bytes`` is 0 where it was not measured."""

    seconds: float
    read_bytes: int
    memory_bytes: int
    finding: Finding | None
    problem: str


class ForbiddenError(BaseException):
    """A recogniser did what none may do. No recogniser can catch this by catching ``Exception``."""


class _Watch:
    """Sees what the interpreter is made to do, by an audit hook, which cannot be taken away again."""

    def __init__(self) -> None:
        self._installed = False
        self._on = False
        self.seen = ""

    def __enter__(self) -> Self:
        if not self._installed:
            sys.addaudithook(self._hook)
            self._installed = True
        self.seen, self._on = "", True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on = False

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._on and _is_forbidden(event, arguments):
            self.seen = self.seen or event
            raise ForbiddenError(event)


_WATCH = _Watch()


def _is_forbidden(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        mode, flags = (*arguments, None, None)[1:3]
        writes = isinstance(mode, str) and bool(set(mode) & set("wax+"))
        return writes or (isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
    if event in {"compile", "exec"}:
        # Importing a module late is allowed, and compiles and executes that.
        name = arguments[1] if event == "compile" else getattr(arguments[0], "co_filename", "")
        return str(name).startswith("<") and not str(name).startswith("<frozen") and not _is_importing()
    return event.startswith(_FORBIDDEN) and not _is_importing()


def _is_importing() -> bool:
    frame = sys._getframe()  # noqa: SLF001  (there is no other way to know who asks)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
    return False


class _Reader:
    """Reads a file and counts; more than the budget is an error, as it is in earnest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDONLY)
        self.size_bytes = os.fstat(self._file).st_size
        self.read_bytes = 0

    def read(self, offset: int, size: int) -> bytes:
        if self.read_bytes + size > 2 * MOST_READ_BYTES:
            raise RecogniseError("too much was read of it")
        found = os.pread(self._file, size, offset)
        self.read_bytes += len(found)
        return found

    def path(self) -> str:
        return str(self._path)

    def close(self) -> None:
        os.close(self._file)


def check(
    recogniser: Recogniser, examples: Mapping[str, bytes], *, rounds: int = 500, seed: int = 0
) -> list[Problem]:
    """Run the check, with ``rounds`` changed examples, and return all problems that were found.

    ``examples`` are files that the recogniser knows, by their names; it must know each of them. The same seed
    gives the same files. It runs in the main thread, and nothing else should run beside it.
    """
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, content, known) in enumerate(trials(examples, rounds, seed)):
            measured = known or place % _MEASURED_EVERY == 0
            outcome = examine(recogniser, name, content, Path(folder) / "file", measured=measured)
            problem = outcome.problem
            if not problem and known and outcome.finding is None:
                problem = "does not know an example"
            if problem:
                problems.append(Problem(name, content.what, problem))
    return problems


def trials(examples: Mapping[str, bytes], rounds: int, seed: int) -> Iterator[tuple[str, Content, bool]]:
    """Yield names and contents, and whether the content is an example as it was given."""
    for name, data in examples.items():
        yield name, plain("an example", data), True
    chance = random.Random(seed)  # noqa: S311  (to be the same again is the point)
    names = sorted(examples) or ["file"]
    for content in anywhere(seed):
        for suffix in {Path(name).suffix: name for name in names}.values():
            yield suffix, content, False
    for _ in range(rounds if examples else 0):
        name = chance.choice(names)
        yield name, mutated(examples[name], chance), False


def examine(
    recogniser: Recogniser, name: str, content: Content, path: Path, *, measured: bool = False
) -> Outcome:
    """Call a recogniser once, with a file of this content, which is written to ``path`` first."""
    with path.open("wb") as file:
        file.write(content.data)
        file.truncate(content.size_bytes)
    reader = _Reader(path)
    finding, problem = None, ""
    if measured:
        tracemalloc.start()
    gc.freeze()  # what the caller holds is not gone through for what the recogniser makes
    trace = sys.gettrace()
    sys.settrace(None)  # a debugger, or who counts lines, would take several times as long
    began = time.process_time()
    try:
        with _WATCH:
            subject = Subject(os.fsencode(name), reader.read(0, HEAD_BYTES), reader)
            finding = recogniser.recognise(subject)
    except (RecogniseError, MemoryError, RecursionError):
        pass
    except ForbiddenError:
        pass
    except Exception as error:  # noqa: BLE001  (whatever it is, it is a problem of the recogniser)
        problem = f"raised {type(error).__name__}: {error}"
    seconds = time.process_time() - began
    sys.settrace(trace)
    gc.unfreeze()
    memory = 0
    if measured:
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    reader.close()
    outcome = Outcome(seconds, reader.read_bytes, memory, finding, problem)
    return Outcome(
        seconds, reader.read_bytes, memory, finding, problem or _problem(outcome, measured=measured)
    )


def _problem(outcome: Outcome, *, measured: bool) -> str:
    """Return what was wrong with a call that ended as it should; "" if nothing was."""
    if _WATCH.seen:
        return f"did what none may do: {_WATCH.seen}"
    # While memory is measured everything takes several times as long.
    if outcome.seconds > MOST_SECONDS and not measured:
        return f"took {outcome.seconds:.1f} s"
    if outcome.memory_bytes > MOST_MEMORY_BYTES:
        return f"took {outcome.memory_bytes >> 20} MB of memory"
    if outcome.read_bytes > MOST_READ_BYTES:
        return f"read {outcome.read_bytes >> 20} MB"
    found = outcome.finding
    return "" if found is None else _problem_of(found)


def _problem_of(found: Finding) -> str:
    if found.kind not in KINDS or found.made not in KINDS | {""}:
        return f"returned a kind that there is not: {found.kind!r}, {found.made!r}"
    if not 0 < len(found.format) <= 40:
        return f"returned a format that is no short name: {found.format[:60]!r}"
    return ""
