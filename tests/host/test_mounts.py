"""The mount table, as proc_pid_mountinfo(5) describes it."""

import subprocess
from pathlib import Path

import pytest

from mlamd.host.mounts import filesystem_of, is_network, mount_at

_TABLE = """
20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 0:5 / /net rw - nfs4 server:/ rw
22 21 0:6 / /net/local rw - xfs /dev/sdb rw
23 20 0:7 / /with\\040space rw - cifs //server/x rw
24 20 0:8 / /twice rw - tmpfs a rw
25 20 0:9 / /twice rw - fuse.sshfs b rw
a line that means nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/somebody", "ext4"),
        ("/net", "nfs4"),
        ("/net/deep/below", "nfs4"),
        ("/network", "ext4"),
        ("/net/local/x", "xfs"),
        ("/with space/x", "cifs"),
        ("/twice", "fuse.sshfs"),
    ],
)
def test_deepest_and_last_mount_counts(path, kind):
    assert filesystem_of(Path(path), _TABLE) == kind
    assert is_network(Path(path), _TABLE) == (kind in {"nfs4", "cifs", "fuse.sshfs"})


def test_this_machine(tmp_path):
    expected = subprocess.run(
        ["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True
    )
    assert filesystem_of(tmp_path).startswith(expected.stdout.split("/")[0].strip()[:3])


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/home/dépôt eins", "mlamd"),
        ("/twice", "fuse.sshfs"),
        ("/home/dépôt", ""),
        ("/with space", "cifs"),
        ("/net/deep", ""),
    ],
)
def test_what_is_mounted_exactly_there(place, kind):
    table = _TABLE + "26 20 0:10 / /home/dépôt\\040eins rw - fuse mlamd rw\n"
    assert mount_at(place.encode(), table) == kind
