"""Masks secrets in command lines, word by word, so that every ordinary parameter stays as it is."""

import re

from mlamd.masking.formats import MASK
from mlamd.masking.names import says_secret
from mlamd.masking.text import mask_text, masked_value

_FLAG = re.compile(r"--?[A-Za-z_][\w.-]{0,200}$")
_ASSIGNED = re.compile(r"((?:--?|\+{1,2})?[A-Za-z_][\w./@-]{0,200}=)(.*)$", re.DOTALL)
_WANDB_KEY = re.compile(r"[0-9a-f]{40}$")

_LOGIN_FLAGS = {
    "curl": frozenset({"-u", "--user", "-U", "--proxy-user"}),
    "sshpass": frozenset({"-p"}),
    "docker": frozenset({"-p"}),
    "podman": frozenset({"-p"}),
    "smbclient": frozenset({"-U"}),
}
"""Programs whose short options take a password, which no name says."""

_JOINED = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass"})
"""Programs that take ``-pPASSWORD`` as one word."""


def mask_words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command line in which every secret is ``***``; words stay words, and as many as they were."""
    masked: list[str] = []
    program = argv[0].rpartition("/")[2] if argv else ""
    flag = ""
    for place, word in enumerate(argv):
        login = _login(program, argv, place)
        if login:
            masked.append(login)
            flag = ""
        elif flag and not _is_flag(word, flag):
            masked.append(_value(flag, word))
            flag = ""
        else:
            masked.append(_alone(word))
            flag = word if _is_flag(word) else ""
    return tuple(masked)


def _is_flag(word: str, after: str = "") -> bool:
    """Return True for a word that names an option; what follows a secret's name may begin with one dash."""
    if not _FLAG.match(word):
        return False
    return word.startswith("--") or len(word) <= 2 or len(after) <= 2 or not says_secret(after, word)


def _value(flag: str, word: str) -> str:
    name = flag.lstrip("-")
    if len(name) > 1 and says_secret(name, word):
        return masked_value(word)
    return _alone(word)


def _alone(word: str) -> str:
    found = _ASSIGNED.match(word)
    if found is None:
        return mask_text(word)
    name = found[1].lstrip("-+").rstrip("=")
    if says_secret(name, found[2]):
        return found[1] + masked_value(found[2])
    return found[1] + mask_text(found[2])


def _login(program: str, argv: tuple[str, ...], place: int) -> str:
    """Return the masked word where the program, not a name, says that it is a password; "" elsewhere."""
    word, before = argv[place], argv[place - 1] if place else ""
    if program == "wandb" and "login" in argv[1:place] and _WANDB_KEY.match(word):
        return MASK
    if program in _JOINED and word.startswith("-p") and len(word) > 2:
        return "-p" + MASK
    if before in _LOGIN_FLAGS.get(program, ()) and (program not in {"docker", "podman"} or "login" in argv):
        user, colon, _ = word.partition(":")
        return f"{user}:{MASK}" if colon and program == "curl" else MASK
    return ""
