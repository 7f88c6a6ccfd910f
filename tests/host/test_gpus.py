"""What processes use of GPUs, asked of a library that answers as NVML does; and of the real one."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from mlamd.host.gpus import GpuUse, Nvml, gpu_host


class FakeNvml:
    """Two cards: process 7 computes on both, 8 on the second; the first does not tell its power."""

    class NVMLError(Exception):
        """As in ``pynvml``."""

    class NVMLError_NotFound(NVMLError):  # noqa: N801, N818  (its name in pynvml)
        """As in ``pynvml``."""

    def __init__(self) -> None:
        self.broken = False
        self.running = {0: [(7, 1000)], 1: [(7, 500), (8, 2000), (9, None)]}
        self.utilisation: dict[int, list[tuple[int, int, int]]] = {
            1: [(7, 300_000, 90), (7, 200_000, 30), (8, 200_000, 50), (8, 9_000_000, 70)]
        }
        """Of each card process, how long ago in microseconds, and share in percent."""

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes | str:  # noqa: N802
        return b"card 0" if handle == 0 else "card 1"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        if self.broken:
            raise self.NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.running[handle]]

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        if handle == 0:
            raise self.NVMLError
        return 250_000

    def nvmlDeviceGetProcessUtilization(self, handle: int, since_us: int) -> list[Any]:  # noqa: N802
        now_us = time.time_ns() // 1000
        found = [
            SimpleNamespace(pid=pid, timeStamp=now_us - ago_us, smUtil=share)
            for pid, ago_us, share in self.utilisation.get(handle, [])
            if now_us - ago_us > since_us
        ]
        if not found:
            raise self.NVMLError_NotFound
        return found


def test_only_what_the_asked_processes_use_counts() -> None:
    host = Nvml(FakeNvml())
    assert host.use([7, 8]) == [
        GpuUse(0, "card 0", 1, 0, 1000, None),
        GpuUse(1, "card 1", 2, 80, 2500, 250_000),
    ]
    assert host.use([5]) == []


def test_each_run_is_asked_for_on_its_own() -> None:
    host = Nvml(FakeNvml())
    shares = [use.utilisation_percent for pid in (7, 8) for use in host.use([pid]) if use.gpu == 1]
    assert shares == [30, 50]


def test_memory_that_the_driver_does_not_tell_is_unknown() -> None:
    assert Nvml(FakeNvml()).use([9])[0].memory_bytes is None


def test_a_card_that_does_not_answer_is_left_out() -> None:
    library = FakeNvml()
    host = Nvml(library)
    library.broken = True
    assert host.use([7]) == []


def test_the_real_library() -> None:
    host = gpu_host()
    if host is None:
        pytest.skip("no NVIDIA card, or no driver")
    assert host.use([1 << 30]) == []
