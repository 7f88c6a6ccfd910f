"""What a program declares with argparse: each parser, group and subparser has its own declarations.

See https://docs.python.org/3/library/argparse.html and https://abseil.io/docs/python/guides/flags. A
parser is known by the call that makes it, which is looked for behind the variable of ``add_argument``.
"""

import ast
from dataclasses import dataclass, field

from mlamd.masking.text import mask_setting
from mlamd.recognise import python_source as source
from mlamd.recognise.facts import bounded
from mlamd.recognise.python_book import Book, Declared
from mlamd.recognise.python_tracing import Tracer

_MOST_DEPTH = 8
_MOST_PARSERS = 200
_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
_OWN = frozenset({"add_argument", "add", "set_defaults", "add_subparsers", "set_description"}) | _GROUPS


@dataclass(slots=True)
class _Parser:
    """A parser; ``commands`` are its subparsers by the word that names them, under the name ``called``."""

    book: Book
    parents: list["_Parser"] = field(default_factory=list)
    commands: dict[str, "_Parser"] = field(default_factory=dict)
    called: str = ""
    first: Declared = field(default_factory=dict)
    inner: bool = False
    """True for one that is the subparser or the parent of another."""


class _Reader:
    """The parsers of one module, by the calls that make them; ``_common`` is for what is of none of them."""

    def __init__(self, book: Book, tracer: Tracer) -> None:
        self._book = book
        self._tracer = tracer
        self._common = _Parser(book.inner())
        self._parsers: dict[int, tuple[ast.Call, _Parser]] = {}

    def read(self) -> None:
        """Put what the module's parsers declare into its book."""
        methods = [call for call in self._tracer.calls if isinstance(call.func, ast.Attribute)]
        for call in methods:
            if source.last_name(call.func) == "add_parser":
                self._parser(call)
            elif _declares(call):
                for parser in self._receivers(call):
                    _declare(parser.book, call)
        for call in methods:
            if source.last_name(call.func) == "set_defaults":
                for parser in self._receivers(call):
                    _set_defaults(parser.book, call)
        for parser in (self._common, *self._roots()):
            self._book.take(_whole(parser, 0))

    def _receivers(self, call: ast.Call, depth: int = 0) -> list[_Parser]:
        """Return the parsers that a method is called on."""
        found: list[_Parser] = []
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else call
        for made in self._tracer.behind(receiver, call):
            if isinstance(made.func, ast.Attribute) and made.func.attr in _GROUPS:
                found += self._receivers(made, depth + 1) if depth < _MOST_DEPTH else []
            else:
                found.append(self._parser(made))
        return found or [self._common]

    def _parser(self, call: ast.Call) -> _Parser:
        """Return the parser that a call makes; the same one each time."""
        if id(call) in self._parsers:
            return self._parsers[id(call)][1]
        if len(self._parsers) >= _MOST_PARSERS:
            return self._common
        parser = _Parser(self._book.inner())
        self._parsers[id(call)] = call, parser
        parents = source.keywords(call).get("parents")
        for node in parents.elts if isinstance(parents, ast.List | ast.Tuple) else ():
            for made in self._tracer.behind(node, call):
                parent = self._parser(made)
                parent.inner = True
                parser.parents.append(parent)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_parser":
            parser.inner = True
            for made in self._tracer.behind(call.func.value, call):
                if source.last_name(made.func) == "add_subparsers":
                    for above in self._receivers(made):
                        self._add_command(above, made, parser, call)
        return parser

    def _add_command(self, above: _Parser, subparsers: ast.Call, parser: _Parser, call: ast.Call) -> None:
        dest = source.keywords(subparsers).get("dest")
        if not above.first:
            above.called = str(self._book.value(dest)) if dest is not None else "command"
            above.first = {"by": "argparse", "line": subparsers.lineno}
        names = source.texts(call)[:1]
        aliases = source.keywords(call).get("aliases")
        known, held = source.literal(aliases) if aliases is not None else (False, None)
        if known and isinstance(held, list):
            names += [str(one) for one in held]
        for name in names:
            above.commands[name] = parser

    def _roots(self) -> list[_Parser]:
        """Return the parsers that are used: asked to parse, returned, or handed to somebody."""
        roots = [(call, parser) for call, parser in self._parsers.values() if not parser.inner]
        used = [parser for call, parser in roots if self._tracer.is_used(call, _OWN)]
        return used or [parser for _, parser in roots]


