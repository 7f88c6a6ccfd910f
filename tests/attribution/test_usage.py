"""Accounting is charged to the right step, once, whenever it comes; the living of a run are told."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mlamd.attribution.state import Totals
from mlamd.model import observations as seen
from tests.attribution.world import MS, Node, S, World


def accounts(node: Node, user_us: int = 10, *, peak: int = 100, delay_ns: int | None = None) -> None:
    """Let the kernel tell what a process used."""
    world = node.world
    world.see(
        seen.ProcessUsed(world.clock.now_ns(), node.key, user_us, user_us // 2, peak, 3, 4, delay_ns, 1)
    )


def uses(node: Node, user_us: int, *, before: bool, **rest: int | None) -> None:
    """End, with the accounting before or after the end."""
    if before:
        accounts(node, user_us, **rest)
    node.exit()
    if not before:
        accounts(node, user_us, **rest)


def test_process_counts_for_its_own_step(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    uses(job, 1000, before=True, peak=77, delay_ns=5)
    used = world.settle().used("python a.py")
    assert (used.processes, used.user_us, used.system_us) == (1, 1000, 500)
    assert (used.peak_rss_bytes, used.read_bytes, used.written_bytes) == (77, 3, 4)
    assert used.block_delay_ns == 5


def test_accounting_that_comes_after_the_process_was_settled(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    job.exit()
    world.settle()
    accounts(job, 1000)
    assert world.settle().used("python a.py").user_us == 1000
    accounts(job, 1000)
    world.tick(60 * S)
    assert world.settle().used("python a.py").user_us == 1000


def test_helper_that_touched_nothing_counts_for_the_step_above(world):
    make = world.shell() / "make"
    world.poll()
    world.reads("Makefile", by=make)
    job = make / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    helper = job / "date" / "sort"
    world.poll()
    uses(helper, 7, before=False)
    other = make / "sleep 1"
    world.poll()
    uses(other, 11, before=True)
    uses(job, 100, before=False, peak=5)
    make.exit()
    book = world.settle()
    assert (book.used("python a.py").user_us, book.used("python a.py").processes) == (107, 2)
    assert book.used("python a.py").peak_rss_bytes == 100
    assert (book.used("make").user_us, book.used("make").processes) == (11, 1)


def test_helper_that_ended_before_its_run_had_a_step(world):
    shell = world.shell()
    make = shell / "make"
    early = make / "uname"
    world.poll()
    uses(early, 7, before=True)
    world.settle()
    job = make / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    uses(job, 100, before=False)
    used = world.settle().used("python a.py")
    assert (used.user_us, used.processes) == (107, 2)


def test_part_of_a_pipeline_that_touched_nothing_counts_for_its_run(world):
    shell = world.shell()
    job = shell / "python a.py"
    head = shell.start("cat elsewhere", group=job.facts.group, cwd="/tmp")
    world.poll()
    world.writes("a", by=job)
    world.poll()
    uses(head, 7, before=False)
    uses(job, 100, before=False)
    assert world.settle().used("python a.py").user_us == 107


def test_strangers_and_other_jobs_count_for_nobody(world):
    shell = world.shell()
    job = shell / "python a.py"
    other = shell / "sleep 9"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    uses(other, 7, before=True)
    accounts(Node(world, other.facts, None), 5)
    uses(job, 100, before=True)
    assert world.settle().used("python a.py").user_us == 100


def test_forks_count_for_their_parents_step(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    workers = [job.fork() for _ in range(3)]
    world.poll()
    for worker in workers:
        uses(worker, 10, before=False)
    uses(job, 100, before=False)
    used = world.settle().used("python a.py")
    assert (used.processes, used.user_us) == (4, 130)


def test_long_step_is_told_now_and_then(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    for _ in range(600):
        child = job / "date"
        world.poll()
        uses(child, 1, before=True)
        world.tick(S)
        world.settle()
    book = world.drain()
    told = [event for event in book.events if type(event).__name__ == "Used"]
    assert 10 <= len(told) <= 80
    assert told == sorted(told, key=lambda event: event.user_us)
    job.exit()
    assert world.settle().used("python a.py").user_us == 600


def test_new_recorder_goes_on_with_what_the_last_one_stored(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    child = job / "date"
    world.poll()
    uses(child, 7, before=True)
    world.finish()
    other = world.restarted()
    other.poll()
    other.writes("b", by=job)
    other.poll()
    uses(job, 100, before=False)
    used = other.settle().used("python a.py")
    assert (used.processes, used.user_us) == (2, 107)


def test_recorder_that_stops_tells_what_it_knows(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    for number in (1, 2):
        child = job / f"date {number}"
        world.poll()
        uses(child, number, before=True)
        world.settle()
    assert world.drain().used("python a.py").user_us == 1
    assert world.finish().used("python a.py").user_us == 3


def test_unknown_delays_stay_unknown_and_known_ones_are_added():
    totals = Totals()
    for delay in (None, 3, None, 4):
        totals.join(Totals(1, 1, 1, 1, 1, 1, delay))
    assert (totals.processes, totals.block_delay_ns) == (4, 7)
    assert Totals.of(totals.event(5, 6)).event(5, 6) == totals.event(5, 6)
    assert Totals(1).event(1, 1).block_delay_ns is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.booleans()), max_size=12), st.booleans())
def test_every_accounting_of_a_run_is_counted_once(children, who):
    """Whatever touched files, whoever ended first, and whenever the accounting came."""
    world = World(identified=who)
    make = world.shell() / "make"
    nodes, due = [make], []
    for number, (touches, above, before) in enumerate(children):
        parent = nodes[above % len(nodes)]
        child = parent / f"python {number}.py"
        nodes.append(child)
        world.poll()
        if touches:
            world.writes(f"out{number}", by=child)
            world.poll()
        due.append((child, 2**number, before))
    world.writes("last", by=make)
    world.poll()
    for child, user_us, before in reversed(due):
        uses(child, user_us, before=before)
        if user_us % 3:
            world.settle()
    make.exit()
    book = world.settle()
    newest = {event.step: event for event in book.events if type(event).__name__ == "Used"}
    assert sum(event.user_us for event in newest.values()) == 2 ** len(children) - 1


def test_living_are_told_with_those_that_touched_nothing(world):
    shell = world.shell()
    assert world.attributor.living() == []
    job = shell / "python a.py"
    helper = job / "date"
    editor = shell / "vim b"
    world.poll()
    assert world.attributor.living() == []
    world.writes("a", by=job)
    world.writes("b", by=editor)
    (run,) = [run for run in world.settle().runs if run.kind == "job"]
    ((number, started_ns, keys),) = world.attributor.living()
    assert (number, started_ns, keys) == (run.number, job.facts.started_ns, {job.key, helper.key})
    job.exit()
    world.tick(100 * MS)
    world.poll()
    assert [living.processes for living in world.attributor.living()] == [{helper.key}]
    helper.exit()
    world.settle()
    assert world.attributor.living() == []


def test_who_works_for_a_step_is_told_with_it(world):
    """The step's own process comes first; a program of another step, or of none, is not among them."""
    launcher = world.shell() / "/usr/bin/python3 /usr/bin/torchrun --nproc 2 train.py"
    worker = launcher / "/usr/bin/python3 -u train.py"
    launcher / "date"
    world.poll()
    world.writes("a", by=launcher)
    world.writes("b", by=worker)
    (step,) = [event.step for event in world.settle().events if type(event).__name__ == "StepStarted"]
    assert world.attributor.at_work([step]) == {step: [launcher.key, worker.key]}
    assert world.attributor.at_work([]) == {}
    worker.exit()
    world.settle()
    assert world.attributor.at_work([step, 77]) == {step: [launcher.key]}
    launcher.exec("python other.py")
    world.tick(100 * MS)
    world.poll()
    world.settle()
    assert world.attributor.at_work([step]) == {}


def test_living_of_a_pipeline_are_one_run(world):
    shell = world.shell()
    job = shell / "python a.py"
    head = shell.start("cat elsewhere", group=job.facts.group, cwd="/tmp")
    shell / "sleep 9"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    assert [living.processes for living in world.attributor.living()] == [{job.key, head.key}]


def test_samples_become_events(world):
    job = world.shell() / "python a.py"
    world.poll()
    world.writes("a", by=job)
    world.poll()
    world.see(seen.RunSampled(9, 1, 8, 1, 2, 3, 4, 5, None, 6, 7))
    (event,) = [event for event in world.drain().events if type(event).__name__ == "Sampled"]
    assert (event.run, event.at_ns, event.span_ns, event.pss_bytes) == (1, 9, 8, None)
