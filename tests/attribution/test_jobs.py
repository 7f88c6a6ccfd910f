"""Run boundaries: walk up until the parent is an anchor; the process below it is the run's root."""

import pytest

from mlamd.model.processes import HeldFile
from tests.attribution.world import TTY, S, World

ANCHORS = [
    "login -p --",
    "sshd: me@pts/0",
    "tmux new",
    "SCREEN -S work",
    "/usr/sbin/cron -f",
    "/lib/systemd/systemd --user",
    "/usr/bin/tini -- start.sh",
    "dumb-init run",
    "/opt/code/code --type=utility",
    "node /root/.vscode-server/bin/abc/out/server-main.js",
    "vim train.py",
    "/usr/bin/python3 /usr/bin/jupyter-lab --no-browser",
    "/usr/bin/python3 -m jupyterlab",
    "/usr/bin/python3 -m notebook",
    "slurmstepd: [17.batch]",
    "nautilus /w",
]
INTERACTIVE = [
    "bash",
    "-bash",
    "bash -i",
    "bash -l",
    "bash --login",
    "bash --rcfile x",
    "bash --rcfile x -i",
    "bash --init-file /opt/code/shellIntegration-bash.sh",
    "bash -O extglob",
    "-zsh",
    "/bin/zsh -i",
    "fish",
    "fish --init-command 'source /opt/code/shellIntegration.fish'",
    "sh",
]
NO_ANCHORS = [
    "bash all.sh",
    "bash -x all.sh",
    "bash --rcfile x all.sh",
    "bash -c 'python a.py; python b.py'",
    "bash -ic 'python a.py; python b.py'",
    "/bin/sh -c 'python a.py; true'",
    "make",
    "snakemake -j1",
    "/usr/bin/python3 /usr/bin/dvc repro",
    "python driver.py",
]


@pytest.mark.parametrize("anchor", ANCHORS)
def test_the_process_below_an_anchor_is_the_runs_root(world: World, anchor: str) -> None:
    job = world.tree(anchor, cwd="/w/sub") / "python train.py"
    world.writes("model.pt", by=job)
    book = world.settle()
    assert [run.command for run in book.runs] == ["python train.py"]
    assert book.writes() == {("python train.py", "model.pt"): world.sure}


@pytest.mark.parametrize("shell", INTERACTIVE)
def test_an_interactive_shell_is_an_anchor(world: World, shell: str) -> None:
    one = world.tree(shell, terminal=TTY)
    first = one.start("python a.py")
    world.writes("a", by=first)
    world.settle()
    first.exit()
    second = one.start("python b.py")
    world.writes("b", by=second)
    book = world.settle()
    assert [run.command for run in book.runs] == ["python a.py", "python b.py"]


@pytest.mark.parametrize("driver", NO_ANCHORS)
def test_a_script_or_driver_is_a_run_whose_children_are_steps(world: World, driver: str) -> None:
    top = world.shell() / driver
    world.reads("all.sh", by=top)
    world.settle()
    for name in ("a", "b"):
        child = top.start(f"python {name}.py", group=top.facts.group)
        world.writes(name, by=child)
        world.settle()
        child.exit()
    book = world.settle()
    assert [run.command.split()[0] for run in book.runs] == [top.facts.argv[0]]
    assert book.runs[0].steps[1:] == ["python a.py", "python b.py"]


@pytest.mark.parametrize("shell", ["bash", "bash -s", "sh"])
def test_a_shell_without_a_terminal_is_no_anchor(world: World, shell: str) -> None:
    child = world.tree("cron").start(shell) / "python train.py"
    world.writes("model.pt", by=child)
    assert [run.command for run in world.settle().runs] == [shell]


def test_a_containers_init_is_an_anchor_whatever_it_is_called(world: World) -> None:
    job = world.tree("start --now", pid=1) / "python train.py"
    world.writes("model.pt", by=job)
    assert [run.command for run in world.settle().runs] == ["python train.py"]


