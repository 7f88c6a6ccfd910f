"""What a Python module sets without a parser: fields of classes, its main function's defaults, constants."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from mlamd.recognise import python_source as source
from mlamd.recognise.facts import flattened, mapping
from mlamd.recognise.finding import Fact
from mlamd.recognise.python_book import Book, Declared, parameters
from mlamd.recognise.python_scopes import Function

_MAIN_NAMES = frozenset({"main", "train", "run", "fit", "evaluate", "eval", "predict", "test"})
_CONFIG_DECORATORS = frozenset({"config", "named_config", "automain", "main", "capture", "command"})
_DATACLASS_PARSERS = frozenset(
    {"HfArgumentParser", "TrlParser", "cli", "parse", "add_arguments", "ArgumentParser"}
)
_SETTINGS = re.compile(
    r"(?i:config|settings|hparams|hyper|params|options)|(?:^|[a-z_])(?:cfg|Cfg|CFG|HP|args|Args)"
)
_MOST_CONSTANTS = 100
_MOST_ENTRIES = 200
_MOST_LISTED = 20
_MOST_LETTERS = 200


# --- classes --------------------------------------------------------------------------------


def read_classes(book: Book, tree: ast.Module, altered: set[str]) -> None:
    """Add the fields of dataclasses, and the literals of classes that are plainly settings.

    Where two of them have a field of the same name, it goes by that of its class too. ``altered`` are the
    names that do not keep their value.
    """
    nodes = source.nodes(tree)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    parsed = {
        node.id
        for call in calls
        if source.last_name(call.func) in _DATACLASS_PARSERS
        for one in call.args
        for node in ast.walk(one)
        if isinstance(node, ast.Name)
    }
    made = _by_name(calls)
    fields = [(kind, node) for kind in classes for node in _fields(kind)]
    seen = Counter(name for _, (name, _, _, _) in fields)
    for kind, (name, value, note, line) in fields:
        if altered & {f"{one}.{name}" for one in (kind.name, *_instances(nodes, kind.name))}:
            continue
        by = "dataclass" if _is_dataclass(kind) else "class"
        found: Declared = {"value": _default(book, value), "by": by, "line": line, "of": kind.name}
        if not _apply(found, made.get(kind.name, []), name, None):
            continue
        if note is not None:
            found["type"] = source.shown(note)
        if kind.name in parsed and by == "dataclass":
            found["flags"] = [f"--{name}"]
            if found.get("type") == "bool":
                found["action"] = "store_true"
        book.add(f"{kind.name}.{name}" if seen[name] > 1 else name, found)


def _by_name(calls: list[ast.Call]) -> dict[str, list[ast.Call]]:
    found: dict[str, list[ast.Call]] = defaultdict(list)
    for call in calls:
        if isinstance(call.func, ast.Name):
            found[call.func.id].append(call)
    return found


def _instances(nodes: list[ast.AST], kind: str) -> list[str]:
    """Return the names that are given to what a class makes."""
    return [
        target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and source.last_name(node.value.func) == kind
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _is_dataclass(kind: ast.ClassDef) -> bool:
    return any(
        source.last_name(one) in {"dataclass", "define", "frozen", "configclass"}
        for one in kind.decorator_list
    )


def _fields(kind: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None, ast.expr | None, int]]:
    """Yield name, default, annotation and line of each field."""
    if _is_dataclass(kind):
        for node in kind.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id, node.value, node.annotation, node.lineno
    elif _SETTINGS.search(kind.name) and not any(isinstance(node, Function) for node in kind.body):
        for name, value, line in source.assignments(kind.body):
            if source.literal(value)[0] and not name.startswith("_"):
                yield name, value, None, line


def _default(book: Book, value: ast.expr | None) -> Fact:
    """Return the default of a field, also of one that ``field(default=...)`` describes."""
    if not isinstance(value, ast.Call) or source.last_name(value.func) not in {"field", "Field"}:
        return book.value(value)
    words = source.keywords(value)
    factory = words.get("default_factory")
    if isinstance(factory, ast.Name) and factory.id in {"list", "dict", "set", "tuple"}:
        return {} if factory.id == "dict" else []
    if isinstance(factory, ast.Lambda):
        return book.value(factory.body)
    return book.value(words.get("default") or factory)


def _apply(found: Declared, calls: list[ast.Call], name: str, place: int | None) -> bool:
    """Put the value down that the module's calls give a parameter; return False if it cannot be told."""
    given: list[tuple[Fact, int]] = []
    for call in calls:
        if any(isinstance(one, ast.Starred) for one in call.args) or any(
            not one.arg for one in call.keywords
        ):
            return False
        node = source.keywords(call).get(name)
        if node is None and place is not None and place < len(call.args):
            node = call.args[place]
        if node is None and place is None and call.args:
            return False
        known, value = source.literal(node) if node is not None else (True, found["value"])
        if not known:
            return False
        given.append((value, found["line"] if node is None else call.lineno))  # type: ignore[arg-type]
    if given and any(value != given[0][0] for value, _ in given):
        return False
    if given:
        found["value"], found["line"] = given[0]
    return True


