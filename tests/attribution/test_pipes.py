"""Data between steps through pipes and socket pairs, and only through them."""

from mlamd.model import events
from mlamd.model.events import Via
from mlamd.model.evidence import Grade
from mlamd.model.processes import HeldFile
from tests.attribution.world import Node, World


def job(world: World, *commands: str) -> list[Node]:
    """Start a job of several programs under an interactive shell."""
    shell = world.shell()
    leader = shell / commands[0]
    return [leader, *(shell.start(command, group=leader.facts.group) for command in commands[1:])]


def test_steps_are_connected_by_a_pipe(world: World) -> None:
    cat, sort = job(world, "cat a", "sort -o b")
    cat.holds(writes="1")
    sort.holds(reads="1")
    world.reads("a", by=cat)
    world.writes("b", by=sort)
    book = world.settle()
    assert book.flows() == {("cat a", "sort -o b"): Via.PIPE}
    assert book.sources("b") == {"a"}


def test_a_filter_that_opens_no_file_is_a_step_that_carries_the_data(world: World) -> None:
    cat, tr, sort = job(world, "cat a", "tr x y", "sort -o b")
    cat.holds(writes="1")
    tr.holds(reads="1", writes="2")
    sort.holds(reads="2")
    world.reads("a", by=cat)
    world.writes("b", by=sort)
    book = world.settle()
    assert book.flows() == {("cat a", "tr x y"): Via.PIPE, ("tr x y", "sort -o b"): Via.PIPE}
    assert book.sources("b") == {"a"}


def test_a_parent_that_reads_its_childs_output_depends_on_it(world: World) -> None:
    parent = world.shell() / "python report.py"
    world.reads("report.py", by=parent)
    world.settle()
    child = parent / "python count.py"
    parent.holds(reads="1")
    child.holds(writes="1")
    world.reads("data.csv", by=child)
    world.settle()
    child.exit()
    world.writes("report", by=parent)
    book = world.settle()
    assert book.flows()["python count.py", "python report.py"] is Via.PIPE
    assert book.sources("report") == {"report.py", "data.csv"}


def test_a_look_at_both_ends_before_one_is_closed_does_not_hide_the_pipe(world: World) -> None:
    parent = world.shell() / "python report.py"
    world.reads("report.py", by=parent)
    parent.holds(reads="1", writes="1")
    world.poll()
    child = parent / "python count.py"
    child.holds(writes="1")
    parent.holds(reads="1")
    world.reads("data.csv", by=child)
    book = world.settle()
    assert book.flows()["python count.py", "python report.py"] is Via.PIPE


def test_a_socket_pair_connects_both_ways(world: World) -> None:
    parent = world.shell() / "python driver.py"
    world.reads("driver.py", by=parent)
    world.settle()
    child = parent / "python work.py"
    parent.holds(reads="s<", writes="s>")
    child.holds(reads="s>", writes="s<")
    world.reads("data", by=child)
    book = world.settle()
    assert {("python driver.py", "python work.py"), ("python work.py", "python driver.py")} <= set(
        book.flows()
    )


def test_processes_that_share_no_channel_are_not_connected(world: World) -> None:
    one, two = job(world, "cat a", "sort -o b")
    one.holds(writes="1")
    two.holds(reads="2")
    world.reads("a", by=one)
    world.writes("b", by=two)
    book = world.settle()
    one.exit()
    two.exit()
    assert world.settle().flows() == {}
    assert "a" not in book.sources("b")


def test_processes_that_write_to_one_pipe_are_not_connected_with_each_other(world: World) -> None:
    one, two = job(world, "python a.py", "python b.py")
    one.holds(writes="tty")
    two.holds(writes="tty")
    world.reads("a", by=one)
    world.writes("b", by=two)
    assert world.settle().flows() == {}


def test_an_anchor_at_the_other_end_is_not_connected(world: World) -> None:
    code = world.tree("code .").holds(reads="1")
    world.reads("notes", by=code)
    world.settle()
    child = (code / "python train.py").holds(writes="1")
    world.reads("data", by=child)
    world.settle()
    world.writes("notes", by=code)
    assert world.settle().flows() == {}


def test_processes_of_different_runs_are_not_connected(world: World) -> None:
    shell = world.shell()
    one = (shell / "python a.py").holds(writes="1")
    two = (shell / "python b.py").holds(reads="1")
    world.reads("a", by=one)
    world.writes("b", by=two)
    assert world.settle().flows() == {}