def test_a_daemon_is_an_anchor(world: World) -> None:
    daemon = world.tree("workerd", pid=700, session=700, cwd="/")
    job = daemon.start("python train.py", cwd="/w")
    world.writes("model.pt", by=job)
    assert [run.command for run in world.settle().runs] == ["python train.py"]


def test_a_detached_process_is_a_run(world: World) -> None:
    job = world.tree("init", pid=1, cwd="/").start("python train.py", pid=800, session=800, cwd="/w")
    world.writes("model.pt", by=job)
    assert [run.command for run in world.settle().runs] == ["python train.py"]


def test_a_run_is_the_topmost_process_below_the_anchor(world: World) -> None:
    job = world.shell() / "nice -n 5 time" / "make" / "sh -c 'python train.py; true'" / "python train.py"
    world.writes("model.pt", by=job)
    book = world.settle()
    assert [run.command for run in book.runs] == ["nice -n 5 time"]
    assert book.steps == ["python train.py"]


def test_processes_of_one_process_group_under_an_interactive_shell_are_one_run(world: World) -> None:
    shell = world.shell()
    cat = shell.start("cat a", pid=500).holds(writes="p1")
    python = shell.start("python b", pid=501, group=500).holds(reads="p1")
    world.reads("a", by=cat)
    world.writes("c", by=python)
    book = world.settle()
    assert len(book.runs) == 1
    assert sorted(book.runs[0].steps) == ["cat a", "python b"]


def test_processes_of_different_process_groups_under_an_interactive_shell_are_different_runs(
    world: World,
) -> None:
    shell = world.shell()
    one = shell / "python a.py"
    world.writes("a", by=one)
    world.settle()
    one.exit()
    two = shell / "python b.py"
    world.writes("b", by=two)
    assert len(world.settle().runs) == 2


def test_a_process_group_under_a_script_makes_no_further_run(world: World) -> None:
    driver = world.shell() / "bash all.sh"
    world.reads("all.sh", by=driver)
    child = driver.start("timeout 60 python x.py", group=9000)
    world.writes("x", by=child)
    assert len(world.settle().runs) == 1


def test_cat_a_pipe_python_b_into_c_is_one_run_with_edges_from_a_to_c(world: World) -> None:
    shell = world.shell()
    world.put("a")
    cat = shell.start("cat a", pid=500).holds(writes="pipe:[1]")
    python = shell.start("python b", pid=501, group=500)
    python.holds(reads="pipe:[1]", files=[HeldFile(b"/w/c", reads=False, writes=True)])
    world.opens("c", by=python, mode="w")
    world.reads("a", by=cat)
    world.poll()
    cat.exit()
    world.modifies("c")
    world.closes("c", by=python, wrote=True)
    python.exit()
    book = world.settle()
    assert len(book.runs) == 1
    assert book.edges() == {("a", "cat a"), ("cat a", "python b"), ("python b", "c")}
    assert book.sources("c") == {"a"}


def test_a_redirection_that_the_shells_fork_opened_belongs_to_the_job(identified: World) -> None:
    world = identified
    world.put("a")
    job = world.shell().start("bash -i", pid=500, group=500)
    world.opens("a", by=job)
    world.opens("c", by=job, mode="w")
    job.exec("python b")
    world.modifies("c")
    world.closes("c", by=job, wrote=True)
    book = world.settle()
    assert [run.kind for run in book.runs] == ["job"]
    assert book.sources("c") == {"a"}


def test_the_commands_of_a_subshell_are_one_run(world: World) -> None:
    subshell = world.shell().start("bash -i", pid=500, group=500)
    for name in ("a", "b"):
        child = subshell.start(f"python {name}.py", group=500)
        world.writes(name, by=child)
        world.settle()
        child.exit()
    book = world.settle()
    assert [run.kind for run in book.runs] == ["job"]
    assert book.runs[0].steps == ["python a.py", "python b.py"]


