"""The parameters that a Python program declares: argparse, click, typer, fire, absl, dataclasses, constants.

What a library makes of a declaration (the name that a flag gets, the default of a switch) is as its own
documentation has it: https://docs.python.org/3/library/argparse.html, https://click.palletsprojects.com,
https://typer.tiangolo.com, https://google.github.io/python-fire, https://abseil.io/docs/python/guides/flags.
"""

import ast

from mlamd.masking.text import mask_setting
from mlamd.recognise import python_source as source
from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact

Declared = dict[str, Fact]
"""One parameter: ``value``, ``by``, ``line`` and, where known, the rest that the reference of facts lists."""

_MAIN_NAMES = frozenset({"main", "train", "run", "fit", "evaluate", "eval", "predict", "test"})
_CONFIG_DECORATORS = frozenset({"config", "named_config", "automain", "main", "capture", "command"})
_DATACLASS_PARSERS = frozenset(
    {"HfArgumentParser", "TrlParser", "cli", "parse", "add_arguments", "ArgumentParser"}
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Book:
    """Declared parameters by name; who declares first, in the order of the ways below, is kept."""

    def __init__(self, constants: dict[str, Fact]) -> None:
        self.constants = constants
        self.found: dict[str, Declared] = {}
        self.places = 0

    def add(self, name: str, declared: Declared) -> None:
        if name and name not in self.found and len(self.found) < MOST_ITEMS:
            self.found[name] = {**declared, "value": bounded(mask_setting(name, declared["value"]))}

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


def declared(tree: ast.Module, constants: dict[str, tuple[Fact, int]]) -> dict[str, Fact]:
    """Return the parameters that a module declares, by the names that its program knows them by."""
    book = _Book({name: value for name, (value, _) in constants.items()})
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    functions = [node for node in nodes if isinstance(node, _Function)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    for call in calls:
        _argparse(book, call)
        _absl(book, call)
    for call in calls:
        _set_defaults(book, call)
    for function in functions:
        _click(book, function)
    _typer(book, functions, calls)
    _fire(book, functions, classes, calls)
    _dataclasses(book, classes, calls)
    for function in functions:
        _plain_function(book, function)
    for name, (value, line) in constants.items():
        if name.isupper():
            book.add(name, {"value": value, "by": "constant", "line": line})
    return dict(book.found)


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {word.arg: word.value for word in call.keywords if word.arg}


def _texts(call: ast.Call) -> list[str]:
    return [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _argparse(book: _Book, call: ast.Call) -> None:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"add_argument", "add"}:
        return
    texts, words = _texts(call), _keywords(call)
    if not texts or (call.func.attr == "add" and not texts[0].startswith("-")):
        return
    flags = [text for text in texts if text.startswith("-")]
    action = words["action"].value if isinstance(words.get("action"), ast.Constant) else None  # type: ignore[attr-defined]
    if action in {"help", "version"}:
        return
    long = [flag for flag in flags if flag.startswith("--")]
    name = (long or flags or texts)[0].lstrip("-").replace("-", "_") if flags else texts[0]
    if "dest" in words:
        name = str(book.value(words["dest"]))
    found: Declared = {"value": _argparse_default(book, words, action), "by": "argparse", "line": call.lineno}
    if action is None and "action" in words:
        action = source.last_name(words["action"])
    if isinstance(action, str):
        found["action"] = action
    if flags:
        found["flags"] = flags
    else:
        found["positional"] = book.places
        book.places += 1
    _describe(book, found, words)
    book.add(name, found)


def _argparse_default(book: _Book, words: dict[str, ast.expr], action: object) -> Fact:
    if "default" in words:
        return book.value(words["default"])
    return {"store_true": False, "store_false": True}.get(str(action))


def _describe(book: _Book, found: Declared, words: dict[str, ast.expr]) -> None:
    if "type" in words:
        found["type"] = source.shown(words["type"])
    for name in ("nargs", "choices", "const", "required", "multiple", "is_flag"):
        if name in words:
            found[name] = book.value(words[name])


def _set_defaults(book: _Book, call: ast.Call) -> None:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "set_defaults":
        for name, value in _keywords(call).items():
            known, held = source.literal(value)
            if known and isinstance(inner := book.found.get(name), dict):
                inner["value"] = bounded(mask_setting(name, held))
                inner["line"] = call.lineno


def _absl(book: _Book, call: ast.Call) -> None:
    kind = source.last_name(call.func)
    if not kind.startswith("DEFINE_") or not call.args:
        return
    name = call.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        default = call.args[1] if len(call.args) > 1 else _keywords(call).get("default")
        found: Declared = {"value": book.value(default), "by": "absl", "line": call.lineno}
        found["flags"] = [f"--{name.value}"]
        found["type"] = {"integer": "int", "boolean": "bool", "string": "str"}.get(kind[7:], kind[7:])
        book.add(name.value, found)


def _click(book: _Book, function: _Function) -> None:
    places: list[tuple[str, Declared]] = []
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or source.last_name(decorator.func) not in {
            "option",
            "argument",
        }:
            continue
        texts, words = _texts(decorator), _keywords(decorator)
        if not texts:
            continue
        found: Declared = {"value": book.value(words.get("default")), "by": "click", "line": decorator.lineno}
        _describe(book, found, words)
        flags = [part for text in texts if text[:1] in "-/" for part in text.split("/") if part]
        bare = [text for text in texts if text[:1] not in "-/"]
        name = bare[0] if bare else max((text.split("/")[0].lstrip("-") for text in texts), key=len)
        name = name.replace("-", "_").lower()
        if source.last_name(decorator.func) == "argument":
            places.append((name, found))
            continue
        off = [part for text in texts for part in text[1:].split("/")[1:] if text[:1] == "-" and part]
        if off:
            found["off_flags"] = list(off)
        if off or found.get("is_flag") is True:
            found["action"] = "store_true"
            found["value"] = False if found["value"] is None else found["value"]
        book.add(name, {**found, "flags": list(flags)})
    for place, (name, found) in enumerate(places):
        book.add(name, {**found, "positional": place})


def _parameters(function: _Function, *, method: bool) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters of a function with their defaults; of a method, without the first."""
    spec = function.args
    plain = [*spec.posonlyargs, *spec.args]
    padded = [None] * (len(plain) - len(spec.defaults)) + list(spec.defaults)
    pairs = list(zip(plain, padded, strict=True))[1 if method else 0 :]
    return pairs + list(zip(spec.kwonlyargs, spec.kw_defaults, strict=True))


def _typer(book: _Book, functions: list[_Function], calls: list[ast.Call]) -> None:
    run = {
        source.last_name(call.args[0])
        for call in calls
        if call.args and isinstance(call.func, ast.Attribute) and source.shown(call.func) == "typer.run"
    }
    for function in functions:
        command = any(
            isinstance(one, ast.Call) and source.last_name(one.func) in {"command", "callback"}
            for one in function.decorator_list
        )
        pairs = _parameters(function, method=False)
        marked = [pair for pair in pairs if _typer_mark(*pair) is not None]
        if function.name not in run and not (command and (marked or not _has_click(function))):
            continue
        places = 0
        for argument, default in pairs:
            places += _typer_parameter(book, argument, default, places)


def _has_click(function: _Function) -> bool:
    return any(source.last_name(one) in {"option", "argument"} for one in function.decorator_list)


def _typer_mark(argument: ast.arg, default: ast.expr | None) -> ast.Call | None:
    """Return the call of ``typer.Option`` or ``typer.Argument`` that describes a parameter."""
    candidates = [default] if default is not None else []
    note = argument.annotation
    if isinstance(note, ast.Subscript) and source.last_name(note.value) == "Annotated":
        candidates += note.slice.elts if isinstance(note.slice, ast.Tuple) else []
    for one in candidates:
        if isinstance(one, ast.Call) and source.last_name(one.func) in {"Option", "Argument"}:
            return one
    return None


def _typer_parameter(book: _Book, argument: ast.arg, default: ast.expr | None, place: int) -> int:
    """Add a parameter; return 1 if it is positional."""
    mark = _typer_mark(argument, default)
    flags: list[str] = []
    value = default
    if mark is not None:
        flags = [part for text in _texts(mark) if text.startswith("-") for part in text.split("/")]
        if mark is default:
            value = mark.args[0] if mark.args else _keywords(mark).get("default")
    if isinstance(value, ast.Constant) and value.value is ...:
        value = None
    found: Declared = {"value": book.value(value), "by": "typer", "line": argument.lineno}
    note = argument.annotation
    if isinstance(note, ast.Subscript) and source.last_name(note.value) == "Annotated":
        note = note.slice.elts[0] if isinstance(note.slice, ast.Tuple) and note.slice.elts else note
    if note is not None:
        found["type"] = source.shown(note)
    positional = source.last_name(mark.func) == "Argument" if mark is not None else value is None
    if positional:
        book.add(argument.arg, {**found, "positional": place})
        return 1
    dashed = argument.arg.replace("_", "-")
    if found.get("type") == "bool":
        found["action"] = "store_true"
        found["off_flags"] = list(flags[1:2] or [f"--no-{dashed}"])
        flags = flags or [f"--{dashed}", f"--no-{dashed}"]
    book.add(argument.arg, {**found, "flags": list(flags or [f"--{dashed}"])})
    return 0


def _fire(
    book: _Book, functions: list[_Function], classes: list[ast.ClassDef], calls: list[ast.Call]
) -> None:
    fired = [call for call in calls if source.last_name(call.func) == "Fire" and len(call.args) <= 1]
    if not fired:
        return
    names: set[str] = set()
    for call in fired:
        for node in ast.walk(call.args[0]) if call.args else ():
            names.add(source.last_name(node) if isinstance(node, ast.Name | ast.Attribute) else "")
    everything = any(not call.args for call in fired)
    inner = {one for kind in classes for one in kind.body if isinstance(one, _Function)}
    for function in functions:
        if (everything or function.name in names) and function not in inner:
            _signature(book, function, "fire", method=False)
    for kind in classes:
        if everything or kind.name in names:
            for one in kind.body:
                if isinstance(one, _Function) and (one.name == "__init__" or not one.name.startswith("_")):
                    _signature(book, one, "fire", method=True)


def _signature(book: _Book, function: _Function, by: str, *, method: bool) -> None:
    for place, (argument, default) in enumerate(_parameters(function, method=method)):
        found: Declared = {"value": book.value(default), "by": by, "line": argument.lineno}
        if argument.annotation is not None:
            found["type"] = source.shown(argument.annotation)
        if by == "fire":
            found["flags"] = [f"--{argument.arg}"]
        if default is None:
            found["positional"] = place
        book.add(argument.arg, found)


def _is_dataclass(kind: ast.ClassDef) -> bool:
    return any(
        source.last_name(one) in {"dataclass", "define", "frozen", "configclass"}
        for one in kind.decorator_list
    )


def _dataclasses(book: _Book, classes: list[ast.ClassDef], calls: list[ast.Call]) -> None:
    parsed: set[str] = set()
    for call in calls:
        if source.last_name(call.func) in _DATACLASS_PARSERS:
            for node in (inner for one in call.args for inner in ast.walk(one)):
                parsed.add(node.id if isinstance(node, ast.Name) else "")
    for kind in classes:
        if not _is_dataclass(kind):
            continue
        for node in kind.body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            found: Declared = {"value": _field(book, node.value), "by": "dataclass", "line": node.lineno}
            found["type"] = source.shown(node.annotation)
            found["of"] = kind.name
            if kind.name in parsed:
                found["flags"] = [f"--{node.target.id}"]
                if found["type"] == "bool":
                    found["action"] = "store_true"
            book.add(node.target.id, found)


def _field(book: _Book, value: ast.expr | None) -> Fact:
    """Return the default of a field, also of one that ``field(default=...)`` describes."""
    if not isinstance(value, ast.Call) or source.last_name(value.func) not in {"field", "Field"}:
        return book.value(value)
    words = _keywords(value)
    factory = words.get("default_factory")
    if isinstance(factory, ast.Name) and factory.id in {"list", "dict", "set", "tuple"}:
        return {} if factory.id == "dict" else []
    if isinstance(factory, ast.Lambda):
        return book.value(factory.body)
    return book.value(words.get("default") or factory)


def _plain_function(book: _Book, function: _Function) -> None:
    """Add what a function that is plainly the program's entry takes, and what Sacred's configurations set."""
    marks = [
        one
        for one in function.decorator_list
        if isinstance(one, ast.Attribute) and one.attr in _CONFIG_DECORATORS
    ]
    if any(mark.attr in {"config", "named_config"} for mark in marks):
        for name, value, line in source.assignments(function.body):
            book.add(name, {"value": book.value(value), "by": "function", "line": line})
    elif marks or function.name in _MAIN_NAMES:
        pairs = _parameters(function, method=False)
        for argument, default in pairs:
            if default is not None:
                book.add(
                    argument.arg, {"value": book.value(default), "by": "function", "line": argument.lineno}
                )


def read_python(text: str) -> dict[str, Fact]:
    """Return the facts of a Python source; raises ``RecogniseError`` for bad syntax."""
    tree = source.parse(text)
    held = source.constants(tree)
    facts: dict[str, Fact] = {
        "imports": list(source.imports(tree)),
        "constants": {name: bounded(mask_setting(name, value)) for name, (value, _) in held.items()},
        "defaults": declared(tree, held),
    }
    if source.has_main(tree):
        facts["main"] = True
    return facts