def test_two_pipelines_started_by_one_driver_stay_apart(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    world.settle()
    for source, sink in (("a", "b"), ("c", "d")):
        cat = (driver / f"cat {source}").holds(writes=source)
        sort = (driver / f"sort -o {sink}").holds(reads=source)
        world.reads(source, by=cat)
        world.settle()
        world.writes(sink, by=sort)
        world.settle()
        cat.exit()
        sort.exit()
        world.settle()
    book = world.settle()
    assert len(book.runs) == 1
    assert book.sources("b") == {"all.sh", "a"}
    assert book.sources("d") == {"all.sh", "c"}


def test_two_pipelines_of_one_driver_stay_apart_where_no_descriptor_could_be_read(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    world.settle()
    for source, sink in (("a", "b"), ("c", "d")):
        cat, sort = driver / f"cat {source}", driver / f"sort -o {sink}"
        world.reads(source, by=cat)
        world.settle()
        world.writes(sink, by=sort)
        world.settle()
        cat.exit()
        sort.exit()
        world.settle()
    book = world.settle()
    assert not {"a", "b"} & book.sources("d")
    assert not {"c", "d"} & book.sources("b")


def test_where_descriptors_were_not_read_the_steps_of_a_shell_job_are_joined_as_inferred(
    world: World,
) -> None:
    cat, sort = job(world, "cat a", "sort -o b")
    world.reads("a", by=cat)
    world.writes("b", by=sort)
    world.settle()
    cat.exit()
    sort.exit()
    book = world.settle()
    (flow,) = book.of(events.Flowed)
    assert (flow.via, flow.grade) == (Via.JOB, Grade.INFERRED)
    assert book.sources("b") == {"a"}


def test_one_unread_program_of_a_job_is_enough_to_join_it(world: World) -> None:
    cat, sort = job(world, "cat a", "sort -o b")
    sort.holds(reads="1")
    world.reads("a", by=cat)
    world.writes("b", by=sort)
    world.settle()
    cat.exit()
    sort.exit()
    assert world.settle().flows() == {("cat a", "sort -o b"): Via.JOB}


def test_programs_of_a_job_whose_descriptors_were_read_are_not_joined(world: World) -> None:
    one, two = job(world, "python a.py", "python b.py")
    one.holds(writes="1")
    two.holds(writes="2")
    world.reads("a", by=one)
    world.writes("b", by=two)
    world.settle()
    one.exit()
    two.exit()
    assert world.settle().flows() == {}


def test_a_pipe_is_named_only_once_however_often_it_is_seen(world: World) -> None:
    cat, sort = job(world, "cat a", "sort -o b")
    cat.holds(writes="1")
    sort.holds(reads="1")
    world.reads("a", by=cat)
    for _ in range(5):
        world.poll()
    world.writes("b", by=sort)
    world.settle()
    assert len(world.book.of(events.Flowed)) == 1


def test_what_an_image_held_before_exec_does_not_connect_the_next_one(world: World) -> None:
    driver = world.shell() / "bash x.sh"
    world.reads("x.sh", by=driver)
    first = (driver / "bash y.sh").holds(writes="1")
    world.poll()
    first.exec("python b.py").holds()
    second = (driver / "python c.py").holds(reads="1")
    world.reads("b", by=first)
    world.settle()
    world.writes("c", by=second)
    assert ("python b.py", "python c.py") not in world.settle().flows()


def test_workers_are_connected_as_their_step(world: World) -> None:
    parent = world.shell() / "python train.py"
    world.reads("train.py", by=parent)
    worker = parent.fork().holds(reads="1", writes="2")
    parent.holds(reads="2", writes="1")
    world.reads("data", by=worker)
    book = world.settle()
    assert book.flows() == {}, "a step is not connected with itself"
    assert book.steps == ["python train.py"]


def test_a_held_file_is_no_channel(world: World) -> None:
    one, two = job(world, "python a.py", "python b.py")
    one.holds(files=[HeldFile(b"/w/x", reads=False, writes=True)])
    two.holds(files=[HeldFile(b"/w/x", reads=True, writes=False)])
    world.reads("a", by=one)
    world.writes("b", by=two)
    assert world.settle().flows() == {}
