"""What a user may set, in ``.mlamd/settings.toml``; an unknown key is an error.

The defaults are meant to be right: the file need not exist.
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mlamd.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one workspace."""

    data_roots: tuple[str, ...] = ()
    """Absolute directories outside the workspace whose files are lineage too."""
    ignore: tuple[str, ...] = ()
    """Patterns in gitignore's syntax, added to those of ``.mlamdignore``."""
    digest_at_once_bytes: int = 65_536
    """Files up to this size are digested before their version is stored."""
    digest_most_bytes: int = 1 << 40
    """Larger files are never digested; their versions are told apart by size and time."""
    commit_every_ms: int = 50
    """How long an event may wait for its commit: what a power failure can take at most."""
    spool_most_bytes: int = 1 << 30
    """What the mount keeps at most, in memory and on disk, of what no recorder has stored yet."""
    recognise: bool = True
    """Whether files are looked at for what they are: datasets, models, parameters, metrics."""
    keep_variables: tuple[str, ...] = ()
    """Patterns of names of environment variables that are kept too, as a shell matches file names."""
    lower_is_better: tuple[str, ...] = ()
    higher_is_better: tuple[str, ...] = ()
    """Names of metrics of which the best is the least, or the greatest, where the name does not tell."""
    fold_above_files: int = 100
    """Answers show more inputs than this from one directory as one dataset."""


def load(path: Path) -> Settings:
    """Read settings; raises ``SettingsError`` naming the file and the key."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from error
    return parse(data, str(path))


def parse(data: dict[str, Any], where: str) -> Settings:
    """Turn a table into settings."""
    known = {field.name: field.default for field in fields(Settings)}
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise SettingsError(f"{where}: unknown setting {key!r}; there are {', '.join(sorted(known))}")
        if isinstance(known[key], tuple):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise SettingsError(f"{where}: {key} must be a list of strings")
            values[key] = tuple(value)
        elif isinstance(known[key], bool):
            if not isinstance(value, bool):
                raise SettingsError(f"{where}: {key} must be true or false")
            values[key] = value
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SettingsError(f"{where}: {key} must be a whole number, 0 or more")
        else:
            values[key] = value
    for root in values.get("data_roots", ()):
        if not root.startswith("/"):
            raise SettingsError(f"{where}: the data root {root!r} must be an absolute path")
    return Settings(**values)
