"""Masks what is assigned to a name that says that it is a secret, in code, configuration and commands.

A scanner finds every ``NAME = `` of a text. Where the name may be that of a secret, the value is read in the
form it has: literal, list, call, or bare words. What is not masked is scanned for more.
"""

import re
from collections.abc import Iterable, Iterator

from mlamd.masking import values
from mlamd.masking.formats import masked_value
from mlamd.masking.names import is_login, is_secret, may_be_secret, says_secret
from mlamd.masking.values import NAME, Held

_INNER = r"(?:\[[^\n=]{0,100}?\])?"
_TYPE = (
    r"(?:typing\.|t\.)?(?:str|bytes|int|bool|object|string|any|dict|list|tuple|None|[A-Z][a-z]\w{0,40})"
    rf"{_INNER}(?:\s?\|\s?[\w.]{{1,40}}{_INNER}){{0,4}}"
)
_HEAD = re.compile(
    rf"""(?<![\w.])(?<![\w.]-)(?P<name>{NAME}{{0,150}})(?P<close>(?:\\{{0,7}}["']\]?)?)"""
    rf"""(?:[ \t]{{0,3}}:[ \t]{{0,3}}{_TYPE}(?=[ \t]{{0,3}}=[^=]))?"""
    r"""[ \t]{0,20}(?P<op>:=|=>|==|!=|<-|\?=|\+=|[:=])[ \t]{0,20}(?:\\\n[+\- \t]{0,40})?"""
)
_ONLY_LITERALS = frozenset({":=", "=>", "==", "!=", "<-", "+="})
_LINE = re.compile(
    r"""[+\-\s]*(?:(?:export|set|let|const|var|local|declare|readonly|ENV|ARG|%env|\$env:|env)[ .]?)*["']?$"""
)
_FLOW = re.compile(r"""[{,]\s*\\{0,3}["']?$""")
_LONGEST_INDENT = 200
_TYPES = re.compile(
    r"(?:str|bool|int|float|bytes|dict|list|tuple|None|Any|string|boolean|object|Optional|SecretStr|SecretBytes)"
    r"(?:[,\s|].*)?$"
)
_REFERS = re.compile(r"(?:self|args|cfg|config|opts?|settings|os)\.[A-Za-z_.]+$")
_CALL = re.compile(r"(?:await |not |new |\w{1,60} or |\*{1,2})?[A-Za-z_][\w.]{0,100}\s?[(\[{]")
_CHOICE = re.compile(r"([A-Za-z_][\w.]{0,100})\s+(?:or|and|if|is|in|not|\?|\|\||==|\+|for)\s")
_STATEMENT = re.compile(r"(?:return|raise|continue|break|yield|del|assert|lambda|\w{1,60} for)\b")
_BRACKETS = frozenset("([{")
_OTHERWISE = re.compile(r"(?:\bor|\belse|\?\?|\|\|)\s+(?=[bru]?[\"'])")
_WRAPPED = re.compile(
    r"(?:[\w.]{0,40}\.)?(?:Secret\w{0,10}|Field|field|Option|Argument|Parameter|Input|str|bytes|quote(?:_plus)?"
    r"|\w{0,20}Auth|dict)\(\s*(?:[^()\n\"']{0,80}\bdefault\s{0,3}=\s{0,3})?"
)
_BETWEEN = re.compile(r"[\s,+\-(\[]*")
_ITEM = re.compile(r"[^\s,\[\](){}\"':][^,\[\](){}\n\"']*")
_JOINED = re.compile(r"[ \t]*(?:\+[ \t]*|(?<=[\"'])[ \t]+)")
_MOST_ITEMS = 100
_QUOTES = {
    "'": re.compile(r"(?<![\\'\w])'(?!'')|(?<!\\)'(?![\w'])"),
    '"': re.compile(r'(?<![\\"])"(?!"")'),
}
"""Quotes that open or close; no apostrophes, and no three in a row."""
_AFTER_CLOSING = frozenset({"", " ", ",", ")", "]", "}", ":", ";", "+", "\n"})
_LONGEST_LINE = 300

Hidden = tuple[int, int, str]
"""Where it begins and ends, and what stands there instead."""


def mask_assignments(text: str) -> str:
    """Return a text in which every value that is assigned to the name of a secret is ``***``."""
    return replaced(text, _assigned(text))


def replaced(text: str, found: Iterable[Hidden]) -> str:
    """Return a text with what was found replaced; of parts that overlap, only the first is."""
    pieces: list[str] = []
    done = 0
    for start, stop, shown in found:
        if start >= done:
            pieces += (text[done:start], shown)
            done = stop
    return "".join((*pieces, text[done:])) if pieces else text


def _assigned(text: str) -> Iterator[Hidden]:
    place = 0
    while found := _HEAD.search(text, place):
        place = found.end("close")
        if may_be_secret(found["name"]):
            for one in hidden(text, found["name"], found.end(), found):
                yield one
                place = max(place, one[1])


