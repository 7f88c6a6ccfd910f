"""What a user has left out of the record: ``.mlamdignore`` and the settings."""

import logging
from pathlib import Path

from mlamd.attribution.noise import Noise
from mlamd.settings import Settings

log = logging.getLogger("mlamd")

IGNORE_FILE = b".mlamdignore"


def read_patterns(root: Path, settings: Settings) -> list[str]:
    """Return the ignore patterns of a workspace."""
    try:
        text = (root / ".mlamdignore").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        text = ""
    return [*text.splitlines(), *settings.ignore]


def load_noise(root: Path, settings: Settings) -> Noise:
    """Return what is noise in a workspace; lines that are no patterns are said in the log."""
    noise = Noise(read_patterns(root, settings))
    for line in noise.bad:
        log.warning("%r in .mlamdignore or the settings is no pattern, and ignores nothing", line)
    return noise
