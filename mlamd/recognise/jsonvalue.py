"""JSON from files that nobody vouches for."""

import json

from mlamd.recognise.finding import RecogniseError

MOST_JSON = 4 << 20
"""The longest JSON that is parsed whole: a tenth of a second, and some 40 MB."""


def loaded(text: bytes) -> object:
    """Parse JSON; ``RecogniseError`` if it is none, too long, or too deep."""
    if len(text) > MOST_JSON:
        raise RecogniseError("its JSON is too long")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise RecogniseError("its JSON is too deep") from error
    except ValueError as error:
        raise RecogniseError(f"no JSON: {error}") from error


def mapping(value: object) -> dict[str, object]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}
