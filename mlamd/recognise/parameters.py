"""The parameters of a run: what applied, where it came from, and what it took the place of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlamd.masking.text import mask_setting
from mlamd.recognise.argument_files import expanded
from mlamd.recognise.arguments import parse_line
from mlamd.recognise.declarations import applied, declarations, given_as_config, programs_of
from mlamd.recognise.facts import MOST_ITEMS, bounded, listed
from mlamd.recognise.finding import Fact

_LINES = frozenset({"argparse", "click", "typer", "fire", "absl"})
"""What declares parameters of a command line."""
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
    elsewhere, the stronger first; values that are the same are no disagreement. ``steps`` are the ids of the
    steps of a run that have it so.
    """

    name: str
    value: Fact
    source: str
    where: str
    overridden: tuple[Candidate, ...] = ()
    steps: tuple[str, ...] = ()


def resolve(
    argv: tuple[str, ...],
    sources: Sequence[tuple[str, Settings]],
    configs: Sequence[tuple[str, Settings]],
    models: Sequence[tuple[str, Settings]] = (),
    files: Mapping[str, Sequence[str]] | None = None,
) -> list[Parameter]:
    """Return the parameters of a run, sorted by name.

    ``sources`` are the paths and facts of the sources that it read, ``configs`` the paths and ``settings``
    of its configuration files, ``models`` those of the models that it read. As the programs do it, the
    command line goes before a configuration, that before the default in the source, and what a model says
    comes last. Of two files of the same sort, the later one goes first: it was read over the other. The
    source that is the program itself goes before the modules that it imports. A default of the command line
    goes before a configuration that nobody asks for that name. A source of plain assignments
    that the command line names is a configuration. ``files`` are the words of files of arguments by path;
    what such a file sets whose words are not known is not told.
    """
    argv, unknown = expanded(argv, programs_of(argv, sources)[0], files or {})
    given = given_as_config(argv, sources)
    paths = {path for path, _ in given}
    configs = [*configs, *given]
    declared = declarations(argv, [one for one in sources if one[0] not in paths])
    parsed = parse_line(argv, declared)
    found: dict[str, list[Candidate]] = {}
    for argument in reversed(parsed.arguments):
        _add(found, argument.name, Candidate(argument.value, COMMAND_LINE, argument.where))
    for path, settings in reversed(configs):
        for name, value in settings.items():
            _add(found, name, Candidate(value, CONFIG, path))
    for name, entry in applied(declared, parsed.commands).items():
        needless = name in found and entry.get("value") is None and "positional" in entry
        if needless or (unknown and entry.get("by") == "argparse"):
            continue
        path = str(entry.get("path", ""))
        where = f"{path}:{entry['line']}" if "line" in entry else path
        candidate = Candidate(entry.get("value"), DEFAULT, where)
        ignored = candidate.value is not None and entry.get("by") in _LINES and not _is_asked(name, sources)
        _add(found, name, candidate, before=CONFIG if ignored else "")
    for path, settings in reversed(models):
        for name, value in settings.items():
            _add(found, name, Candidate(value, MODEL, path))
    return [_parameter(name, found[name]) for name in sorted(found)]


def _is_asked(name: str, sources: Sequence[tuple[str, Settings]]) -> bool:
    """Return True if any source may ask a configuration for a name; what nobody asks for does not count."""
    asked = [listed(facts["asks"]) if "asks" in facts else ["*"] for _, facts in sources]
    wanted = {"*", name, name.replace("_", "-")}
    return any(not wanted.isdisjoint(names) for names in asked)


def _add(found: dict[str, list[Candidate]], name: str, candidate: Candidate, before: str = "") -> None:
    """Add what is weaker than all that there is; ``before`` names a source that it is stronger than."""
    name = name.replace("-", "_")
    known = found.get(name)
    if known is not None:
        place = next((at for at, one in enumerate(known) if one.source == before), len(known))
        known.insert(place, candidate)
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
