"""What a program declares by giving a function, a class, several of them or all it has to Python Fire.

See https://google.github.io/python-fire. Every parameter of a function has a place and a flag; those of a
class's constructor have flags only, and its methods are commands.
"""

import ast
from collections.abc import Mapping

from mlamd.recognise import python_source as source
from mlamd.recognise.python_book import Book, Declared, parameters
from mlamd.recognise.python_scopes import Function

_Shown = Function | ast.ClassDef


def read_fire(book: Book, tree: ast.Module) -> None:
    """Add what the functions and classes take that Fire is called with."""
    here: dict[str, _Shown] = {node.name: node for node in tree.body if isinstance(node, _Shown)}
    for call in source.nodes(tree):
        if isinstance(call, ast.Call) and source.last_name(call.func) == "Fire" and len(call.args) <= 1:
            given = call.args[0] if call.args else source.keywords(call).get("component")
            owner = book.scopes.owner(call.lineno)
            _component(book, given, call.lineno, here, owner)


def _component(book: Book, given: ast.expr | None, line: int, here: Mapping[str, _Shown], owner: str) -> None:
    if isinstance(given, ast.Name) and given.id in here:
        _take(book, here[given.id], owner)
    elif isinstance(given, ast.Call) and isinstance(kind := here.get(source.last_name(given)), ast.ClassDef):
        _methods(book, kind, owner)
    elif given is None or isinstance(given, ast.Dict):
        commands = dict(here)
        if isinstance(given, ast.Dict):
            pairs = zip(given.keys, given.values, strict=True)
            named = {str(book.value(key)): source.last_name(value) for key, value in pairs if key is not None}
            commands = {word: here[name] for word, name in named.items() if name in here}
        books = {word: book.inner() for word in commands if not word.startswith("_")}
        for word, inner in books.items():
            _take(inner, commands[word], owner)
        _command(book, books, line, owner)


def _take(book: Book, shown: _Shown, owner: str) -> None:
    if isinstance(shown, Function):
        _signature(book, shown, owner, places=True)
        return
    for one in shown.body:
        if isinstance(one, Function) and one.name == "__init__":
            _signature(book, one, owner, method=True)
    _methods(book, shown, owner)


def _methods(book: Book, kind: ast.ClassDef, owner: str) -> None:
    books: dict[str, Book] = {}
    for one in kind.body:
        if isinstance(one, Function) and not one.name.startswith("_"):
            static = any(source.last_name(mark) == "staticmethod" for mark in one.decorator_list)
            books[one.name] = book.inner()
            _signature(books[one.name], one, owner, places=True, method=not static)
    _command(book, books, kind.lineno, owner)


def _command(book: Book, books: Mapping[str, Book], line: int, owner: str) -> None:
    first: Declared = {"by": "fire", "line": line}
    if books:
        book.add_commands("command", first, books, owner=owner)


def _signature(
    book: Book, function: Function, owner: str, *, places: bool = False, method: bool = False
) -> None:
    named = {argument.arg for argument in function.args.kwonlyargs}
    for argument, default in parameters(function, method=method):
        found: Declared = {"value": book.value(default), "by": "fire", "line": argument.lineno}
        if argument.annotation is not None:
            found["type"] = source.shown(argument.annotation)
        found["flags"] = [f"--{argument.arg}"]
        if places and argument.arg not in named:
            found["positional"] = book.place()
        book.add(argument.arg, found, owner)
