"""What a program declares with click and typer: functions that are commands, and groups of them.

See https://click.palletsprojects.com and https://typer.tiangolo.com. A command belongs to the group that its
decorator is of (``@cli.command()``), or that takes it in (``cli.add_command(train)``).
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlamd.recognise import python_source as source
from mlamd.recognise.python_book import Book, Declared, imported_names, origin, parameters
from mlamd.recognise.python_scopes import Function

_MAKERS = frozenset({"command", "group", "callback"})
_SUFFIX = re.compile(r"_(?:command|cmd|group|grp)$")
_LIST = re.compile(r"(?:typing\.|t\.)?(?:List|list|Sequence|Iterable|Set|set|Tuple|tuple)\[(.*)\]$")
_MOST_DEPTH = 6


@dataclass(slots=True)
class _Command:
    """A command, or a group; ``within`` is the group that its decorator names, "" for one on its own.

    ``linked`` are commands that other modules declare, by the word that names them.
    """

    name: str
    book: Book
    line: int
    by: str
    group: bool = False
    within: str = ""
    linked: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """Commands of this module that it takes in by a call: the word, and the name of the function or app."""
    has_callback: bool = False


def read_commands(book: Book, tree: ast.Module) -> None:
    """Add what a module declares with click and typer; of several commands on their own, those of all."""
    imported = imported_names(tree)
    nodes = source.nodes(tree)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    run = {
        source.last_name(one.args[0]) for one in calls if source.shown(one.func) == "typer.run" and one.args
    }
    found: dict[str, _Command] = {}
    for call, name in _apps(nodes):
        found[name] = _Command(name, book.inner(), call.lineno, "typer", group=True)
    for function in nodes:
        if isinstance(function, Function):
            _command(book, function, found, imported, run=function.name in run)
    for call in calls:
        _joined(call, found, imported)
    inner = {name for one in found.values() for _, name in one.taken}
    for key, one in found.items():
        if not one.within and key not in inner:
            book.take(_whole(key, found, 0))


def _apps(nodes: list[ast.AST]) -> list[tuple[ast.Call, str]]:
    """Return the calls of ``typer.Typer`` with the names that they are assigned to."""
    return [
        (node.value, target.id)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if source.last_name(node.value.func) == "Typer" and isinstance(target, ast.Name)
    ]


def _command(
    book: Book, function: Function, found: dict[str, _Command], imported: Mapping[str, str], *, run: bool
) -> None:
    made = next((one for one in function.decorator_list if _makes(one)), None)
    clicked = any(source.last_name(one) in {"option", "argument"} for one in function.decorator_list)
    if made is None and not run and not clicked:
        return
    receiver = source.first_name(made.func) if isinstance(made, ast.Call) else ""
    if receiver in imported and imported[receiver] in {"click", "rich_click", "cloup", "asyncclick"}:
        receiver = ""
    app = found.get(receiver)
    typed = run or (app is not None and app.by == "typer") or (not clicked and "typer" in imported.values())
    typed = typed or any(_mark(*pair) is not None for pair in parameters(function))
    if not typed and not clicked and not any(one.split(".")[0] == "click" for one in imported.values()):
        return
    kind = source.last_name(made.func) if isinstance(made, ast.Call) else "command"
    inner = app.book if kind == "callback" and app is not None else book.inner()
    owner = function.name if not receiver or run else _root(receiver, found)
    read = _typer if typed else _click
    read(inner, function, owner)
    if kind == "callback":
        if app is None:
            book.take(inner)
        else:
            app.has_callback = True
        return
    texts = source.texts(made) if isinstance(made, ast.Call) else []
    name = source.keywords(made).get("name") if isinstance(made, ast.Call) else None
    word = str(book.value(name)) if name is not None else (texts or [_word(function.name)])[0]
    known = app is not None or not receiver
    found[function.name] = _Command(
        word,
        inner,
        function.lineno,
        "typer" if typed else "click",
        kind == "group",
        receiver if known else "",
    )


def _makes(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and source.last_name(node.func) in _MAKERS


def _root(name: str, found: Mapping[str, _Command]) -> str:
    """Return the outermost group that a group is in."""
    for _ in range(_MOST_DEPTH):
        if name not in found or not found[name].within:
            break
        name = found[name].within
    return name


def _word(function: str) -> str:
    """Return the word that names the command of a function, as click makes it."""
    name = function.lower()
    return (_SUFFIX.sub("", name) or name).replace("_", "-")


def _joined(call: ast.Call, found: dict[str, _Command], imported: Mapping[str, str]) -> None:
    """Take in ``cli.add_command(train, "name")`` and ``app.add_typer(data, name="data")``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"add_command", "add_typer"}:
        return
    group = found.get(source.first_name(call.func))
    if group is None or not call.args:
        return
    target = source.last_name(call.args[0])
    name = source.keywords(call).get("name") or (call.args[1] if len(call.args) > 1 else None)
    word = str(group.book.value(name)) if name is not None else ""
    linked = origin(call.args[0], imported)
    if linked:
        group.linked[word or _word(target)] = linked
    elif target in found:
        group.taken.append((word or found[target].name, target))


