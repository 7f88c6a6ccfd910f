"""Masks secrets in texts: values of settings, differences of files, URLs."""

import re
from collections.abc import Mapping, Sequence

from mlamd.masking.blocks import mask_blocks
from mlamd.masking.formats import MASK, mask_formats
from mlamd.masking.names import looks_opaque, says_secret

Value = None | bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"]
"""The values of JSON."""

_STEMS = ("pass", "pwd", "secret", "token", "key", "auth", "cred", "sig", "pw")
_USER = re.compile(
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,20}://)([^\s/?#@:'\"]{0,200})(:[^\s/?#'\"]{0,300})?@"
)
_ASSIGNED = re.compile(
    r"""(?<![\w.-])([A-Za-z_][\w.-]{0,150}\\{0,3}["']?\s{0,3}(?::=|[:=])\s{0,3})"""
    r"""(\\{1,3}"[^"\\\n]*|"[^"\n]*"?|'[^'\n]*'?|[^\s"',;&#]+)"""
)
_HEADER = re.compile(
    r"(?i)\b(authorization\s*[:=]\s*[\"']?(?:[a-z]+\s+)?|bearer\s+|x-api-key\s*:\s*)([^\s\"',;]+)"
)
_AFTER_BEARER = re.compile(r"(?=.*[0-9._-]).{12,}$")
_QUERY = re.compile(r"([?&;])([A-Za-z_][\w.-]{0,100})=([^\s&;#'\"]+)")
_IN_QUERIES = frozenset(
    {"key", "sig", "signature", "code", "x-amz-signature", "x-amz-credential", "sessionid"}
)
_KNOWN = re.compile(r"[A-Za-z0-9_.-]{1,20}\*\*\*$")
_CODE = re.compile(
    r"(?:str|bool|int|bytes|dict|list|None|Any)$|(?:self|args|cfg|config|opts?|settings|os)\.[A-Za-z_.]+$"
)
_EXPRESSION = frozenset("([{")


def mask_text(text: str) -> str:
    """Return a text with its secrets masked: tokens of known form, assigned passwords, logins in URLs."""
    text = mask_formats(text)
    if "://" in text:
        text = _USER.sub(_without_login, text)
    lowered = text.lower()
    if not any(stem in lowered for stem in _STEMS) and "bearer" not in lowered:
        return text
    if "authorization" in lowered or "bearer" in lowered or "x-api-key" in lowered:
        text = _HEADER.sub(_without_header, text)
    text = mask_blocks(text)
    if "?" in text or "&" in text:
        text = _QUERY.sub(_without_query, text)
    return _ASSIGNED.sub(_without_value, text) if "=" in text or ":" in text else text


def mask_setting(name: str, value: Value) -> Value:
    """Return the value of a setting, masked if its name says that it is a secret, or its form.

    Inside of lists and mappings every value is masked by its own name and those above it.
    """
    if isinstance(value, Mapping):
        return {key: mask_setting(f"{name}.{key}" if name else str(key), one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [mask_setting(name, one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    plain = str(value)
    if says_secret(name, plain):
        return masked_value(plain)
    return mask_text(value) if isinstance(value, str) else value


def masked_value(value: str) -> str:
    """Return what stays of a value that is known to be a secret: the prefix of a known form, or nothing."""
    shown = mask_formats(value)
    return shown if shown != value and _KNOWN.match(shown) else MASK


def _without_login(found: re.Match[str]) -> str:
    scheme, user, password = found[1], found[2], found[3]
    if password is not None and len(password) > 1:
        return f"{scheme}{user if not looks_opaque(user) else MASK}:{MASK}@"
    return f"{scheme}{MASK}@" if looks_opaque(user) else found[0]


def _without_header(found: re.Match[str]) -> str:
    if found[1].lower().startswith("bearer") and not _AFTER_BEARER.match(found[2]):
        return found[0]
    return found[1] + (masked_value(found[2]) if found[2] != MASK else MASK)


def _without_query(found: re.Match[str]) -> str:
    before, name, value = found[1], found[2], found[3]
    known = name.lower() in _IN_QUERIES and len(value) >= 12
    return f"{before}{name}={masked_value(value)}" if known or says_secret(name, value) else found[0]


def _without_value(found: re.Match[str]) -> str:
    name, value = found[1].rstrip(" \t=:\\\"'"), found[2]
    quote = value[: len(value) - len(value.lstrip("\\\"'"))]
    bare = value.strip(quote) if quote else value
    if not quote:
        if not _EXPRESSION.isdisjoint(bare) or _refers(name, bare):
            return found[0]
        bare = bare.rstrip(")]}")
    if not says_secret(name, bare):
        return found[1] + _inside(quote, value)
    closed = value[len(bare) :] if not quote else quote if value[len(quote) :].endswith(quote) else ""
    return f"{found[1]}{quote}{masked_value(bare)}{closed}"


def _refers(name: str, value: str) -> bool:
    """Return True for code that hands a secret on, as ``token=self.token``, or says its type."""
    bare = value.rstrip(")]}")
    return bool(_CODE.match(bare)) or re.split(r"[.-]", name)[-1] == bare


def _inside(quote: str, value: str) -> str:
    """Look into a quoted value: it may be a text with assignments of its own."""
    if not quote or ("=" not in value and ":" not in value):
        return value
    return quote + _ASSIGNED.sub(_without_value, value[len(quote) :])
