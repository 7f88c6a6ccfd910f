"""What machine this is, held against what psutil says."""

import os
import platform

import psutil

from mlamd.host.containers import Inside
from mlamd.host.machine import machine


def test_this_machine() -> None:
    found = machine(Inside())
    assert "container" not in found
    assert machine(Inside("podman", "0123")) == found | {"container": {"kind": "podman", "id": "0123"}}
    assert found["kernel"] == platform.release()
    assert found["cores"] == os.cpu_count()
    if platform.system() == "Linux":
        assert found["memory_bytes"] == psutil.virtual_memory().total
