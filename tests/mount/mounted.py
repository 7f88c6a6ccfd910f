"""A process that mounts a directory over itself: ``python -m tests.mount.mounted DIR [OPTION...]``.

The option ``witness=FILE`` writes down there, at the end, what was done in the mount.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlamd.model import codec


@contextmanager
def mounted(place: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Mount a directory over itself as long as the block lasts."""
    command = [sys.executable, "-m", "tests.mount.mounted", str(place), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            unmount(place)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def unmount(place: Path) -> None:
    """Detach whatever is mounted at a place."""
    subprocess.run(["fusermount3", "-uz", str(place)], check=False, stderr=subprocess.DEVNULL)


def main() -> None:
    from mlamd.mount.backing import Backing  # noqa: PLC0415  (the parts above are for tests without pyfuse3)
    from mlamd.mount.forgetting import Forgetting  # noqa: PLC0415
    from mlamd.mount.loop import Mount  # noqa: PLC0415
    from mlamd.mount.operations import Operations  # noqa: PLC0415
    from mlamd.mount.witness import Witness  # noqa: PLC0415

    place, *options = sys.argv[1:]
    notes = [word.partition("=")[2] for word in options if word.startswith("witness=")]
    options = [word for word in options if not word.startswith("witness=")]
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    backing = Backing(descriptor, strict="allow_other" in options)
    witness = Witness(backing) if notes else None
    mount = Mount(Operations(backing, witness, Forgetting(backing).forget), place, frozenset(options))
    signal.signal(signal.SIGTERM, lambda *_: mount.stop())
    print("ready", flush=True)
    try:
        mount.run()
    finally:
        backing.close()
        mount.close(unmount=True)
        if witness is not None:
            Path(notes[0]).write_bytes(codec.pack(list(witness.rows)))


if __name__ == "__main__":
    main()
