"""Running under strace(1), and its log as calls.

The format is that of ``strace -f -ttt -y -o FILE`` (strace 5.6 or later): one line a call, or two of
which the first ends in ``<unfinished ...>``; file descriptors carry their path (``3</tmp/a>``), and
bytes outside ASCII are octal escapes, in strings as in those paths.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TRACED = (
    "open,openat,openat2,creat,close,close_range,dup,dup2,dup3,fcntl,pipe,pipe2,"
    "execve,execveat,fork,vfork,clone,clone3,exit_group,chdir,fchdir,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,fallocate,"
    "read,pread64,readv,preadv,preadv2,write,pwrite64,writev,pwritev,pwritev2,"
    "sendfile,copy_file_range,splice,mmap,munmap"
)
EXIT = "+exit"
"""Name of the call that stands for the end of a thread."""

_LINE = re.compile(r"^(\d+)\s+(\d+\.\d+) (.*)$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_SUPERSEDED = re.compile(r"^\+\+\+ superseded by execve in pid (\d+)")
_UNFINISHED = re.compile(r" ?<unfinished \.\.\.>$")
_PID_CHANGED = re.compile(r" ?<pid changed to \d+ \.\.\.>$")
_NAME = re.compile(r"^(\w+)\(")
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?'  # a string, perhaps cut short
    r"|(?:(?<=\d)|(?<=AT_FDCWD))<(?:[^<>\\]|\\.)*>"  # the path of a descriptor
    r"|/\*.*?\*/"  # a remark
    r"|[()\[\]{},]",
    re.DOTALL,
)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DESCRIPTOR = re.compile(r"^(-?\d+|AT_FDCWD)(?:<((?:[^<>\\]|\\.)*)>)?", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b"}
_BULK = re.compile(r"^\d+\s+\d+\.\d+ (?:read|pread64|readv|preadv2?|write|pwrite64|writev|pwritev2?|mmap)\(")


@dataclass(frozen=True, slots=True)
class Call:
    """One finished system call, or the end of a thread (``EXIT``).

    ``began`` and ``ended`` count lines of the log; ``at_s`` is the wall clock at the first of them;
    ``args`` and ``result`` are raw text, read with ``text_of``, ``descriptor`` and ``number``.
    """

    tid: int
    began: int
    ended: int
    at_s: float
    name: str
    args: tuple[str, ...] = ()
    result: str = ""

    @property
    def ok(self) -> bool:
        """True if the call succeeded; a call without a known result (``?``) did not."""
        return bool(self.result) and self.result[0] not in "-?"

    @property
    def number(self) -> int:
        """The result as a number; -1 for a failed call or an unknown result."""
        found = re.match(r"-?(?:0x[0-9a-f]+|\d+)", self.result)
        return int(found.group(), 0) if found else -1

    def arg(self, index: int) -> str:
        """Return the raw text of an argument; empty if there are fewer."""
        return self.args[index] if -len(self.args) <= index < len(self.args) else ""


def traced(log: Path, command: list[str]) -> list[str]:
    """Return the command that runs ``command`` and all that it starts under strace, into ``log``."""
    options = ["-f", "--seccomp-bpf", "-ttt", "-y", "-s", "4096", "-e", "trace=" + TRACED]
    return ["strace", *options, "-e", "signal=none", "-o", str(log), *command]


def unescape(text: str) -> str:
    """Undo C escapes; bytes that are not UTF-8 become surrogate escapes, as ``os.fsdecode`` has it."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found.group(1)
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code[:1].isdigit():
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)


def text_of(arg: str) -> str:
    """Return the string in an argument; empty if it holds none (a null pointer)."""
    found = _STRING.search(arg)
    return unescape(found.group(1)) if found else ""


def texts_of(arg: str) -> tuple[str, ...]:
    """Return all strings of an array argument such as argv."""
    return tuple(unescape(found) for found in _STRING.findall(arg))


def descriptor(text: str) -> tuple[int, str]:
    """Return number and path of ``3</tmp/a>``; -100 is AT_FDCWD, the path is empty if unknown.

    A deleted file keeps the path that it had.
    """
    found = _DESCRIPTOR.match(text)
    if found is None:
        return -1, ""
    number = -100 if found.group(1) == "AT_FDCWD" else int(found.group(1))
    return number, unescape(found.group(2) or "").removesuffix(" (deleted)")


def descriptors(text: str) -> list[tuple[int, str]]:
    """Return number and path of each element of ``[3<pipe:[1]>, 4<pipe:[1]>]``."""
    return [descriptor(part.strip()) for part in split_call("f(" + text.strip("[] ") + ") = 0")[1]]


def split_call(text: str) -> tuple[str, tuple[str, ...], str]:
    """Split ``name(args) = result`` at the commas that divide arguments.

    Raises ``ValueError`` if the text is no whole call.
    """
    head = _NAME.match(text)
    if head is None:
        raise ValueError(f"not a call: {text[:120]!r}")
    args: list[str] = []
    depth, start = 1, head.end()
    for token in _TOKEN.finditer(text, head.end()):
        mark = token.group()
        if mark in {"(", "[", "{"}:
            depth += 1
        elif mark in {")", "]", "}"}:
            depth -= 1
        if depth == 0 or (mark == "," and depth == 1):
            args.append(text[start : token.start()].strip())
            start = token.end()
        if depth == 0:
            rest = text[token.end() :].strip()
            if not rest.startswith("="):
                break
            return head.group(1), tuple(args) if args != [""] else (), rest[1:].strip()
    raise ValueError(f"not a whole call: {text[:120]!r}")


def parse(lines: Iterable[str], workspace: str | None = None) -> Iterator[Call]:
    """Yield the calls of a log in the order in which they ended.

    With ``workspace``, reads, writes and mappings of what is neither below it nor a pipe are left
    out. A line that is no call (a signal, the last line of a log cut short) is left out too.
    """
    pending: dict[int, tuple[int, float, str]] = {}
    for index, line in enumerate(lines):
        if workspace is not None and _BULK.match(line) and _elsewhere(line, workspace):
            continue
        found = _LINE.match(line.rstrip("\n"))
        if found is None:
            continue
        tid, at_s, body = int(found.group(1)), float(found.group(2)), found.group(3)
        superseded = _SUPERSEDED.match(body)
        if superseded is not None:
            old = int(superseded.group(1))
            if old in pending:
                pending[tid] = pending.pop(old)
            yield Call(old, index, index, at_s, EXIT)
        elif body.startswith("+++ "):
            yield Call(tid, index, index, at_s, EXIT)
        elif body.endswith("<unfinished ...>") or _PID_CHANGED.search(body):
            pending[tid] = (index, at_s, _PID_CHANGED.sub("", _UNFINISHED.sub("", body)))
        elif not body.startswith("--- "):
            call = _finish(tid, index, at_s, body, pending)
            if call is not None:
                yield call


def _finish(
    tid: int, index: int, at_s: float, body: str, pending: dict[int, tuple[int, float, str]]
) -> Call | None:
    began, resumed = index, _RESUMED.match(body)
    if resumed is not None:
        if tid not in pending:
            return None
        began, at_s, head = pending.pop(tid)
        body = head + resumed.group(2)
    try:
        name, args, result = split_call(body)
    except ValueError:
        return None
    return Call(tid, began, index, at_s, name, args, result)


def _elsewhere(line: str, workspace: str) -> bool:
    # The path of a descriptor is printed with escapes, so a workspace needs a plain ASCII path.
    head = line if " mmap(" in line[:60] else line.partition('"')[0]
    return workspace not in head and "<pipe:" not in head