# --- functions ------------------------------------------------------------------------------


def read_functions(book: Book, tree: ast.Module) -> None:
    """Add what a function takes that is plainly the program's entry, as it is called, and Sacred's settings.

    One that a library makes a command of is left to that.
    """
    made = _by_name([node for node in source.nodes(tree) if isinstance(node, ast.Call)])
    lines = set(_lines(book.found, frozenset({"click", "typer", "fire"})))
    commands = {book.scopes.owner(line) for line in lines}
    for function in tree.body:
        if not isinstance(function, Function) or function.name in commands:
            continue
        marks = {one.attr for one in function.decorator_list if isinstance(one, ast.Attribute)}
        marks &= _CONFIG_DECORATORS
        if marks & {"config", "named_config"}:
            for name, value, line in source.assignments(function.body):
                book.add(name, {"value": book.value(value), "by": "function", "line": line}, "")
        elif marks or function.name in _MAIN_NAMES:
            owner = "" if marks else None
            for place, (argument, default) in enumerate(parameters(function)):
                found: Declared = {"value": book.value(default), "by": "function", "line": argument.lineno}
                if default is not None and _apply(found, made[function.name], argument.arg, place):
                    book.add(argument.arg, found, owner)


def _lines(found: Mapping[str, Any], by: frozenset[str]) -> Iterator[int]:
    """Yield the lines of declarations, also of those of commands."""
    for one in found.values():
        if one.get("by") in by:
            yield one["line"]
        for inner in mapping(one.get("commands")).values():
            yield from _lines(inner, by)


# --- constants ------------------------------------------------------------------------------


def read_constants(book: Book, held: Mapping[str, tuple[Fact, int]], altered: set[str]) -> None:
    """Add the literals of a module that keep their value; the entries of a mapping by dotted names.

    Of names that are not in capitals only what is short and plain.
    """
    small = 0
    for name, (value, line) in held.items():
        if name in altered or name.startswith("__"):
            continue
        entries = _entries(name, value) if isinstance(value, Mapping) else {}
        if name.isupper() and not entries:
            book.add(name, {"value": value, "by": "constant", "line": line})
            continue
        small += not name.isupper()
        if small > _MOST_CONSTANTS or not (entries or _is_short(name, value)):
            continue
        for inner, one in (entries or {name: value}).items():
            if inner not in altered:
                book.add(inner, {"value": one, "by": "constant", "line": line})


def _entries(name: str, value: Mapping[str, Fact]) -> dict[str, Fact]:
    """Return the entries of a mapping of settings; nothing for one that is rather data."""
    found = flattened(value, name)
    keys = {part for one in found for part in one.removeprefix(name).strip(".").split(".")}
    data = len(found) > _MOST_ENTRIES or any(key.lstrip("-").isdigit() for key in keys)
    return {} if data or found == {name: value} else found


def _is_short(name: str, value: Fact) -> bool:
    if name.startswith("_") or value is None or isinstance(value, Mapping):
        return False
    if isinstance(value, str):
        return len(value) <= _MOST_LETTERS and "\n" not in value
    if isinstance(value, list):
        return 0 < len(value) <= _MOST_LISTED and not any(isinstance(one, list | Mapping) for one in value)
    return True
