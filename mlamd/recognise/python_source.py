"""Reads Python by its syntax tree: what it imports, its constants, and the parameters it declares.

Nothing is imported or evaluated but literals, which ``ast.literal_eval`` reads.
"""

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache

from mlamd.recognise.facts import MOST_DEPTH, MOST_ITEMS, MOST_TEXT, bounded
from mlamd.recognise.finding import Fact, RecogniseError

MOST_CHARACTERS = 512 << 10


def parse(text: str) -> ast.Module:
    """Return the tree of a text; raises ``RecogniseError`` for bad syntax, and for too long a text."""
    if len(text) > MOST_CHARACTERS:
        raise RecogniseError("too long a source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise RecogniseError(f"line {error.lineno}: {error.msg}"[:MOST_TEXT]) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise RecogniseError(type(error).__name__) from error


@lru_cache(maxsize=1)
def nodes(tree: ast.Module) -> list[ast.AST]:
    """Return all nodes of a tree; of the last one they are kept, since many ask for them."""
    return list(ast.walk(tree))


def imports(tree: ast.Module) -> list[str]:
    """Return the top-level names of all modules that are imported anywhere; relative ones are left out."""
    found: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return sorted(found)[:MOST_ITEMS]


def assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr, int]]:
    """Yield the plain assignments among statements: name, value and line."""
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, node.lineno
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    yield from (
                        (one.id, value, node.lineno) for one, value in pairs if isinstance(one, ast.Name)
                    )
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id, node.value, node.lineno


def constants(tree: ast.Module) -> dict[str, tuple[Fact, int]]:
    """Return the literals that a module assigns at its top level, with their lines; the last one counts."""
    found: dict[str, tuple[Fact, int]] = {}
    for name, value, line in assignments(tree.body):
        known, held = literal(value)
        if known and len(found) < MOST_ITEMS and name != "__all__":
            found[name] = (held, line)
    return found


def literal(node: ast.expr) -> tuple[bool, Fact]:
    """Return True and the value of a literal, or False and None; products of numbers count as one."""
    try:
        return True, bounded(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        known, held = _computed(node)
        return (known, held) if known else _built(node)


def _built(node: ast.expr, depth: int = 0) -> tuple[bool, Fact]:
    """Return what ``dict(a=1, b=[2])`` makes, as configurations in Python have it, however it is nested."""
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            return False, None
        pairs = [(word.arg, word.value) for word in node.keywords[:MOST_ITEMS] if word.arg]
        return True, {name: _part(value, depth + 1) for name, value in pairs}
    if isinstance(node, ast.List | ast.Tuple) and any(isinstance(one, ast.Call) for one in node.elts):
        parts = [_part(one, depth + 1) for one in node.elts[:MOST_ITEMS]]
        return all(isinstance(one, ast.Call) for one in node.elts), parts
    return False, None


def _part(node: ast.expr, depth: int) -> Fact:
    known, held = (
        literal(node) if depth >= MOST_DEPTH or not isinstance(node, ast.Call) else _built(node, depth)
    )
    return held if known else shown(node)


def _computed(node: ast.expr) -> tuple[bool, Fact]:
    """Return small products, powers and quotients, as ``3 * 60`` and ``2**20``."""
    if not isinstance(node, ast.BinOp):
        return False, None
    sides = [side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)]
    if len(sides) != 2 or not all(type(side) in {int, float} and abs(side) < 1e9 for side in sides):  # type: ignore[arg-type]
        return False, None
    left, right = float(sides[0]), float(sides[1])  # type: ignore[arg-type]
    whole = all(type(side) is int for side in sides)
    found: float | None = None
    if isinstance(node.op, ast.Mult):
        found = left * right
    elif isinstance(node.op, ast.Div) and right:
        found, whole = left / right, False
    elif isinstance(node.op, ast.Pow) and abs(left) <= 1000 and 0 <= right <= 20:
        found = left**right
    elif isinstance(node.op, ast.LShift) and whole and 0 <= left <= 1024 and 0 <= right <= 32:
        found = float(int(left) << int(right))
    if found is None or isinstance(found, complex):
        return False, None
    return True, bounded(int(found) if whole and abs(found) < 2**53 else found)


def shown(node: ast.expr | None) -> str:
    """Return an expression as text, cut short."""
    if node is None:
        return ""
    try:
        return ast.unparse(node)[:MOST_TEXT]
    except (ValueError, RecursionError, AttributeError):
        return "…"


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, and of the name that is called or subscripted; "" if none."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def first_name(node: ast.expr) -> str:
    """Return the first part of a dotted name; "" if there is none."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """Return the arguments of a call that are given by name."""
    return {word.arg: word.value for word in call.keywords if word.arg}


def texts(call: ast.Call) -> list[str]:
    """Return the arguments of a call that are text and not given by name."""
    return [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def is_main(node: ast.stmt) -> bool:
    """Return True for the part of a module for when it is the program."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
    )


def is_plain(tree: ast.Module) -> bool:
    """Return True if a module is little more than assignments of literals."""
    body = [
        node
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    plain = sum(literal(value)[0] for _, value, _ in assignments(body))
    return plain > 0 and 3 * plain >= 2 * len(body) and not any(map(is_main, body))
