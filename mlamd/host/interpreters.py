"""What is installed for a Python interpreter, as its directories tell; it is never run.

Sources: PEP 405 (``pyvenv.cfg``), "Recording installed projects" and "Binary distribution format" of the
Python packaging specifications (names of ``.dist-info``); of conda, "Package naming conventions" (a file of
``conda-meta`` is called as its package: name, version and build, with a hyphen between). Where the managers
put environments: their documentation.
"""

import os
import re
from pathlib import Path

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*[a-z]?\Z")
_MOST_DISTRIBUTIONS = 5_000
_CONDA = "conda-meta"
_POETRY = re.compile(r".*/pypoetry/(?:Cache/)?virtualenvs/[^/]+\Z")
_POETRY_PROMPT = re.compile(r".+-py3\.[0-9]+\Z")
_PIPENV = re.compile(r".*/virtualenvs/[^/]+-[\w-]{8}\Z")
_PYENV = re.compile(r".*/\.?pyenv/versions/[^/]+(?:/envs/[^/]+)?\Z")
_Packages = dict[str, str]


def is_python(executable: str) -> bool:
    """Say whether a program is a Python interpreter, by its name."""
    return bool(_PYTHON.match(executable.rpartition("/")[2]))


def installed(program: str, executable: str) -> dict[str, object]:
    """Return what is known of an interpreter: ``prefix``, ``manager``, ``version`` and ``packages``.

    ``program`` is the path by which it was started, ``executable`` what the kernel says that it is.
    ``packages`` are names and versions of the distributions; ``manager`` is ``venv``, ``uv``, ``poetry``,
    ``pipenv``, ``pyenv``, ``conda`` or ``system``. Where the interpreter is conda's, ``conda`` are names and
    versions of what conda installed: compilers' and CUDA's libraries too, which are no distributions.
    """
    prefix = Path(program).parent.parent if program.startswith("/") else Path(executable).parent.parent
    settings = _settings(prefix / "pyvenv.cfg")
    if not settings:
        prefix = Path(executable).parent.parent
    places = _places(prefix, executable)
    if settings.get("include-system-site-packages") == "true":
        places += _places(Path(settings.get("home", "/usr/bin")).parent, executable)
    packages: _Packages = {}
    for place in places:
        for name, version in _distributions(place).items():
            packages.setdefault(name, version)
    found: dict[str, object] = {
        "executable": executable,
        "prefix": str(prefix),
        "manager": _manager(prefix, settings),
        "version": settings.get("version_info") or settings.get("version") or _version(places, executable),
        "packages": dict(sorted(packages.items())),
    }
    conda = _conda(prefix) or _conda(Path(executable).parent.parent)
    return found | {"conda": dict(sorted(conda.items()))} if conda else found


def marks(program: str, executable: str) -> tuple[object, ...]:
    """Return what changes whenever something is installed or removed there."""
    prefixes = {Path(program).parent.parent, Path(executable).parent.parent}
    places = [place for prefix in prefixes for place in _places(prefix, executable)]
    places += [meta for prefix in prefixes if (meta := prefix / _CONDA).is_dir()]
    places.sort()
    return (program, executable, *((str(place), place.stat().st_mtime_ns) for place in places))


def _settings(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _places(prefix: Path, executable: str) -> list[Path]:
    """Return the directories that distributions of a prefix are installed in; Debian has its own.

    A prefix may have several interpreters: those of another version than the executable's do not count.
    """
    found = []
    local = [prefix / "local"] if str(prefix) == "/usr" else []
    version = re.search(r"([0-9]+\.[0-9]+)t?\Z", executable)
    names = (f"python{version[1]}*", "python3") if version else ("python3*",)
    for base in (*local, prefix):
        for directory in sorted({place for name in names for place in (base / "lib").glob(name)}):
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


def _conda(prefix: Path) -> _Packages:
    """Return the packages of a conda environment, nothing where there is none."""
    try:
        names = os.listdir(prefix / _CONDA)
    except OSError:
        return {}
    parts = [name.removesuffix(".json").rsplit("-", 2) for name in names if name.endswith(".json")]
    return {part[0]: part[1] for part in parts[:_MOST_DISTRIBUTIONS] if len(part) == 3}


def _manager(prefix: Path, settings: dict[str, str]) -> str:
    if (prefix / _CONDA).is_dir():
        return "conda"
    if _PYENV.match(str(prefix)):
        return "pyenv"
    if not settings:
        return "system"
    if "uv" in settings:
        return "uv"
    if _is_poetrys(prefix, settings):
        return "poetry"
    return "pipenv" if _is_pipenvs(prefix) else "venv"


def _is_poetrys(prefix: Path, settings: dict[str, str]) -> bool:
    """Say whether Poetry made an environment: in its cache, or beside its lock, with its prompt.

    A lock alone does not tell: such a project may be installed by other means.
    """
    if _POETRY.match(str(prefix)):
        return True
    prompt = settings.get("prompt", "").strip("'\"")
    beside = prefix.name == ".venv" and (prefix.parent / "poetry.lock").is_file()
    return beside and "virtualenv" in settings and bool(_POETRY_PROMPT.match(prompt))


def _is_pipenvs(prefix: Path) -> bool:
    """Say whether Pipenv made an environment: its file ``.project`` names the directory of a Pipfile.

    If that is gone, the name tells: that of the project and eight characters of a digest. virtualenvwrapper
    has files and directories of the same names, but no Pipfile and no digest.
    """
    try:
        project = (prefix / ".project").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return False
    return bool(_PIPENV.match(str(prefix))) or (Path(project) / "Pipfile").is_file()


def _version(places: list[Path], executable: str) -> str:
    numbers = re.search(r"([0-9]+\.[0-9]+)\Z", executable)
    if numbers is not None:
        return numbers.group(1)
    return next((place.parent.name.removeprefix("python") for place in places), "")
