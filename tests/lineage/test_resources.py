"""What a run used: exact where it was accounted for, a least where it was sampled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlamd.catalog.fold import fold
from mlamd.catalog.overlay import Empty, Overlay
from mlamd.lineage.resources import Resources, columns, resources
from mlamd.lineage.view import View
from mlamd.model import events
from tests.story import S, Story


def _answer(story: Story, run: int = 1) -> Resources:
    tables = Overlay(Empty())
    fold(tables, 1, story.events)
    view = View(tables)
    return resources(view, view.run(run))


@pytest.fixture
def run(story):
    story.session()
    return story.run("python a.py", 10)


def test_nothing_is_known(story, run):
    story.end(run, [story.step(run, at=10)], 20)
    answer = _answer(story)
    assert (answer.source, answer.complete, answer.cpu_us, answer.cpu_percent) == ("none", False, None, None)
    assert (answer.wall_ns, answer.read_bytes, answer.processes) == (10 * S, None, None)
    assert answer.peaks.rss_bytes is None
    assert {column.cpu_percent for column in columns(answer, 10)} == {None}


def test_accounted_for(story, run):
    steps = [story.step(run, f"python {name}", 10) for name in "ab"]
    for step in steps:
        story.use(step, 15)
        story.use(step, 20, block_delay_ns=5)
    story.sample(run, 12, user_us=60_000_000)
    story.end(run, steps, 20)
    answer = _answer(story)
    assert (answer.source, answer.complete) == ("accounting", True)
    assert (answer.user_us, answer.system_us, answer.processes) == (4_000_000, 2_000_000, 4)
    assert (answer.read_bytes, answer.written_bytes, answer.block_delay_ns) == (20, 40, 10)
    assert answer.cpu_percent == 60
    assert (answer.peaks.process_rss_bytes, answer.peaks.rss_bytes) == (3_000_000, 4_000_000)
    assert [usage is not None and usage.processes for _, usage in answer.steps] == [2, 2]


def test_step_that_nobody_accounted_for(story, run):
    steps = [story.step(run, f"python {name}", 10) for name in "ab"]
    story.use(steps[0], 20)
    story.end(run, steps, 20)
    answer = _answer(story)
    assert (answer.source, answer.complete, answer.user_us) == ("accounting", False, 2_000_000)
    story.sample(run, 12, user_us=60_000_000)
    answer = _answer(story)
    assert (answer.source, answer.complete, answer.user_us) == ("both", False, 60_000_000)
    assert answer.system_us == 1_000_000


def test_process_that_ran_two_programs_is_accounted_for_once(story, run):
    first = story.step(run, "bash a.sh", 10)
    started = story.events[-1]
    assert isinstance(started, events.StepStarted)
    story._steps += 1
    second = story._steps
    story.events.append(
        events.StepStarted(second, run, 11 * S, started.boot, started.pid, started.start, 1, 1, 1)
    )
    story.use(second, 20)
    story.end(run, [first, second], 20)
    answer = _answer(story)
    assert answer.complete
    assert [usage is None for _, usage in answer.steps] == [True, False]


def test_sampled(story, run):
    step = story.step(run, at=10)
    story.sample(run, 12)
    story.sample(run, 13, pss_bytes=None)
    story.end(run, [step], 20)
    answer = _answer(story)
    assert (answer.source, answer.complete) == ("samples", False)
    assert (answer.cpu_us, answer.read_bytes, answer.block_delay_ns) == (3_000_000, 2, None)
    assert (answer.peaks.pss_bytes, answer.peaks.processes, answer.peaks.threads) == (3_000_000, 2, 4)


def test_living_run_lasts_until_the_newest_that_is_known(story, run):
    story.step(run, at=10)
    story.use(1, 12)
    story.sample(run, 14)
    answer = _answer(story)
    assert (answer.wall_ns, answer.complete, answer.source) == (4 * S, False, "both")


def test_samples_of_another_run_do_not_count(story, run):
    other = story.run("python b.py", 10)
    story.sample(other, 12)
    assert _answer(story, run).samples == ()
    assert len(_answer(story, other).samples) == 1


def test_columns_show_where_nobody_looked(story, run):
    story.sample(run, 11)
    story.sample(run, 13)
    story.end(run, [], 14)
    assert [column.cpu_percent for column in columns(_answer(story), 4)] == [150, None, 150, None]
    assert [column.rss_bytes for column in columns(_answer(story), 2)] == [4_000_000, 4_000_000]


_spans = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20), st.integers(0, 10**9)), max_size=20)


@given(_spans, st.integers(1, 200), st.integers(1, 50))
def test_columns_lose_no_processor_time(spans, count, rest):
    story = Story()
    run = story.run("python a.py", 10)
    at_ns = 10 * S
    covered = 0
    for pause, span, user_us in spans:
        at_ns += (pause + span) * S // 7
        span_ns = span * S // 7
        covered += span_ns
        story.events.append(events.Sampled(run, at_ns, span_ns, 1, 1, user_us, 0, 5, None, 0, 0))
    story.events.append(events.RunEnded(run, at_ns + rest, 0))
    answer = _answer(story)
    shown = columns(answer, count)
    assert len(shown) == count
    assert all((column.cpu_percent is None) == (column.rss_bytes is None) for column in shown)
    highest = max((column.cpu_percent or 0 for column in shown), default=0)
    rates = [100_000 * user_us / (span * S // 7) for _, span, user_us in spans]
    assert highest <= max(rates, default=0) * 1.000001
    if spans and covered:
        assert any(column.rss_bytes == 5 for column in shown)


def test_gpus_have_averages_over_time_and_peaks(story, run):
    for at, span, share, memory in ((11, 1, 20, 100), (14, 3, 60, 300)):
        story.events.append(
            events.GpuSampled(run, at * S, 0, "card", span * S, 1, share, memory, None),
        )
    (gpu,) = _answer(story).gpus
    assert (gpu.gpu, gpu.name, gpu.utilisation_percent, gpu.memory_bytes, gpu.power_mw) == (
        0,
        "card",
        50.0,
        300,
        None,
    )
    assert [sample.at_ns for sample in gpu.samples] == [11 * S, 14 * S]
