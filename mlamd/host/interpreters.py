"""What is installed for a Python interpreter, as its directories tell; it is never run.

Sources: PEP 405 (``pyvenv.cfg``), "Recording installed projects" and "Binary distribution format" of the
Python packaging specifications (names of ``.dist-info``), conda's ``conda-meta``.
"""

import os
import re
from pathlib import Path

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*[a-z]?\Z")
_MOST_DISTRIBUTIONS = 5_000
_Packages = dict[str, str]


def is_python(executable: str) -> bool:
    """Say whether a program is a Python interpreter, by its name."""
    return bool(_PYTHON.match(executable.rpartition("/")[2]))


def installed(program: str, executable: str) -> dict[str, object]:
    """Return what is known of an interpreter: ``prefix``, ``manager``, ``version`` and ``packages``.

    ``program`` is the path by which it was started, ``executable`` what the kernel says that it is.
    ``packages`` are names and versions of the distributions; ``manager`` is ``venv``, ``uv``, ``poetry``,
    ``conda`` or ``system``.
    """
    prefix = Path(program).parent.parent if program.startswith("/") else Path(executable).parent.parent
    settings = _settings(prefix / "pyvenv.cfg")
    if not settings:
        prefix = Path(executable).parent.parent
    places = _places(prefix)
    if settings.get("include-system-site-packages") == "true":
        places += _places(Path(settings.get("home", "/usr/bin")).parent)
    packages: _Packages = {}
    for place in places:
        for name, version in _distributions(place).items():
            packages.setdefault(name, version)
    return {
        "executable": executable,
        "prefix": str(prefix),
        "manager": _manager(prefix, settings),
        "version": settings.get("version_info") or settings.get("version") or _version(places, executable),
        "packages": dict(sorted(packages.items())),
    }


def marks(program: str, executable: str) -> tuple[object, ...]:
    """Return what changes whenever something is installed or removed there."""
    prefixes = {Path(program).parent.parent, Path(executable).parent.parent}
    places = sorted(place for prefix in prefixes for place in _places(prefix))
    return (program, executable, *((str(place), place.stat().st_mtime_ns) for place in places))


def _settings(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _places(prefix: Path) -> list[Path]:
    """Return the directories that distributions of a prefix are installed in; Debian has its own."""
    found = []
    local = [prefix / "local"] if str(prefix) == "/usr" else []
    for base in (*local, prefix):
        for directory in sorted((base / "lib").glob("python3*")):
            found += [directory / "site-packages", directory / "dist-packages"]
    return [place for place in found if place.is_dir()]


def _distributions(place: Path) -> _Packages:
    found: _Packages = {}
    try:
        names = os.listdir(place)
    except OSError:
        return found
    for name in names:
        stem, _, end = name.rpartition(".")
        if end not in {"dist-info", "egg-info"}:
            continue
        parts = stem.split("-")
        found[re.sub(r"[-_.]+", "-", parts[0]).lower()] = parts[1] if len(parts) > 1 else ""
        if len(found) >= _MOST_DISTRIBUTIONS:
            break
    return found


def _manager(prefix: Path, settings: dict[str, str]) -> str:
    if (prefix / "conda-meta").is_dir():
        return "conda"
    if not settings:
        return "system"
    if "uv" in settings:
        return "uv"
    return "poetry" if "pypoetry" in str(prefix) else "venv"


def _version(places: list[Path], executable: str) -> str:
    numbers = re.search(r"([0-9]+\.[0-9]+)\Z", executable)
    if numbers is not None:
        return numbers.group(1)
    return next((place.parent.name.removeprefix("python") for place in places), "")
