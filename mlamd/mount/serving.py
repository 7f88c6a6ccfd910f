"""The process that answers the kernel for one mounted directory, and does nothing else."""

import os
import signal
import socket
import subprocess

from mlamd.host.mounts import unmounting
from mlamd.mount.backing import Backing
from mlamd.mount.courier import Courier
from mlamd.mount.forgetting import Forgetting
from mlamd.mount.loop import Mount
from mlamd.mount.operations import Operations
from mlamd.mount.witness import Witness


def serve(place: bytes, descriptor: int, listener: socket.socket, store: int, options: frozenset[str]) -> int:
    """Mount the directory that ``descriptor`` stands for over ``place``, until it is unmounted.

    Tells what is done there to who has come to ``listener`` last; the first, who has come already, is told if
    it cannot mount, and why. If that one ends, the mount stays: nobody who works there has to notice.
    ``store`` is a descriptor of the store, -1 if it lies elsewhere. Returns an exit status.
    """
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    link = b"/proc/%d/fd/%d" % (os.getpid(), store) if store >= 0 else b""
    backing = Backing(descriptor, link, strict="allow_other" in options)
    witness = Witness(backing)
    forget = Forgetting(backing).forget
    courier = Courier(listener, descriptor, witness.rows, witness.keeper, forget)
    courier.options = options
    try:
        mount = Mount(Operations(backing, witness, forget), os.fsdecode(place), options, courier)
    except OSError as error:
        courier.accept()
        courier.fail(str(error))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: detach(place))
    try:
        mount.run()
    finally:
        mount.close(unmount=False)
        courier.close()
        backing.close()
    return 0


def detach(place: bytes) -> None:
    """Take a mount away from its place, and do not wait: those who are in it may stay."""
    quiet = subprocess.DEVNULL
    subprocess.Popen(unmounting(place, lazy=True), stdin=quiet, stdout=quiet, stderr=quiet)
