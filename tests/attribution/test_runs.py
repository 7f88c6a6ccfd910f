"""Steps carry the edges, a run only groups them; what a parent hands its children; ends and restarts."""

import pytest

from mlamd.model import events
from mlamd.model.evidence import Grade
from tests.attribution.world import MS, World

WORKERS = {
    "multiprocessing spawn": (
        "python train.py",
        (
            "/usr/bin/python3 -c 'from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=7)'"
            " --multiprocessing-fork"
        ),
    ),
    "multiprocessing forkserver": (
        "python train.py",
        "/usr/bin/python3 -c 'from multiprocessing.forkserver import main; main(6, 7)'",
    ),
    "loky": (
        "python train.py",
        "/usr/bin/python3 -m joblib.externals.loky.backend.popen_loky_posix --process-name LokyProcess-1",
    ),
    "torchrun": ("/usr/bin/python3 /usr/bin/torchrun --nproc 2 train.py", "/usr/bin/python3 -u train.py"),
    "torch.distributed.run": (
        "/usr/bin/python3 -m torch.distributed.run train.py",
        "/usr/bin/python3 -u train.py",
    ),
    "accelerate": ("/usr/bin/python3 /usr/bin/accelerate launch train.py", "/usr/bin/python3 train.py"),
    "accelerate module": (
        "/usr/bin/python3 -m accelerate.commands.launch train.py",
        "/usr/bin/python3 train.py",
    ),
}


