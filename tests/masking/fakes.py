"""Made-up secrets in the forms of their issuers, put together from parts so that no scanner minds."""

import random
import string

_DRAW = random.Random(7)
MIXED = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def drawn(count: int, letters: str = MIXED) -> str:
    """Return that many letters, with at least one digit and one letter among the first."""
    rest = "".join(_DRAW.choice(letters) for _ in range(count - 2))
    digits = [one for one in letters if one.isdigit()]
    others = [one for one in letters if one.isalpha()]
    return _DRAW.choice(others) + _DRAW.choice(digits) + rest


def _json(size: int) -> str:
    return "ey" + "J" + drawn(size, MIXED + "-_")


SECRETS = {
    "hugging face": ("hf" + "_", drawn(34)),
    "hugging face organisation": ("api" + "_org_", drawn(34)),
    "openai": ("sk" + "-", drawn(48)),
    "openai project": ("sk" + "-proj-", drawn(20) + "T3Blbk" + "FJ" + drawn(20)),
    "openrouter": ("sk" + "-or-v1-", drawn(64, HEX)),
    "anthropic": ("sk" + "-ant-api03-", drawn(90, MIXED + "-_") + "AA"),
    "wandb": ("wandb" + "_v1_", drawn(60)),
    "replicate": ("r8" + "_", drawn(37)),
    "groq": ("gsk" + "_", drawn(52)),
    "xai": ("xai" + "-", drawn(80)),
    "perplexity": ("pplx" + "-", drawn(48)),
    "nvidia": ("nvapi" + "-", drawn(64)),
    "pinecone": ("pcsk" + "_", drawn(60)),
    "langsmith": ("lsv2" + "_pt_", drawn(32, HEX) + "_" + drawn(10, HEX)),
    "kaggle": ("KGAT" + "_", drawn(32, HEX)),
    "databricks": ("dapi", drawn(32, HEX)),
    "aws key": ("AK" + "IA", drawn(16, string.ascii_uppercase + "234567")),
    "aws session": ("AS" + "IA", drawn(16, string.ascii_uppercase + "234567")),
    "google key": ("AI" + "za", drawn(35)),
    "google token": ("ya29" + ".", drawn(60)),
    "google client": ("GOCSPX" + "-", drawn(28)),
    "github": ("ghp" + "_", drawn(36)),
    "github server": ("ghs" + "_", drawn(36)),
    "github fine": ("github" + "_pat_", drawn(22) + "_" + drawn(59)),
    "gitlab": ("glpat" + "-", drawn(20)),
    "grafana": ("glsa" + "_", drawn(32) + "_" + drawn(8, HEX)),
    "slack bot": ("xoxb" + "-", "123456789012-123456789012-" + drawn(24)),
    "slack hook": ("https://hooks.slack.com/" + "services/", "T0A1B2C3D/B0A1B2C3D/" + drawn(24)),
    "json web token": ("ey" + "J", drawn(20) + "." + _json(60) + "." + drawn(43)),
    "neptune": ("ey" + "JhcGlf", drawn(90)),
    "stripe": ("sk" + "_live_", drawn(24)),
    "sendgrid": ("SG" + ".", drawn(22) + "." + drawn(43)),
    "pypi": ("pypi" + "-", "AgEIcHlwaS5v" + "cmc" + drawn(70)),
    "npm": ("npm" + "_", drawn(36)),
    "telegram": ("110201543" + ":AA", drawn(33)),
    "twilio": ("S" + "K", drawn(32, HEX)),
    "digitalocean": ("dop" + "_v1_", drawn(64, HEX)),
    "vault": ("hvs" + ".", drawn(90)),
    "shopify": ("shpat" + "_", drawn(32, HEX)),
    "supabase": ("sbp" + "_", drawn(40, HEX)),
    "private key": (
        "-----BEGIN RSA PRIV" + "ATE KEY-----",
        "\n" + drawn(64) + "\n" + drawn(64) + "\n",
    ),
}
"""What may be seen of each secret, and what may not."""

PASSWORD = "hunt" + "er2-" + drawn(6)