def _whole(key: str, found: Mapping[str, _Command], depth: int) -> Book:
    """Return what a command takes, and its commands; a typer app with a single one is that one."""
    one = found[key]
    book = one.book.inner()
    book.take(one.book)
    inner = [(other.name, name) for name, other in found.items() if other.within == key]
    inner += one.taken
    if depth > _MOST_DEPTH or not (inner or one.linked):
        return book
    if not depth and one.by == "typer" and len(inner) == 1 and not one.has_callback and not one.linked:
        single = found[inner[0][1]]
        if not single.group:
            for one_of_it in single.book.found.values():
                one_of_it["single"] = single.name
            book.take(single.book)
            return book
    commands = {word: _whole(name, found, depth + 1) for word, name in inner if name != key}
    first: Declared = {"by": one.by, "line": one.line}
    book.add_commands("command", first, commands, linked=one.linked, owner=_root(key, found))
    return book


# --- click ----------------------------------------------------------------------------------


def _click(book: Book, function: Function, owner: str) -> None:
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        kind = source.last_name(decorator.func)
        texts = source.texts(decorator)
        if kind in {"option", "argument"} and texts:
            _click_parameter(book, decorator, texts, owner)


def _click_parameter(book: Book, decorator: ast.Call, texts: list[str], owner: str) -> None:
    words = source.keywords(decorator)
    found: Declared = {"value": book.value(words.get("default")), "by": "click", "line": decorator.lineno}
    book.describe(found, words)
    flags = [part for text in texts if text[:1] in "-/" for part in text.split("/") if part]
    bare = [text for text in texts if text[:1] not in "-/"]
    name = bare[0] if bare else max((text.split("/")[0].lstrip("-") for text in texts), key=len)
    name = name.replace("-", "_").lower()
    if source.last_name(decorator.func) == "argument":
        book.add(name, {**found, "positional": book.place()}, owner)
        return
    off = [part for text in texts for part in text[1:].split("/")[1:] if text[:1] == "-" and part]
    if off:
        found["off_flags"] = list(off)
    if isinstance(words.get("count"), ast.Constant) and book.value(words["count"]) is True:
        found["action"] = "count"
        found["value"] = 0 if found["value"] is None else found["value"]
    elif off or found.get("is_flag") is True:
        found["action"] = "store_true"
        found["value"] = False if found["value"] is None else found["value"]
    book.add(name, {**found, "flags": list(flags)}, owner)


# --- typer ----------------------------------------------------------------------------------


def _mark(argument: ast.arg, default: ast.expr | None) -> ast.Call | None:
    """Return the call of ``typer.Option`` or ``typer.Argument`` that describes a parameter."""
    candidates = [default] if default is not None else []
    note = argument.annotation
    if isinstance(note, ast.Subscript) and source.last_name(note.value) == "Annotated":
        candidates += note.slice.elts if isinstance(note.slice, ast.Tuple) else []
    for one in candidates:
        if isinstance(one, ast.Call) and source.last_name(one.func) in {"Option", "Argument"}:
            return one
    return None


def _typer(book: Book, function: Function, owner: str) -> None:
    for argument, default in parameters(function):
        if argument.annotation is None or source.last_name(argument.annotation) != "Context":
            _typer_parameter(book, argument, default, owner)


def _typer_parameter(book: Book, argument: ast.arg, default: ast.expr | None, owner: str) -> None:
    mark = _mark(argument, default)
    flags: list[str] = []
    value = default
    if mark is not None:
        flags = [part for text in source.texts(mark) if text.startswith("-") for part in text.split("/")]
        if mark is default:
            value = mark.args[0] if mark.args else source.keywords(mark).get("default")
    if isinstance(value, ast.Constant) and value.value is ...:
        value = None
    found: Declared = {"value": book.value(value), "by": "typer", "line": argument.lineno}
    several = _typed(found, argument.annotation)
    positional = source.last_name(mark.func) == "Argument" if mark is not None else default is None
    if positional:
        if several:
            found["nargs"] = several
        book.add(argument.arg, {**found, "positional": book.place()}, owner)
        return
    dashed = argument.arg.replace("_", "-")
    if several == -1:
        found["multiple"] = True
    elif several:
        found["nargs"] = several
    elif found.get("type") == "bool":
        found["action"] = "store_true"
        found["off_flags"] = list(flags[1:2] or [f"--no-{dashed}"])
        flags = flags or [f"--{dashed}", f"--no-{dashed}"]
    book.add(argument.arg, {**found, "flags": list(flags or [f"--{dashed}"])}, owner)


def _typed(found: Declared, note: ast.expr | None) -> int:
    """Put the type of a parameter down; return how many values it takes, -1 for any number, 0 for one."""
    if isinstance(note, ast.Subscript) and source.last_name(note.value) == "Annotated":
        note = note.slice.elts[0] if isinstance(note.slice, ast.Tuple) and note.slice.elts else note
    if note is None:
        return 0
    shown = re.sub(r"^(?:typing\.|t\.)?Optional\[(.*)\]$", r"\1", source.shown(note))
    shown = re.sub(r"\s*\|\s*None$", "", shown)
    found["type"] = shown
    listed = _LIST.match(shown)
    if listed is None:
        return 0
    parts = [part.strip() for part in listed[1].split(",")]
    found["type"] = parts[0]
    fixed = "uple[" in shown and "..." not in parts
    return len(parts) if fixed and len(parts) > 1 else -1
