"""Which programs take a password where no name says so: short options, and words behind ``login``.

Source: the manual of each program.
"""

import re

from mlamd.masking.formats import MASK
from mlamd.masking.names import says_secret

_OPTIONS: dict[str, tuple[str, str]] = {
    "curl": ("-u --user -U --proxy-user", ""),
    "sshpass": ("-p", ""),
    "docker": ("-p", "login"),
    "podman": ("-p", "login"),
    "helm": ("-p", "login"),
    "az": ("-p", "login"),
    "oc": ("-p", "login"),
    "twine": ("-p", "upload"),
    "smbclient": ("-U", ""),
    "redis-cli": ("-a", ""),
    "mongo": ("-p", ""),
    "mongosh": ("-p", ""),
    "mongodump": ("-p", ""),
    "mongorestore": ("-p", ""),
    "mongoimport": ("-p", ""),
    "mongoexport": ("-p", ""),
    "zip": ("-P", ""),
    "unzip": ("-P", ""),
    "ldapsearch": ("-w", ""),
    "sqlcmd": ("-P", ""),
    "bcp": ("-P", ""),
    "ipmitool": ("-P", ""),
}
"""By program: the options, and the word that must stand before them."""

_JOINED = {
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mariadb": "-p",
    "7z": "-p",
    "7za": "-p",
    "7zz": "-p",
    "7zr": "-p",
    "rar": "-p",
    "unrar": "-p",
}
"""Programs that take ``-pPASSWORD`` as one word only; ``-p`` alone asks."""

_LOGIN = frozenset({"wandb", "vault"})
"""Programs whose ``login`` is followed by the secret itself."""

_TAKES = frozenset({"--host", "-h", "-method", "-path", "-address", "-namespace"})

_KNOWN = frozenset({*_OPTIONS, *_JOINED, *_LOGIN})
_WRAPPERS = frozenset("sudo env nohup time timeout nice exec command stdbuf xargs ionice setsid".split())
_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
_OF_WRAPPER = re.compile(r"-|\d")
_JOINED_FLAGS = re.compile(r"-[A-Za-z#]{1,9}[uU]$")
_OF_USER = re.compile(r"[^:%,]*[:%,]")


def login(argv: tuple[str, ...], place: int) -> str:
    """Return the masked word where the program, not a name, says that it is a password; "" elsewhere."""
    first = _first(argv)
    program = argv[first].rpartition("/")[2] if first < place else ""
    if program not in _KNOWN:
        return ""
    word, before = argv[place], argv[place - 1]
    joined = _JOINED.get(program, "")
    if joined and word.startswith(joined) and len(word) > len(joined):
        return joined + MASK
    if program in _LOGIN and "login" in argv[first + 1 : place]:
        return _after_login(word, before)
    options, behind = _OPTIONS.get(program, ("", ""))
    if behind and behind not in argv[first + 1 : place]:
        return ""
    for option in options.split():
        if before == option or (program == "curl" and _JOINED_FLAGS.match(before)):
            return "" if word.startswith("--") else _password(program, word)
        mark = option + "=" if option.startswith("--") else option
        if word.startswith(mark) and len(word) > len(mark) and not word.startswith("--" + mark):
            return mark + _password(program, word.removeprefix(mark))
    return ""


def _first(argv: tuple[str, ...]) -> int:
    """Return the place of the program behind variables, and behind those that only start it."""
    place, wrapped = 0, False
    while place + 1 < len(argv):
        wraps = argv[place].rpartition("/")[2] in _WRAPPERS
        if not (wraps or _VARIABLE.match(argv[place]) or (wrapped and _OF_WRAPPER.match(argv[place]))):
            break
        wrapped = wrapped or wraps
        place += 1
    return place


def _after_login(word: str, before: str) -> str:
    """Mask the words behind ``login``, but options and what they take; ``name=value`` by its name."""
    if word.startswith("-") or "://" in word or before in _TAKES:
        return ""
    name, equals, value = word.partition("=")
    if equals and value.strip("="):
        return f"{name}={MASK}" if says_secret(name, value) else ""
    return MASK


def _password(program: str, word: str) -> str:
    """Mask a password; of ``USER:PASSWORD`` and ``USER%PASSWORD``, the user stays."""
    if program in {"curl", "smbclient"}:
        user = _OF_USER.match(word)
        return user[0] + MASK if user else MASK
    return MASK
