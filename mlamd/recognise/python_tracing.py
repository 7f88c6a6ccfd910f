"""Follows a variable of a Python module to the calls that made what it holds.

To its last assignment before a line, through loops over several values, and through the parameters of a
function to those that call it. What cannot be followed so is behind nothing.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

from mlamd.recognise import python_source as source
from mlamd.recognise.python_book import parameters
from mlamd.recognise.python_scopes import Function

_MOST_STEPS = 8
_MOST_CALLS = 200
_Bound = tuple[int, list[ast.expr]]
"""The line where a name is bound, and the value, or the values that a loop gives it."""


class Tracer:
    """The assignments and calls of a module; ``calls`` are in the order of their lines."""

    def __init__(self, tree: ast.Module) -> None:
        self.calls: list[ast.Call] = []
        self._bound: dict[tuple[str, str], list[_Bound]] = defaultdict(list)
        self._functions: dict[str, Function] = {}
        self._within: dict[int, str] = {}
        self._called: dict[str, list[ast.Call]] = defaultdict(list)
        self._names: dict[int, list[tuple[str, str]]] = defaultdict(list)
        self._handed: set[tuple[str, str]] = set()
        self._asked: dict[str, set[str]] = defaultdict(set)
        waiting: list[tuple[ast.AST, str]] = [(tree, "")]
        while waiting:
            node, within = waiting.pop()
            if isinstance(node, Function):
                self._functions.setdefault(node.name, node)
            if isinstance(node, Function | ast.ClassDef):
                within = f"{within}.{node.name}"
            self._note(node, within)
            waiting += ((inner, within) for inner in ast.iter_child_nodes(node))
        self.calls.sort(key=lambda call: (call.lineno, call.col_offset))
        for held in self._bound.values():
            held.sort(key=lambda bound: bound[0])

    def behind(self, node: ast.expr, call: ast.Call) -> list[ast.Call]:
        """Return the calls that made what an expression of ``call`` stands for, each once."""
        found: dict[int, ast.Call] = {}
        for one in self._behind(node, self._within[id(call)], call.lineno, 0):
            if len(found) < _MOST_CALLS:
                found[id(one)] = one
        return list(found.values())

    def is_used(self, call: ast.Call, own: frozenset[str]) -> bool:
        """Return True unless what a call makes is only ever asked for methods out of ``own``."""
        names = self._names.get(id(call), [])
        for name, within in names:
            if "." in name or any((name, scope) in self._handed for scope in _outwards(within)):
                return True
            if self._asked[name] - own:
                return True
        return not names

    def _note(self, node: ast.AST, within: str) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._bind(target, within, node.lineno, [node.value])
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._bind(node.optional_vars, within, node.context_expr.lineno, [node.context_expr])
        elif isinstance(node, ast.For | ast.AsyncFor) and isinstance(node.iter, ast.Tuple | ast.List):
            self._bind(node.target, within, node.lineno, node.iter.elts)
        elif isinstance(node, ast.Call):
            self.calls.append(node)
            self._within[id(node)] = within
            if isinstance(node.func, ast.Name):
                self._called[node.func.id].append(node)
            elif isinstance(node.func, ast.Attribute) and isinstance(
                node.func.value, ast.Name | ast.Attribute
            ):
                self._asked[_key(node.func.value, "")[0]].add(node.func.attr)
            self._hand([*node.args, *(word.value for word in node.keywords)], within)
        elif isinstance(node, ast.Return | ast.Yield | ast.Tuple | ast.List | ast.Dict):
            self._hand([one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)], within)

    def _bind(self, target: ast.expr, within: str, line: int, values: list[ast.expr]) -> None:
        if isinstance(target, ast.Name | ast.Attribute):
            key = _key(target, within)
            self._bound[key].append((line, values))
            for value in values:
                self._names[id(value)].append(key)

    def _hand(self, nodes: list[ast.expr], within: str) -> None:
        self._handed |= {_key(node, within) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}

    def _behind(self, node: ast.expr, within: str, line: int, steps: int) -> Iterator[ast.Call]:
        if isinstance(node, ast.Call):
            yield node
        elif isinstance(node, ast.Name | ast.Attribute) and steps < _MOST_STEPS:
            for scope in _outwards(within):
                held = self._bound.get(_key(node, scope))
                if held:
                    before = [one for one in held if one[0] < line or scope != within] or held[:1]
                    for value in before[-1][1]:
                        yield from self._behind(value, scope, before[-1][0], steps + 1)
                    return
                if isinstance(node, ast.Name) and (names := self._parameters(scope)) and node.id in names:
                    yield from self._given(scope.rpartition(".")[2], node.id, names.index(node.id), steps + 1)
                    return

    def _parameters(self, scope: str) -> list[str]:
        """Return the names of the parameters of the function that a scope is of."""
        function = self._functions.get(scope.rpartition(".")[2])
        return [argument.arg for argument, _ in parameters(function)] if function is not None else []

    def _given(self, function: str, name: str, place: int, steps: int) -> Iterator[ast.Call]:
        """Yield what the callers of a function give it for a parameter."""
        for call in self._called[function][:_MOST_CALLS]:
            value = call.args[place] if place < len(call.args) else source.keywords(call).get(name)
            if value is not None:
                yield from self._behind(value, self._within[id(call)], call.lineno, steps)


def _outwards(within: str) -> Iterator[str]:
    """Yield a scope and those around it, the module's last."""
    while within:
        yield within
        within = within.rpartition(".")[0]
    yield ""


def _key(node: ast.Name | ast.Attribute, within: str) -> tuple[str, str]:
    """Return a variable and its scope; the scope of an attribute of ``self`` is the class."""
    if isinstance(node, ast.Name):
        return node.id, within
    name = source.shown(node)
    return name, "." + within.split(".")[1] if name.startswith("self.") and within else within
