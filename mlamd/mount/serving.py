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


def serve(
    place: bytes, descriptor: int, channel: socket.socket, store_link: bytes, options: frozenset[str]
) -> int:
    """Mount the directory that ``descriptor`` stands for over ``place``, until it is unmounted.

    Tells what is done there through the channel, and first, if it cannot mount, why. When nobody listens any
    more it detaches the mount: who is in it goes on, and everybody else comes to the plain directory.
    Returns an exit status.
    """
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    backing = Backing(descriptor, store_link)
    witness = Witness(backing)
    forget = Forgetting(backing).forget
    courier = Courier(channel, witness.rows, witness.keeper, lambda: detach(place), forget)
    try:
        mount = Mount(Operations(backing, witness), os.fsdecode(place), options, courier)
    except OSError as error:
        courier.fail(str(error))
        return 1
    signal.signal(signal.SIGTERM, lambda *_: detach(place))
    try:
        mount.run()
    finally:
        mount.close(unmount=False)
        backing.close()
    return 0


def detach(place: bytes) -> None:
    """Take a mount away from its place, and do not wait: those who are in it may stay."""
    quiet = subprocess.DEVNULL
    subprocess.Popen(unmounting(place, lazy=True), stdin=quiet, stdout=quiet, stderr=quiet)
