"""What machine this is, held against what psutil says."""

import os
import platform

import psutil

from mlamd.host.machine import machine


def test_this_machine() -> None:
    found = machine()
    assert found["kernel"] == platform.release()
    assert found["cores"] == os.cpu_count()
    if platform.system() == "Linux":
        assert found["memory_bytes"] == psutil.virtual_memory().total
