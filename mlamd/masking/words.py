"""Masks secrets in command lines, word by word, so that every ordinary parameter stays as it is."""

import re

from mlamd.masking.formats import masked_value
from mlamd.masking.names import is_secret, says_secret
from mlamd.masking.passages import mask_text
from mlamd.masking.programs import login

_FLAG = re.compile(r"--?[A-Za-z_][\w.-]{0,200}:?$")
_ASSIGNED = re.compile(r"((?:--?|\+{1,2})?[A-Za-z_][\w./@-]{0,200}=)(.*)$", re.DOTALL)
_DEFINED = re.compile(r"-[DP](?=[a-z])")
_NAMED = re.compile(r"[A-Za-z_/:][\w.:/-]{0,200}$")
_SETS = frozenset(
    "set config configure modify setenv --set --set-string --conf --config --add --global".split()
)
_REACH = 4
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_COMMANDS = re.compile(r"(\s*(?:;|&&|\|\|?|&|\n)\s*)")


def mask_words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command line in which every secret is ``***``; words stay words, and as many as they were."""
    masked: list[str] = []
    flag = ""
    for place, word in enumerate(argv):
        hidden = login(argv, place) or _command(argv, place)
        if hidden:
            masked.append(hidden)
            flag = ""
        elif flag and not _is_flag(word, flag):
            masked.append(_value(flag, word))
            flag = ""
        elif _is_set(argv, place):
            masked.append(masked_value(word))
        else:
            masked.append(_alone(word))
            flag = word if _is_flag(word) else ""
    return tuple(masked)


def _is_flag(word: str, after: str = "") -> bool:
    """Return True for a word that names an option; what follows a secret's name may begin with one dash."""
    if not _FLAG.match(word):
        return False
    return word.startswith("--") or len(word) <= 2 or len(after) <= 2 or not says_secret(after, word)


def _value(flag: str, word: str) -> str:
    name = flag.lstrip("-")
    if len(name) > 1 and says_secret(name, word):
        return masked_value(word)
    return _alone(word)


def _alone(word: str) -> str:
    found = _ASSIGNED.match(word)
    if found is None:
        return mask_text(word)
    name = _DEFINED.sub("", found[1]).lstrip("-+").rstrip("=")
    if says_secret(name, found[2]):
        return found[1] + masked_value(found[2])
    return found[1] + mask_text(found[2])


def _is_set(argv: tuple[str, ...], place: int) -> bool:
    """Return True for a value whose name is the word before it: ``git config x.token VALUE``."""
    before = argv[place - 1] if place else ""
    name = before.rpartition(".")[2]
    if not _NAMED.match(before) or argv[place].startswith("--") or not is_secret(name):
        return False
    sets = not _SETS.isdisjoint(argv[max(place - 1 - _REACH, 0) : place - 1])
    return sets and says_secret(name, argv[place])


def _command(argv: tuple[str, ...], place: int) -> str:
    """Return the masked commands that a shell gets as one word (``bash -c "…"``); "" for any other word."""
    word = argv[place]
    if place < 2 or argv[place - 1] not in {"-c", "-lc", "-ec", "-exc"}:
        return ""
    if argv[place - 2].rpartition("/")[2] not in _SHELLS:
        return ""
    pieces = _COMMANDS.split(mask_text(word))
    return "".join(piece if number % 2 else _spaced(piece) for number, piece in enumerate(pieces))


def _spaced(command: str) -> str:
    words = command.split(" ")
    return " ".join(mask_words(tuple(words)))
