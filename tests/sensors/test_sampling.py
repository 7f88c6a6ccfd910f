"""The sampler: when it looks, what it adds up, and what a week costs."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlamd.model.observations import RunSampled
from mlamd.model.processes import LivingRun
from mlamd.sensors.sampling import S, Sampler, joined, look_every_ns, report_every_ns
from tests.sensors.fakes import FakeUsage, UsedBy

BEGAN = 10**18
WEEK_S = 7 * 24 * 3600


class Watching:
    """One run, and a sampler that looks whenever it is due."""

    def __init__(self, cost_ns: int = 0, *, older: bool = False) -> None:
        self.host = FakeUsage(cost_ns)
        self.now_ns = BEGAN
        self.started_ns = BEGAN
        self.sampler = Sampler(self.host, BEGAN + older)
        self.made: list[RunSampled] = []

    def run(self) -> LivingRun:
        return LivingRun(7, self.started_ns, frozenset(self.host.living))

    def look(self) -> None:
        """Go on to the next look."""
        due_ns = self.sampler.next_ns([self.run()])
        assert due_ns is not None
        assert due_ns > self.now_ns
        self.now_ns = due_ns
        self.made += self.sampler.sample([self.run()], self.now_ns)

    def end(self) -> list[RunSampled]:
        self.made += self.sampler.sample([], self.now_ns + 1)
        return self.made

    def total_us(self) -> int:
        return sum(sample.user_us for sample in self.end())


def test_first_sample_after_a_second():
    watching = Watching()
    one = watching.host.start()
    two = watching.host.start(one)
    one.user_us, two.user_us, two.threads, two.written_bytes = 400_000, 100_000, 5, 33
    assert watching.sampler.sample([watching.run()], BEGAN + S - 1) == []
    watching.look()
    assert watching.made == [RunSampled(BEGAN + S, 7, S, 2, 6, 500_000, 0, 2000, 1800, 0, 33)]
    assert watching.host.kept == {one.key, two.key}
    one.user_us += 10
    watching.look()
    assert watching.made[1:] == [RunSampled(BEGAN + 2 * S, 7, S, 2, 6, 10, 0, 2000, None, 0, 0)]


def test_nothing_is_due_without_runs():
    sampler = Sampler(FakeUsage(), BEGAN)
    assert sampler.next_ns([]) is None
    assert sampler.sample([], BEGAN) == []
    assert sampler.flush() == []


def test_a_week_costs_little_and_leaves_nothing_out():
    """120 in the first two minutes, 120 ln 600 until 20 hours, then one every 10 minutes: 1,776."""
    bound = 120 + 120 * math.log(72_000 / 120) + (WEEK_S - 72_000) / 600
    watching = Watching()
    job = watching.host.start()
    while watching.now_ns < BEGAN + WEEK_S * S:
        job.user_us += 1
        watching.look()
    looks = watching.host.looks
    samples = watching.end()
    assert len(samples) < bound + 30 < 1810
    assert looks < 11_000
    assert sum(sample.span_ns for sample in samples) == watching.now_ns - BEGAN
    assert sum(sample.user_us for sample in samples) == job.user_us
    assert max(sample.span_ns for sample in samples) <= 660 * S


@pytest.mark.parametrize(
    ("age_s", "look_s", "report_s"),
    [(0, 1, 1), (119, 1, 1), (1200, 10, 10), (7200, 60, 60), (14_400, 60, 120), (10**6, 60, 600)],
)
def test_intervals(age_s, look_s, report_s):
    assert look_every_ns(age_s * S) == look_s * S
    assert report_every_ns(age_s * S) == report_s * S


def test_peaks_of_looks_that_are_joined_are_kept():
    watching = Watching()
    job = watching.host.start()
    made = []
    for minute in range(25):
        job.rss_bytes = 5000 if minute == 13 else 1000
        made += watching.sampler.sample([watching.run()], BEGAN + (6000 + minute) * 60 * S)
    assert [sample.rss_bytes for sample in made] == [1000, 1000, 5000]
    assert [sample.span_ns // (60 * S) for sample in made] == [6000, 10, 10]


@pytest.mark.parametrize("processes", [1, 10, 1000])
def test_slow_looks_put_off_the_next_one(processes):
    """Processor time of looking stays below 0.5 % of one core, whatever a look costs."""
    watching = Watching(cost_ns=500_000)
    for _ in range(processes):
        watching.host.start()
    for _ in range(300):
        watching.look()
    spent = watching.host.spent_ns() - processes * 101 * watching.host.cost_ns
    assert spent / (watching.now_ns - BEGAN - S) <= 0.005


def test_run_that_is_older_than_the_recorder_counts_from_the_first_look():
    watching = Watching(older=True)
    job = watching.host.start()
    job.user_us = 10**9
    watching.look()
    assert watching.made == []
    job.user_us += 5
    watching.look()
    assert [(sample.user_us, sample.span_ns) for sample in watching.made] == [(5, S)]


def test_child_that_was_waited_for_is_not_counted_twice():
    watching = Watching()
    job = watching.host.start()
    child = watching.host.start(job)
    child.user_us = child.written_bytes = 100
    watching.look()
    child.user_us = child.written_bytes = 130
    watching.host.end(child, job)
    watching.look()
    assert [sample.user_us for sample in watching.made] == [100, 30]
    assert [sample.written_bytes for sample in watching.made] == [100, 30]


def test_child_that_nobody_saw_counts_when_it_was_waited_for():
    watching = Watching()
    job = watching.host.start()
    watching.look()
    child = watching.host.start(job)
    child.user_us = 50
    watching.host.end(child, job)
    watching.look()
    assert watching.total_us() == 50


def test_child_that_was_waited_for_late():
    watching = Watching()
    job = watching.host.start()
    child = watching.host.start(job)
    child.user_us = 100
    watching.look()
    watching.host.end(child)
    job.user_us += 1
    watching.look()
    job.children_us += 120
    watching.look()
    assert watching.total_us() == 121


def test_child_that_is_never_waited_for_hides_nothing_of_its_parent():
    watching = Watching()
    job = watching.host.start()
    child = watching.host.start(job)
    child.user_us = 100
    watching.look()
    watching.host.end(child)
    job.user_us = 70
    watching.look()
    assert watching.total_us() == 170


def test_process_that_cannot_be_looked_at():
    watching = Watching()
    job = watching.host.start()
    job.user_us = 10
    other = watching.host.start()
    key = other.key
    del watching.host.living[key]
    run = LivingRun(7, BEGAN, frozenset({job.key, key}))
    assert [sample.processes for sample in watching.sampler.sample([run], BEGAN + S)] == [1]
    nobody = LivingRun(8, BEGAN, frozenset({key}))
    assert watching.sampler.sample([run, nobody], BEGAN + S) == []


def test_pss_is_looked_at_again_when_memory_grows():
    watching = Watching()
    job = watching.host.start()
    for size in (1000, 1010, 2000, 2000):
        job.rss_bytes = size
        watching.look()
    for _ in range(10):
        watching.look()
    looked = [number for number, sample in enumerate(watching.made) if sample.pss_bytes is not None]
    assert looked == [0, 2, 12]


def test_pss_is_unknown_if_that_of_one_process_is():
    watching = Watching()
    watching.host.start()
    watching.host.start().pss_bytes = None
    watching.look()
    assert watching.made[0].pss_bytes is None


_deed = st.tuples(
    st.sampled_from(["work", "work", "start", "end", "orphan", "look", "look"]), st.integers(0, 9)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_deed, max_size=40))
def test_samples_never_count_too_much_and_nothing_that_was_waited_for_is_lost(deeds):
    watching = Watching()
    root = watching.host.start()
    people: list[UsedBy] = [root]
    real = lost = 0
    for verb, number in deeds:
        who = people[number % len(people)]
        childless = all(other.parent != who.key.pid for other in people)
        if verb == "work":
            who.user_us += number
            real += number
        elif verb == "start":
            people.append(watching.host.start(who))
        elif verb in {"end", "orphan"} and who is not root and childless:
            parent = next(other for other in people if other.key.pid == who.parent)
            people.remove(who)
            watching.host.end(who, parent if verb == "end" else None)
            lost += 0 if verb == "end" else who.user_us + who.children_us
        elif verb == "look":
            watching.look()
    watching.look()
    assert real - lost <= watching.total_us() <= real


def _samples() -> st.SearchStrategy[RunSampled]:
    number = st.integers(0, 2**40)
    pss = st.none() | number
    return st.builds(
        RunSampled, number, st.just(1), number, number, number, number, number, number, pss, number, number
    )


@given(_samples(), _samples(), _samples())
def test_it_does_not_matter_in_which_order_adjacent_samples_are_joined(one, two, three):
    assert joined(joined(one, two), three) == joined(one, joined(two, three))
    both = joined(one, two)
    assert (both.at_ns, both.span_ns) == (two.at_ns, one.span_ns + two.span_ns)
    assert both.rss_bytes == max(one.rss_bytes, two.rss_bytes)
    assert both.user_us == one.user_us + two.user_us
