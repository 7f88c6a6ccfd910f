"""Masks logins and queries of URLs (RFC 3986, chapters 3.2.1 and 3.4), and headers of HTTP (RFC 9110)."""

import re

from mlamd.masking.formats import MASK, masked_value
from mlamd.masking.names import looks_opaque, says_secret

_USER = re.compile(r"(://)([^\s/?#@:'\"]{0,200})(:[^\s/?#'\"]{0,300})?@")
_HEADER = re.compile(
    r"(?i)\b(authorization\s*[:=]\s*[\"']?(?:[a-z]+\s+)?|bearer\s+|x-api-key\s*:\s*)([^\s\"',;]+)"
)
_AFTER_BEARER = re.compile(r"(?=.*[0-9._-]).{12,}$")
_PLACEHOLDER = re.compile(r"\$[\w{(]|\{\w|<\w")
_QUERY = re.compile(r"([?&;])([A-Za-z_][\w.-]{0,100})=([^\s&;#'\"]+)")
_IN_QUERIES = frozenset(
    {"key", "sig", "signature", "code", "x-amz-signature", "x-amz-credential", "sessionid"}
)


def mask_urls(text: str) -> str:
    """Return a text in which the logins and secret queries of URLs, and authorizations, are ``***``."""
    if "://" in text:
        text = _USER.sub(_without_login, text)
    lowered = text.lower()
    if "authorization" in lowered or "bearer" in lowered or "x-api-key" in lowered:
        text = _HEADER.sub(_without_header, text)
    return _QUERY.sub(_without_query, text) if "?" in text or "&" in text else text


def _without_login(found: re.Match[str]) -> str:
    slashes, user, password = found[1], found[2], found[3]
    if password is not None and len(password) > 1:
        return f"{slashes}{user if not looks_opaque(user) else MASK}:{MASK}@"
    return f"{slashes}{MASK}@" if looks_opaque(user) else found[0]


def _without_header(found: re.Match[str]) -> str:
    bearer = found[1].lower().startswith("bearer")
    if (bearer and not _AFTER_BEARER.match(found[2])) or _PLACEHOLDER.match(found[2]):
        return found[0]
    return found[1] + (masked_value(found[2]) if found[2].rstrip(")]}`") != MASK else found[2])


def _without_query(found: re.Match[str]) -> str:
    before, name, value = found[1], found[2], found[3]
    known = name.lower() in _IN_QUERIES and len(value) >= 12
    return f"{before}{name}={masked_value(value)}" if known or says_secret(name, value) else found[0]
