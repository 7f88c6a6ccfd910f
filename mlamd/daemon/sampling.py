"""The task that samples the living processes of runs while there are any."""

from collections.abc import Callable

import trio

from mlamd.host.clock import Clock
from mlamd.model.observations import GpuSampled, RunSampled
from mlamd.model.processes import LivingRun
from mlamd.sensors.gpus import GpuSampler
from mlamd.sensors.sampling import S, Sampler

_ASK_NS = S
"""How often at most it is asked who is alive."""


async def sample_runs(
    sampler: Sampler,
    living: Callable[[], list[LivingRun]],
    polled: Callable[[], trio.Event],
    deliver: Callable[[RunSampled | GpuSampled], None],
    clock: Clock,
    gpus: GpuSampler | None = None,
) -> None:
    """Sample for ever, in a worker thread; what is left is delivered when the task is cancelled.

    ``polled`` gives an event that is set by the next look at the processes. While no run lives it wakes
    with these looks only, and once after a look that came too soon after another.
    """
    asked_ns = 0
    again_ns: int | None = None
    runs: list[LivingRun] = []
    try:
        while True:
            due_ns = sampler.next_ns(runs)
            until_ns = min((at_ns for at_ns in (due_ns, again_ns) if at_ns is not None), default=None)
            wait_s = float("inf") if until_ns is None else max(0, until_ns - clock.now_ns()) / S
            with trio.move_on_after(wait_s):
                await polled().wait()
            now_ns = clock.now_ns()
            due = due_ns is not None and now_ns >= due_ns
            if not due and 0 <= now_ns - asked_ns < _ASK_NS:
                again_ns = asked_ns + _ASK_NS
                continue
            again_ns = None
            asked_ns, had = now_ns, bool(runs)
            runs = living()
            if runs or had:
                for observation in await trio.to_thread.run_sync(sampler.sample, runs, now_ns):
                    deliver(observation)
                if gpus is not None:
                    for use in await trio.to_thread.run_sync(gpus.sample, runs, now_ns):
                        deliver(use)
    finally:
        for observation in sampler.flush():
            deliver(observation)
        for use in gpus.flush(clock.now_ns()) if gpus is not None else ():
            deliver(use)
