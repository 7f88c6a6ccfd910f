"""What a Python program asks mappings and objects for by name: that tells whether a configuration counts."""

import ast

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.python_source import nodes

_ASKING = frozenset({"get", "pop", "setdefault", "getboolean", "getfloat", "getint", "select"})
_MERGING = frozenset({"items", "update", "set_defaults", "merge", "merge_with", "from_dict", "structured"})
_PARSING = frozenset({"parse_args", "parse_known_args", "parse_intermixed_args"})
_LIBRARIES = frozenset(
    "hydra omegaconf jsonargparse configargparse tyro pydantic yacs confection gin simple_parsing".split()
)
EVERYTHING = "*"


def asked(tree: ast.Module, imports: list[str]) -> list[str]:
    """Return the names: keys in brackets and of ``get``, attributes; ``*`` if a mapping is taken as a whole.

    The attributes of what argparse returned do not count: they are its own parameters.
    """
    if not _LIBRARIES.isdisjoint(imports):
        return [EVERYTHING]
    parsed = _parsed(tree)
    found: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(str(node.slice.value))
        elif isinstance(node, ast.Attribute) and not _is_named(node.value, parsed):
            found.add(node.attr)
        elif isinstance(node, ast.Call):
            if _takes_all(node):
                return [EVERYTHING]
            if isinstance(node.func, ast.Attribute) and node.func.attr in _ASKING:
                found |= {str(word.value) for word in node.args[:2] if isinstance(word, ast.Constant)}
    return sorted(found)[:MOST_ITEMS] if len(found) <= MOST_ITEMS else [EVERYTHING]


def _takes_all(call: ast.Call) -> bool:
    if any(word.arg is None for word in call.keywords):
        return True
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr in _MERGING
    return isinstance(function, ast.Name) and function.id in {"setattr", "vars", "getattr"}


def _parsed(tree: ast.Module) -> set[str]:
    """Return the variables that hold what a parser of arguments returned."""
    found: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in _PARSING:
                for target in node.targets:
                    names = target.elts if isinstance(target, ast.Tuple) else [target]
                    found |= {one.id for one in names if isinstance(one, ast.Name)}
    return found


def _is_named(value: ast.expr, names: set[str]) -> bool:
    return isinstance(value, ast.Name) and value.id in names
