"""Documents of JSON or YAML that are data and no settings: vocabularies, labels, splits, annotations."""

from collections.abc import Mapping

_MOST_KEYS = 200
"""More keys than one mapping of settings has."""
_MOST_RECORDS = 20
_MOST_LISTED = 20
_MOST_DEPTH = 4
_NAMES = frozenset(
    """
    vocab vocabulary labels classes class_names label_map label2id id2label categories annotations
    class_to_idx idx_to_class
    """.split()
)
_PARTS = frozenset("train val valid validation dev test eval holdout trainval unlabeled".split())


def is_data(name: str, form: str, held: Mapping[str, object]) -> bool:
    """Return True if a document is rather data than settings.

    ``name`` is that of the file in lower case. It is data if a mapping has more keys than anybody sets, if
    its keys are numbers, or if it has long lists of records; JSON also by its name, if most of it are lists
    of records, and if all of it are the parts of a split, or long lists.
    """
    if _is_large(held, 0) or (len(held) > 1 and all(str(key).lstrip("-").isdigit() for key in held)):
        return True
    records = [value for value in held.values() if _is_records(value)]
    if any(len(one) > _MOST_RECORDS for one in records if isinstance(one, list)):
        return True
    if form != "json" or not held:
        return False
    lists = [value for value in held.values() if isinstance(value, list)]
    if len(lists) == len(held) and not records:
        return _PARTS.issuperset(map(str, held)) or any(len(one) > _MOST_LISTED for one in lists)
    return 2 * len(records) > len(held) or name.rpartition(".")[0] in _NAMES


def _is_large(value: object, depth: int) -> bool:
    if not isinstance(value, Mapping) or depth > _MOST_DEPTH:
        return False
    return len(value) > _MOST_KEYS or any(_is_large(one, depth + 1) for one in value.values())


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value[:100])
