"""The state of a git repository: commit, branch, remote, and what differs from the commit.

git itself is asked, told to take no lock, to write nothing and to run none of the programs that a repository
may name in its configuration.
"""

import os
import shutil
import subprocess
from urllib.parse import urlsplit, urlunsplit

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
    plain = ("--no-color", "--no-ext-diff", "--no-textconv")
    dirty = _git(directory, "diff", "--name-only", "-z", *plain, against) or b""
    diff = (_git(directory, "diff", *plain, against) or b"") if dirty else b""
    untracked = _git(directory, "ls-files", "--others", "--exclude-standard", "-z", "--full-name") or b""
    others = untracked.rstrip(b"\0").split(b"\0") if untracked else []
    return {
        "root": os.fsdecode(root.strip()),
        "commit": commit,
        "branch": branch.decode("utf-8", "replace"),
        "remote": without_credentials(remote.decode("utf-8", "replace")),
        "dirty": [os.fsdecode(name) for name in dirty.rstrip(b"\0").split(b"\0") if name],
        "untracked": [os.fsdecode(name) for name in others[:_MOST_UNTRACKED]],
        "untracked_count": len(others),
        "diff": diff[:_MOST_DIFF_BYTES].decode("utf-8", "replace"),
        "diff_bytes": len(diff),
    }


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


def _git(directory: str, *arguments: str) -> bytes | None:
    environment = {"PATH": os.environ.get("PATH", ""), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "HOME": os.environ.get("HOME", "/")}
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
    return done.stdout if done.returncode == 0 else None
