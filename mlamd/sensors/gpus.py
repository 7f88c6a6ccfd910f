"""Samples what living runs use of graphics processors, as often as ``sampling`` looks at them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlamd.host.gpus import GpuHost, GpuUse
from mlamd.model.observations import GpuSampled
from mlamd.model.processes import LivingRun
from mlamd.sensors.sampling import S, look_every_ns, report_every_ns


@dataclass(slots=True)
class _Stretch:
    """What was seen of one run on one GPU since the last report: sums and peaks of several looks."""

    from_ns: int
    name: str = ""
    looks: int = 0
    processes: int = 0
    utilisation: int = 0
    utilisation_looks: int = 0
    memory_bytes: int | None = None
    power_mw: int = 0
    power_looks: int = 0

    def add(self, use: GpuUse) -> None:
        self.name = use.name
        self.looks += 1
        self.processes = max(self.processes, use.processes)
        if use.utilisation_percent is not None:
            self.utilisation += use.utilisation_percent
            self.utilisation_looks += 1
        if use.memory_bytes is not None:
            self.memory_bytes = max(self.memory_bytes or 0, use.memory_bytes)
        if use.power_mw is not None:
            self.power_mw += use.power_mw
            self.power_looks += 1

    def report(self, run: int, gpu: int, now_ns: int) -> GpuSampled:
        return GpuSampled(
            now_ns,
            run,
            gpu,
            self.name,
            max(1, now_ns - self.from_ns),
            self.processes,
            round(self.utilisation / self.utilisation_looks) if self.utilisation_looks else None,
            self.memory_bytes,
            round(self.power_mw / self.power_looks) if self.power_looks else None,
        )


class GpuSampler:
    """Looks at the GPUs for runs that are due. To be used by one thread at a time."""

    def __init__(self, host: GpuHost) -> None:
        self._host = host
        self._looked_ns: dict[int, int] = {}
        self._stretches: dict[tuple[int, int], _Stretch] = {}

    def sample(self, living: Iterable[LivingRun], now_ns: int) -> list[GpuSampled]:
        """Look at the runs that are due; return what is to be reported, also of runs that are no more."""
        runs = {run.run: run for run in living}
        made = self._reported(now_ns, {key for key in self._stretches if key[0] not in runs})
        self._looked_ns = {run: at_ns for run, at_ns in self._looked_ns.items() if run in runs}
        for run in runs.values():
            age_ns = now_ns - run.started_ns
            last_ns = self._looked_ns.get(run.run, 0)
            if now_ns - last_ns < look_every_ns(age_ns) - S // 10:
                continue
            self._looked_ns[run.run] = now_ns
            for use in self._host.use([key.pid for key in run.processes]):
                place = run.run, use.gpu
                stretch = self._stretches.setdefault(place, _Stretch(max(last_ns, run.started_ns)))
                stretch.add(use)
            due = {
                place
                for place, stretch in self._stretches.items()
                if place[0] == run.run and now_ns - stretch.from_ns >= report_every_ns(age_ns)
            }
            made += self._reported(now_ns, due)
        return made

    def flush(self, now_ns: int) -> list[GpuSampled]:
        """Return what was not reported yet; nothing follows."""
        return self._reported(now_ns, set(self._stretches))

    def _reported(self, now_ns: int, places: set[tuple[int, int]]) -> list[GpuSampled]:
        return [self._stretches.pop(place).report(*place, now_ns) for place in sorted(places)]
