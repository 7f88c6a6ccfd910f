"""Where a workspace begins, and where its store is.

``.mlamd`` in the workspace is the store itself (mode 0700), or a file with one line that holds the
store's path, for workspaces on file systems that a database must not live on.

In the store: ``journal/`` and ``catalog/`` (LMDB), ``settings.toml``, ``recorder.log``, ``lock`` (held
by the recorder; its pid), ``control.sock``, ``alive`` (touched while a recorder lives) and ``sync/``
(marker files). ``workspace`` holds the workspace's path as of ``init``, and ``format`` the version of
this layout.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from mlamd.errors import (
    AccessError,
    NotAWorkspaceError,
    StoreDamagedError,
    StoreLocationError,
    StoreTooNewError,
)
from mlamd.host.mounts import is_network

NAME = ".mlamd"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Workspace:
    """A directory that is recorded, and its store; both absolute and without links."""

    root: Path
    store: Path

    @property
    def settings_file(self) -> Path:
        """The user's settings."""
        return self.store / "settings.toml"

    @property
    def log_file(self) -> Path:
        """What the recorder has to say."""
        return self.store / "recorder.log"

    @property
    def lock_file(self) -> Path:
        """Locked while a recorder runs."""
        return self.store / "lock"

    @property
    def alive_file(self) -> Path:
        """Its modification time is until when a recorder had stored what it was told."""
        return self.store / "alive"

    @property
    def sync_directory(self) -> Path:
        """Watched for marker files, which say how far the sensors have come."""
        return self.store / "sync"


def find(start: Path) -> Workspace:
    """Return the workspace that holds ``start``; raises ``NotAWorkspaceError``."""
    try:
        directory = start.resolve(strict=True)
    except PermissionError as error:
        raise AccessError(f"no permission to enter {start}: check its owner and mode") from error
    except OSError as error:
        raise _lost(start, error) from error
    for candidate in (directory, *directory.parents):
        try:
            found = (candidate / NAME).exists()
        except PermissionError as error:
            raise AccessError(f"no permission to look into {candidate}: check its owner and mode") from error
        except OSError as error:
            raise _lost(candidate, error) from error
        if found:
            return opened(candidate)
    raise NotAWorkspaceError(f"{directory} is in no workspace: run `mlamd init` in the project's directory")


def _lost(place: Path, error: OSError) -> NotAWorkspaceError:
    if error.errno == errno.ENOTCONN:
        return NotAWorkspaceError(
            f"the mount over {place} has ended by itself: `mlamd start` takes away what is left of it"
        )
    return NotAWorkspaceError(f"{place} does not exist")


def opened(root: Path) -> Workspace:
    """Return the workspace at ``root``, whose ``.mlamd`` exists; checks its format."""
    mark = root / NAME
    store = mark
    try:
        if mark.is_file():
            store = _named(mark)
        stored = (store / "format").read_text(encoding="ascii", errors="replace").strip()
    except PermissionError as error:
        raise AccessError(f"no permission to read {store}: check its owner") from error
    except OSError as error:
        raise StoreDamagedError(
            f"{store} is no store of mlamd (no file `format`): move it away, then `mlamd init`"
        ) from error
    for name in ("journal", "catalog"):
        if (store / name).is_dir() and not os.access(store / name, os.R_OK | os.X_OK):
            raise AccessError(
                f"no permission to read {store / name}: another user (root?) recorded here; change its owner"
            )
    if not (stored.isascii() and stored.isdigit()):
        raise StoreDamagedError(f"{store}/format holds {stored!r} instead of a number: restore the store")
    if int(stored) > FORMAT:
        raise StoreTooNewError(f"{store} has format {stored}, this mlamd knows {FORMAT}: upgrade mlamd")
    return Workspace(root, store)


def _claim(store: Path, root: Path) -> None:
    """Note in the store whose it is; raises ``StoreLocationError`` if it is another workspace's."""
    note = store / "workspace"
    if note.exists() and note.read_bytes() != os.fsencode(root):
        raise StoreLocationError(
            f"{store} holds the record of another workspace: name a directory of its own"
        )
    note.write_bytes(os.fsencode(root))


def _named(mark: Path) -> Path:
    text = mark.read_text(encoding="utf-8", errors="surrogateescape").strip()
    store = Path(text)
    if not text or "\0" in text or not store.is_absolute() or not store.is_dir():
        raise StoreDamagedError(
            f"{mark} names the store {text!r}, which is not there: put it back, or remove {mark}"
        )
    return store


def state_home() -> Path:
    """Return ``$XDG_STATE_HOME/mlamd`` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "mlamd"


def create(root: Path, store: Path | None = None, mount_table: str | None = None) -> tuple[Workspace, bool]:
    """Make ``root`` a workspace; return it, and whether the store had to go elsewhere.

    An existing workspace is returned as it is. On a network file system the store goes below
    ``state_home()``; raises ``StoreLocationError`` where that is on a network too.
    """
    try:
        root = root.resolve(strict=True)
    except OSError as error:
        raise NotAWorkspaceError(f"{root} does not exist: create the directory first") from error
    if not root.is_dir():
        raise NotAWorkspaceError(f"{root} is not a directory")
    try:
        existed = (root / NAME).exists()
    except PermissionError as error:
        raise AccessError(f"no permission to enter {root}: check its owner and mode") from error
    if existed:
        return opened(root), False
    elsewhere = store is not None or is_network(root, mount_table)
    if elsewhere:
        if store is None:
            import hashlib  # noqa: PLC0415  (loads OpenSSL)

            store = state_home() / hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()
        store = Path(os.path.abspath(store))
    else:
        store = root / NAME
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_network(store, mount_table):
            raise StoreLocationError(
                f"{store} is on a network file system, where a database is not safe: "
                "name a local directory with --store"
            )
        _claim(store, root)
        (store / "sync").mkdir(mode=0o700, exist_ok=True)
        (store / "format").write_text(f"{FORMAT}\n", encoding="ascii")
        (store / ".gitignore").write_text("# the record of mlamd is no part of the project\n*\n", "ascii")
        if elsewhere:
            (root / NAME).write_text(f"{store}\n", encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise StoreLocationError(f"cannot make the store {store}: {error.strerror or error}") from error
    return Workspace(root, store), elsewhere
