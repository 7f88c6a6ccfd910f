"""Files of arguments, as ``@args.txt`` on a command line names them: one word a line.

See ``fromfile_prefix_chars`` in https://docs.python.org/3/library/argparse.html.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlamd.masking.words import mask_words
from mlamd.recognise.facts import listed
from mlamd.recognise.launch import find_program

_MOST_BYTES = 16_384
_FLAG = re.compile(r"--?[A-Za-z][\w.-]*(?:=.*)?$")


def words_of(head: bytes) -> list[str]:
    """Return the words of a small text, masked, if every fourth or more is an option; else nothing."""
    if len(head) > _MOST_BYTES or not head.strip():
        return []
    words = head.decode("utf-8", "replace").splitlines()
    flags = sum(1 for word in words if _FLAG.match(word))
    return list(mask_words(tuple(words))) if 4 * flags >= len(words) else []


def expanded(
    argv: tuple[str, ...],
    programs: Sequence[tuple[str, Mapping[str, Any]]],
    files: Mapping[str, Sequence[str]],
) -> tuple[tuple[str, ...], list[str]]:
    """Return a command line with the words of the files that it names, and those whose words are not known.

    ``programs`` are the sources of the program with their facts, ``files`` the words of files by path.
    """
    prefixes = "".join(str(facts.get("prefixes", "")) for _, facts in programs)
    if not prefixes:
        return argv, []
    first = find_program(argv).first
    found, unknown = list(argv[:first]), []
    for word in argv[first:]:
        name = word[1:].removeprefix("./")
        known = [path for path in files if name and f"/{path}".endswith(f"/{name}")]
        known = known or [path for path in files if name and f"/{name}".endswith(f"/{path}")]
        if word[:1] not in prefixes or not word:
            found.append(word)
        elif known:
            found += map(str, listed(files[known[-1]]))
        else:
            unknown.append(word)
    return tuple(found), unknown
