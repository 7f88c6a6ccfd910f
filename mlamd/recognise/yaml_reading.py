"""Reads YAML as plain data: tags make no objects, aliases make no bombs.

The library only tells the events of the syntax (YAML 1.1, https://yaml.org/spec/1.1/); what they build is
built here, from mappings, lists and plain values alone. So no tag can name anything that would be called.
"""

import yaml

from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.typed import typed

MOST_BYTES = 1 << 20
_MOST_BYTES_SLOWLY = 1 << 16
_MOST_EVENTS = 150_000
_MOST_DEPTH = 100
_MOST_MERGED = 50_000
_MOST_DOCUMENTS = 1_000
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
_WORDS: dict[str, object] = {
    "": None,
    "~": None,
    "yes": True,
    "Yes": True,
    "on": True,
    "On": True,
    "no": False,
    "No": False,
    "off": False,
    "Off": False,
    "None": "None",
}


class _Open:
    """A mapping or list whose end has not come yet."""

    __slots__ = ("anchor", "key", "value")

    def __init__(self, value: "dict[object, object] | list[object]", anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: object = _Open


class _Builder:
    """Builds documents from events."""

    def __init__(self) -> None:
        self.documents: list[object] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, object] = {}
        self._merged = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
            self._keep(event.anchor, value)
            self._add(value)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({}, event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([], event.anchor)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            done = self._open.pop()
            self._keep(done.anchor, done.value)
            self._add(done.value)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._anchors.get(event.anchor or ""))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors = {}

    def _begin(self, value: dict[object, object] | list[object], anchor: str | None) -> None:
        if len(self._open) >= _MOST_DEPTH:
            raise RecogniseError("nested too deeply")
        self._open.append(_Open(value, anchor))

    def _keep(self, anchor: str | None, value: object) -> None:
        if anchor:
            self._anchors[anchor] = value

    def _add(self, value: object) -> None:
        if not self._open:
            self.documents.append(value)
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is _Open:
            top.key = value if isinstance(value, str | int | float | bool | None) else "?"
        else:
            self._set(top.value, top.key, value)
            top.key = _Open

    def _set(self, mapping: dict[object, object], key: object, value: object) -> None:
        if key != "<<":
            mapping[key] = value
            return
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                self._merged += len(part)
                if self._merged > _MOST_MERGED:
                    raise RecogniseError("too many merged keys")
                mapping.update({name: one for name, one in part.items() if name not in mapping})


def _scalar(event: yaml.ScalarEvent) -> object:
    if event.implicit[0] or event.tag in _PLAIN_TAGS:
        return _WORDS[event.value] if event.value in _WORDS else typed(event.value)
    return event.value


def read_yaml(text: str) -> list[object]:
    """Return the documents of a text; raises ``RecogniseError`` for bad syntax, and for too much of it."""
    fast = yaml.__with_libyaml__
    if len(text) > (MOST_BYTES if fast else _MOST_BYTES_SLOWLY):
        raise RecogniseError("too large a YAML file")
    builder = _Builder()
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader if fast else yaml.SafeLoader)):
            if count > _MOST_EVENTS or len(builder.documents) > _MOST_DOCUMENTS:
                raise RecogniseError("too large a YAML file")
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise RecogniseError(f"bad YAML{where}") from error
    except (UnicodeError, ValueError) as error:
        raise RecogniseError("bad YAML") from error
    return builder.documents
