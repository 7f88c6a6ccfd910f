"""Names of settings that say that the value is a secret, and the many that only look so.

``api_key``, ``db.password`` and ``hfToken`` do; ``tokenizer``, ``token_length``, ``pad_token``, ``key_size``
and ``password_file`` do not. Where the name leaves it open (``token``, ``key``), the value decides.
"""

import re
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST_NAME = 200
_LEAST_TOKEN = 6
_KEYS = frozenset({"key", "keys"})
_OPAQUE_ONE = "aB1cD2eF3gH4:iJ5kL6mN7oP8"
_OF_AZURE = re.compile(r"^(?:[\w.]{0,80}\.)?fs\.azure\.account\.key\.")

_SECRET = frozenset(
    """
    password passwords passwd passphrase passcode pwd secret secrets credential credentials creds
    apikey apikeys authtoken accesstoken accesskey secretkey privatekey secretaccesskey
    authorization pgpassword userpass sshpass passkey passkeys accesskeyid
    """.split()
)
"""Each says it alone, wherever it stands in the name."""

_OF_KEYS = frozenset(
    """
    api access secret private auth account encryption decryption signing client service subscription
    storage consumer app application deploy developer wandb openai anthropic hf huggingface azure
    aws gcp google comet neptune ssh hmac jwt session cohere mistral replicate together groq gemini
    langsmith langchain pinecone kaggle clearml roboflow serpapi tavily sas webhook server licence
    license
    """.split()
)
_OF_TOKENS = frozenset(
    """
    api access auth hf hub huggingface bearer refresh session security wandb github gh gitlab git
    slack bot secret private personal csrf jwt oauth login sas neptune kaggle mlflow tracking
    registry deploy pypi npm aws azure telegram discord vault dagshub databricks replicate id
    identity key jupyter notebook client service account comet clearml write read upload admin
    """.split()
)
_JOINED = re.compile(r"(\w{2,20}?)(passwords?|passwd|secrets?|keys?|tokens?|pat)$")
"""Names whose words nothing parts: ``apitoken``, ``dbpassword``, ``clientsecret``."""

_SAME = frozenset("str string value val prod production prd live staging raw plain plaintext".split())
_OF_STAGES = frozenset("dev test qa uat local".split())
"""What stands behind a name and leaves it what it is; a stage may be a split of the data as well."""

_OF_MODELS = frozenset(
    """
    pad eos bos unk sep cls mask special start end stop image max min num per next class additional
    eot eod audio video text word sub prompt new first last target decoder encoder begin system
    assistant padding extra single each any cost cents n nb total avg mean tool think thinking blank
    space forced sos go
    """.split()
)
_ABOUT = frozenset(
    """
    file files path dir directory folder name names length len size type types env var count dim
    dims field column col url uri policy mode prompt min max limit id index rate prob ratio encoding
    format expiry ttl required enabled hash manager store version scheme backend provider regex
    pattern flag flags line by dest metavar help action nargs description title label lineno
    """.split()
)
"""What such words end in is something about a secret, not the secret."""

_PLAIN = frozenset(
    {
        "",
        "true",
        "false",
        "yes",
        "no",
        "none",
        "null",
        "on",
        "off",
        "auto",
        "***",
        "bearer",
        "basic",
        "digest",
    }
)
_REFERENCE = re.compile(
    r"\$\w+$|\$\{[\w.:]+\}$|\$\(|\{\{|<[^<>]*>$|\[[A-Za-z_]*\]$|%\(\w+\)s$"
    r"|(?:[A-Za-z]{1,9} )?\{[\w.\[\]'\"]*\}$"
)
_PATH = re.compile(r"@?(?:~|\.{1,2})?(?:/[\w.-]{1,19}(?![\w.-])){2,}/?$|(?:~|\.{1,2})/[\w./-]+$")
_MASKED = re.compile(r"(?i:(?:bearer|basic|digest|token|apikey)\s+)?[\w.:/-]{0,24}\*\*\*$")
_NUMBER = re.compile(r"[+-]?\d{1,7}(?:\.\d*)?(?:[eE][+-]?\d+)?$")
_DIGEST = re.compile(r"(?:[a-z0-9]+[:-])?[0-9a-f]{7,128}$|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_OPAQUE = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{12,}")
_OF_PASS = frozenset(
    """
    db database smtp ftp sftp user admin root login http https proxy redis mysql postgres pg mongo
    rabbitmq email mail basic sudo ssh key account my client server registry
    """.split()
)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    found = [word.lower() for word in _WORDS.findall(name[-_LONGEST_NAME:])]
    while len(found) > 1 and found[-1] in _SAME:
        found.pop()
    if len(found) > 2 and found[-1] in _OF_STAGES:
        found.pop()
    joined = _JOINED.match(found[-1]) if found else None
    if joined is None or found[-1] in _SECRET:
        return tuple(found)
    before, last = joined.groups()
    known = last.startswith(("pass", "secret")) or before in (_OF_KEYS if last in _KEYS else _OF_TOKENS)
    return (*found[:-1], before, last) if known else tuple(found)


@lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Return True if there are values that are to be masked under that name."""
    return says_secret(name, _OPAQUE_ONE)


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Return True if ordinary words are to be masked under that name too, as ``correct horse``."""
    return says_secret(name, "correct horse")


def is_login(name: str) -> bool:
    """Return True for the name of a pair of a user and a password, as ``auth=("ada", "…")``."""
    words = _words(name)
    return bool(words) and words[-1] in {"auth", "login", "httpauth"}


def looks_opaque(value: str) -> bool:
    """Return True for what nobody would choose as a word: 12 or more letters and digits in a row."""
    return bool(_OPAQUE.search(value[:1000])) and not value.startswith(("/", "./", "~/", "http:", "https:"))


def says_secret(name: str, value: str) -> bool:
    """Return True if a value of that name is to be masked."""
    bare = value.strip()
    if bare.lower() in _PLAIN or any(known.match(bare) for known in (_REFERENCE, _PATH, _MASKED)):
        return False
    if _OF_AZURE.search(name):
        return True
    words = _words(name)
    return bool(words) and _judged(words, bare)


def _judged(words: tuple[str, ...], value: str) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _SECRET:
        return True
    if not _SECRET.isdisjoint(words):
        return (last not in _ABOUT or looks_opaque(value)) and not _NUMBER.match(value)
    if last in _KEYS:
        named = before in _OF_KEYS
        return named or (last == "key" and looks_opaque(value) and not _is_digest(before, value))
    if last == "id" and words[-3:-1] == ("access", "key"):
        return True
    if last in {"token", "pat"}:
        return _is_token(words[-2:], value)
    if last in {"pass", "pw"}:
        return not _NUMBER.match(value) and (not before or before in _OF_PASS or looks_opaque(value))
    if last == "auth":
        return ":" in value or looks_opaque(value)
    return last in {"sig", "signature", "tokens", "cookie", "cookies"} and looks_opaque(value)


def _is_token(words: tuple[str, ...], value: str) -> bool:
    before = words[-2] if len(words) > 1 else ""
    if before in _OF_MODELS:
        return False
    if before in _OF_TOKENS:
        return True
    if not before and words[-1] == "token":
        return len(value) >= _LEAST_TOKEN and not _NUMBER.match(value)
    return looks_opaque(value) and not _is_digest(before, value)


def _is_digest(before: str, value: str) -> bool:
    """Return True for a digest behind a longer name: ``cache_key`` may have one, ``key`` alone not."""
    return bool(before) and bool(_DIGEST.match(value))
