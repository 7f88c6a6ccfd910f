"""Who owns what in a Python module: the function that a line stands in, and how a function is reached.

Also which names keep the value that they are given first. Nothing is evaluated.
"""

import ast
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator

from mlamd.recognise import python_source as source
from mlamd.recognise.facts import MOST_ITEMS

Function = ast.FunctionDef | ast.AsyncFunctionDef
MAIN = "__main__"
"""Stands for the part of a module for when it is the program."""

_CHANGING = frozenset(
    "append extend insert remove pop popitem clear update setdefault add discard sort reverse".split()
)


class Scopes:
    """The top-level functions and classes of a module, and who mentions them."""

    def __init__(self, tree: ast.Module) -> None:
        self._starts: list[int] = []
        self._ends: list[tuple[int, str]] = []
        self._mentioned_by: dict[str, set[str]] = defaultdict(set)
        self._known: dict[str, list[str]] = {}
        for node in tree.body:
            owner = _owner(node)
            self._starts.append(min([node.lineno, *(one.lineno for one in _decorators(node))]))
            self._ends.append((node.end_lineno or node.lineno, owner))
            for inner in () if _registers(node) else ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                    self._mentioned_by[inner.id].add(owner)
                elif isinstance(inner, ast.Attribute):
                    self._mentioned_by[inner.attr].add(owner)

    def owner(self, line: int) -> str:
        """Return the top-level function or class that a line is in, ``MAIN``, or "" for the module itself."""
        place = bisect_right(self._starts, line) - 1
        if place < 0 or line > self._ends[place][0]:
            return ""
        return self._ends[place][1]

    def entry(self, owner: str) -> list[str]:
        """Return by whom this owner is reached, itself included; nothing if the module itself does it.

        If ``MAIN`` is not among them, the module never comes there when it is the program.
        """
        if owner not in self._known:
            reached, waiting = {owner}, [owner]
            while waiting and "" not in reached:
                for one in self._mentioned_by.get(waiting.pop(), set()) - reached:
                    reached.add(one)
                    waiting.append(one)
            self._known[owner] = [] if "" in reached else sorted(reached)[:20]
        return self._known[owner]


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, Function | ast.ClassDef) else []


def _owner(node: ast.stmt) -> str:
    if isinstance(node, Function | ast.ClassDef):
        return node.name
    return MAIN if source.is_main(node) else ""


def _registers(node: ast.stmt) -> bool:
    """Return True for a statement that only puts a command into a group, which calls nobody yet."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and source.last_name(node.value.func) in {"add_command", "add_typer"}
    )


def taken(tree: ast.Module) -> list[str]:
    """Return the names that a module takes from others: imported ones, and attributes of imported modules.

    Those of the standard library are left out; ``*`` stands for whatever there is. Of relative imports also
    the names of the modules.
    """
    found: set[str] = set()
    modules: set[str] = set()
    nodes = source.nodes(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if node.level or (node.module or "").partition(".")[0] not in sys.stdlib_module_names:
                found.update(alias.name for alias in node.names)
                found.update((node.module or "").split(".") if node.level and node.module else ())
                modules.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                if root not in sys.stdlib_module_names:
                    modules.add(alias.asname or root)
        elif isinstance(node, ast.Call) and source.last_name(node.func) in {"import_module", "__import__"}:
            found.add("*")
    for node in nodes:
        if isinstance(node, ast.Attribute) and source.first_name(node) in modules:
            found.add(node.attr)
    return sorted(found)[:MOST_ITEMS]


def changed(tree: ast.Module) -> set[str]:
    """Return the names of a module that get another value than their first, or whose value is changed.

    An entry or attribute that is set is there by its dotted name (``config.lr``).
    """
    bound = Counter(_bound(tree.body))
    found = {name for name, count in bound.items() if count > 1}
    for node in source.nodes(tree):
        if isinstance(node, ast.Global):
            found.update(node.names)
        elif isinstance(node, ast.AugAssign):
            found.add(_dotted(node.target))
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add(_dotted(node))
        elif isinstance(node, ast.Call) and source.last_name(node.func) in _CHANGING:
            found.add(source.first_name(node.func))
    return found


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope, once for each time."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting += ast.iter_child_nodes(node)


def _dotted(node: ast.expr) -> str:
    """Return ``a.b`` for ``a.b`` and ``a["b"]``; for a key that is no text, only what it is of."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        key = node.slice
        literal = isinstance(key, ast.Constant) and isinstance(key.value, str)
        return f"{_dotted(node.value)}.{key.value}" if literal else _dotted(node.value)  # type: ignore[attr-defined]
    return "?"
