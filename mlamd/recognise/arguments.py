"""Reads parameters from a command line, in all the usual forms.

Where the source of the program is known, its declarations say which options are switches, how many values
an option takes, and what the positional arguments are called. Where it is not, a line is read as a person
would read it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mlamd.masking.words import mask_words
from mlamd.recognise.command_line import NUMBER, Argument, Declaration, Line, places
from mlamd.recognise.facts import bounded, listed
from mlamd.recognise.finding import Fact
from mlamd.recognise.launch import find_program
from mlamd.recognise.series import is_number
from mlamd.recognise.typed import typed, typed_nested

MOST_WORDS = 20_000

_FLAG = re.compile(r"--?[A-Za-z_@][\w.:/@+-]*$")
_JOINED = re.compile(r"(--?[A-Za-z_@][\w.:/@+-]*)=(.*)$", re.DOTALL)
_LONG = re.compile(r"--?[A-Za-z_@][\w.:/@+-]*(?:=.*)?$", re.DOTALL)
_HYDRA = re.compile(r"(\+{1,2}|~)?([A-Za-z_][\w./@:-]*)=(.*)$", re.DOTALL)
_REMOVED = re.compile(r"~([A-Za-z_][\w./@-]*)$")
_SWITCHES = frozenset(
    """
    verbose v debug quiet q force f overwrite resume fp16 bf16 amp cuda no_cuda dry_run help h use_wandb wandb
    deterministic shuffle do_train do_eval do_predict evaluate test_only pretrained cpu
    """.split()
)
"""Options that rarely have a value, where the word behind them is no truth value and no number."""
_TRUTH = frozenset({"true", "false", "yes", "no", "1", "0", "on", "off"})


class Parsed(NamedTuple):
    """The parameters of a command line in their order, and the subcommands that it names."""

    arguments: list[Argument]
    commands: tuple[str, ...]


def parse(argv: tuple[str, ...], defaults: Mapping[str, Fact] | None = None) -> list[Argument]:
    """Return the parameters of a command line in their order, typed, with secrets masked.

    ``defaults`` is the fact of that name of the program's source. Takes any words, and raises nothing.
    """
    return parse_line(argv, defaults).arguments


def parse_line(argv: tuple[str, ...], defaults: Mapping[str, Fact] | None = None) -> Parsed:
    """Return what ``parse`` does, and the subcommands."""
    launch = find_program(argv)
    masked = mask_words(argv[:MOST_WORDS])
    declared = {name: one for name, one in (defaults or {}).items() if isinstance(one, Mapping)}
    line = Line(masked[launch.first :], declared, places=places(declared))
    while line.at < len(line.words):
        word = line.take()
        if word == "--":
            while line.at < len(line.words):
                _positional(line, line.take())
        elif _FLAG.match(word):
            _flag(line, word)
        elif joined := _JOINED.match(word):
            _joined(line, joined[1], joined[2])
        elif not _hydra(line, word) and not _short(line, word):
            _positional(line, word)
    _fire(line)
    return Parsed(line.found, tuple(line.commands))


def _value(word: str, declaration: Declaration) -> Fact:
    """Return a word in the type that the source declares, or as a person would read it."""
    kind = str(declaration.get("type", "")).rpartition(".")[2]
    if kind in {"str", "Path", "FileType", "STRING"} or kind.startswith(("Path(", "FileType(")):
        return bounded(word)
    plain = typed_nested(word)
    default = declaration.get("value")
    wants_float = kind in {"float", "FLOAT"} or (not kind and isinstance(default, float))
    if wants_float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if kind in {"bool", "BOOL"} and word.lower() in _TRUTH:
        return word.lower() in {"true", "yes", "1", "on"}
    return plain


def _flag(line: Line, word: str) -> None:
    name, declaration = line.flag(word)
    action = str(declaration.get("action", ""))
    positive = line.declared.get(name.removeprefix("no"), {})
    if not declaration and positive.get("by") == "fire" and not line.next_is_value():
        line.add(name.removeprefix("no"), False, word)
    elif not declaration and not _short(line, word):
        _unknown(line, word, name)
    elif not declaration:
        return
    elif action in {"store_true", "store_false", "BooleanOptionalAction"}:
        _switch(line, word, name, declaration)
    elif action == "count":
        before = line.held(name) or declaration.get("value")
        line.replace(name, (before if isinstance(before, int) else 0) + 1, word)
    elif action == "store_const":
        line.add(name, declaration.get("const"), word)
    elif action == "append_const":
        _set(line, name, declaration.get("const"), word, declaration)
    else:
        _valued(line, word, name, declaration)


def _switch(line: Line, word: str, name: str, declaration: Declaration) -> None:
    """Take a switch; behind those of dataclasses, which take a truth value or none, look for one."""
    off = declaration.get("off_flags")
    on = str(declaration.get("action")) != "store_false" and not (isinstance(off, list) and word in off)
    takes_value = declaration.get("by") in ("dataclass", "absl") and line.next_is_value()
    if takes_value and line.words[line.at].lower() in _TRUTH:
        on = line.take().lower() in {"true", "yes", "1", "on"}
    line.add(name, on, word)


def _valued(line: Line, word: str, name: str, declaration: Declaration) -> None:
    count = declaration.get("nargs")
    values: list[Fact] = []
    if count in ("+", "*"):
        while line.next_is_value():
            values.append(_value(line.take(), declaration))
        _set(line, name, values, word, declaration)
    elif isinstance(count, int) and not isinstance(count, bool) and count > 0:
        while len(values) < count and line.at < len(line.words):
            values.append(_value(line.take(), declaration))
        _set(line, name, values, word, declaration)
    elif line.next_is_value() or (line.at < len(line.words) and not _LONG.match(line.words[line.at])):
        _set(line, name, _value(line.take(), declaration), word, declaration)
    else:
        default = declaration.get("const") if count == "?" else True
        line.add(name, default, word)


def _set(line: Line, name: str, value: Fact, where: str, declaration: Declaration) -> None:
    """Add a value; to an option that may be repeated, add it to what it has.

    argparse begins with the default, where there is one; one that is no literal is there by its text.
    """
    added = declaration.get("action") in ("append", "extend", "append_const")
    if not added and declaration.get("multiple") is not True:
        line.add(name, value, where)
        return
    before = line.held(name)
    if before is None and added:
        default = declaration.get("value")
        before = [f"*{default}"] if isinstance(default, str) else default
    extend = declaration.get("action") == "extend" and isinstance(value, list)
    line.replace(name, [*listed(before), *(listed(value) if extend else [value])], where)


def _unknown(line: Line, word: str, name: str) -> None:
    """Take an option that no source declares."""
    following = line.words[line.at] if line.at < len(line.words) else ""
    alone = not line.next_is_value() or bool(_HYDRA.match(following))
    if not alone and name.lower() in _SWITCHES:
        alone = not (NUMBER.match(following) or following.lower() in _TRUTH)
    if alone:
        negative = word.startswith("--no-") and len(word) > 5
        line.add(name[3:] if negative else name, not negative, word)
        return
    values = [typed_nested(line.take())]
    while is_number(values[-1]) and line.next_is_value() and NUMBER.match(line.words[line.at]):
        values.append(typed(line.take()))
    line.add(name, values[0] if len(values) == 1 else values, word)


def _joined(line: Line, flag: str, word: str) -> None:
    name, declaration = line.flag(flag)
    if declaration.get("nargs") in ("+", "*"):
        _set(line, name, [_value(word, declaration)], flag, declaration)
    elif declaration.get("action") in ("store_true", "store_false"):
        line.add(name, typed(word), flag)
    else:
        _set(line, name, _value(word, declaration), flag, declaration)


def _hydra(line: Line, word: str) -> bool:
    """Take ``name=value``, ``+name=value`` or ``~name``; return False if the word is none of them."""
    removed = _REMOVED.match(word)
    if removed is not None:
        line.add(removed[1], None, word, removed=True)
        return True
    given = _HYDRA.match(word)
    if given is None or "://" in given[2]:
        return False
    line.add(given[2], None if given[1] == "~" else typed_nested(given[3]), word, removed=given[1] == "~")
    return True


def _short(line: Line, word: str) -> bool:
    """Take ``-x3`` where the source declares ``-x``; return False for any other word."""
    if len(word) < 3 or word[0] != "-" or word[1] == "-" or NUMBER.match(word):
        return False
    name, declaration = line.flag(word[:2])
    if not declaration:
        return False
    if declaration.get("action") in ("store_true", "store_false", "count"):
        each = ["-" + letter for letter in word[1:]]
        if not all(line.flag(one)[1].get("action") for one in each):
            return False
        for one in each:
            _flag(line, one)
        return True
    _set(line, name, _value(word[2:], declaration), word[:2], declaration)
    return True


def _positional(line: Line, word: str) -> None:
    if not line.places:
        line.unnamed += 1
        line.add(f"#{line.unnamed}", typed_nested(word), word)
        return
    name = line.places[0]
    declaration = line.declared[name]
    if "commands" in declaration:
        line.places.pop(0)
        above = line.held(name)
        line.enter(name, word)
        line.replace(name, bounded(word if above is None else f"{above} {word}"), word)
        return
    if declaration.get("by") == "fire":
        line.waiting.append(word)
        return
    count = declaration.get("nargs")
    if count not in ("+", "*", -1) and not (isinstance(count, int) and count > 1):
        line.places.pop(0)
        line.add(name, _value(word, declaration), word)
        return
    before = line.held(name)
    held = [*(before if isinstance(before, list) else []), _value(word, declaration)]
    line.replace(name, held, word)
    if isinstance(count, int) and len(held) >= count > 0:
        line.places.pop(0)


def _fire(line: Line) -> None:
    """Give the words that wait to the parameters of Fire that no flag has set, in their order."""
    given = {one.name for one in line.found}
    line.places = [name for name in line.places if name not in given]
    for word in line.waiting:
        name = line.places.pop(0) if line.places else ""
        if name:
            line.add(name, _value(word, line.declared[name]), word)
        else:
            _positional(line, word)
