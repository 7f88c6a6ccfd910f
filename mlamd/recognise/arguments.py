"""Reads parameters from a command line, in all the usual forms.

Where the source of the program is known, its declarations say which options are switches, how many values
an option takes, and what the positional arguments are called. Where it is not, a line is read as a person
would read it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlamd.masking.words import mask_words
from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact
from mlamd.recognise.launch import find_program
from mlamd.recognise.typed import typed, typed_nested

Declaration = Mapping[str, Fact]

MOST_WORDS = 20_000

_FLAG = re.compile(r"--?[A-Za-z_@][\w.:/@+-]*$")
_JOINED = re.compile(r"(--?[A-Za-z_@][\w.:/@+-]*)=(.*)$", re.DOTALL)
_HYDRA = re.compile(r"(\+{1,2}|~)?([A-Za-z_][\w./@:-]*)=(.*)$", re.DOTALL)
_REMOVED = re.compile(r"~([A-Za-z_][\w./@-]*)$")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")
_SWITCHES = frozenset(
    """
    verbose v debug quiet q force f overwrite resume fp16 bf16 amp cuda no_cuda dry_run help h use_wandb wandb
    deterministic shuffle do_train do_eval do_predict evaluate test_only pretrained cpu
    """.split()
)
"""Options that rarely have a value, where the word behind them is no truth value and no number."""
_TRUTH = frozenset({"true", "false", "yes", "no", "1", "0", "on", "off"})


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter given on the command line.

    ``name`` is what the program knows it by: the destination that the source declares, or the name without
    dashes; a positional argument of unknown name is ``#1``, ``#2``. ``where`` is the word that names it.
    ``removed`` is Hydra's ``~name``.
    """

    name: str
    value: Fact
    where: str
    removed: bool = False


@dataclass(slots=True)
class _Line:
    """The words of a line, and what the source says of them."""

    words: tuple[str, ...]
    declared: Mapping[str, Declaration]
    at: int = 0
    found: list[Argument] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    unnamed: int = 0

    def flag(self, word: str) -> tuple[str, Declaration]:
        """Return the name behind a flag and its declaration, an empty one if it is unknown."""
        bare = word.lstrip("-").replace("-", "_")
        prefixed: list[str] = []
        for name, one in self.declared.items():
            flags = one.get("flags")
            listed = [str(each) for each in flags] if isinstance(flags, list | tuple) else []
            if word in listed or (listed and bare == name):
                return name, one
            if word.startswith("--") and len(word) > 3 and any(each.startswith(word) for each in listed):
                prefixed.append(name)
        if len(prefixed) == 1:
            return prefixed[0], self.declared[prefixed[0]]
        return bare, {}

    def next_is_value(self) -> bool:
        """Return True if the next word is no flag; a negative number is none."""
        if self.at >= len(self.words):
            return False
        word = self.words[self.at]
        return not word.startswith("-") or word == "-" or bool(_NUMBER.match(word))

    def take(self) -> str:
        word = self.words[self.at]
        self.at += 1
        return word

    def add(self, name: str, value: Fact, where: str, *, removed: bool = False) -> None:
        self.found.append(Argument(name, value, where, removed))


def parse(argv: tuple[str, ...], defaults: Mapping[str, Fact] | None = None) -> list[Argument]:
    """Return the parameters of a command line in their order, typed, with secrets masked.

    ``defaults`` is the fact of that name of the program's source. Takes any words, and raises nothing.
    """
    launch = find_program(argv)
    masked = mask_words(argv[:MOST_WORDS])
    declared = {name: one for name, one in (defaults or {}).items() if isinstance(one, Mapping)}
    line = _Line(masked[launch.first :], declared)
    line.places = _places(declared)
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
    return line.found


def _places(declared: Mapping[str, Declaration]) -> list[str]:
    placed = [
        (one["positional"], name) for name, one in declared.items() if isinstance(one.get("positional"), int)
    ]
    return [name for _, name in sorted(placed, key=lambda pair: (str(pair[0]).zfill(9), pair[1]))]


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


