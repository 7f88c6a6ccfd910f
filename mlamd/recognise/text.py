"""Reads a file as text, within bounds."""

import re

from mlamd.recognise.finding import Subject

_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_MOST_REPLACED = 0.02
_DOCUMENT = re.compile(
    r"(?:readme|license|licence|copying|changelog|changes|authors|contributors|notice|todo|install|news"
    r"|contributing|citation)(?:$|[^a-z])"
)


def is_document(name: str) -> bool:
    """Return True for the name, in lower case, of what people write for people, such as ``README.txt``."""
    return bool(_DOCUMENT.match(name))


def is_text(head: bytes) -> bool:
    """Return True for bytes that somebody could read: no control characters, UTF-8 or nearly so."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "�" not in head[: len(head) & ~1].decode("utf-16", "replace")[:-1]
    if _BINARY.search(head):
        return False
    replaced = head.decode("utf-8", "replace").count("�")
    return replaced <= 1 or replaced <= len(head) * _MOST_REPLACED


def decoded(content: bytes) -> str:
    """Return bytes as text: UTF-8, or UTF-16 by its mark; what is neither becomes a replacement mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def whole_text(subject: Subject, most_bytes: int) -> str | None:
    """Return all of a file as text; None if it is no text, or larger than that."""
    if not is_text(subject.head):
        return None
    if subject.whole:
        return decoded(subject.head)
    if subject.reader.size_bytes > most_bytes:
        return None
    return decoded(subject.reader.read(0, most_bytes))
