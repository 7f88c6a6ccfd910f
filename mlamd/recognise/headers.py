"""Tells whether the first row of a table names its columns."""

import re
from itertools import pairwise

from mlamd.recognise.metric_names import is_metric, is_step, words_of
from mlamd.recognise.values import common, type_of_text

_LONGEST_NAME = 60
_MOST_WORDS = 5
_ENOUGH_ROWS = 10
_YEAR = re.compile(r"(?:1[89]|20|21)\d\d")
_NAME = re.compile(r"[^\W\d]")
_NAMES = frozenset(
    """
    id ids key index idx uid uuid guid name names title text texts sentence sentences label labels class
    classes target targets category categories tag tags type types kind path paths file files filename
    url uri image images mask split fold subset set source src dataset language lang country city region
    state address email user username password role status gender sex date time timestamp datetime day
    month year question answer query document passage context premise hypothesis input output prompt
    response instruction completion message content review reviews comment comments description summary
    author speaker word words token tokens pos lemma gene sample samples sample_id subject patient
    description code value values column field model method algorithm parameter param metric measure
    group item product first last
    """.split()
)
"""Names of columns that hold text."""
_SHAPES = (re.compile(r"\s"), re.compile(r"\d"), re.compile(r"[A-Z]"), re.compile(r"[^\w\s]"))


def is_header(first: list[str], rest: list[list[str]]) -> bool:
    """Return True if a first row names the columns.

    A row of data may hold what nobody should read, so a row of text over columns of text is a header only if
    something tells so: a name that columns have, or that it looks otherwise than all the rest.
    """
    kinds = [type_of_text(cell) for cell in first]
    texts = [cell.strip() for cell, kind in zip(first, kinds, strict=True) if kind == "string"]
    named = 2 * sum(map(_is_name, texts)) >= len(texts)
    if kinds[:1] == [""] and len(first) > 1:
        kinds = kinds[1:]
    if not texts or any(len(text) >= _LONGEST_NAME for text in texts):
        return False
    others = [row for row in rest if row != first]
    columns = [[row[place] for row in others if place < len(row)] for place in range(len(first))]
    if any(kind != "string" for kind in kinds):
        return _has_years(first, columns) and (named or len(kinds) - len(texts) > 1)
    if others and any(common(map(type_of_text, column)) != "string" for column in columns):
        return True
    if len(set(first)) < len(first):
        return False
    recurs = any(cell in column for cell, column in zip(first, columns, strict=True))
    return not recurs and (named or _looks_otherwise(first, columns))


def _is_name(text: str) -> bool:
    words = words_of(text)
    known = all(word in _NAMES for word in words) if " " in text else not _NAMES.isdisjoint(words)
    return is_metric(text) or is_step(text) or (0 < len(words) < _MOST_WORDS and known)


def _has_years(first: list[str], columns: list[list[str]]) -> bool:
    """Return True if all that is no text in a row are years, in their order, over values that are none."""
    places = [place for place, cell in enumerate(first) if type_of_text(cell) != "string" and (cell or place)]
    years = [first[place] for place in places]
    return (
        all(map(_YEAR.fullmatch, years))
        and all(one < next_ for one, next_ in pairwise(years))
        and not any(columns[place] and all(map(_YEAR.fullmatch, columns[place])) for place in places)
    )


def _looks_otherwise(first: list[str], columns: list[list[str]]) -> bool:
    """Return True if names stand over a column of which all values are alike, and unlike its name."""
    if not all(_NAME.match(cell) for cell in first if cell):
        return False
    alone = [
        len(column) > 1 and len(set(map(len, column))) == 1 and len(cell) != len(column[0])
        for cell, column in zip(first, columns, strict=True)
    ]
    return all(alone) or any(
        len(column) >= _ENOUGH_ROWS
        and any(not shape.search(cell) and all(map(shape.search, column)) for shape in _SHAPES)
        for cell, column in zip(first, columns, strict=True)
    )