def hidden(text: str, name: str, place: int, head: re.Match[str] | None = None) -> Iterator[Hidden]:
    """Yield the parts of the value at a place that are to be masked under a name."""
    held = values.literal(text, place)
    if held and _closes(text, held):
        return
    if held:
        yield from _literals(text, name, held)
    elif text.startswith(("[", "("), place):
        yield from _listed(text, name, place, bare=head is not None and head["op"] == ":")
    elif wrapped := _WRAPPED.match(text, place):
        yield from _listed(text, name, wrapped.end(), bare=False)
    elif head is None or head["op"] not in _ONLY_LITERALS:
        yield from _bare(text, name, place, head)


def _closes(text: str, held: Held) -> bool:
    """Return True for a quote that closes the literal that the name stands in: ``input("Token: ")``."""
    if held.quote not in {"'", '"'} or text[held.start : held.start + 1] not in _AFTER_CLOSING:
        return False
    place = held.start - 1
    line = text[max(text.rfind("\n", 0, place) + 1, place - _LONGEST_LINE, 0) : place]
    return len(_QUOTES[held.quote].findall(line)) % 2 == 1


def _literals(text: str, name: str, held: Held | None) -> Iterator[Hidden]:
    """Yield a literal, and those that are added to it."""
    while held:
        yield from judged(text, name, held)
        joined = _JOINED.match(text, held.end)
        following = values.literal(text, joined.end()) if joined else None
        held = following if following and following.quote == held.quote else None


def judged(text: str, name: str, held: Held) -> Iterator[Hidden]:
    """Yield a value if it is a secret under that name."""
    value = text[held.start : held.stop]
    if says_secret(name, value):
        yield held.start, held.stop, masked_value(value)


def _listed(text: str, name: str, place: int, *, bare: bool) -> Iterator[Hidden]:
    """Yield the secrets of a list: literals, and where a list may have them, bare words.

    Of a login, a user and a password, only the second.
    """
    login = is_login(name)
    for count in range(_MOST_ITEMS):
        between = _BETWEEN.match(text, place)
        place = between.end() if between else place
        held = values.literal(text, place)
        if held is None and bare and (item := _ITEM.match(text, place)):
            held = Held(item.start(), item.end(), item.end())
        if held is None:
            return
        place = held.end
        if not login:
            yield from judged(text, name, held)
        elif count == 1:
            yield from judged(text, "password", held)


def _bare(text: str, name: str, place: int, head: re.Match[str] | None) -> Iterator[Hidden]:
    if text.startswith(("${", "$(", "{{"), place):
        return
    held = None if _is_call(text, place) else _words(text, name, place, head)
    if held is None or _is_code(name, text[held.start : held.stop]):
        yield from _otherwise(text, name, place)
    else:
        yield from judged(text, name, held)


def _words(text: str, name: str, place: int, head: re.Match[str] | None) -> Held | None:
    """Return the bare words of a value: how far they go depends on what stands around."""
    first = values.word(text, place)
    if head is None or first is None or not is_secret(name) or text[first.start] in "$<{":
        return first
    begin = head.start()
    before = text[max(text.rfind("\n", 0, begin) + 1, begin - _LONGEST_INDENT) : begin]
    if head["op"] == ":" and _FLOW.search(before):
        return values.of_flow(text, place)
    if not _LINE.match(before):
        return first
    spaced = head["op"] != "=" or head.end() > head.end("op")
    return values.rest(text, place, shell=not spaced)


def _is_code(name: str, value: str) -> bool:
    """Return True for code that hands a secret on, as ``token=self.token``, asks for it, or says its type."""
    bare = value.rstrip(")]}")
    last = re.split(r"[.-]", name)[-1]
    if bare.startswith((*_BRACKETS, ".")) or any(
        known.match(bare) for known in (_TYPES, _REFERS, _STATEMENT)
    ):
        return True
    first = re.match(r"[A-Za-z_][\w.]*", bare)
    if first and last in {first[0], *first[0].split(".")} and not bare[first.end() :].strip():
        return True
    choice = _CHOICE.match(value)
    return choice is not None and ("_" in choice[1] or "." in choice[1] or choice[1] == last)


def _is_call(text: str, place: int) -> bool:
    """Return True for a call or an index; one with a bracket that nothing closes is none: ``pass(word``."""
    if not _CALL.match(text, place):
        return False
    line = text[place : place + _LONGEST_LINE].partition("\n")[0].rstrip(" \t\r\\")
    closed = all(line.count(one) <= line.count(other) for one, other in ("()", "[]", "{}"))
    return closed or len(line) == _LONGEST_LINE or line.endswith(("(", "[", "{", ","))


def _otherwise(text: str, name: str, place: int) -> Iterator[Hidden]:
    """Yield the literal that code falls back on: ``os.getenv("X") or "secret"``."""
    end = text.find("\n", place, place + 300)
    other = _OTHERWISE.search(text, place, end if end >= 0 else place + 300)
    if other:
        yield from _literals(text, name, values.literal(text, other.end()))
