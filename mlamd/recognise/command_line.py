"""A command line while it is read: its words, what has been found, and what the source declares of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlamd.recognise.facts import listed, mapping
from mlamd.recognise.finding import Fact

Declaration = Mapping[str, Fact]

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter given on the command line.

    ``name`` is what the program knows it by: the destination that the source declares, or the name without
    dashes; a positional argument of unknown name is ``#1``, ``#2``. ``where`` is the word that names it.
    ``removed`` is Hydra's ``~name``.
    """

    name: str
    value: Fact
    where: str
    removed: bool = False


@dataclass(slots=True)
class Line:
    """The words of a line, and what the source says of them.

    ``places`` are the names of the positional arguments still to come, ``commands`` the words that named a
    subcommand, ``waiting`` the positional words of Fire, which go where no flag of the line went.
    """

    words: tuple[str, ...]
    declared: dict[str, Declaration]
    at: int = 0
    found: list[Argument] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unnamed: int = 0

    def flag(self, word: str) -> tuple[str, Declaration]:
        """Return the name behind a flag and its declaration, an empty one if it is unknown."""
        bare = word.lstrip("-").replace("-", "_")
        prefixed: dict[str, Declaration] = {}
        for name, one in self._ways():
            flags = [str(each) for each in listed(one.get("flags"))]
            if word in flags or (flags and bare == name):
                return name, one
            fire = one.get("by") == "fire"
            if fire and flags and len(bare) == 1 and name.startswith(bare):
                prefixed[name] = one
            elif not fire and word.startswith("--") and len(word) > 3:
                prefixed |= {name: one} if any(each.startswith(word) for each in flags) else {}
        if len(prefixed) == 1:
            return next(iter(prefixed.items()))
        return bare, {}

    def _ways(self) -> Iterator[tuple[str, Declaration]]:
        """Yield the declarations by name, also the further options that set the same parameter."""
        for name, one in self.declared.items():
            yield name, one
            for other in listed(one.get("also")):
                yield name, {"value": one.get("value"), **mapping(other)}

    def next_is_value(self) -> bool:
        """Return True if the next word is no flag; a negative number is none."""
        if self.at >= len(self.words):
            return False
        word = self.words[self.at]
        return not word.startswith("-") or word == "-" or bool(NUMBER.match(word))

    def take(self) -> str:
        """Return the next word and go on."""
        word = self.words[self.at]
        self.at += 1
        return word

    def add(self, name: str, value: Fact, where: str, *, removed: bool = False) -> None:
        """Keep a parameter."""
        self.found.append(Argument(name, value, where, removed))

    def replace(self, name: str, value: Fact, where: str) -> None:
        """Keep a parameter in place of what it was."""
        self.found = [one for one in self.found if one.name != name]
        self.add(name, value, where)

    def held(self, name: str) -> Fact:
        """Return what the line has said of a parameter so far; None if nothing."""
        return next((one.value for one in reversed(self.found) if one.name == name), None)

    def enter(self, name: str, word: str) -> bool:
        """Go on with the declarations of the subcommand that a word names; return False if it names none.

        What the command declares goes before what is common, and takes its default over what was given
        before the command (as argparse does it).
        """
        inner = command_of(self.declared[name], word)
        if inner is None:
            return False
        self.commands.append(word)
        self.found = [one for one in self.found if one.name not in inner]
        self.declared = {**inner, **{key: one for key, one in self.declared.items() if key not in inner}}
        self.places = places(inner)
        return True


def places(declared: Mapping[str, Declaration]) -> list[str]:
    """Return the names of positional arguments in their order."""
    placed = [
        (one["positional"], name) for name, one in declared.items() if isinstance(one.get("positional"), int)
    ]
    return [name for _, name in sorted(placed, key=lambda pair: (str(pair[0]).zfill(9), pair[1]))]


def command_of(declaration: Declaration, word: str) -> dict[str, Any] | None:
    """Return what the subcommand declares that a word names; None if it names none."""
    for name, inner in mapping(declaration.get("commands")).items():
        if str(name).replace("_", "-") == word.replace("_", "-"):
            return {str(key): one for key, one in mapping(inner).items() if isinstance(one, Mapping)}
    return None