def read_argparse(book: Book, tree: ast.Module) -> None:
    """Add what a module declares with argparse, and with libraries that are used in the same way."""
    calls = (node for node in source.nodes(tree) if isinstance(node, ast.Call))
    if any(_declares(call) or source.last_name(call.func) == "add_parser" for call in calls):
        _Reader(book, Tracer(tree)).read()


def _declares(call: ast.Call) -> bool:
    name, texts = source.last_name(call.func), source.texts(call)
    return bool(texts) and (name == "add_argument" or (name == "add" and texts[0].startswith("-")))


def _whole(parser: _Parser, depth: int) -> Book:
    """Return what a parser takes: its parents' options, its own, and its commands."""
    book = parser.book.inner()
    for parent in parser.parents if depth < _MOST_DEPTH else ():
        book.take(_whole(parent, depth + 1))
    book.take(parser.book)
    if parser.commands and depth < _MOST_DEPTH:
        commands = {name: _whole(one, depth + 1) for name, one in parser.commands.items()}
        book.add_commands(parser.called, parser.first, commands)
    return book


def _declare(book: Book, call: ast.Call) -> None:
    texts, words = source.texts(call), source.keywords(call)
    flags = [text for text in texts if text.startswith("-")]
    action = words["action"].value if isinstance(words.get("action"), ast.Constant) else None  # type: ignore[attr-defined]
    if action in {"help", "version"}:
        return
    long = [flag for flag in flags if flag.startswith("--")]
    name = (long or flags or texts)[0].lstrip("-").replace("-", "_") if flags else texts[0]
    if "dest" in words:
        name = str(book.value(words["dest"]))
    default = book.value(words["default"]) if "default" in words else None
    if "default" not in words and action in {"store_true", "store_false"}:
        default = action == "store_false"
    found: Declared = {"value": default, "by": "argparse", "line": call.lineno}
    if action is None and "action" in words:
        action = source.last_name(words["action"])
    if isinstance(action, str):
        found["action"] = action
    if flags:
        found["flags"] = flags
    else:
        found["positional"] = book.place()
    book.describe(found, words)
    if flags and name in book.found:
        book.add_way(name, found)
    book.add(name, found)


def _set_defaults(book: Book, call: ast.Call) -> None:
    for name, value in source.keywords(call).items():
        known, held = source.literal(value)
        inner = book.found.get(name)
        if known and inner is not None:
            inner["value"] = bounded(mask_setting(name, held))
            inner["line"] = call.lineno


def prefixes(tree: ast.Module) -> str:
    """Return the letters that begin the name of a file of arguments, such as ``@``; "" if there are none."""
    found = [
        source.literal(word.value)[1]
        for call in source.nodes(tree)
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "fromfile_prefix_chars"
    ]
    return "".join(one for one in found if isinstance(one, str))


def read_absl(book: Book, tree: ast.Module) -> None:
    """Add the flags of absl, ``DEFINE_float("name", default, "help")``."""
    for call in source.nodes(tree):
        kind = source.last_name(call.func) if isinstance(call, ast.Call) else ""
        if not isinstance(call, ast.Call) or not kind.startswith("DEFINE_") or not call.args:
            continue
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            default = call.args[1] if len(call.args) > 1 else source.keywords(call).get("default")
            found: Declared = {"value": book.value(default), "by": "absl", "line": call.lineno}
            found["flags"] = [f"--{name.value}"]
            found["type"] = {"integer": "int", "boolean": "bool", "string": "str"}.get(kind[7:], kind[7:])
            if found["type"] in ("bool", "boolean"):
                found["action"] = "store_true"
                found["off_flags"] = [f"--no{name.value}"]
                found["flags"] = [f"--{name.value}", f"--no{name.value}"]
            if kind.startswith("DEFINE_multi_"):
                found["multiple"] = True
            book.add(name.value, found)
