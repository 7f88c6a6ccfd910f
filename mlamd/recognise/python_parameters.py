"""The parameters that a Python program declares: argparse, click, typer, fire, absl, dataclasses, constants.

What a library makes of a declaration (the name that a flag gets, the default of a switch) is as its own
documentation has it; each is in a module of its own.
"""

import ast

from mlamd.masking.text import mask_setting
from mlamd.recognise import python_source as source
from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact
from mlamd.recognise.python_argparse import prefixes, read_absl, read_argparse
from mlamd.recognise.python_asking import asked
from mlamd.recognise.python_book import Book
from mlamd.recognise.python_commands import read_commands
from mlamd.recognise.python_fire import read_fire
from mlamd.recognise.python_scopes import Scopes, changed, taken
from mlamd.recognise.python_settings import read_classes, read_constants, read_functions


def declared(tree: ast.Module, constants: dict[str, tuple[Fact, int]]) -> dict[str, Fact]:
    """Return the parameters that a module declares, by the names that its program knows them by."""
    altered = changed(tree)
    kept = {name: value for name, (value, _) in constants.items() if name not in altered}
    book = Book(kept, Scopes(tree))
    read_argparse(book, tree)
    read_absl(book, tree)
    read_commands(book, tree)
    read_fire(book, tree)
    read_classes(book, tree, altered)
    read_functions(book, tree)
    read_constants(book, constants, altered)
    return dict(book.found)


def read_python(text: str) -> dict[str, Fact]:
    """Return the facts of a Python source; raises ``RecogniseError`` for bad syntax."""
    tree = source.parse(text)
    held = source.constants(tree)
    imports = source.imports(tree)
    facts: dict[str, Fact] = {
        "imports": list(imports),
        "takes": list(taken(tree)),
        "asks": list(asked(tree, imports)),
        "constants": {name: bounded(mask_setting(name, value)) for name, (value, _) in held.items()},
        "defaults": declared(tree, held),
    }
    if any(map(source.is_main, tree.body)):
        facts["main"] = True
    if letters := prefixes(tree):
        facts["prefixes"] = letters
    if source.is_plain(tree):
        facts["plain"] = True
    return facts
