"""Where a value begins and ends in a text: a literal of a programming language, or bare words.

Sources: Python, chapter 2.4 (literals); RFC 8259, chapter 7 (strings of JSON); YAML 1.2.2, chapter 7.3. A
literal may stand inside of another one, then its quotes have backslashes before them.
"""

import re
from functools import cache
from typing import NamedTuple

_OPEN = re.compile(r"""(?:[bBrRfFuUL]{1,2}|[@$])?(\\{1,7}["']|\"""|'''|["'`])""")
_BODY = {
    '"': re.compile(r'(?:[^"\\\n]|\\[\s\S]|"")*'),
    "'": re.compile(r"(?:[^'\\\n]|\\[\s\S]|'')*"),
    "`": re.compile(r"[^`\n]*"),
}
_MOST_LINES = 20_000
"""Characters in a literal of several lines."""

NAME = r"[A-Za-z_][\w.-]"
_NAMED = rf"""\\{{0,3}}["']?{NAME}{{0,60}}\\{{0,3}}["']?"""
_NEXT = rf"{_NAMED}(?:=|:(?!//))"
_WORD = re.compile(rf"""(?:[^\s"'`,;&\\]|\\(?![nrt"'`\\])|[,;&](?![\s"'`)\]}}]|$|{_NEXT})|'(?=\w))+""")
_REST = re.compile(r"[^\n]+")
_ENDS_REST = re.compile(
    rf"""\s\#|\\n|[\s,;&]{{1,8}}(?:-\s)?{_NAMED}\s?(?:=|:(?:\s|$))|\s?(?:;|&&|\|\|?)(?:\s|$)"""
)
_OF_FLOW = re.compile(r"(?:[^,}\]\n\\]|\\(?!n))+")
_PROGRAM = re.compile(
    r"\s(?:python[\d.]*|torchrun|accelerate|deepspeed|bash|sh|env|exec|uv|poetry|conda|srun|mpirun|nohup|sudo"
    r"|docker|make|npm|node|jupyter|dvc|mlflow|wandb|pip|curl|git|time)\s|\s\.{0,2}/\w"
)
_CLOSERS = " \t\r,;)]}\"'`"


class Held(NamedTuple):
    """A value: ``text[start:stop]`` is what it holds; what follows begins at ``end``."""

    start: int
    stop: int
    end: int
    quote: str = ""


@cache
def _closing(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\){re.escape(quote)}|\n")


def literal(text: str, place: int) -> Held | None:
    """Return the string literal that begins at a place, None if none does; an open one ends with the line."""
    found = _OPEN.match(text, place)
    if found is None:
        return None
    quote, start = found[1], found.end()
    if quote in _BODY:
        body = _BODY[quote].match(text, start)
        stop = body.end() if body else start
    elif quote.startswith("\\"):
        closing = _closing(quote).search(text, start)
        stop = closing.start() if closing else len(text)
    else:
        stop = text.find(quote, start, start + _MOST_LINES)
        stop = stop if stop >= 0 else min(len(text), start + _MOST_LINES)
    return Held(start, stop, stop + len(quote) if text.startswith(quote, stop) else stop, quote)


def word(text: str, place: int) -> Held | None:
    """Return the bare word that begins at a place. Inside of it may be what ends one elsewhere (``a;b``)."""
    return _trimmed(text, _WORD.match(text, place))


def rest(text: str, place: int, *, shell: bool) -> Held | None:
    """Return the bare words from a place to the end of the line, a comment, or the next assignment.

    With ``shell``, a program that gets the value as its variable ends it too.
    """
    found = _REST.match(text, place)
    if found is None:
        return None
    ends = [_ENDS_REST.search(text, place, found.end())]
    ends += [_PROGRAM.search(text, place, found.end())] if shell else []
    stop = min([found.end(), *(one.start() for one in ends if one)])
    return _held(text, place, stop)


def of_flow(text: str, place: int) -> Held | None:
    """Return the bare words from a place to the comma or bracket that ends an entry of a flow mapping."""
    return _trimmed(text, _OF_FLOW.match(text, place))


def _trimmed(text: str, found: re.Match[str] | None) -> Held | None:
    return _held(text, found.start(), found.end()) if found else None


def _held(text: str, start: int, stop: int) -> Held | None:
    bare = text[start:stop].rstrip(_CLOSERS)
    return Held(start, start + len(bare), start + len(bare)) if bare else None