def _flag(line: _Line, word: str) -> None:
    name, declaration = line.flag(word)
    action = str(declaration.get("action", ""))
    if not declaration and not _short(line, word):
        _unknown(line, word, name)
    elif not declaration:
        return
    elif action in {"store_true", "store_false", "BooleanOptionalAction"}:
        _switch(line, word, name, declaration)
    elif action == "count":
        before = [one.value for one in line.found if one.name == name and isinstance(one.value, int)]
        line.found = [one for one in line.found if one.name != name]
        line.add(name, (before[-1] if before else 0) + 1, word)
    elif action in {"store_const", "append_const"}:
        line.add(name, declaration.get("const"), word)
    else:
        _valued(line, word, name, declaration)


def _switch(line: _Line, word: str, name: str, declaration: Declaration) -> None:
    """Take a switch; behind those of dataclasses, which take a truth value or none, look for one."""
    off = declaration.get("off_flags")
    on = str(declaration.get("action")) != "store_false" and not (isinstance(off, list) and word in off)
    takes_value = declaration.get("by") in ("dataclass", "absl") and line.next_is_value()
    if takes_value and line.words[line.at].lower() in _TRUTH:
        on = line.take().lower() in {"true", "yes", "1", "on"}
    line.add(name, on, word)


def _valued(line: _Line, word: str, name: str, declaration: Declaration) -> None:
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
    elif line.next_is_value() or (line.at < len(line.words) and not _FLAG.match(line.words[line.at])):
        _set(line, name, _value(line.take(), declaration), word, declaration)
    else:
        default = declaration.get("const") if count == "?" else True
        line.add(name, default, word)


def _set(line: _Line, name: str, value: Fact, where: str, declaration: Declaration) -> None:
    """Add a value; to an option that may be repeated, add it to what it has."""
    repeated = declaration.get("multiple") is True or declaration.get("action") in ("append", "extend")
    if not repeated:
        line.add(name, value, where)
        return
    before = next((one.value for one in line.found if one.name == name), [])
    line.found = [one for one in line.found if one.name != name]
    held = [*before] if isinstance(before, list) else [before]
    extend = declaration.get("action") == "extend" and isinstance(value, list)
    line.add(name, held + (value if extend else [value]), where)  # type: ignore[operator]


def _unknown(line: _Line, word: str, name: str) -> None:
    """Take an option that no source declares."""
    following = line.words[line.at] if line.at < len(line.words) else ""
    alone = not line.next_is_value() or bool(_HYDRA.match(following))
    if not alone and name.lower() in _SWITCHES:
        alone = not (_NUMBER.match(following) or following.lower() in _TRUTH)
    if alone:
        negative = word.startswith("--no-") and len(word) > 5
        line.add(name[3:] if negative else name, not negative, word)
        return
    values = [typed_nested(line.take())]
    while _is_number(values[-1]) and line.next_is_value() and _NUMBER.match(line.words[line.at]):
        values.append(typed(line.take()))
    line.add(name, values[0] if len(values) == 1 else values, word)


def _is_number(value: Fact) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _joined(line: _Line, flag: str, word: str) -> None:
    name, declaration = line.flag(flag)
    if declaration.get("nargs") in ("+", "*"):
        _set(line, name, [_value(word, declaration)], flag, declaration)
    elif declaration.get("action") in ("store_true", "store_false"):
        line.add(name, typed(word), flag)
    else:
        _set(line, name, _value(word, declaration), flag, declaration)


def _hydra(line: _Line, word: str) -> bool:
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


def _short(line: _Line, word: str) -> bool:
    """Take ``-x3`` where the source declares ``-x``; return False for any other word."""
    if len(word) < 3 or word[0] != "-" or word[1] == "-" or _NUMBER.match(word):
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


def _positional(line: _Line, word: str) -> None:
    if not line.places:
        line.unnamed += 1
        line.add(f"#{line.unnamed}", typed_nested(word), word)
        return
    name = line.places[0]
    declaration = line.declared[name]
    count = declaration.get("nargs")
    if count not in ("+", "*", -1) and not (isinstance(count, int) and count > 1):
        line.places.pop(0)
        line.add(name, _value(word, declaration), word)
        return
    before = next((one.value for one in line.found if one.name == name), [])
    line.found = [one for one in line.found if one.name != name]
    held = [*(before if isinstance(before, list) else [before]), _value(word, declaration)]
    line.add(name, held, word)
    if isinstance(count, int) and len(held) >= count > 0:
        line.places.pop(0)
