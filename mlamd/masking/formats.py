"""Secrets that show by their form what they are: issuers give their tokens a prefix, so that they are found.

The prefixes and lengths are those that the issuers document. A format is looked for only in a text that
holds its marker, so a text without any costs some fifty searches for a fixed string.
"""

import re
from functools import cache
from typing import NamedTuple

MASK = "***"
_KNOWN = re.compile(r"[A-Za-z0-9_.-]{1,20}\*\*\*$")


class Format(NamedTuple):
    """A form of secret. ``shown`` is the pattern of what stays to be seen, ``hidden`` of what goes."""

    marker: str
    shown: str
    hidden: str


_WORD = r"[A-Za-z0-9_-]"
_NUMBERED = rf"(?={_WORD}{{0,200}}[0-9])(?={_WORD}{{0,200}}[A-Za-z0-9]{{16}})"
"""Words joined by dashes are no token: it has a digit, and a stretch without a dash."""

FORMATS = (
    Format("hf_", "hf_", r"[A-Za-z0-9]{24,}"),  # Hugging Face
    Format("api_org_", "api_org_", r"[A-Za-z0-9]{24,}"),
    Format("sk-ant-", r"sk-ant-(?:[a-z]+\d\d-)?", rf"{_WORD}{{16,}}"),  # Anthropic
    Format("sk-", r"sk-(?:proj-|svcacct-|admin-|or-v\d-)?", rf"{_NUMBERED}{_WORD}{{20,}}"),  # OpenAI, others
    Format("wandb_v", r"wandb_v\d_", rf"{_WORD}{{20,}}"),
    Format("local-wandb", "local-wandb", rf"{_WORD}{{20,}}"),
    Format("r8_", "r8_", r"[A-Za-z0-9]{30,}"),  # Replicate
    Format("gsk_", "gsk_", r"[A-Za-z0-9]{30,}"),  # Groq
    Format("xai-", "xai-", r"[A-Za-z0-9]{40,}"),
    Format("pplx-", "pplx-", r"[A-Za-z0-9]{40,}"),  # Perplexity
    Format("nvapi-", "nvapi-", rf"{_WORD}{{40,}}"),
    Format("tvly-", "tvly-", rf"{_NUMBERED}{_WORD}{{20,}}"),  # Tavily
    Format("pcsk_", "pcsk_", r"\w{40,}"),  # Pinecone
    Format("lsv2_", r"lsv2_(?:pt|sk)_", r"[0-9a-f]{32}_[0-9a-f]{10}"),  # LangSmith
    Format("KGAT_", "KGAT_", r"[0-9a-f]{32}"),  # Kaggle
    Format("dapi", "dapi", r"[0-9a-f]{32}(?:-\d+)?"),  # Databricks
    Format("AKIA", "AKIA", r"[A-Z0-9]{16}(?![A-Z0-9])"),  # Amazon: of a user, of a session, others
    Format("ASIA", "ASIA", r"[A-Z0-9]{16}(?![A-Z0-9])"),
    Format("ABIA", "ABIA", r"[A-Z0-9]{16}(?![A-Z0-9])"),
    Format("ACCA", "ACCA", r"[A-Z0-9]{16}(?![A-Z0-9])"),
    Format("A3T", "A3T", r"[A-Z0-9]{17}(?![A-Z0-9])"),
    Format("AIza", "AIza", rf"{_WORD}{{35}}"),  # Google: key, access token, client secret
    Format("ya29.", r"ya29\.", rf"{_WORD}{{20,}}"),
    Format("GOCSPX-", "GOCSPX-", rf"{_WORD}{{28}}"),
    Format("ghp_", "ghp_", r"\w{36,}"),  # GitHub
    Format("gho_", "gho_", r"\w{36,}"),
    Format("ghu_", "ghu_", r"\w{36,}"),
    Format("ghs_", "ghs_", r"\w{36,}"),
    Format("ghr_", "ghr_", r"\w{36,}"),
    Format("github_pat_", "github_pat_", r"\w{22,}"),
    Format("gl", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-", rf"{_WORD}{{20,}}"),  # GitLab
    Format("glsa_", "glsa_", r"[A-Za-z0-9]{32}_[0-9a-f]{8}"),  # Grafana
    Format("xox", r"xox[abeoprs]-(?:\d-)?", r"[A-Za-z0-9-]{10,}"),  # Slack
    Format("xapp-", "xapp-", r"[A-Za-z0-9-]{20,}"),
    Format("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/", r"[\w/-]{20,}"),
    Format("/api/webhooks/", r"/api/webhooks/\d+/", rf"{_WORD}{{20,}}"),  # Discord
    Format("eyJ", r"(?<![\w-])eyJ", r"[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JSON Web Token
    Format("eyJhcGlf", "eyJhcGlf", r"[A-Za-z0-9+/]{40,}=*"),  # Neptune: JSON that begins with api_
    Format("_live_", r"[spr]k_live_", r"[A-Za-z0-9]{10,}"),  # Stripe
    Format("_test_", r"[spr]k_test_", r"[A-Za-z0-9]{10,}"),
    Format("SG.", r"SG\.", rf"{_WORD}{{16,}}\.{_WORD}{{16,}}"),  # SendGrid
    Format("pypi-", "pypi-", rf"{_WORD}{{70,}}"),
    Format("npm_", "npm_", r"[A-Za-z0-9]{36}"),
    Format("//registry", r"//[\w./-]{1,200}/:_(?:authToken|password|auth)\s*=\s*", r"(?!\$\{)[^\s*]+"),
    Format(":AA", r"\d{8,10}:AA", rf"{_WORD}{{33}}"),  # Telegram
    Format("SK", "SK", r"[0-9a-f]{32}(?![0-9a-zA-Z])"),  # Twilio
    Format("-us", "", r"[0-9a-f]{32}(?=-us\d{1,2}\b)"),  # Mailchimp
    Format("sq0csp-", "sq0csp-", rf"{_WORD}{{43}}"),  # Square
    Format("dop_v1_", "dop_v1_", r"[0-9a-f]{64}"),  # DigitalOcean
    Format("hvs.", r"hvs\.", rf"{_WORD}{{24,}}"),  # Vault
    Format("dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]+\.)?", r"[A-Za-z0-9]{40,}"),  # Doppler
    Format("ATATT3", "ATATT3", r"[\w=-]{50,}"),  # Atlassian
    Format("shp", r"shp(?:at|ca|pa|ss)_", r"[0-9a-fA-F]{32}"),  # Shopify
    Format("sbp_", "sbp_", r"[0-9a-f]{40}"),  # Supabase
    Format("lin_api_", "lin_api_", r"[A-Za-z0-9]{40}"),  # Linear
    Format("ntn_", "ntn_", r"[A-Za-z0-9]{40,}"),  # Notion
    Format("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}"),
    Format("PRIVATE KEY", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----", r"[^-]+(?:-(?!----)[^-]*)*"),
)


@cache
def _compiled(place: int) -> re.Pattern[str]:
    one = FORMATS[place]
    return re.compile(rf"(?<![A-Za-z0-9])({one.shown}){one.hidden}")


def mask_formats(text: str) -> str:
    """Return a text with every secret of a known form masked; its prefix stays, to see whose it was."""
    for place, one in enumerate(FORMATS):
        if one.marker in text:
            text = _compiled(place).sub(rf"\g<1>{MASK}", text)
    return text


def masked_value(value: str) -> str:
    """Return what stays of a value that is known to be a secret: the prefix of a known form, or nothing."""
    shown = mask_formats(value)
    return shown if shown != value and _KNOWN.match(shown) else MASK
