"""The parameters of a run: what applied, where it came from, and what it took the place of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlamd.masking.text import mask_setting
from mlamd.recognise.arguments import parse
from mlamd.recognise.facts import MOST_ITEMS, bounded, mapping
from mlamd.recognise.finding import Fact
from mlamd.recognise.launch import find_program

COMMAND_LINE, CONFIG, DEFAULT, MODEL = "command line", "config", "default", "model"

Settings = Mapping[str, Fact]


class Candidate(NamedTuple):
    """A value that a parameter has somewhere."""

    value: Fact
    source: str
    where: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as it applied.

    ``source`` is ``command line``, ``config``, ``default`` or ``model``; ``where`` is the word of the
    command line, the path of the file, or ``path:line``. ``overridden`` are the other values that it has
    elsewhere, the stronger first; values that are the same are no disagreement.
    """

    name: str
    value: Fact
    source: str
    where: str
    overridden: tuple[Candidate, ...] = ()


def resolve(
    argv: tuple[str, ...],
    sources: Sequence[tuple[str, Settings]],
    configs: Sequence[tuple[str, Settings]],
    models: Sequence[tuple[str, Settings]] = (),
) -> list[Parameter]:
    """Return the parameters of a run, sorted by name.

    ``sources`` are the paths and facts of the sources that it read, ``configs`` the paths and ``settings``
    of its configuration files, ``models`` those of the models that it read. As the programs do it, the
    command line goes before a configuration, that before the default in the source, and what a model says
    comes last. Of two files of the same sort, the later one goes first: it was read over the other. The
    source that is the program itself goes before the modules that it imports.
    """
    ordered = _program_first(argv, sources)
    declared: dict[str, Fact] = {}
    for _, facts in reversed(ordered):
        declared |= mapping(facts.get("defaults"))
    found: dict[str, list[Candidate]] = {}
    for argument in reversed(parse(argv, declared)):
        _add(found, argument.name, Candidate(argument.value, COMMAND_LINE, argument.where))
    for path, settings in reversed(configs):
        for name, value in settings.items():
            _add(found, name, Candidate(value, CONFIG, path))
    for path, facts in ordered:
        for name, one in mapping(facts.get("defaults")).items():
            entry = mapping(one)
            where = f"{path}:{entry['line']}" if "line" in entry else path
            _add(found, name, Candidate(entry.get("value"), DEFAULT, where))
    for path, settings in reversed(models):
        for name, value in settings.items():
            _add(found, name, Candidate(value, MODEL, path))
    return [_parameter(name, found[name]) for name in sorted(found)]


def _program_first(
    argv: tuple[str, ...], sources: Sequence[tuple[str, Settings]]
) -> list[tuple[str, Settings]]:
    launch = find_program(argv)
    tail = launch.program.replace(".", "/") if launch.module else launch.program.removeprefix("./")

    def strange(source: tuple[str, Settings]) -> bool:
        bare = source[0].removesuffix(".py").removesuffix("/__main__")
        wanted = tail.removesuffix(".py")
        return not wanted or not (f"/{bare}".endswith(f"/{wanted}") or f"/{wanted}".endswith(f"/{bare}"))

    modules = [source for source in sources if strange(source)]
    if len(modules) == len(sources):
        return modules
    return [source for source in sources if not strange(source)] + [_imported(*source) for source in modules]


def _imported(path: str, facts: Settings) -> tuple[str, Settings]:
    """Return what a module adds to the parameters of the program that imports it: what it declares.

    Its own constants, and the defaults of its functions, are no parameters of the run.
    """
    declared = {
        name: entry
        for name, entry in mapping(facts.get("defaults")).items()
        if mapping(entry).get("by") not in {"constant", "function"}
    }
    return path, {**facts, "defaults": declared}


def _add(found: dict[str, list[Candidate]], name: str, candidate: Candidate) -> None:
    name = name.replace("-", "_")
    listed = found.get(name)
    if listed is not None:
        listed.append(candidate)
    elif len(found) < MOST_ITEMS:
        found[name] = [candidate]


def _parameter(name: str, candidates: list[Candidate]) -> Parameter:
    masked = [one._replace(value=bounded(mask_setting(name, one.value))) for one in candidates]
    applied = masked[0]
    others: list[Candidate] = []
    for one in masked[1:]:
        if not any(_same(one.value, known.value) for known in (applied, *others)):
            others.append(one)
    return Parameter(name, applied.value, applied.source, applied.where, tuple(others))


def _same(one: Fact, other: Fact) -> bool:
    """Return True for equal values; a truth value is no number, but 1 and 1.0 are the same."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