def test_a_shell_started_in_a_shell_is_an_anchor_too(world: World) -> None:
    inner = world.shell() / "bash"
    for name in ("a", "b"):
        child = inner / f"python {name}.py"
        world.writes(name, by=child)
        world.settle()
        child.exit()
    assert [run.command for run in world.settle().runs] == ["python a.py", "python b.py"]


@pytest.mark.parametrize(
    "kernel",
    [
        "/usr/bin/python3 -m ipykernel_launcher -f /run/k.json",
        "/usr/bin/python3 -Xfrozen_modules=off -m ipykernel_launcher -f /run/k.json",
        "R --slave -e IRkernel::main()",
    ],
)
def test_a_notebook_kernel_is_a_run_of_kind_notebook(world: World, kernel: str) -> None:
    job = world.tree("python3 /usr/bin/jupyter-lab") / kernel
    world.writes("model.pt", by=job)
    world.settle()
    child = job / "python prepare.py"
    world.writes("b", by=child)
    book = world.settle()
    assert [run.kind for run in book.runs] == ["notebook"]
    assert book.runs[0].steps[1] == "python prepare.py"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("vim notes", "edit"),
        ("/opt/code/code .", "edit"),
        ("nano notes", "edit"),
        ("emacs -nw", "edit"),
        ("mc", "edit"),
        ("nautilus .", "edit"),
        ("git checkout main", "vcs"),
        ("hg update", "vcs"),
        ("python train.py", "job"),
        ("cp a b", "job"),
    ],
)
def test_editors_git_and_file_managers_are_recorded_as_edit_and_vcs(
    world: World, command: str, kind: str
) -> None:
    job = world.shell() / command
    world.writes("notes", by=job)
    book = world.settle()
    assert [run.kind for run in book.runs] == [kind]
    assert book.writers("notes") == {job.label}, "and they appear in the file's history"


def test_a_notebook_servers_own_writes_are_edits_of_nobody_or_of_no_experiment(identified: World) -> None:
    server = identified.tree("python3 /usr/bin/jupyter-lab")
    identified.writes("a.ipynb", by=server)
    assert [run.kind for run in identified.settle().runs] == ["service"]


def test_what_an_interactive_shell_writes_itself_is_an_edit(world: World) -> None:
    shell = world.shell()
    world.writes("notes", by=shell)
    book = world.settle()
    assert [run.kind for run in book.runs] == ["edit"]


def test_a_git_hook_is_a_step_of_the_vcs_run(world: World) -> None:
    hook = world.shell() / "git commit" / "python hook.py"
    world.writes("log", by=hook)
    book = world.settle()
    assert [run.kind for run in book.runs] == ["vcs"]


def test_the_same_run_has_the_same_public_id_at_every_recorder(world: World) -> None:
    job = world.shell() / "python train.py"
    world.writes("a", by=job)
    world.settle()
    after = world.restarted()
    after.poll()
    after.writes("b", by=job)
    book = after.settle()
    assert len(book.runs) == 1


def test_a_recycled_pid_is_another_process(world: World) -> None:
    shell = world.shell()
    first = shell.start("python train.py", pid=500)
    world.writes("a", by=first)
    world.settle()
    first.exit()
    world.settle()
    second = world.tree("systemd").start("python train.py", pid=500)
    world.writes("b", by=second)
    book = world.settle()
    assert len(book.runs) == 2
    assert len({run.public for run in book.runs}) == 2
    assert [run.ended for run in book.runs] == [True, False]


@pytest.mark.parametrize("later_s", [1, 3600])
def test_a_recycled_process_group_is_another_run(world: World, later_s: int) -> None:
    shell = world.shell()
    for name in ("a", "b"):
        job = shell.start("python train.py", pid=500)
        world.writes(name, by=job)
        world.settle()
        job.exit()
        world.settle()
        world.memory.fold(world.book.events)
        world.tick(later_s * S)
        world.settle()
    book = world.settle()
    assert len(book.runs) == 2
    assert len({run.public for run in book.runs}) == 2
    assert book.runs[1].ended
