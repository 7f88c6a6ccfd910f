"""What a Python module declares, as it is collected: a book for the program, and one for each command."""

import ast
from collections.abc import Mapping

from mlamd.masking.text import mask_setting
from mlamd.recognise import python_source as source
from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact
from mlamd.recognise.python_scopes import Function, Scopes

Declared = dict[str, Fact]
"""One parameter: ``value``, ``by``, ``line`` and, where known, the rest that the reference of facts lists."""

_MOST_WAYS = 50


class Book:
    """Declared parameters by name; who declares first is kept.

    ``constants`` are the literals of the module by name, as far as they keep their value.
    """

    def __init__(self, constants: Mapping[str, Fact], scopes: Scopes) -> None:
        self.constants = constants
        self.scopes = scopes
        self.found: dict[str, Declared] = {}
        self.places = 0

    def inner(self) -> "Book":
        """Return an empty book of the same module."""
        return Book(self.constants, self.scopes)

    def add(self, name: str, declared: Declared, owner: str | None = None) -> None:
        """Keep a declaration, masked, with how the module comes to it.

        ``owner`` is who declares it, if that is not the function or class that its line is in.
        """
        if not name or name in self.found or len(self.found) >= MOST_ITEMS:
            return
        found = {**declared, "value": bounded(mask_setting(name, declared["value"]))}
        line = declared.get("line")
        by = self.scopes.owner(line) if owner is None and isinstance(line, int) else owner
        if by and (entry := self.scopes.entry(by)):
            found["entry"] = list(entry)
        self.found[name] = found

    def add_way(self, name: str, declared: Declared) -> None:
        """Keep another option that sets the same parameter; the default is that of the first."""
        ways = self.found[name].setdefault("also", [])
        if isinstance(ways, list) and len(ways) < _MOST_WAYS:
            ways.append({key: one for key, one in declared.items() if key not in {"value", "line"}})

    def take(self, other: "Book") -> None:
        """Take what another book has; its positional arguments come after those that are here."""
        for name, one in other.found.items():
            place = one.get("positional")
            if isinstance(place, int):
                one = {**one, "positional": place + self.places}  # noqa: PLW2901
            if name not in self.found and len(self.found) < MOST_ITEMS:
                self.found[name] = one
        self.places += other.places

    def place(self) -> int:
        """Return the place of the next positional argument."""
        self.places += 1
        return self.places - 1

    def add_commands(
        self,
        name: str,
        first: Declared,
        commands: Mapping[str, "Book"],
        *,
        linked: Mapping[str, str] | None = None,
        owner: str | None = None,
    ) -> None:
        """Add the positional argument that names a command, with what each command declares.

        ``linked`` are those that another module declares, by command: the module, a dot, and the name there.
        """
        inner: dict[str, Fact] = {one: dict(book.found) for one, book in commands.items()}
        found: Declared = {**first, "value": None, "positional": self.place(), "commands": inner}
        if linked:
            found["linked"] = dict(linked)
        self.add(name, found, owner)

    def value(self, node: ast.expr | None) -> Fact:
        """Return a default: a literal, the constant of that name, or the expression as text."""
        if node is None:
            return None
        known, held = source.literal(node)
        if known:
            return held
        if isinstance(node, ast.Name) and node.id in self.constants:
            return self.constants[node.id]
        return source.shown(node)

    def describe(self, found: Declared, words: Mapping[str, ast.expr]) -> None:
        """Take over what describes an option in the same words in all libraries."""
        if "type" in words:
            found["type"] = source.shown(words["type"])
        for name in ("nargs", "choices", "const", "required", "multiple", "is_flag"):
            if name in words:
                found[name] = self.value(words[name])


def parameters(function: Function, *, method: bool = False) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters of a function with their defaults; of a method, without the first."""
    spec = function.args
    plain = [*spec.posonlyargs, *spec.args]
    padded = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    pairs = list(zip(plain, padded, strict=True))[1 if method else 0 :]
    return pairs + list(zip(spec.kwonlyargs, spec.kw_defaults, strict=True))


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Return where imported names come from: ``module.name`` by the name that they have here."""
    found: dict[str, str] = {}
    for node in source.nodes(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}".strip(".")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = alias.name
    return found


def origin(node: ast.expr, imported: Mapping[str, str]) -> str:
    """Return where the name behind an expression comes from, ``module.name``; "" if it is of this module."""
    root = source.first_name(node)
    if root not in imported:
        return ""
    return imported[root] + source.shown(node).removeprefix(root)
