"""Plain text: its encoding, and how many lines it has; and logs that are called so or look so."""

from mlamd.recognise.argument_files import words_of
from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.lines import lines_of
from mlamd.recognise.log import log_of
from mlamd.recognise.text import is_document

_SUFFIXES = frozenset({".txt", ".text", ".conll", ".conllu", ".vtt", ".srt"})


class Texts:
    """Facts: ``encoding``, ``lines`` (empty ones do not count); ``lines_estimated`` for a large file.

    ``words`` of a file of arguments.
    """

    name = "text"
    rank = 88

    def recognise(self, subject: Subject) -> Finding | None:
        """Return text, by its name, if there is nothing in it that no text has; or what log it is.

        What is empty, or written for people, is no dataset.
        """
        head = subject.head
        if subject.suffix not in _SUFFIXES:
            return None
        encoding = encoding_of(head)
        if not encoding:
            return None
        log = log_of(subject)
        if log is not None:
            return log
        kind = "dataset" if head.strip() and not is_document(subject.name) else "generic"
        facts: dict[str, Fact] = {"encoding": encoding}
        if encoding == "utf-16":
            return Finding(kind, "text", facts)
        lines = lines_of(subject.reader)
        facts["lines"] = lines.total
        if not lines.exact:
            facts["lines_estimated"] = True
        if subject.whole and (words := words_of(head)):
            facts["words"] = list(words)
        return Finding(kind, "text", facts)


def encoding_of(head: bytes) -> str:
    """Return ``ascii``, ``utf-8``, ``utf-16`` or ``unknown`` (a single-byte one); "" for what is no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        return ""
    if head.isascii():
        return "ascii"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(head) - 4 else "unknown"
    return "utf-8"
