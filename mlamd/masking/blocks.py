"""Masks secrets whose name and value are not in one line: block scalars of YAML, elements of XML.

Sources: YAML 1.2.2, chapter 8.1 (block scalars); XML 1.0, chapter 3 (elements). A text may be the
difference of two files: then each line begins with a mark.
"""

import re

from mlamd.masking.formats import MASK
from mlamd.masking.names import says_secret

_HEADER = re.compile(
    r"""([+\- ]{0,200})["']?([A-Za-z_][\w.-]{0,150})["']?\s{0,3}:\s{0,3}[|>][-+0-9]{0,2}\s{0,3}(?:\#.*)?$"""
)
_MARKS = re.compile(r"[+\- ]*")
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,150})((?:\s[^<>]{0,300})?)>([^<>]{1,2000})</\1\s{0,3}>")
_NAMED = re.compile(
    r"(<name>\s{0,20})([^<>\s]{1,150})(\s{0,20}</name>[+\-\s]{0,100}<value>)([^<>]{1,2000})(</value>)"
)
_KEY = re.compile(r"""\s(?:key|name|id)\s{0,3}=\s{0,3}["']([^"'<>]{1,150})["']""")


def mask_blocks(text: str) -> str:
    """Return a text in which the lines of such a block, or the content of such an element, are ``***``."""
    if "</" in text:
        text = _NAMED.sub(_of_pair, text)
        text = _ELEMENT.sub(_of_element, text)
    return _without_scalars(text) if "|" in text or ">" in text else text


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


def _without_scalars(text: str) -> str:
    lines = text.split("\n")
    masked: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        masked.append(line)
        place += 1
        found = _HEADER.match(line)
        if found is None:
            continue
        end = _end_of_block(lines, place, len(found[1]))
        block = lines[place:end]
        if says_secret(found[2], "\n".join(block)):
            block = [_without_words(one) for one in block]
        masked += block
        place = end
    return "\n".join(masked)


def _end_of_block(lines: list[str], place: int, indent: int) -> int:
    """Return the number of the first line that is not indented more than ``indent``; empty ones belong."""
    while place < len(lines):
        marks = _MARKS.match(lines[place])
        depth = len(marks[0]) if marks else 0
        if depth <= indent and depth < len(lines[place].rstrip()):
            break
        place += 1
    return place


def _without_words(line: str) -> str:
    marks = _MARKS.match(line)
    before = marks[0] if marks else ""
    return before + MASK if len(before) < len(line.rstrip()) else line
