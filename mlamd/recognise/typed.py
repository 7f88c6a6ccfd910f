"""The value that a word stands for, as a person would read it."""

import re

from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, RecogniseError

_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17}|[1-9][0-9]{0,2}(?:_[0-9]{3}){1,5})$")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,15}$")
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?$")
_WORDS: dict[str, Fact] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "None": None,
    "null": None,
    "Null": None,
    "NULL": None,
}
_TIGHT = re.compile(r"(?<=[\w\"']):(?=[\w\"'\[{.+-])")
"""A mapping on a command line has rarely a space behind its colons."""
_MOST_NESTED = 2_000


def typed(word: str) -> Fact:
    """Return a plain value: an integer, a float, a truth value, None, or the text as it is.

    Digits that begin with 0, as of dates and identifiers, stay text. ``none`` stays text, since programs
    take it as a choice among others; ``None`` and ``null`` do not.
    """
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > 100:
        return bounded(word)
    if _INTEGER.match(word):
        return int(word)
    if _HEXADECIMAL.match(word):
        return int(word, 16)
    if _FLOAT.match(word) and not (word.lstrip("+-").startswith("0") and word.lstrip("+-")[1:].isdigit()):
        return bounded(float(word))
    return word


def typed_nested(word: str) -> Fact:
    """Return a value that may also be a list or a mapping in brackets, as JSON, Python or YAML write it."""
    if word[:1] in {"[", "{", "("} and word[-1:] in {"]", "}", ")"} and len(word) <= _MOST_NESTED:
        from mlamd.recognise.yaml_reading import read_yaml  # noqa: PLC0415  (only few words need it)

        inner = f"[{word[1:-1]}]" if word[0] == "(" else _TIGHT.sub(": ", word)
        try:
            documents = read_yaml(inner)
        except RecogniseError:
            return word
        found = documents[0] if documents else word
        if isinstance(found, list | dict):
            return bounded(found)
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return typed(word)
