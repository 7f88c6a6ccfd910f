"""Files that say which packages a project needs: requirements, locks, projects, container recipes."""

import re
from collections.abc import Callable, Mapping

from mlamd.masking.text import mask_text
from mlamd.recognise.document import parse_document
from mlamd.recognise.facts import MOST_ITEMS, bounded, mapping
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.text import whole_text

_MOST_BYTES = 8 << 20
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$")
_CONDA = re.compile(r"(?:[\w-]+::)?([A-Za-z0-9_][\w.-]*)\s*(.*)$")
_NAME = re.compile(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)$")
_PIP_INSTALL = re.compile(r"(?:pip3?|uv)\s+(?:pip\s+)?(?:install|add)\s+([^\n&|;]*)")
_FROM = re.compile(r"(?im)^\s*FROM\s+(?:--\S+\s+){0,10}(\S+)")
_CONTINUED = re.compile(r"\\\r?\n")
_LOCKED = re.compile(r'(?m)^\[\[package\]\]\s*?\nname = "([^"\n]+)"\s*?\nversion = "([^"\n]+)"')
_VERSION_END = re.compile(r"\s*(?:;|#|--hash|--).*$")

Packages = dict[str, str]


class EnvironmentRecogniser:
    """Known names of files only; what they hold is looked at by its own syntax."""

    name = "environment"
    rank = 62

    def recognise(self, subject: Subject) -> Finding | None:
        """Return packages by name; None for files of other names, and projects that need none."""
        form, read = _reader(subject)
        text = whole_text(subject, _MOST_BYTES) if read else None
        if read is None or text is None:
            return None
        try:
            packages = read(text)
        except RecogniseError as error:
            return Finding("environment", form, {"trouble": str(error)})
        except (AttributeError, TypeError):
            return Finding("environment", form, {"trouble": "not in the form that its name says"})
        if form == "setup.cfg" and not packages:
            return None
        kept = {name: mask_text(spec) for name, spec in list(packages.items())[:MOST_ITEMS]}
        facts: dict[str, Fact] = {"packages": bounded(kept), "packages_count": len(packages)}
        if form == "dockerfile":
            facts["images"] = bounded([mask_text(image) for image in _FROM.findall(text)])
        return Finding("environment", form, facts)


def _reader(subject: Subject) -> tuple[str, Callable[[str], Packages] | None]:
    name = subject.name
    known = _READERS.get(name)
    if known:
        return known
    if _NAME.match(name) or (subject.suffix == ".txt" and b"requirements/" in subject.path):
        return "requirements", _requirements
    if name.endswith((".dockerfile", ".containerfile")) or name.startswith(("dockerfile.", "containerfile.")):
        return "dockerfile", _dockerfile
    if subject.suffix in {".yml", ".yaml"} and name.startswith(("environment", "conda")):
        return "conda", _conda
    return "", None


def _normal(name: str) -> str:
    """Return a name of a package as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _add(packages: Packages, line: object) -> None:
    """Add a requirement as PEP 508 writes it; lines that are none are left out."""
    text = str(line).strip()
    if "://" in text and "@" not in text.partition("://")[0]:
        return
    found = None if text.startswith(("-", "#", ".", "/")) else _REQUIREMENT.match(text)
    if found is not None:
        spec = _VERSION_END.sub("", found[3]) if not found[3].startswith("@") else found[3]
        packages[_normal(found[1])] = spec.strip().strip("()")


def _requirements(text: str) -> Packages:
    found: Packages = {}
    for line in _CONTINUED.sub(" ", text).splitlines():
        _add(found, line)
    return found


def _conda(text: str) -> Packages:
    found: Packages = {}
    listed = mapping(parse_document(text, "yaml")).get("dependencies")
    for line in listed if isinstance(listed, list) else []:
        if isinstance(line, Mapping):
            for inner in line.get("pip") or []:
                _add(found, inner)
        elif match := _CONDA.match(str(line)):
            found[match[1].lower()] = match[2].strip()
    return found


def _project(text: str) -> Packages:
    """Return what PEP 621, PEP 735 and Poetry have in ``pyproject.toml``."""
    held = mapping(parse_document(text, "toml"))
    project = mapping(held.get("project"))
    groups = [project.get("dependencies")]
    groups += list(mapping(project.get("optional-dependencies")).values())
    groups += list(mapping(held.get("dependency-groups")).values())
    found: Packages = {}
    for group in groups:
        for line in group if isinstance(group, list) else []:
            if isinstance(line, str):
                _add(found, line)
    poetry = mapping(mapping(held.get("tool")).get("poetry"))
    _specs(found, poetry.get("dependencies"))
    for one in mapping(poetry.get("group")).values():
        _specs(found, mapping(one).get("dependencies"))
    return found


def _specs(packages: Packages, table: object) -> None:
    """Add a table of names and specifications, as Poetry and Pipenv have it."""
    for name, spec in mapping(table).items():
        inner = mapping(spec)
        text = (
            str(inner.get("version") or inner.get("git") or inner.get("path") or "") if inner else str(spec)
        )
        packages[_normal(name)] = "" if text == "*" else text


def _lock(text: str) -> Packages:
    """Return what uv, Poetry and PDM lock, by lines: each table of a package begins with name and version."""
    return {_normal(name): f"=={version}" for name, version in _LOCKED.findall(text)}


def _pipfile(text: str) -> Packages:
    held = mapping(parse_document(text, "toml"))
    found: Packages = {}
    for section in ("packages", "dev-packages"):
        _specs(found, held.get(section))
    return found


def _pipfile_lock(text: str) -> Packages:
    held = mapping(parse_document(text, "json"))
    found: Packages = {}
    for section in ("default", "develop"):
        _specs(found, held.get(section))
    return found


def _setup_cfg(text: str) -> Packages:
    held = mapping(parse_document(text, "ini"))
    found: Packages = {}
    sections = [mapping(held.get("options")).get("install_requires")]
    sections += list(mapping(held.get("options.extras_require")).values())
    for lines in sections:
        for line in str(lines or "").splitlines():
            _add(found, line)
    return found


def _dockerfile(text: str) -> Packages:
    found: Packages = {}
    for words in _PIP_INSTALL.findall(_CONTINUED.sub(" ", text)):
        skip = False
        for word in words.split():
            if skip or word.startswith("-"):
                skip = word in {"-r", "-c", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"}
                continue
            _add(found, word.strip("\"'"))
    return found


_READERS: dict[str, tuple[str, Callable[[str], Packages]]] = {
    "environment.yml": ("conda", _conda),
    "environment.yaml": ("conda", _conda),
    "pyproject.toml": ("pyproject", _project),
    "uv.lock": ("uv.lock", _lock),
    "poetry.lock": ("poetry.lock", _lock),
    "pdm.lock": ("pdm.lock", _lock),
    "pipfile": ("pipfile", _pipfile),
    "pipfile.lock": ("pipfile.lock", _pipfile_lock),
    "setup.cfg": ("setup.cfg", _setup_cfg),
    "dockerfile": ("dockerfile", _dockerfile),
    "containerfile": ("dockerfile", _dockerfile),
}
