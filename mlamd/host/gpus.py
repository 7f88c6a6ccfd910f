"""What processes use of graphics processors, through NVIDIA's management library (NVML).

Source: the NVML API reference (``nvmlDeviceGetComputeRunningProcesses``, ``nvmlDeviceGetProcessUtilization``,
``nvmlDeviceGetPowerUsage``). The binding ``pynvml`` comes with the extra ``gpu``, the library with the
driver.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

_WINDOW_US = 2_000_000


class GpuUse(NamedTuple):
    """What some processes use of one GPU now; None where the driver does not tell.

    ``utilisation_percent`` is the share of the time in which a kernel of theirs ran, ``memory_bytes`` what
    they have allocated, ``power_mw`` what the whole card draws.
    """

    gpu: int
    name: str
    processes: int
    utilisation_percent: int | None
    memory_bytes: int | None
    power_mw: int | None


class GpuHost(Protocol):
    """What is asked about graphics processors."""

    def use(self, pids: Collection[int]) -> list[GpuUse]:
        """Return what these processes use, for each GPU that any of them uses."""
        ...


class Nvml:
    """NVIDIA's cards; ``library`` is ``pynvml``, initialised. To be used by one thread at a time."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handles = [library.nvmlDeviceGetHandleByIndex(n) for n in range(library.nvmlDeviceGetCount())]
        self._names = [_text(library.nvmlDeviceGetName(handle)) for handle in self._handles]

    def use(self, pids: Collection[int]) -> list[GpuUse]:
        """See ``GpuHost``. A card that does not answer is left out."""
        wanted = frozenset(pids)
        found = []
        for gpu, handle in enumerate(self._handles):
            with suppress(self._library.NVMLError):
                use = self._of_card(gpu, handle, wanted)
                if use is not None:
                    found.append(use)
        return found

    def _of_card(self, gpu: int, handle: Any, wanted: frozenset[int]) -> GpuUse | None:
        library = self._library
        running = [one for one in library.nvmlDeviceGetComputeRunningProcesses(handle) if one.pid in wanted]
        if not running:
            return None
        sizes = [one.usedGpuMemory for one in running]
        power_mw = None
        with suppress(library.NVMLError):
            power_mw = int(library.nvmlDeviceGetPowerUsage(handle))
        return GpuUse(
            gpu,
            self._names[gpu],
            len(running),
            self._utilisation(handle, wanted),
            None if None in sizes else sum(sizes),
            power_mw,
        )

    def _utilisation(self, handle: Any, wanted: frozenset[int]) -> int | None:
        """Add up the newest share of each process of the last two seconds.

        The driver keeps its samples for some seconds, so that each run can be asked for on its own.
        """
        since_us = time.time_ns() // 1000 - _WINDOW_US
        try:
            samples = self._library.nvmlDeviceGetProcessUtilization(handle, since_us)
        except self._library.NVMLError_NotFound:
            return 0  # nobody computed since then
        except self._library.NVMLError:
            return None
        newest = {one.pid: one for one in sorted(samples, key=lambda one: one.timeStamp)}
        return min(100, sum(int(one.smUtil) for pid, one in newest.items() if pid in wanted))


def gpu_host() -> GpuHost | None:
    """Return what tells of this machine's GPUs, None where there are none, or nobody can tell."""
    try:
        import pynvml  # noqa: PLC0415  (an extra)

        pynvml.nvmlInit()
        return Nvml(pynvml)
    except Exception:  # noqa: BLE001  (no binding, no driver, no card: each fails in its own way)
        return None


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
