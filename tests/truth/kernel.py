"""Replays a log of system calls into true edges (design of the record: what a step reads and writes)."""

import itertools
import posixpath
from collections import defaultdict, deque
from collections.abc import Iterable

from tests.truth import calls
from tests.truth.descriptors import Description, Mark, OpenFile, Pipe, PipeEnd, Process
from tests.truth.edges import Flow, Step, StepKey, Touch, Truth
from tests.truth.names import Namespace, counts
from tests.truth.strace import EXIT, Call, parse, text_of, texts_of

_BIRTHS = frozenset({"fork", "vfork", "clone", "clone3"})
_WORKERS = ("from multiprocessing.spawn ", "from multiprocessing.forkserver ")
_TRACKERS = ("from multiprocessing.resource_tracker ", "from multiprocessing.semaphore_tracker ")


def is_worker(argv: tuple[str, ...]) -> bool:
    """Say whether a program is a worker (or the tracker) that multiprocessing started by exec."""
    return any(
        option == "-c" and code.startswith(_WORKERS + _TRACKERS) for option, code in itertools.pairwise(argv)
    )


class Kernel:
    """The state of all traced processes; ``workspace`` is absolute and has no links in it.

    ``files`` and ``directories`` are what the workspace holds at the start, relative to it.
    """

    def __init__(
        self, workspace: str, files: Iterable[str] = (), directories: Iterable[str] = (), cwd: str = "/"
    ) -> None:
        self.workspace = workspace
        self.names = Namespace(files, directories)
        self.truth = Truth()
        self._cwd = cwd
        self._threads: dict[int, Process] = {}
        self._images: defaultdict[int, int] = defaultdict(int)
        self._births: defaultdict[int, deque[Call]] = defaultdict(deque)
        self._born: set[int] = set()
        self._reads: list[Mark] = []
        self._writes: list[Mark] = []
        self._pipes: defaultdict[str, Pipe] = defaultdict(Pipe)

    def replay(self, log: Iterable[Call]) -> Truth:
        """Take in a whole log and return what is true."""
        history = list(log)
        for call in history:
            if call.name in _BIRTHS and call.ok:
                self._births[call.number].append(call)
        end = 0
        for call in history:
            end = call.ended + 1
            self._take(call)
        for process in {id(process): process for process in self._threads.values()}.values():
            self.drop_all(process, end)
        return self._finish()

    def _take(self, call: Call) -> None:
        process = self._threads.get(call.tid) or self._adopt(call)
        if call.name == EXIT:
            self._exit(process, call)
        elif call.name in _BIRTHS:
            if call.ok and call.began not in self._born:
                self._bear(call.number, call)
        elif call.name in {"execve", "execveat"}:
            if call.ok:
                self._exec(process, call)
        elif call.ok:
            handler = calls.HANDLERS.get(call.name)
            if handler is not None:
                handler(self, process, call)

    def _adopt(self, call: Call) -> Process:
        births = self._births[call.tid]
        while births and births[0].began in self._born:
            births.popleft()
        if births:
            return self._bear(call.tid, births.popleft())
        key = self._step((), None, call, call.tid)
        process = self._threads[call.tid] = Process(call.tid, key, self._cwd, {call.tid})
        if self.truth.anchor is None:
            self.truth.anchor = key
        return process

    def _bear(self, tid: int, birth: Call) -> Process:
        self._born.add(birth.began)
        parent = self._threads.get(birth.tid) or self._adopt(birth)
        if any("CLONE_THREAD" in arg for arg in birth.args):
            parent.threads.add(tid)
            self._threads[tid] = parent
            return parent
        child = self._threads[tid] = parent.fork(tid)
        pids = self.truth.steps[child.step].pids
        if tid not in pids:
            pids.append(tid)
        return child

    def _step(self, argv: tuple[str, ...], parent: StepKey | None, call: Call, pid: int) -> StepKey:
        key = StepKey(pid, self._images[pid])
        self._images[pid] += 1
        self.truth.steps[key] = Step(key, argv, parent, call.began, call.at_s, [pid])
        return key

    def _exit(self, process: Process, call: Call) -> None:
        process.threads.discard(call.tid)
        self._threads.pop(call.tid, None)
        if not process.threads:
            self.drop_all(process, call.ended)

    def drop_all(self, process: Process, at: int) -> None:
        """Close whatever a process has open."""
        for number in list(process.files):
            self.close(process, number, at)
        self.unmap_all(process, at)

    def unmap_all(self, process: Process, at: int) -> None:
        """Take all mappings of a process away."""
        for address in list(process.mappings):
            self.release(process.mappings.pop(address), at)

    def close(self, process: Process, number: int, at: int) -> None:
        """Close a descriptor; one that is not known is none of the workspace."""
        entry = process.files.pop(number, None)
        if entry is not None and isinstance(entry[0], OpenFile):
            self.release(entry[0], at)

    def release(self, file: OpenFile, at: int) -> None:
        """Give back one reference; the last one seals what was written."""
        file.references -= 1
        if file.references == 0 and file.writes:
            self._writes += file.sealed(at)

    def install(
        self, process: Process, number: int, description: Description, *, cloexec: bool, at: int
    ) -> None:
        """Put a description at a descriptor number, closing what was there."""
        if isinstance(description, OpenFile):
            description.references += 1
        self.close(process, number, at)
        process.files[number] = (description, cloexec)

    def read(self, step: StepKey, file: OpenFile, at: int, *, required: bool = True) -> Mark:
        """Record a read edge."""
        mark = Mark(step, file.node, file.node.current(file.name), at, required)
        self._reads.append(mark)
        return mark

    def write(self, mark: Mark) -> None:
        """Record a write edge that was sealed at once."""
        self._writes.append(mark)

    def pipe(self, name: str) -> Pipe:
        """Return the pipe with this name (``pipe:[1]``)."""
        return self._pipes[name]

    def relative(self, process: Process, path: str, base: str = "") -> str | None:
        """Return a path relative to the workspace; None if it is not below it."""
        whole = posixpath.normpath(posixpath.join(process.cwd, base, path))
        prefix = self.workspace + "/"
        return whole[len(prefix) :] if whole.startswith(prefix) else None

    def _exec(self, process: Process, call: Call) -> None:
        at, old = call.ended, process.step
        for number in [number for number, (_, cloexec) in process.files.items() if cloexec]:
            self.close(process, number, at)
        self.unmap_all(process, at)
        argv = texts_of(call.arg(2 if call.name == "execveat" else 1))
        if is_worker(argv):
            return
        process.step = new = self._step(argv, old, call, process.pid)
        if old == self.truth.anchor and not self.truth.steps[old].argv:
            # What ran before the first exec is the tracer's own fork.
            del self.truth.steps[old]
            self.truth.anchor = new
            self.truth.steps[new].parent = None
        for description, _ in process.files.values():
            if isinstance(description, PipeEnd):
                description.hold(new)
            else:
                self._hand_over(process.pid, description, old, new, at)
        path = text_of(call.arg(1)) if call.name == "execveat" else text_of(call.arg(0))
        relative = self.relative(process, path)
        if relative is not None:
            self._reads.append(Mark(new, self.names.node(relative, at), relative, at, required=True))

    def _hand_over(self, pid: int, file: OpenFile, old: StepKey, new: StepKey, at: int) -> None:
        if file.opener == pid:
            # A fork that opened a file only for the program that it became is no edge of its parent.
            redirected = old.pid != pid
            if file.mark is not None and old not in file.readers:
                file.mark.required = False
                if redirected and file.mark in self._reads:
                    self._reads.remove(file.mark)
            if file.credit == old and old not in file.writers:
                if not redirected:
                    file.holders.add(old)
                file.credit = new
                file.moves += 1
                if file.node.created_by == old:
                    file.node.created_by = new
                file.node.written_by = {new if step == old else step for step in file.node.written_by}
        file.holders.add(new)
        if file.reads:
            self.read(new, file, at, required=False)

    def _finish(self) -> Truth:
        self.truth.reads = [touch for mark in self._reads if (touch := _touch(mark)) is not None]
        self.truth.writes = [touch for mark in self._writes if (touch := _touch(mark)) is not None]
        flows: dict[tuple[StepKey, StepKey], Flow] = {}
        for pipe in self._pipes.values():
            for source in pipe.in_hands | set(pipe.sources):
                for sink in (pipe.out_hands | set(pipe.sinks)) - {source}:
                    since = pipe.sources.get(source, -1)
                    required = 0 <= since < pipe.sinks.get(sink, -1)
                    if required or (source, sink) not in flows:
                        flows[source, sink] = Flow(source, sink, since, required)
        self.truth.flows = list(flows.values())
        return self.truth


def _touch(mark: Mark) -> Touch | None:
    names = frozenset(name for name in mark.node.names_from(mark.at, mark.name) if counts(name))
    if not names:
        return None
    name = mark.name if mark.name in names else min(names)
    return Touch(mark.step, name, names, mark.at, mark.required, mark.derived)


def truth_in(lines: Iterable[str], workspace: str, files: Iterable[str] = (), cwd: str = "/") -> Truth:
    """Return what is true by a log; ``files`` stood in the workspace before, ``cwd`` is that of its start."""
    return Kernel(workspace, files, cwd=cwd).replay(parse(lines, workspace))
