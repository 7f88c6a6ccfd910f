"""Masks secrets whose name and value are not in one line: block scalars of YAML, elements of XML.

Sources: YAML 1.2.2, chapter 8.1 (block scalars); XML 1.0, chapter 3 (elements). A text may be the
difference of two files: then each line begins with a mark.
"""

import re

from mlamd.masking.formats import MASK
from mlamd.masking.names import is_secret, says_secret

_HEADER = re.compile(
    r"""([+\- ]{0,200})["']?([A-Za-z_][\w.-]{0,150})["']?\s{0,3}:\s{0,3}[|>][-+0-9]{0,2}\s{0,3}(?:\#.*)?$"""
)
_EMPTY = re.compile(r"""([+\- ]{0,200})["']?([A-Za-z_][\w.-]{0,150})["']?\s{0,3}:\s{0,3}(?:\#.*)?$""")
_SCALAR = re.compile(r"""[+\- ]*(?:"[^"]+"|'[^']+'|[^\s:\[\](){}"'#=]+)\s*(?:\#.*)?$""")
_FLAG = re.compile(r"""[+\- ]*["']?--([A-Za-z][\w.-]{1,100})["']?\s*$""")
_MARKS = re.compile(r"[+\- ]*")
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,150})((?:\s[^<>]{0,300})?)>([^<>]{1,2000})</\1\s{0,3}>")
_NAMED = re.compile(
    r"(<name>\s{0,20})([^<>\s]{1,150})(\s{0,20}</name>[+\-\s]{0,100}<value>)([^<>]{1,2000})(</value>)"
)
_ATTRIBUTES = re.compile(
    r"""(<[A-Za-z_][\w.:-]{0,150}(?=\s)[^<>]{0,300}?\s(?:value|Value)\s{0,3}=\s{0,3}["'])([^"'<>]{1,2000})(["'][^<>]{0,300}>)"""
)
_KEY = re.compile(r"""\s(?:key|name|id)\s{0,3}=\s{0,3}["']([^"'<>]{1,150})["']""")


def mask_blocks(text: str) -> str:
    """Return a text in which the lines of such a block, or the content of such an element, are ``***``."""
    if "</" in text:
        text = _NAMED.sub(_of_pair, text)
        text = _ELEMENT.sub(_of_element, text)
    if "<" in text and "=" in text:
        text = _ATTRIBUTES.sub(_of_attributes, text)
    return _without_scalars(text) if "\n" in text else text


def _of_pair(found: re.Match[str]) -> str:
    """Mask a property as Hadoop and Spark write it: its name is an element of its own."""
    before, name, between, value, after = found.groups()
    return f"{before}{name}{between}{MASK}{after}" if says_secret(name, value) else found[0]


def _of_element(found: re.Match[str]) -> str:
    tag, attributes, value = found.groups()
    named = _KEY.search(attributes)
    names = (tag, named[1]) if named else (tag,)
    if not any(says_secret(name, value) for name in names):
        return found[0]
    return f"<{tag}{attributes}>{MASK}</{tag}>"


def _of_attributes(found: re.Match[str]) -> str:
    """Mask a setting as .NET writes it: its name and its value are attributes."""
    before, value, after = found.groups()
    named = _KEY.search(before) or _KEY.search(after)
    return f"{before}{MASK}{after}" if named and says_secret(named[1], value) else found[0]


def _without_scalars(text: str) -> str:
    lines = text.split("\n")
    masked: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        masked.append(line)
        place += 1
        end, hides = _block(lines, place)
        masked += [_without_words(one) for one in lines[place:end]] if hides else lines[place:end]
        place = end
    return "\n".join(masked)


def _block(lines: list[str], place: int) -> tuple[int, bool]:
    """Return where the block ends that the line before a place opens, and whether it holds a secret.

    A list below a name is a block if every line is one word; so is the line below an option (``- --token``).
    """
    line = lines[place - 1]
    if found := _HEADER.match(line):
        end = _end_of_block(lines, place, len(found[1]))
        return end, says_secret(found[2], "\n".join(lines[place:end]))
    if (found := _EMPTY.match(line)) and is_secret(found[2]):
        end = place
        while end < len(lines) and _SCALAR.match(lines[end]) and _depth(lines[end]) > len(found[1]):
            end += 1
        return end, end > place and is_secret(found[2]) and says_secret(
            found[2], lines[end - 1].lstrip("+- ")
        )
    if (found := _FLAG.match(line)) and place < len(lines) and _SCALAR.match(lines[place]):
        same = _depth(lines[place]) == _depth(line) - 2
        return place + 1, same and says_secret(found[1], lines[place].strip("+- \"'"))
    return place, False


def _depth(line: str) -> int:
    marks = _MARKS.match(line)
    return len(marks[0]) if marks else 0


def _end_of_block(lines: list[str], place: int, indent: int) -> int:
    """Return the number of the first line that is not indented more than ``indent``; empty ones belong."""
    while place < len(lines):
        depth = _depth(lines[place])
        if depth <= indent and depth < len(lines[place].rstrip()):
            break
        place += 1
    return place


def _without_words(line: str) -> str:
    before = line[: _depth(line)]
    return before + MASK if len(before) < len(line.rstrip()) else line
