"""An ordinary user on this machine: without any capability, who may open /dev/fuse, as is usual.

In a mount namespace of its own, in which what this installation consists of can be read by everybody.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

UID = 65534
_ROOT = Path(__file__).resolve().parents[1]
_SCRIPT = """
set -e
for pair in $PLACES; do
  top=${pair%%:*} place=${pair#*:} kept=/run/kept.$$
  mkdir -p $kept; mount --bind "$place" $kept
  mountpoint -q "$top" || mount -t tmpfs -o mode=755 tmpfs "$top"
  mkdir -p "$place"; mount --move $kept "$place"; rmdir $kept
done
mknod -m 666 "$NODE" c 10 229; mount --bind "$NODE" /dev/fuse
exec setpriv --reuid=$ID --regid=$ID --clear-groups sh -ec "$SCRIPT"
"""


def is_possible() -> bool:
    """Say whether there can be one: it takes root, setpriv(1) and /dev/fuse."""
    return os.geteuid() == 0 and shutil.which("setpriv") is not None and os.path.exists("/dev/fuse")


def runs(script: str, top: Path, timeout_s: float = 120.0) -> "subprocess.CompletedProcess[str]":
    """Run a shell script as that user; ``$PYTHON`` is the interpreter, ``$HOME`` lies below ``top``."""
    home = top / "home"
    home.mkdir()
    os.chown(home, UID, UID)
    needed = {Path(sys.base_prefix), Path(sys.prefix), _ROOT}
    hidden = sorted(f"{_closed(place)}:{place}" for place in needed if _closed(place))
    environment = {
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "PLACES": " ".join(hidden),
        "NODE": str(top / "fuse"),
        "ID": str(UID),
        "SCRIPT": script,
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHON": sys.executable,
    }
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", _SCRIPT],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def _closed(place: Path) -> Path | None:
    """Return the highest directory above a place that not everybody may enter."""
    above = [one for one in (*reversed(place.parents), place) if not one.stat().st_mode & stat.S_IXOTH]
    return above[0] if above else None
