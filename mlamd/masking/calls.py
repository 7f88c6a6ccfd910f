"""Masks secrets that stand beside their name without an assignment: in calls, options and commands of a text.

``os.getenv("API_KEY", "…")``, ``add_argument("--token", default="…")``, ``login("…")``, ``--password …``.
"""

import re
from collections.abc import Iterator

from mlamd.masking import values
from mlamd.masking.assignments import Hidden, hidden, judged, replaced
from mlamd.masking.names import is_secret, may_be_secret
from mlamd.masking.values import NAME

_FLAG = re.compile(
    rf"""(?<![\w-])(?P<dashes>--?)(?P<name>{NAME}{{1,100}}):?"""
    r"""(?:(?P<list>\\{0,7}["'][ \t]*,[\s+\-]{0,80})"""
    r"""|[ \t]{1,20}(?:\\\n[+\- \t]{0,80})?)"""
)
_NO_VALUES = frozenset(
    """
    to for if is and or option options flag argument before when from in into with on the a an as of
    must should can will was are has not
    """.split()
)
"""What stands behind the name of an option in a sentence."""

_OF_CALL = re.compile(
    r"""(?i:get|set|pop|put|env|add|header|config|secret|password)\w{0,20}\(\s*"""
    r"""(?:(?:[^()"',\s]{1,60}|["'][\w.-]{0,40}["'])\s*,\s*)?"""
    rf"""\\{{0,3}}["'](?P<name>{NAME}{{0,100}})\\{{0,3}}["']\s*,[\s+\-]{{0,80}}"""
)
_DECLARED = re.compile(rf"""["']--?(?P<name>{NAME}{{1,100}})["'](?=\s*[,)])""")
_DEFAULT = re.compile(r"\b(?:default|const)\s{0,3}=\s{0,3}")
_OTHER = re.compile(r"add_argument|\boption\(|\n[+\- ]?\s*\n")
_REACH = 400
_LOGIN = re.compile(
    r"(?:\b(?:login|log_in|sign_in|authenticate|auth)|\b(?:set|save|use|update|change)_\w{0,20}"
    r"(?:key|token|password|secret)|Auth|SecretStr|BearerToken)\(\s*(?=[bru]?\\{0,3}[\"'])"
)
_ARGUMENT = re.compile(r"\s*,\s*")
_COMMAND = re.compile(
    rf"(?m)^[+\-\s]*(?:RUN\s+)?(?:ENV|setenv|%env|%set_env|setx|set\s+-\w+)\s+(?P<name>{NAME}{{0,100}})[ \t]+"
)
_NETRC = re.compile(
    r"(?m)(?:\b(?:login|account|machine)[ \t]+\S{1,200}\s+|^[+\- \t]{0,80})(?P<name>password)[ \t]+"
    r"(?=\S+[ \t]*(?:$|account|macdef|machine))"
)


def mask_calls(text: str) -> str:
    """Return a text in which such values are ``***``."""
    lowered = text.lower()
    if "-" in text:
        text = replaced(text, _of_flags(text))
    if "(" in text:
        for found in (_of_calls, _of_declared, _of_logins):
            text = replaced(text, found(text))
    if "env" in lowered or "set" in lowered:
        text = replaced(text, _of_commands(text, _COMMAND))
    return replaced(text, _of_commands(text, _NETRC)) if "login" in lowered else text


def _of_flags(text: str) -> Iterator[Hidden]:
    """Yield what follows an option: ``--password X``, ``"--password", "X"``."""
    for flag in _FLAG.finditer(text):
        name, place = flag["name"], flag.end()
        begins_line = flag.start() == 0 or text[flag.start() - 1] == "\n"
        if not may_be_secret(name) or (flag["dashes"] == "-" and (begins_line or not is_secret(name))):
            continue
        held = values.literal(text, place)
        if held is None and not flag["list"]:
            held = values.word(text, place)
        if held is None:
            continue
        value = text[held.start : held.stop]
        if not value.startswith("-") and value.lower() not in _NO_VALUES:
            yield from judged(text, name, held)


def _of_calls(text: str) -> Iterator[Hidden]:
    for call in _OF_CALL.finditer(text):
        held = values.literal(text, call.end()) if may_be_secret(call["name"]) else None
        if held:
            yield from judged(text, call["name"], held)


def _of_declared(text: str) -> Iterator[Hidden]:
    """Yield the defaults of options that are declared: ``add_argument("--token", default="X")``."""
    for declared in _DECLARED.finditer(text):
        if not may_be_secret(declared["name"]):
            continue
        end = declared.end() + _REACH
        other = _OTHER.search(text, declared.end(), end)
        default = _DEFAULT.search(text, declared.end(), other.start() if other else end)
        if default:
            yield from hidden(text, declared["name"], default.end())


def _of_logins(text: str) -> Iterator[Hidden]:
    """Yield the literals that a call takes which logs in."""
    for call in _LOGIN.finditer(text):
        held = values.literal(text, call.end())
        while held:
            if "://" not in text[held.start : held.stop]:
                yield from judged(text, "password", held)
            comma = _ARGUMENT.match(text, held.end)
            held = values.literal(text, comma.end()) if comma else None


def _of_commands(text: str, form: re.Pattern[str]) -> Iterator[Hidden]:
    for command in form.finditer(text):
        if may_be_secret(command["name"]):
            yield from hidden(text, command["name"], command.end())
