"""Masks secrets in settings, by the names of the values; texts are handed on to ``passages``."""

from collections.abc import Mapping, Sequence

from mlamd.masking.formats import masked_value
from mlamd.masking.names import is_login, may_be_secret, says_secret
from mlamd.masking.passages import mask_text
from mlamd.masking.words import mask_words

__all__ = ["Value", "mask_setting", "mask_text"]

Value = None | bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"]
"""The values of JSON."""

_NAMES = ("name", "key", "Name", "Key")
_VALUES = frozenset({"value", "Value", "default"})


def mask_setting(name: str, value: Value) -> Value:
    """Return the value of a setting, masked if its name says that it is a secret, or its form.

    Inside of lists and mappings every value is masked by its own name and those above it; where a mapping
    has a ``name`` and a ``value``, by that name too. The names of a mapping may hold secrets themselves.
    """
    if isinstance(value, Mapping):
        return {_key(key): mask_setting(_name(name, key, value), one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(name, value)
    if value is None or isinstance(value, bool):
        return value
    plain = str(value)
    if says_secret(name, plain):
        return masked_value(plain)
    return mask_text(value) if isinstance(value, str) else value


def _key(key: str) -> str:
    return mask_text(key) if isinstance(key, str) else key


def _name(above: str, key: str, siblings: Mapping[str, Value]) -> str:
    """Return the name of an entry: that of ``value`` stands beside it, also if the names are dotted."""
    before, dot, last = str(key).rpartition(".")
    if last in _VALUES:
        named = next(
            (one for word in _NAMES if isinstance(one := siblings.get(before + dot + word), str)), ""
        )
        if may_be_secret(named):
            return named
    return f"{above}.{key}" if above else str(key)


def _listed(name: str, value: Sequence[Value]) -> list[Value]:
    """Mask a list: it may be a command line, or a user and a password."""
    words = [one for one in value if isinstance(one, str)]
    if len(words) == len(value):
        if any(word.startswith("-") for word in words):
            value = mask_words(tuple(words))
        elif len(words) == 2 and is_login(name):
            return [mask_text(words[0]), mask_setting("password", words[1])]
    return [mask_setting(name, one) for one in value]
