"""Drawings: SVG, PDF, and HTML pages that a plotting library made."""

import re

from mlamd.recognise.facts import bounded
from mlamd.recognise.finding import Fact, Finding, Subject

_SVG = re.compile(rb"<svg\b([^>]{0,4000})>")
_LENGTH = rb'%s\s*=\s*["\']\s*([\d.]{1,20})\s*(?:px|pt|mm|cm|in)?\s*["\']'
_CREATOR = re.compile(
    rb"(Matplotlib v[\d.]+|Plotly|plotly|Vega|Bokeh|Inkscape|Graphviz|graphviz version [\d.]+|R )"
)
_PRODUCER = re.compile(rb"/(Producer|Creator)\s*\(([^)\\]{1,200})\)")
_PAGES = re.compile(rb"/Count\s+(\d{1,7})\b")
_HTML = re.compile(rb"<!doctype html|<html[\s>]", re.IGNORECASE)
_TOOLS = {b"plotly": "plotly", b"bokeh": "bokeh", b"vega": "vega", b"mpld3": "mpld3",
          b"pyecharts": "pyecharts",
          b"folium": "folium"}  # fmt: skip
_END_BYTES = 16_384


class Figures:
    """Facts: ``width`` and ``height`` of SVG, ``pages`` of PDF, ``made_by``."""

    name = "figures"
    rank = 45

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a figure: a PDF by its magic, the others by their names and what they begin with."""
        if subject.head.startswith(b"%PDF-"):
            return Finding("figure", "pdf", _pdf(subject))
        if subject.suffix == ".svg":
            return _svg(subject.head)
        if subject.suffix in {".html", ".htm"} and _HTML.search(subject.head[:4_096]):
            return _html(subject)
        return None


def _pdf(subject: Subject) -> dict[str, Fact]:
    size = subject.reader.size_bytes
    end = b"" if subject.whole else subject.reader.read(max(len(subject.head), size - _END_BYTES), _END_BYTES)
    text = subject.head + end
    facts: dict[str, Fact] = {"format_version": bounded(text[5:8])}
    named = dict(_PRODUCER.findall(text))
    if named:
        facts["made_by"] = bounded(named.get(b"Creator", named.get(b"Producer")))
    counts = [int(one) for one in _PAGES.findall(text)]
    if counts:
        facts["pages"] = max(counts)
    return facts


def _svg(head: bytes) -> Finding | None:
    found = _SVG.search(head)
    if found is None:
        return None
    facts: dict[str, Fact] = {}
    for name in (b"width", b"height"):
        length = re.search(rb"\b" + _LENGTH % name, found[1])
        if length is not None:
            facts[name.decode()] = _number(length[1])
    creator = _CREATOR.search(head)
    if creator is not None:
        facts["made_by"] = bounded(creator[1].strip())
    return Finding("figure", "svg", facts)


def _html(subject: Subject) -> Finding:
    head = subject.head.lower()
    for mark, tool in _TOOLS.items():
        if mark in head:
            return Finding("figure", "html", {"made_by": tool})
    return Finding("generic", "html")


def _number(text: bytes) -> Fact:
    try:
        return float(text)
    except ValueError:
        return None
