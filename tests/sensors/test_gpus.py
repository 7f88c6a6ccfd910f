"""Samples of GPUs: one a second at first, sums and peaks joined later."""

from collections.abc import Collection

from mlamd.host.gpus import GpuUse
from mlamd.model.processes import LivingRun, ProcessKey
from mlamd.sensors.gpus import GpuSampler
from mlamd.sensors.sampling import S


class Cards:
    """A GPU on which everything that is asked about computes."""

    def __init__(self) -> None:
        self.use_now = GpuUse(0, "card", 1, 50, 1000, 200)
        self.asked: list[list[int]] = []

    def use(self, pids: Collection[int]) -> list[GpuUse]:
        self.asked.append(sorted(pids))
        return [self.use_now] if pids else []


RUN = LivingRun(3, 10 * S, frozenset({ProcessKey("b", 7, 1), ProcessKey("b", 8, 1)}))


def test_a_look_a_second_at_first() -> None:
    cards = Cards()
    sampler = GpuSampler(cards)
    made = [one for second in range(11, 15) for one in sampler.sample([RUN], second * S)]
    assert cards.asked == [[7, 8]] * 4
    assert [(one.at_ns, one.run, one.gpu, one.span_ns, one.utilisation_percent) for one in made] == [
        (second * S, 3, 0, S, 50) for second in range(11, 15)
    ]


def test_what_is_joined_has_averages_and_peaks() -> None:
    cards = Cards()
    sampler = GpuSampler(cards)
    old = RUN._replace(started_ns=0)
    now = 10 * 3600 * S  # looks are 60 s apart then, reports 300 s
    made = []
    for number in range(6):
        cards.use_now = GpuUse(0, "card", 1, 10 * number, 1000 + number, None)
        made += sampler.sample([old], now + number * 60 * S)
    made += sampler.flush(now + 360 * S)
    assert sum(one.memory_bytes == 1005 for one in made) == 1
    assert all(one.power_mw is None for one in made)
    assert len(made) < 6


def test_a_run_that_ended_is_reported_once() -> None:
    cards = Cards()
    sampler = GpuSampler(cards)
    old = RUN._replace(started_ns=0)
    made = sampler.sample([old], 10 * 3600 * S)
    left = sampler.sample([], 10 * 3600 * S + S)
    assert sampler.sample([], 10 * 3600 * S + 2 * S) == []
    assert sampler.flush(0) == []
    assert len(made) + len(left) == 1


def test_a_run_that_uses_no_card_makes_nothing() -> None:
    cards = Cards()
    sampler = GpuSampler(cards)
    idle = RUN._replace(processes=frozenset())
    assert sampler.sample([idle], 20 * S) == []
