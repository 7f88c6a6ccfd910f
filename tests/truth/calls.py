"""What each system call does to the traced processes. Every handler gets a call that succeeded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.truth.descriptors import Mark, OpenFile, PipeEnd, Process
from tests.truth.names import is_bytecode, source_of
from tests.truth.strace import Call, descriptor, descriptors, text_of

if TYPE_CHECKING:
    from tests.truth.kernel import Kernel

Handler = Callable[["Kernel", Process, Call], None]


def _flags(call: Call) -> str:
    if call.name == "creat":
        return "O_WRONLY|O_CREAT|O_TRUNC"
    return call.arg(1 if call.name == "open" else 2)


def _open(kernel: Kernel, process: Process, call: Call) -> None:
    flags, (number, absolute) = _flags(call), descriptor(call.result)
    path = kernel.relative(process, absolute)
    if path is None or "O_PATH" in flags or "O_DIRECTORY" in flags or path in kernel.names.directories:
        return
    writes = "O_WRONLY" in flags or "O_RDWR" in flags
    source = source_of(path)
    if source is not None and not writes:
        path = source
    elif is_bytecode(path):
        return
    _opened(kernel, process, call, (number, path), flags)


def _opened(kernel: Kernel, process: Process, call: Call, what: tuple[int, str], flags: str) -> None:
    number, path = what
    reads, writes = "O_WRONLY" not in flags, "O_WRONLY" in flags or "O_RDWR" in flags
    created = "O_CREAT" in flags and path not in kernel.names
    node = kernel.names.node(path, call.ended)
    fresh = created or (writes and "O_TRUNC" in flags)
    if created:
        node.created_by = process.step
    if fresh:
        node.written_by.add(process.step)
    file = OpenFile(node, path, process.pid, reads, writes, fresh, process.step if fresh else None)
    if reads or (writes and not fresh):
        file.mark = kernel.read(process.step, file, call.ended, required=not writes)
    kernel.install(process, number, file, cloexec="O_CLOEXEC" in flags, at=call.ended)


def _close(kernel: Kernel, process: Process, call: Call) -> None:
    kernel.close(process, descriptor(call.arg(0))[0], call.ended)


def _close_range(kernel: Kernel, process: Process, call: Call) -> None:
    first, last = int(call.arg(0)), int(call.arg(1))
    for number in [number for number in process.files if first <= number <= last]:
        if "CLOEXEC" in call.arg(2):
            process.files[number] = (process.files[number][0], True)
        else:
            kernel.close(process, number, call.ended)


def _dup(kernel: Kernel, process: Process, call: Call) -> None:
    old, new = descriptor(call.arg(0))[0], call.number
    if call.name == "fcntl":
        if "F_SETFD" in call.arg(1) and old in process.files:
            process.files[old] = (process.files[old][0], "FD_CLOEXEC" in call.arg(2))
        if "F_DUPFD" not in call.arg(1):
            return
    if old == new:
        return
    entry = process.files.get(old)
    if entry is None:
        kernel.close(process, new, call.ended)
        return
    cloexec = "CLOEXEC" in call.arg(2) or "F_DUPFD_CLOEXEC" in call.arg(1)
    kernel.install(process, new, entry[0], cloexec=cloexec, at=call.ended)


def _pipe(kernel: Kernel, process: Process, call: Call) -> None:
    for writes, (number, name) in enumerate(descriptors(call.arg(0))):
        end = PipeEnd(kernel.pipe(name), bool(writes))
        end.hold(process.step)
        kernel.install(process, number, end, cloexec="O_CLOEXEC" in call.arg(1), at=call.ended)


def _source(kernel: Kernel, process: Process, call: Call, arg: str) -> None:
    number, absolute = descriptor(arg)
    entry = process.files.get(number)
    if entry is None:
        _adopt(kernel, process, call, absolute, writes=False)
    elif isinstance(entry[0], PipeEnd):
        if call.number > 0:
            entry[0].pipe.sinks[process.step] = call.ended
    elif process.step not in entry[0].readers:
        file = entry[0]
        file.readers.add(process.step)
        if file.mark is not None and file.mark.required and file.mark.step == process.step:
            return
        kernel.read(process.step, file, call.ended, required=not (file.writes and file.fresh))


def _sink(kernel: Kernel, process: Process, call: Call, arg: str) -> None:
    number, absolute = descriptor(arg)
    entry = process.files.get(number)
    if entry is None:
        _adopt(kernel, process, call, absolute, writes=True)
    elif isinstance(entry[0], PipeEnd):
        entry[0].pipe.sources.setdefault(process.step, call.began)
    else:
        entry[0].writers.add(process.step)
        entry[0].node.written_by.add(process.step)


def _adopt(kernel: Kernel, process: Process, call: Call, absolute: str, *, writes: bool) -> None:
    # A descriptor that came from elsewhere, as through a socket.
    path = kernel.relative(process, absolute) if absolute.startswith("/") else None
    if path is None or is_bytecode(path) or path in kernel.names.directories:
        return
    mark = Mark(process.step, kernel.names.node(path, call.ended), path, call.ended, required=True)
    if writes:
        kernel.write(mark)
    else:
        kernel.read(process.step, OpenFile(mark.node, path, 0, True, False, False, None), call.ended)


def _read(kernel: Kernel, process: Process, call: Call) -> None:
    _source(kernel, process, call, call.arg(0))


def _write(kernel: Kernel, process: Process, call: Call) -> None:
    if call.number > 0 or call.name in {"ftruncate", "fallocate"}:
        _sink(kernel, process, call, call.arg(0))


def _copy(kernel: Kernel, process: Process, call: Call) -> None:
    source, sink = (1, 0) if call.name == "sendfile" else (0, 2)
    _source(kernel, process, call, call.arg(source))
    if call.number > 0:
        _sink(kernel, process, call, call.arg(sink))


def _mmap(kernel: Kernel, process: Process, call: Call) -> None:
    entry = process.files.get(descriptor(call.arg(4))[0])
    if entry is None or isinstance(entry[0], PipeEnd):
        return
    file = entry[0]
    _source(kernel, process, call, call.arg(4))
    if file.writes and "PROT_WRITE" in call.arg(2) and "MAP_SHARED" in call.arg(3):
        _sink(kernel, process, call, call.arg(4))
        file.references += 1
        process.mappings[call.number] = file


def _munmap(kernel: Kernel, process: Process, call: Call) -> None:
    file = process.mappings.pop(int(call.arg(0), 0), None)
    if file is not None:
        kernel.release(file, call.ended)


def _chdir(kernel: Kernel, process: Process, call: Call) -> None:
    del kernel
    path = descriptor(call.arg(0))[1] if call.name == "fchdir" else text_of(call.arg(0))
    process.cwd = path if path.startswith("/") else re.sub(r"/+$", "", process.cwd) + "/" + path


def _two_paths(kernel: Kernel, process: Process, call: Call) -> tuple[str | None, str | None]:
    if not call.name.endswith(("at", "at2")):
        return kernel.relative(process, text_of(call.arg(0))), kernel.relative(process, text_of(call.arg(1)))
    bases = descriptor(call.arg(0))[1], descriptor(call.arg(2))[1]
    return (
        kernel.relative(process, text_of(call.arg(1)), bases[0]),
        kernel.relative(process, text_of(call.arg(3)), bases[1]),
    )


def _one_path(kernel: Kernel, process: Process, call: Call) -> str | None:
    if call.name.endswith("at"):
        return kernel.relative(process, text_of(call.arg(1)), descriptor(call.arg(0))[1])
    return kernel.relative(process, text_of(call.arg(0)))


def _rename(kernel: Kernel, process: Process, call: Call) -> None:
    old, new = _two_paths(kernel, process, call)
    if old is not None and new is not None:
        if "RENAME_EXCHANGE" in call.arg(4):
            kernel.names.exchange(old, new, call.ended)
        else:
            kernel.names.rename(old, new, call.ended, process.step)
    elif old is not None:
        kernel.names.remove(old)
    elif new is not None:
        kernel.names.remove(new)
        mark = Mark(process.step, kernel.names.node(new, call.ended), new, call.ended, required=True)
        kernel.write(mark)


def _link(kernel: Kernel, process: Process, call: Call) -> None:
    old, new = _two_paths(kernel, process, call)
    if old is not None and new is not None:
        kernel.names.link(old, new, call.ended)


def _unlink(kernel: Kernel, process: Process, call: Call) -> None:
    path = _one_path(kernel, process, call)
    if path is not None:
        kernel.names.remove(path)


def _mkdir(kernel: Kernel, process: Process, call: Call) -> None:
    path = _one_path(kernel, process, call)
    if path is not None:
        kernel.names.directories.add(path)


def _truncate(kernel: Kernel, process: Process, call: Call) -> None:
    path = kernel.relative(process, text_of(call.arg(0)))
    if path is not None:
        node = kernel.names.node(path, call.ended)
        kernel.write(Mark(process.step, node, path, call.ended, required=True, derived=True))


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), _open),
    **dict.fromkeys(("dup", "dup2", "dup3", "fcntl"), _dup),
    **dict.fromkeys(("pipe", "pipe2"), _pipe),
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2"), _read),
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate"), _write),
    **dict.fromkeys(("sendfile", "copy_file_range", "splice"), _copy),
    **dict.fromkeys(("rename", "renameat", "renameat2"), _rename),
    **dict.fromkeys(("link", "linkat"), _link),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), _unlink),
    **dict.fromkeys(("mkdir", "mkdirat"), _mkdir),
    **dict.fromkeys(("chdir", "fchdir"), _chdir),
    "close": _close,
    "close_range": _close_range,
    "mmap": _mmap,
    "munmap": _munmap,
    "truncate": _truncate,
}
