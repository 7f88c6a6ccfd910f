"""Reads a file as text, within bounds."""

<<<<<<< HEAD
import re

from mlamd.recognise.finding import Subject

_BINARY = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_MOST_REPLACED = 0.02


def is_text(head: bytes) -> bool:
    """Return True for bytes that somebody could read: no control characters, UTF-8 or nearly so."""
=======
from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.lines import lines_of

_SUFFIXES = frozenset({".txt", ".text", ".md", ".rst", ".tex", ".conll", ".conllu", ".vtt", ".srt"})


class Texts:
    """Facts: ``encoding``, ``lines`` (empty ones do not count); ``lines_estimated`` for a large file."""

    name = "text"
    rank = 88

    def recognise(self, subject: Subject) -> Finding | None:
        """Return text, by its name, if there is nothing in it that no text has."""
        head = subject.head
        if subject.suffix not in _SUFFIXES:
            return None
        encoding = encoding_of(head)
        if not encoding:
            return None
        facts: dict[str, Fact] = {"encoding": encoding}
        if encoding == "utf-16":
            return Finding("dataset", "text", facts)
        lines = lines_of(subject.reader)
        facts["lines"] = lines.total
        if not lines.exact:
            facts["lines_estimated"] = True
        return Finding("dataset", "text", facts)


def encoding_of(head: bytes) -> str:
    """Return ``ascii``, ``utf-8``, ``utf-16`` or ``unknown`` (a single-byte one); "" for what is no text."""
>>>>>>> formats
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
