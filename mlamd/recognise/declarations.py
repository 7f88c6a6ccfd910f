"""Which of the declarations in the sources that a program read are its own parameters.

Those of the program itself, as far as it comes to them; of the modules that it imports, what somebody takes
from there; of subcommands, those of the one that was named.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from mlamd.recognise.command_line import command_of
from mlamd.recognise.facts import flattened, listed, mapping
from mlamd.recognise.finding import Fact, RecogniseError
from mlamd.recognise.launch import find_program
from mlamd.recognise.python_parameters import read_python
from mlamd.recognise.python_scopes import MAIN

Source = tuple[str, Mapping[str, Fact]]
"""The path of a source, and its facts."""
Declared = dict[str, Any]

_SETTINGS_FILES = frozenset(
    """
    config configs cfg conf configuration settings params parameters hparams hyperparameters constants
    defaults options
    """.split()
)
_Keep = Callable[[str, Mapping[str, Any]], bool]
_OWN = frozenset({"constant", "class", "function"})
"""What a module sets for itself, as opposed to what it declares for a command line."""


def declarations(argv: tuple[str, ...], sources: Sequence[Source]) -> dict[str, Declared]:
    """Return the declarations that hold for a command line by name, each with the ``path`` of its source.

    The program goes before the modules that it imports, of which the later goes first.
    """
    programs, modules = programs_of(argv, sources)
    taken = {str(name) for _, facts in (*programs, *modules) for name in listed(facts.get("takes"))}
    if any("takes" not in facts for _, facts in programs):
        taken.add("*")
    imported = {str(name) for _, facts in (*programs, *modules) for name in listed(facts.get("imports"))}
    told = [(path, _entries(path, facts, _reached)) for path, facts in programs]
    for path, facts in modules:
        if programs and not taken & {"*", *_parts(path)} and not imported & _parts(path):
            continue
        config = facts.get("plain") is True or PurePosixPath(path).stem.lower() in _SETTINGS_FILES

        def kept(name: str, entry: Mapping[str, Any], config: bool = config) -> bool:
            return _is_taken(name, entry, taken, config=config, unseen=not programs)

        told.append((path, _entries(path, facts, kept)))
    _link(told)
    found: dict[str, Declared] = {}
    for _, entries in told:
        for name, entry in entries.items():
            found.setdefault(name, entry)
    return found


def programs_of(argv: tuple[str, ...], sources: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """Return those sources that are the program of a command line, and the others.

    A notebook is the program of its kernel. Where the program comes from nowhere that has a path, as from
    the standard input, all are; one that is given as text (``python -c``) is read from there.
    """
    launch = find_program(argv)
    if launch.program == "-c":
        return _given_as_text(argv[launch.first - 1]), list(sources)
    wanted = launch.program.replace(".", "/") if launch.module else launch.program.removeprefix("./")
    wanted = wanted.removesuffix(".py")
    if wanted in {"", "-"}:
        notebooks = [one for one in sources if one[0].endswith(".ipynb")]
        programs = notebooks or list(sources)
    else:
        exact = [one for one in sources if _bare(one[0]) == wanted]
        programs = exact or [one for one in sources if _ends_alike(_bare(one[0]), wanted)]
    return programs, [one for one in sources if one not in programs]


def _given_as_text(code: str) -> list[Source]:
    try:
        return [("-c", read_python(code))]
    except RecogniseError:
        return []


def _parts(path: str) -> set[str]:
    """Return the names by which a module may be imported, those of its packages included."""
    return set(path.removesuffix(".py").split("/"))


def is_read(argv: tuple[str, ...], sources: Sequence[Source]) -> bool:
    """Return True if the program of a command line is one of the sources, a script or module that is run."""
    launch = find_program(argv)
    if launch.module:
        return bool(programs_of(argv, sources)[0])
    program = launch.program.removeprefix("./")
    return bool(program) and any(_ends_alike(path, program) for path, _ in sources)


def given_as_config(argv: tuple[str, ...], sources: Sequence[Source]) -> list[Source]:
    """Return the sources of plain assignments that the command line names, with their settings."""
    launch = find_program(argv)
    words = [word.rpartition("=")[2].removeprefix("./") for word in argv[launch.first :]]
    return [
        (path, flattened(mapping(facts.get("constants"))))
        for path, facts in sources
        if facts.get("plain") is True and any(word and _ends_alike(path, word) for word in words)
    ]


def applied(declared: Mapping[str, Declared], commands: tuple[str, ...]) -> dict[str, Declared]:
    """Return the declarations without those of other subcommands than the ones that were named."""
    common = {name: entry for name, entry in declared.items() if "commands" not in entry}
    for entry in declared.values():
        inner = command_of(entry, commands[0]) if commands and "commands" in entry else None
        if inner is not None:
            common |= applied(inner, commands[1:])
    return common


def _bare(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__main__")


def _ends_alike(one: str, other: str) -> bool:
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _entries(path: str, facts: Mapping[str, Fact], keep: _Keep) -> dict[str, Declared]:
    entries = mapping(facts.get("defaults"))
    return {name: _placed(path, entry) for name, entry in entries.items() if keep(name, mapping(entry))}


def _placed(path: str, entry: object) -> Declared:
    """Return a declaration with the path of its source, also in the declarations of its commands."""
    found = {**mapping(entry), "path": path}
    if "commands" in found:
        found["commands"] = {
            word: {name: _placed(path, one) for name, one in mapping(inner).items()}
            for word, inner in mapping(found["commands"]).items()
        }
    return found


def _reached(_name: str, entry: Mapping[str, Any]) -> bool:
    """Return True if the program itself comes to a declaration."""
    return not entry.get("entry") or MAIN in listed(entry.get("entry"))


def _is_taken(name: str, entry: Mapping[str, Any], taken: set[str], *, config: bool, unseen: bool) -> bool:
    """Return True if a declaration of a module holds for the program that imports it.

    What a module sets for itself is nobody's parameter, unless it is a module of settings (``config``) from
    which it is taken. ``unseen`` says that the program itself was not read: nobody knows what it takes.
    """
    if str(entry.get("by")) in _OWN:
        own = str(entry.get("of") or name.partition(".")[0])
        return config and entry.get("by") != "function" and not taken.isdisjoint({own, "*"})
    return unseen or not entry.get("entry") or not taken.isdisjoint({*listed(entry["entry"]), "*"})


def _link(told: list[tuple[str, dict[str, Declared]]]) -> None:
    """Put what one module declares below the command of another that takes it in."""
    for path, entry in [(path, one) for path, held in told for one in held.values()]:
        for word, where in mapping(entry.get("linked")).items():
            module, _, function = str(where).rpartition(".")
            inner: dict[str, Declared] = {}
            for other, held in told:
                stem = PurePosixPath(other).stem
                if other == path or stem not in {module.rpartition(".")[2], function}:
                    continue
                for key in [key for key, one in held.items() if function in listed(one.get("entry"))]:
                    inner[key] = held.pop(key)
            if isinstance(commands := entry.get("commands"), dict):
                commands[word] = _named(inner)


def _named(inner: dict[str, Declared]) -> dict[str, Declared]:
    """Return the declarations of a typer app below another: there its only command has to be named."""
    word = next((str(one["single"]) for one in inner.values() if "single" in one), "")
    if not word:
        return inner
    return {"command": {"by": "typer", "value": None, "positional": 0, "commands": {word: inner}}}
