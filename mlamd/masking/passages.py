"""Masks secrets in texts of any sort: differences of files, sources, command lines, URLs."""

from mlamd.masking.assignments import mask_assignments
from mlamd.masking.blocks import mask_blocks
from mlamd.masking.calls import mask_calls
from mlamd.masking.formats import mask_formats
from mlamd.masking.pairs import mask_pairs
from mlamd.masking.urls import mask_urls

_STEMS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "cred",
    "sig",
    "pw",
    "log",
    "cookie",
    "pat",
    "sign_in",
)


_MOST_TIMES = 5


def mask_text(text: str) -> str:
    """Return a text with its secrets masked: tokens of known form, assigned passwords, logins in URLs.

    Where something is masked, what stands beside it may be seen to be a secret too, so it is looked at again
    until nothing changes.
    """
    for _ in range(_MOST_TIMES):
        before, text = text, _once(text)
        if text == before:
            break
    return text


def _once(text: str) -> str:
    text = mask_urls(mask_formats(text))
    lowered = text.lower()
    if not any(stem in lowered for stem in _STEMS):
        return text
    text = mask_calls(mask_pairs(mask_blocks(text)))
    return mask_assignments(text) if "=" in text or ":" in text or "<-" in text else text
