"""Reads documents of settings: YAML, JSON, TOML, INI and files of environment variables."""

import configparser
import json
import re
import tomllib

from mlamd.recognise.finding import RecogniseError, Subject
from mlamd.recognise.text import whole_text
from mlamd.recognise.typed import typed

MOST_BYTES = 4 << 20
_MOST_TOML = 512 << 10
_MOST_MARKS = 1_500_000
"""How many values a JSON text may have: each takes some hundred bytes of memory."""
FORMATS = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".toml": "toml",
    ".ini": "ini",
    ".cfg": "ini",
    ".conf": "ini",
    ".env": "env",
}
_VARIABLE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$")
_QUOTED = re.compile(r"""(["'])(.*?)\1""")


def format_of(subject: Subject) -> str:
    """Return the format that the name of a file tells; "" for no document."""
    name = subject.name
    if name == ".env" or name.startswith(".env."):
        return "env"
    return FORMATS.get(subject.suffix, "")


def read_document(subject: Subject, form: str) -> object:
    """Return what a document holds; None if it is too large to be settings, or is no text.

    Raises ``RecogniseError`` for bad syntax.
    """
    text = whole_text(subject, MOST_BYTES)
    return None if text is None else parse_document(text, form)


def parse_document(text: str, form: str) -> object:
    """Return what a text holds in one of the formats; raises ``RecogniseError`` for bad syntax."""
    if form == "yaml":
        from mlamd.recognise.yaml_reading import read_yaml  # noqa: PLC0415  (the library waits for a YAML file)

        documents = read_yaml(text)
        return documents[0] if len(documents) == 1 else documents
    try:
        if form == "json":
            return parse_json(text)
        if form == "toml":
            return _toml(text)
        return _variables(text) if form == "env" else _ini(text)
    except (ValueError, configparser.Error) as error:
        raise RecogniseError(f"bad {form.upper()}") from error


def parse_json(text: str) -> object:
    """Return what a JSON text holds; raises ``RecogniseError`` for bad syntax, and for too many values."""
    if text.count(",") + text.count("[") + text.count("{") > _MOST_MARKS:
        raise RecogniseError("too many values")
    try:
        return json.loads(text)
    except ValueError as error:
        raise RecogniseError("bad JSON") from error


def _toml(text: str) -> object:
    if len(text) > _MOST_TOML:
        raise RecogniseError("too large a TOML file")
    return tomllib.loads(text)


def _ini(text: str) -> dict[str, object]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section="")
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # the documented way to keep the case
    parser.read_string(text)
    return {
        section: {name: typed(value) if value else value for name, value in parser.items(section)}
        for section in parser.sections()
    }


def _variables(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for line in text.splitlines():
        match = _VARIABLE.match(line.strip())
        if match is None:
            continue
        value = match[2]
        quoted = _QUOTED.match(value)
        found[match[1]] = quoted[2] if quoted else typed(value.partition(" #")[0].strip())
    return found
