"""In what surroundings a run ran, as text and as JSON."""

import os
from collections.abc import Mapping
from typing import Any

from mlamd.cli import text
from mlamd.lineage.libraries import computing, cuda
from mlamd.lineage.surroundings import Surroundings

_MOST_WORDS = 8


def show(around: Surroundings, unknown_to_git: list[bytes]) -> None:
    """Print a line each for what is known; ``unknown_to_git`` are the untracked files that it read."""
    lines = [
        *_code_lines(around.code, unknown_to_git),
        *_python_lines(around.packages),
        *_native_lines(around),
        *_host_lines(around.host),
    ]
    lines += _placed_lines(around)
    if around.variables:
        names = sorted(around.variables)
        lines.append(("variables", ", ".join(f"{name}={around.variables[name]}" for name in names)))
    if not lines:
        return
    text.say()
    for name, words in lines:
        text.say(f"{name:<10} {text.one_line(words)}")


def row(around: Surroundings, unknown_to_git: list[bytes]) -> dict[str, Any]:
    """Return all of it, as it stands in a document."""
    code = dict(around.code) | {"untracked_read": [os.fsdecode(path) for path in unknown_to_git]}
    return {
        "variables": dict(around.variables),
        "packages": dict(around.packages) or None,
        "code": code if around.code else None,
        "host": dict(around.host) or None,
        "native": dict(around.native) or None,
        "cuda": cuda(around.native, around.packages, around.host) or None,
        "container": dict(around.container) or None,
        "scheduler": dict(around.scheduler) or None,
        "workers": dict(around.workers) or None,
    }


def _code_lines(code: Mapping[str, Any], unknown: list[bytes]) -> list[tuple[str, str]]:
    if not code:
        return []
    branch = code.get("branch") or "no branch"
    commit = str(code.get("commit") or "")[:12] or "no commit yet"
    remote = f", {code['remote']}" if code.get("remote") else ""
    lines = [("code", f"git {branch} {commit}, {_state(code)}{remote}")]
    since = code.get("changed_since_start") or []
    if since:
        lines.append(("", f"changed after it began: {_some([str(name) for name in since])}"))
    if unknown:
        lines.append(("untracked", f"it read {_some([text.shown(path) for path in unknown])}"))
    return lines


def _state(code: Mapping[str, Any]) -> str:
    """Say how the files differ from the commit; it is "clean" only if that was told, and nothing does."""
    if "dirty" in (code.get("unknown") or ()):
        return "what was changed is not known"
    dirty, untracked = len(code.get("dirty") or ()), code.get("untracked_count") or 0
    words = [f"{dirty} changed"] if dirty else []
    words += [f"{untracked} untracked"] if untracked else []
    return ", ".join(words) or "clean"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_WORDS} more" if len(names) > _MOST_WORDS else ""
    return ", ".join(names[:_MOST_WORDS]) + more


def _python_lines(packages: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not packages:
        return []
    count, of_conda = len(packages.get("packages") or ()), len(packages.get("conda") or ())
    also = f", {of_conda} of conda" if of_conda else ""
    version, manager = packages.get("version") or "", packages.get("manager")
    return [("python", f"{version} ({manager} {packages.get('prefix')}, {count} packages{also})")]


def _native_lines(around: Surroundings) -> list[tuple[str, str]]:
    if not around.native:
        return []
    names, count = computing(around.native), len(around.native.get("libraries") or ())
    more = f": {_some(names)}" if names else ""
    lines = [("libraries", f"{count} native{more}")]
    versions = cuda(around.native, around.packages, around.host)
    if versions:
        lines.append(("cuda", ", ".join(f"{part} {version}" for part, version in versions.items())))
    return lines


def _host_lines(host: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not host:
        return []
    memory = text.size(host.get("memory_bytes"))
    disk = f", disk {text.size(host['disk_bytes'])}" if host.get("disk_bytes") else ""
    words = (
        f"{host.get('host')}, {host.get('system')}, {host.get('cores')} x {host.get('cpu')}, {memory}{disk}"
    )
    gpus = host.get("gpus") or []
    return [("machine", words + (f", {', '.join(gpus)}" if gpus else ""))]


def _placed_lines(around: Surroundings) -> list[tuple[str, str]]:
    """Return a line each for container, scheduler and place among the workers of a job, as far as known."""
    lines = []
    if around.container:
        known = around.container
        identity = str(known.get("id") or known.get("pod") or "")
        words = [known["kind"], identity[:12] if len(identity) == 64 else identity, known.get("image", "")]
        lines.append(("container", " ".join(word for word in words if word)))
    if around.scheduler:
        known = around.scheduler
        named = (("job", "job"), ("task", "task"), ("name", ""), ("queue", "in"), ("nodes", "nodes"))
        words = [f"{word} {known[name]}".strip() for name, word in named if name in known]
        lines.append(("scheduler", f"{known['kind']}: {', '.join(words)}" if words else known["kind"]))
    if around.workers:
        known = around.workers
        ranks = known["ranks"]
        which = _some([str(rank) for rank in ranks])
        size = f" of {known['size']}" if "size" in known else ""
        rest = f", master {known['master']}" if "master" in known else ""
        launcher = f"{known['launcher']}: " if "launcher" in known else ""
        lines.append(("workers", f"{launcher}rank {which}{size}{rest}"))
    return lines
