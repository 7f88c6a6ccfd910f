"""The page of a file: what it is, and what happened to it."""

from collections.abc import Mapping
from typing import Any

from mlamd.cli import document, text
from mlamd.cli.answer import Question
from mlamd.lineage.gaps import of_runs
from mlamd.lineage.history import Entry, of_version
from mlamd.model.derived import FileVersion, Meaning
from mlamd.recognise.facts import mapping
from mlamd.recognise.finding import is_sampled

_MOST_ROWS = 12
_MOST_WORDS = 8
_MOST_ENTRIES = 20
_MOST_LETTERS = 100


def show(asked: Question, version: FileVersion, *, as_json: bool) -> None:
    """Print the page of a file."""
    view = asked.view
    meaning = view.meaning(version.number)
    entries = sorted(of_version(view, version, reads=True), key=lambda entry: entry.at_ns)
    earlier = list(view.history(version.number))[1:]
    runs = {entry.run.number: entry.run for entry in entries if entry.run is not None}
    gaps = of_runs(view, list(runs.values()))
    if as_json:
        data = document.version_row(version) | {
            "meaning": None if meaning is None else _meaning_row(meaning),
            "happened": [document.entry_row(entry) for entry in entries],
            "earlier": [document.version_row(one) for one in earlier],
        }
        text.say(document.dump("asset", data, gaps, asked.warnings))
        return
    text.say(f"file       {text.shown(version.path)}")
    text.say(f"version    {version.id}, {text.size(version.size_bytes)}, {text.digest(version)}")
    text.say(f"sealed     {text.when(version.sealed_ns)}")
    if version.gone_ns is not None:
        text.say(f"gone       {text.when(version.gone_ns)}")
    _print_meaning(meaning, version.path)
    text.title("what happened to it")
    for entry in entries[:_MOST_ENTRIES]:
        text.say(f"  {_entry_line(entry)}")
    if len(entries) > _MOST_ENTRIES:
        text.say(f"  and {len(entries) - _MOST_ENTRIES} more: see `mlamd log`")
    if earlier:
        text.say()
        text.say(f"{len(earlier)} earlier {'version' if len(earlier) == 1 else 'versions'}")
        for one in earlier[:_MOST_ROWS]:
            text.say(
                f"  {one.id}  {text.when(one.sealed_ns)}  {text.size(one.size_bytes)}  {text.digest(one)}"
            )
    text.gaps(gaps)


def _entry_line(entry: Entry) -> str:
    who = "nobody known"
    if entry.step is not None and entry.run is not None:
        who = f"{text.short(entry.step.id)}  {text.command_line(entry.step.command)}"
    return f"{text.when(entry.at_ns)}  {entry.action:<8}  {who}  {text.evidence(entry.grade)}"


def _meaning_row(meaning: Meaning) -> dict[str, Any]:
    return {
        "kind": meaning.kind,
        "made": meaning.made,
        "format": meaning.format or None,
        "facts": dict(meaning.facts),
        "reason": meaning.reason or None,
    }


def _print_meaning(meaning: Meaning | None, path: bytes) -> None:
    if meaning is None:
        many = ": of many pictures or sounds in one directory only some are" if is_sampled(path) else " yet"
        text.say(f"kind       not looked at{many}")
        return
    also = f" (to who wrote it: {meaning.made})" if meaning.made != meaning.kind else ""
    text.say(f"kind       {meaning.kind}{', ' + meaning.format if meaning.format else ''}{also}")
    if meaning.reason:
        text.say(f"           {text.one_line(meaning.reason)}")
    shown = {
        name: fact
        for name, fact in meaning.facts.items()
        if name != "trouble" and (fact or isinstance(fact, bool | int | float))
    }
    width = max((len(name) for name in shown), default=0)
    for name, fact in shown.items():
        if name == "summary":
            continue  # of the series, which say it
        words = _series(fact, mapping(shown.get("summary"))) if name == "series" else _brief(fact)
        text.say(f"{name:<{max(10, width)}} {text.one_line(words)}")


def _series(fact: Any, summaries: Mapping[str, Any]) -> str:
    """Return the series of a file in one line; `mlamd metrics` draws them."""
    words = []
    for name in list(fact)[:_MOST_WORDS]:
        one = mapping(summaries.get(name))
        words.append(f"{name} ({one.get('count', '?')} values, last {_word(one.get('last'))})")
    more = len(fact) - _MOST_WORDS
    return ", ".join(words) + (f", and {more} more" if more > 0 else "")


def _brief(fact: Any) -> str:
    """Return a fact in one line; of long ones the beginning."""
    if isinstance(fact, Mapping):
        words = [f"{name}={_word(value)}" for name, value in list(fact.items())[:_MOST_WORDS]]
    elif isinstance(fact, list):
        words = [_word(value) for value in fact[:_MOST_WORDS]]
    else:
        return text.cut(_word(fact), _MOST_LETTERS)
    more = len(fact) - _MOST_WORDS
    return ", ".join(text.cut(one, _MOST_LETTERS) for one in words) + (
        f", and {more} more" if more > 0 else ""
    )


def _word(fact: Any) -> str:
    if isinstance(fact, Mapping):
        named = fact.get("name")
        if named is not None:
            rest = " ".join(str(value) for name, value in fact.items() if name != "name")
            return f"{named} ({rest})" if rest else str(named)
        if "value" in fact:  # a default, with the place where it stands
            return _word(fact["value"])
        return "{" + ", ".join(f"{name}: {_word(value)}" for name, value in list(fact.items())[:4]) + "}"
    if isinstance(fact, list):
        return "[" + ", ".join(_word(value) for value in fact[:_MOST_WORDS]) + "]"
    return f"{fact:.6g}" if isinstance(fact, float) else str(fact)
