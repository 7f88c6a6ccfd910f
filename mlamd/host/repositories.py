"""The state of a git repository: commit, branch, remote, and what differs from the commit.

git itself is asked, told to take no lock, to write nothing and to run none of the programs that a repository
may name in its configuration.
"""

import os
import shutil
import subprocess
from urllib.parse import urlsplit, urlunsplit

from mlamd.masking.passages import mask_text

_PATIENCE_S = 10.0
_MOST_DIFF_BYTES = 200_000
_MOST_UNTRACKED = 500
_SAFE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.pager=cat",
    "-c", "core.untrackedCache=false",
    "-c", "diff.external=",
    "-c", "safe.directory=*",
)  # fmt: skip


def state(directory: str) -> dict[str, object] | None:
    """Return the state of the repository that a directory lies in, None where there is none or no git.

    ``commit`` is "" before the first one, ``branch`` "" where none is checked out. ``diff`` is a patch
    against the commit, cut off at 200,000 bytes; ``dirty`` are the names of the tracked files that differ.
    ``unknown`` names those of ``dirty``, ``diff`` and ``untracked`` that git did not tell, if there are any.
    """
    if shutil.which("git") is None:
        return None
    root = _git(directory, "rev-parse", "--show-toplevel")
    if root is None:
        return None
    commit = (_git(directory, "rev-parse", "--verify", "--quiet", "HEAD") or b"").strip().decode()
    branch = (_git(directory, "symbolic-ref", "--short", "--quiet", "HEAD") or b"").strip()
    remote = (_git(directory, "config", "--get", "remote.origin.url") or b"").strip()
    against = commit or _EMPTY_TREE
    safe = _without_filters(directory)
    if safe is None:
        dirty, diff = None, None
    else:
        plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
        dirty = _git(directory, *safe, "diff", "--name-only", "-z", *plain, against, *_RECORD)
        diff = _git(directory, *safe, "diff", *plain, against, *_RECORD) if dirty else b""
    listed = ("ls-files", "--others", "--exclude-standard", "-z", "--full-name", *_RECORD)
    untracked = _git(directory, *listed)
    others = untracked.rstrip(b"\0").split(b"\0") if untracked else []
    unknown = [
        name for name, said in (("dirty", dirty), ("diff", diff), ("untracked", untracked)) if said is None
    ]
    return {
        "root": os.fsdecode(root.strip()),
        "commit": commit,
        "branch": branch.decode("utf-8", "replace"),
        "remote": mask_text(without_credentials(remote.decode("utf-8", "replace"))),
        "dirty": [os.fsdecode(name) for name in (dirty or b"").rstrip(b"\0").split(b"\0") if name],
        "untracked": [os.fsdecode(name) for name in others[:_MOST_UNTRACKED]],
        "untracked_count": len(others),
        "diff": (diff or b"")[:_MOST_DIFF_BYTES].decode("utf-8", "replace"),
        "diff_bytes": len(diff or b""),
        **({"unknown": unknown} if unknown else {}),
    }


def _without_filters(directory: str) -> list[str] | None:
    """Return options that turn off the programs that filter contents (gitattributes(5)).

    None if it cannot be found out which there are: then git is not asked what differs.
    """
    wanted = r"^filter\..*\.(clean|process)$"
    named = _git(directory, "config", "--name-only", "-z", "--get-regexp", wanted, ok=1)
    if named is None:
        return None
    drivers = {name.rpartition(b".")[0] for name in named.split(b"\0") if name}
    options: list[str] = []
    for driver in sorted(drivers):
        for setting in ("clean=", "process=", "required=false"):
            options += ("-c", f"{os.fsdecode(driver)}.{setting}")
    return options


_RECORD = ("--", ":(top)", ":(top,exclude).mlamd")
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git calls a tree without files."""


def without_credentials(url: str) -> str:
    """Return the address of a remote without the name and password of a user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _git(directory: str, *arguments: str, ok: int = 0) -> bytes | None:
    """Return what git says, None if it failed; ``ok`` is a second status that is no failure."""
    environment = {"PATH": os.environ.get("PATH", ""), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "HOME": os.environ.get("HOME", "/")}
    try:
        done = subprocess.run(
            ["git", "-C", directory, *_SAFE, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode in {0, ok} else None
