"""Masks values whose name is a value itself: ``name: API_KEY``, and in the next line ``value: …``.

Kubernetes, compose and Hydra list variables so. Source: the Kubernetes API, EnvVar v1 core.
"""

import re
from collections.abc import Iterator

from mlamd.masking import values
from mlamd.masking.assignments import Hidden, judged, replaced
from mlamd.masking.names import may_be_secret
from mlamd.masking.values import NAME

_QUOTE = r"""\\{0,3}["']?"""
_BETWEEN = r"""[ \t]*,?[\s+\-]{0,120}"""
_NAMED = re.compile(
    rf"""(?<![\w.-])(?:[Nn]ame|[Kk]ey|NAME|KEY){_QUOTE}[ \t]{{0,3}}[:=][ \t]{{0,3}}{_QUOTE}"""
    rf"""(?P<name>{NAME}{{0,150}}){_QUOTE}(?=[\s,}})]|$)"""
)
_VALUE = re.compile(
    rf"""{_BETWEEN}{_QUOTE}(?:[Vv]alue|VALUE|[Dd]efault){_QUOTE}[ \t]{{0,3}}(?P<op>[:=])[ \t]{{0,3}}"""
)
_BEFORE = re.compile(rf"""(?<![\w.-])(?:[Vv]alue|VALUE){_QUOTE}[ \t]{{0,3}}(?P<op>[:=])[ \t]{{0,3}}(?=\S)""")


def mask_pairs(text: str) -> str:
    """Return a text in which such values are ``***``, whichever of the two stands first."""
    lowered = text.lower()
    if "value" not in lowered and "default" not in lowered:
        return text
    text = replaced(text, _behind(text))
    return replaced(text, _before(text))


def _behind(text: str) -> Iterator[Hidden]:
    """Yield the values behind a name; in a difference there may be two, the old and the new."""
    for named in _NAMED.finditer(text):
        if not may_be_secret(named["name"]):
            continue
        place = named.end()
        while value := _VALUE.match(text, place):
            held = _value(text, value.end())
            if held is None:
                break
            yield from judged(text, named["name"], held)
            place = held.end


def _before(text: str) -> Iterator[Hidden]:
    for value in _BEFORE.finditer(text):
        held = _value(text, value.end())
        named = _THEN.match(text, held.end) if held else None
        if held and named and may_be_secret(named["name"]):
            yield from judged(text, named["name"], held)


def _value(text: str, place: int) -> values.Held | None:
    return values.literal(text, place) or values.word(text, place)


_THEN = re.compile(_BETWEEN + _QUOTE + _NAMED.pattern)