def test_a_step_is_one_program_image(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    world.settle()
    for name in ("prepare", "train"):
        child = driver / f"python {name}.py"
        world.reads(f"{name}.py", by=child)
        world.settle()
        child.exit()
    book = world.settle()
    assert book.steps == ["bash all.sh", "python prepare.py", "python train.py"]
    assert ("train.py", "python train.py") in book.reads()


def test_a_program_that_touches_nothing_is_no_step(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    driver / "sleep 1"
    world.reads("all.sh", by=driver)
    assert world.settle().steps in (["bash all.sh"], ["sleep 1"])


def test_a_child_that_forks_without_exec_belongs_to_its_parents_step(world: World) -> None:
    job = world.shell() / "python train.py"
    world.opens("model.pt", by=job, mode="w") if world.identified else None
    loader = job.fork()
    world.reads("data.csv", by=loader)
    book = world.settle()
    assert book.steps == ["python train.py"]
    assert book.reads() == {("data.csv", "python train.py"): world.sure}


def test_a_forks_fork_belongs_to_the_same_step(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job.fork().fork())
    assert world.settle().steps == ["python train.py"]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_that_a_framework_starts_by_exec_belong_to_its_step(world: World, name: str) -> None:
    command, worker = WORKERS[name]
    job = world.shell() / command
    one, two = job / worker, job / worker
    world.reads("data.csv", by=one)
    world.reads("data.csv", by=two)
    world.settle()
    one.exit()
    world.writes("model.pt", by=two)
    book = world.settle()
    assert book.steps == [job.label]
    assert book.sources("model.pt") == {"data.csv"}
    assert set(book.reads().values()) == {world.sure}, "whichever worker it was, it was this step"


@pytest.mark.parametrize(
    "command", ["make accelerate", "python train.py --launcher torchrun", "bash torchrun"]
)
def test_a_program_that_only_mentions_a_framework_has_no_workers(identified: World, command: str) -> None:
    job = identified.shell() / command
    identified.reads("a", by=job)
    identified.reads("b", by=job / "python prepare.py")
    assert identified.settle().steps == [command, "python prepare.py"]


def test_forks_of_a_forkserver_belong_to_the_job(world: World) -> None:
    command, server = WORKERS["multiprocessing forkserver"]
    worker = (world.shell() / command / server).fork()
    world.reads("data.csv", by=worker)
    assert world.settle().steps == [command]


def test_a_program_that_python_starts_is_a_step_of_its_own(world: World) -> None:
    job = world.shell() / "python driver.py"
    world.reads("driver.py", by=job)
    world.settle()
    child = job / "python train.py"
    world.reads("data.csv", by=child)
    assert world.settle().steps == ["python driver.py", "python train.py"]


def test_a_child_gets_what_its_parent_had_read_before_it_started_the_child(world: World) -> None:
    make = world.shell() / "make"
    world.reads("Makefile", by=make)
    world.settle()
    child = make / "cc a.c"
    world.writes("a.o", by=child)
    world.settle()
    child.exit()
    world.reads("later.mk", by=make)
    book = world.settle()
    assert book.flows() == {("make", "cc a.c"): events.Via.START}
    assert book.sources("a.o") == {"Makefile"}


def test_a_script_is_an_input_of_what_it_starts(world: World) -> None:
    bash = world.shell() / "bash all.sh"
    world.reads("all.sh", by=bash)
    world.settle()
    world.writes("b", by=bash / "python b.py")
    assert world.settle().sources("b") == {"all.sh"}


def test_a_grandchild_gets_it_too_through_a_program_that_touches_nothing(world: World) -> None:
    make = world.shell() / "make"
    world.reads("Makefile", by=make)
    world.settle()
    world.writes("b", by=make / "sh -c 'python b.py; true'" / "python b.py")
    book = world.settle()
    assert book.sources("b") == {"Makefile"}
    assert book.flows() == {("make", "python b.py"): events.Via.START}


def test_a_parent_whose_reading_is_judged_later_than_its_childs_is_linked_all_the_same(
    identified: World,
) -> None:
    make = identified.shell() / "make"
    identified.tick()
    child = make / "cc a.c"
    identified.reads("a.c", by=child)
    identified.reads("Makefile", by=make)
    identified.writes("a.o", by=child)
    book = identified.settle()
    assert book.flows() == {("make", "cc a.c"): events.Via.START}
    assert book.sources("a.o") == {"a.c"}, "make opened its file after it had started the child"


def test_an_anchor_passes_nothing_on(world: World) -> None:
    editor = world.shell() / "vim notes"
    world.reads("notes", by=editor)
    world.settle()
    world.writes("model.pt", by=editor / "python train.py")
    book = world.settle()
    assert book.flows() == {}
    assert book.sources("model.pt") == set()


def test_an_interactive_shell_passes_nothing_on(world: World) -> None:
    shell = world.shell()
    world.reads("profile", by=shell)
    world.settle()
    world.writes("model.pt", by=shell / "python train.py")
    book = world.settle()
    assert book.flows() == {}
    # Where nobody says who read, the shell is not taken for the reader: it would pass it on to all it writes.
    assert len(book.runs) == (2 if world.sure is Grade.OBSERVED else 1)


def test_exec_inside_one_pid_is_a_new_step(world: World) -> None:
    job = world.shell() / "bash run.sh"
    world.reads("run.sh", by=job)
    world.settle()
    job.exec("python train.py")
    world.poll()
    world.writes("model.pt", by=job)
    book = world.settle()
    assert book.steps == ["bash run.sh", "python train.py"]
    assert book.flows() == {("bash run.sh", "python train.py"): events.Via.START}
    assert book.sources("model.pt") == {"run.sh"}


def test_exec_of_the_first_program_before_it_was_seen_leaves_one_step(anonymous: World) -> None:
    job = anonymous.shell() / "bash run.sh"
    job.exec("python train.py")
    anonymous.writes("model.pt", by=job)
    assert anonymous.settle().steps == ["python train.py"]


def test_what_happened_before_an_exec_was_seen_belongs_to_the_image_of_that_time(anonymous: World) -> None:
    job = anonymous.shell() / "bash run.sh"
    anonymous.poll()
    anonymous.reads("run.sh")
    anonymous.poll()
    anonymous.tick(50 * MS)
    job.exec("python train.py")
    anonymous.reads("train.py")
    book = anonymous.settle()
    assert set(book.reads()) == {("run.sh", "bash run.sh"), ("train.py", "python train.py")}


def test_a_step_and_a_run_end_with_their_processes(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    world.settle()
    child = driver / "python a.py"
    world.writes("a", by=child)
    world.settle()
    child.exit(3)
    book = world.settle()
    assert [(event.step, event.exit_code) for event in book.of(events.StepEnded)] == [(2, 3)]
    assert not book.runs[0].ended, "the driver lives"
    driver.exit(4)
    book = world.settle()
    assert book.runs[0].ended
    assert book.runs[0].exit_code == 4
    assert [event.exit_code for event in book.of(events.StepEnded)] == [3, 4]


def test_a_pipelines_exit_code_is_that_of_its_last_command(world: World) -> None:
    shell = world.shell()
    cat = shell.start("cat a", pid=500).holds(writes="p")
    sort = shell.start("sort", pid=501, group=500).holds(reads="p")
    world.reads("a", by=cat)
    world.settle()
    sort.exit(2)
    cat.exit(-13)
    book = world.settle()
    assert [run.exit_code for run in book.runs] == [2]


def test_a_run_ends_only_when_the_last_process_of_it_has_ended(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    child = driver / "python server.py"
    world.settle()
    driver.exit(0)
    assert not world.settle().runs[0].ended
    child.exit(0)
    assert world.settle().runs[0].ended


def test_a_run_ends_though_a_worker_touched_a_file(world: World) -> None:
    """A worker has no step of its own; what it did counts as its parent's, and its end too."""
    job = world.shell() / "python train.py"
    world.reads("train.py", by=job)
    worker = job.fork()
    world.reads("data.csv", by=worker)
    world.settle()
    worker.exit(0)
    world.settle()
    job.exit(0)
    (run,) = world.settle().runs
    assert (run.ended, run.exit_code) == (True, 0)


def test_a_run_without_an_exit_code_ends_with_none(world: World) -> None:
    job = world.shell() / "python a.py"
    world.writes("a", by=job)
    world.settle()
    job.exit(None)
    book = world.settle()
    assert book.runs[0].ended
    assert book.runs[0].exit_code is None


def test_repeated_reads_are_one_edge_with_a_count(world: World) -> None:
    job = world.shell() / "python train.py"
    for _ in range(100):
        world.reads("data.csv", by=job)
    world.settle()
    job.exit()
    book = world.settle()
    assert len(book.of(events.Read)) == 1
    assert book.rereads["python train.py"] == ((book.current("data.csv"), 1, 99),)


def test_counts_of_neighbouring_versions_are_packed(world: World) -> None:
    job = world.shell() / "python train.py"
    names = [f"d/{number}" for number in range(20)]
    for _ in range(3):
        for name in names:
            world.reads(name, by=job)
    world.settle()
    job.exit()
    book = world.settle()
    assert len(book.of(events.Read)) == 20
    assert book.rereads["python train.py"] == ((book.current("d/0"), 20, 2),)


def test_a_second_epoch_adds_no_event(world: World) -> None:
    job = world.shell() / "python train.py"
    for number in range(50):
        world.reads(f"d/{number}", by=job)
    before = len(world.settle().events)
    for number in range(50):
        world.reads(f"d/{number}", by=job)
    assert len(world.settle().events) == before


def test_a_restarted_recorder_resumes_a_living_step(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job)
    world.settle()
    after = world.restarted()
    after.poll()
    after.reads("data.csv", by=job)
    after.writes("model.pt", by=job)
    book = after.settle()
    assert book.steps == ["python train.py"]
    assert len(book.runs) == 1
    assert len(book.of(events.Read)) == 1, "has_read knows the edge of the earlier recorder"
    assert book.sources("model.pt") == {"data.csv"}
    job.exit(0)
    book = after.settle()
    assert book.runs[0].ended
    assert book.runs[0].exit_code == 0
    assert len(book.of(events.StepEnded)) == 1


def test_a_restarted_recorder_ends_the_steps_of_dead_processes(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("data.csv", by=job)
    world.settle()
    world.nodes.remove(job)
    book = world.restarted().settle()
    assert book.runs[0].ended
    assert book.runs[0].exit_code is None
    assert [event.exit_code for event in book.of(events.StepEnded)] == [None]


def test_a_restarted_recorder_does_not_resume_a_recycled_pid(world: World) -> None:
    shell = world.shell()
    job = shell.start("python train.py", pid=500)
    world.reads("data.csv", by=job)
    world.settle()
    world.nodes.remove(job)
    after = world.restarted()
    again = after.start("python train.py", shell, pid=500)
    after.reads("data.csv", by=again)
    book = after.settle()
    assert len(book.steps) == 2
    assert len(book.of(events.StepEnded)) == 1
    assert len(book.of(events.Read)) == 2


def test_a_restarted_recorder_does_not_resume_another_image(world: World) -> None:
    job = world.shell() / "bash run.sh"
    world.reads("run.sh", by=job)
    world.settle()
    job.exec("python train.py")
    after = world.restarted()
    after.poll()
    after.reads("data.csv", by=job)
    book = after.settle()
    assert book.steps == ["bash run.sh", "python train.py"]
    assert [event.step for event in book.of(events.StepEnded)] == [1]
    assert len(book.runs) == 1


def test_a_restarted_recorder_keeps_a_run_open_of_which_one_process_lives(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    world.settle()
    child = driver / "python a.py"
    world.reads("a", by=child)
    world.settle()
    world.nodes.remove(child)
    book = world.restarted().settle()
    assert [event.step for event in book.of(events.StepEnded)] == [2]
    assert not book.runs[0].ended


def test_a_process_that_is_reported_twice_is_one(world: World) -> None:
    job = world.shell() / "python train.py"
    world.show(job)
    job.news = True
    world.show(job)
    world.reads("a", by=job)
    assert world.settle().steps == ["python train.py"]


def test_an_exit_that_is_reported_before_a_late_close_still_gets_its_edge(world: World) -> None:
    job = world.shell() / "python train.py"
    world.opens("model.pt", by=job, mode="w")
    world.poll()
    world.modifies("model.pt")
    job.exit(0)
    world.closes("model.pt", by=job, wrote=True)
    book = world.settle()
    assert book.writes() == {("python train.py", "model.pt"): world.sure}
    assert book.runs[0].ended


def test_an_end_that_is_reported_twice_or_of_nobody_known_is_harmless(world: World) -> None:
    job = world.shell() / "python train.py"
    world.reads("a", by=job)
    world.settle()
    job.exit(0)
    world.nodes.append(job)
    job.exit(0)
    stranger = world.start("python x.py", None)
    stranger.news = False
    stranger.exit(1)
    book = world.settle()
    assert len(book.of(events.StepEnded)) == 1
    assert len(book.of(events.RunEnded)) == 1


def test_a_start_edge_is_certain_as_the_kernel_names_the_parent(world: World) -> None:
    make = world.shell() / "make"
    world.reads("Makefile", by=make)
    world.settle()
    world.writes("a.o", by=make / "cc a.c")
    (flow,) = world.settle().of(events.Flowed)
    assert flow.grade is Grade.OBSERVED
