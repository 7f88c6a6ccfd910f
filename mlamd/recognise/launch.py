"""Which word of a command line is the program, and where its own arguments begin.

What stands before is the interpreter, its options, and programs that only start another: ``env``, ``nice``,
``uv run``, ``torchrun``, ``accelerate launch`` and the like.
"""

import re
import sys
from dataclasses import dataclass

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*(?:\.exe)?$|ipython3?$|pythonw$")
_PYTHON_VALUES = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_SCRIPT = re.compile(r".+\.(?:py|pyc|sh|bash|R|r|jl|pl|rb|js)$")
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "fish", "Rscript", "julia", "perl", "ruby", "node"})

_WRAPPERS = {
    "env": "-u --unset -C --chdir -S",
    "nice": "-n --adjustment",
    "ionice": "-c -n -p",
    "chrt": "",
    "nohup": "",
    "setsid": "",
    "time": "-o -f --output --format",
    "timeout": "-s -k --signal --kill-after",
    "taskset": "",
    "stdbuf": "-i -o -e --input --output --error",
    "numactl": "-N -m -C -l -i",
    "xvfb-run": "-s -n -e --server-args",
    "catchsegv": "",
    "sudo": "-u -g -h -p",
    "strace": "-o -e -p -s",
}
"""Programs that start the rest of the line, and which of their options take a value."""

_RUNNERS = {
    (
        "uv",
        "run",
    ): "--with --with-editable --with-requirements --python -p --extra --group --env-file --project",
    ("poetry", "run"): "",
    ("pdm", "run"): "",
    ("pipenv", "run"): "",
    ("hatch", "run"): "",
    ("pixi", "run"): "-e --environment",
    ("rye", "run"): "",
    ("conda", "run"): "-n --name -p --prefix --cwd",
    ("mamba", "run"): "-n --name -p --prefix --cwd",
    ("micromamba", "run"): "-n --name -p --prefix --cwd",
}
_LAUNCHERS = frozenset(
    """
    torchrun deepspeed accelerate horovodrun mpirun mpiexec srun coverage kernprof pdb cProfile profile trace
    debugpy viztracer scalene memory_profiler mprof torch.distributed.run torch.distributed.launch
    accelerate.commands.launch composer lightning colossalai nsys ncu
    """.split()
)
"""Programs and modules with many options of their own, before a script that shows by its suffix."""
_TOOLS = frozenset(
    """
    pip pip3 pytest tox nox coverage ruff black mypy pyright flake8 isort pylint pre-commit virtualenv uv
    poetry pdm hatch twine build
    """.split()
)
"""Programs in Python that work on sources, and whose arguments are no parameters of anything."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The program of a command line: its script, module or name, and the index of its first argument."""

    program: str
    first: int
    module: bool = False


def find_program(argv: tuple[str, ...]) -> Launch:
    """Return what is run; for ``python -c`` the program is ``-c``, and "" where there is none."""
    at = 0
    while at < len(argv):
        name = _base(argv[at])
        if _VARIABLE.match(argv[at]) and at + 1 < len(argv):
            at += 1
        elif name in _WRAPPERS:
            at = _skip_options(argv, at + 1, _WRAPPERS[name])
            if name in {"timeout", "taskset", "chrt"}:
                at += 1
        elif (name, argv[at + 1] if at + 1 < len(argv) else "") in _RUNNERS:
            at = _skip_options(argv, at + 2, _RUNNERS[name, argv[at + 1]])
        elif name in _LAUNCHERS:
            return _launched(argv, at)
        elif _PYTHON.match(name):
            return _python(argv, at + 1)
        elif name in _SHELLS:
            return _shell(argv, at)
        else:
            return Launch(argv[at], at + 1)
    return Launch("", at)


def _base(word: str) -> str:
    return word.rpartition("/")[2]


def runs_python(executable: str) -> bool:
    """Return True for the path of an interpreter of Python, R or Julia."""
    name = _base(executable)
    return bool(_PYTHON.match(name)) or name in {"R", "Rscript", "julia"}


def is_tool(launch: Launch) -> bool:
    """Return True for a module of the standard library that is run, and for what developers work with."""
    if launch.module:
        root = launch.program.partition(".")[0]
        return root in sys.stdlib_module_names or root in _TOOLS
    return _base(launch.program) in _TOOLS


def _skip_options(argv: tuple[str, ...], at: int, with_value: str) -> int:
    valued = frozenset(with_value.split())
    while at < len(argv) and argv[at].startswith("-"):
        if argv[at] == "--":
            return at + 1
        at += 2 if argv[at] in valued else 1
    return at


def _python(argv: tuple[str, ...], at: int) -> Launch:
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "-":
        word = argv[at]
        if word == "--":
            at += 1
            break
        if word.startswith("--"):
            at += 2 if word in _PYTHON_VALUES else 1
        elif word in _PYTHON_VALUES:
            at += 2
        elif word.endswith("m") and not word.startswith(("-W", "-X")):
            module = argv[at + 1] if at + 1 < len(argv) else ""
            return _launched(argv, at + 1) if module in _LAUNCHERS else Launch(module, at + 2, module=True)
        elif word.endswith("c") and not word.startswith(("-W", "-X")):
            return Launch("-c", at + 2)
        else:
            at += 1
    if at >= len(argv):
        return Launch("", at)
    if _base(argv[at]) in _LAUNCHERS:
        return _launched(argv, at)
    return Launch(argv[at], at + 1)


def _shell(argv: tuple[str, ...], at: int) -> Launch:
    inner = at + 1
    while inner < len(argv) and argv[inner].startswith("-"):
        if "c" in argv[inner][1:] and not argv[inner].startswith("--"):
            return Launch("-c", inner + 2)
        inner += 1
    return Launch(argv[inner], inner + 1) if inner < len(argv) else Launch(argv[at], inner)


def _launched(argv: tuple[str, ...], at: int) -> Launch:
    """Return the script behind a launcher's options: the first word with a script's suffix, or a module."""
    for place in range(at + 1, len(argv)):
        word, before = argv[place], argv[place - 1]
        if before in {"-m", "--module"} and not word.startswith("-"):
            return _launched(argv, place) if word in _LAUNCHERS else Launch(word, place + 1, module=True)
        if _PYTHON.match(_base(word)) and not before.startswith("--"):
            return _python(argv, place + 1)
        if _SCRIPT.match(word) and not before.startswith("--config"):
            return Launch(word, place + 1)
    return Launch(argv[at], at + 1)
