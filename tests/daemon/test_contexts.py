"""In what surroundings a step runs is found out while it is recorded, and stored once."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import trio

from mlamd.catalog.catalog import Catalog, current
from mlamd.catalog.memory import CatalogMemory
from mlamd.catalog.overlay import Overlay
from mlamd.catalog.tables import key, number
from mlamd.daemon.contexts import Contexts, Place
from mlamd.daemon.documents import Documents
from mlamd.host.clock import SystemClock
from mlamd.journal import documents
from mlamd.journal.documents import CODE, NATIVE
from mlamd.lineage.surroundings import untracked_read
from mlamd.lineage.view import View
from mlamd.model.events import Documented, Event, Surrounded
from tests.conftest import Project


def _git(project: Project, *arguments: str) -> None:
    command = ["git", "-C", project.root, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def _run(project: Project, script: str, **variables: str) -> None:
    command = [sys.executable, "-c", script]
    environment = {"PATH": "/usr/bin:/bin", **variables}
    subprocess.run(command, cwd=project.root, env=environment, check=True, start_new_session=True)


def _documents(tables: Overlay) -> set[int]:
    """Return the documents that do not depend on how long somebody lives."""
    return {number(place) for place, row in tables.scan("documents") if row[0] != NATIVE}


def test_code_packages_machine_and_variables(recorded: Project) -> None:
    _git(recorded, "init", "-q", "-b", "main")
    (recorded.root / "a.py").write_text("x = 1\n")
    _git(recorded, "add", "a.py")
    _git(recorded, "commit", "-qm", "first")
    (recorded.root / "a.py").write_text("x = 2  # password = 'tops3cretvalue'\n")
    _run(recorded, "open('b', 'w').write(open('a.py').read())", OMP_NUM_THREADS="3", SECRET="no")
    recorded.sync()
    with current(recorded.store) as tables:
        view = View(tables)
        (writer,) = view.version(view.current(b"b")[0]).writers
        step, found = view.step(writer.step), view.surroundings(writer.step)
    assert "OMP_NUM_THREADS=3" in step.variables
    assert not [variable for variable in step.variables if variable.startswith("SECRET")]
    assert found["code"]["branch"] == "main"
    assert found["code"]["dirty"] == ["a.py"]
    assert "x = 2" in found["code"]["diff"]
    assert "tops3cretvalue" not in found["code"]["diff"]
    assert found["packages"]["packages"]["click"]
    assert found["host"]["cores"] >= 1


def test_the_next_run_costs_little(recorded: Project) -> None:
    """What is the same is stored once: no document is made for the second run.

    The libraries of whoever runs these tests may be told in between.
    """
    script = "open('b', 'w').write(open('a').read())"
    (recorded.root / "a").write_text("1")
    _run(recorded, script)
    recorded.ask("show", "@-1")
    with current(recorded.store) as tables:
        before = _documents(tables)
    _run(recorded, script)
    assert recorded.ask("show", "@-1")["data"]["surroundings"]["packages"]
    with current(recorded.store) as tables:
        assert _documents(tables) == before
        view = View(tables)
        steps = [view.step(step) for run in view.runs() for step in view.steps_of(run.number)]
        here = [step.number for step in steps if step.cwd == str(recorded.root)]
        assert len(here) == 2
        told = [set(tables.get("surroundings", key(step))) for step in here]
        assert told[0] & before == told[1] & before


def test_untracked_files_that_a_run_read(recorded: Project) -> None:
    _git(recorded, "init", "-q")
    for name in ("in", "other"):
        script = f"printf x > {name}"
        subprocess.run(["sh", "-c", script], cwd=recorded.root, check=True, start_new_session=True)
    recorded.sync()
    _run(recorded, "open('out', 'w').write(open('in').read())")
    recorded.sync()
    with current(recorded.store) as tables:
        view = View(tables)
        (writer,) = view.version(view.current(b"out")[0]).writers
        run = view.run(view.step(writer.step).run)
        found = untracked_read(view, run, [b"in", b"none"], os.fsencode(recorded.root))
    assert found == [b"in"]


def test_variables_that_the_user_wants_to_have_kept(project: Project) -> None:
    project.mlamd("init")
    (project.store / "settings.toml").write_text('keep_variables = ["MY_*", "DATABASE_URL"]\n')
    project.start()
    _run(
        project,
        "import time; open('b', 'w').write('x'); time.sleep(0.5)",
        MY_FLAG="a=b",
        MY_API_KEY="tops3cretvalue",
        DATABASE_URL="postgres://me:tops3cretvalue@db/x",
        OTHER="no",
        OMP_NUM_THREADS="3",
    )
    project.sync()
    with current(project.store) as tables:
        view = View(tables)
        (writer,) = view.version(view.current(b"b")[0]).writers
        found, step = view.surroundings(writer.step)["variables"], view.step(writer.step)
    assert found == {"DATABASE_URL": "postgres://me:***@db/x", "MY_API_KEY": "***", "MY_FLAG": "a=b"}
    assert "OMP_NUM_THREADS=3" in step.variables
    for place in ("journal", "catalog"):
        assert b"tops3cretvalue" not in (project.store / place / "data.mdb").read_bytes()


def test_job_rank_and_container_of_a_step(recorded: Project) -> None:
    """A step with mounts of its own, as an engine gives them to a container."""
    (recorded.root / "train.py").write_text("import time\nopen('b', 'w').write('x')\ntime.sleep(2)\n")
    made = "mount -t tmpfs x /run && echo 'image=\"a/b:3\"' > /run/.containerenv"
    command = ["unshare", "-m", "sh", "-c", f"{made} && cd {recorded.root} && exec {sys.executable} train.py"]
    variables = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "12", "RANK": "1", "WORLD_SIZE": "2"}
    done = subprocess.run(
        command, cwd="/", env=variables, check=False, start_new_session=True, capture_output=True
    )
    if done.returncode:
        pytest.skip("mounts cannot be made here")
    found = recorded.ask("show", "@-1")["data"]["surroundings"]
    assert found["container"] == {"kind": "podman", "image": "a/b:3"}
    assert found["scheduler"] == {"kind": "slurm", "job": "12"}
    assert (found["workers"]["ranks"], found["workers"]["size"]) == ([1], 2)


def test_git_that_is_asked_is_no_run(recorded: Project) -> None:
    _git(recorded, "init", "-q")
    recorded.sync()
    before = len(recorded.ask("runs", "--all")["data"])
    _run(recorded, "open('b', 'w').write('x')")
    recorded.ask("show", "@-1")
    runs = recorded.ask("runs", "--all")["data"]
    assert len(runs) == before + 1, [run["command"] for run in runs]


def test_what_nobody_came_to_look_at_is_told_when_that_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        with closing(Catalog(tmp_path, write=True)) as catalog:
            contexts = Contexts(Documents(CatalogMemory(catalog)), SystemClock(), lambda: None, most=4)
            before_ns = time.time_ns()
            for step in range(1, 8):
                contexts.want(Place(step, str(tmp_path), "/bin/sh", "/bin/sh"))
            assert contexts.take_missed() is None, "it is not over yet"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(contexts.run)
                await contexts.settled()
                nursery.cancel_scope.cancel()
            lost = contexts.take_missed()
            assert lost is not None
            assert lost.reason == "surroundings-missed"
            assert "3 programs" in lost.detail
            assert before_ns <= lost.from_ns <= lost.at_ns
            assert contexts.take_missed(final=True) is None, "it is told once"
            surrounded = [event.step for event in contexts.take() if isinstance(event, Surrounded)]
            assert surrounded == [1, 2, 3, 4]

    trio.run(main)


def test_an_environment_that_is_gone_again_is_not_known(tmp_path: Path) -> None:
    """Whatever happens to it, recording goes on: what cannot be looked at is left out."""

    class Gone(Contexts):
        def _installed(self, place: Place) -> bytes:
            raise FileNotFoundError(place.program)

    async def main() -> list[Event]:
        with closing(Catalog(tmp_path, write=True)) as catalog:
            contexts = Gone(Documents(CatalogMemory(catalog)), SystemClock(), lambda: None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(contexts.run)
                contexts.want(Place(1, str(tmp_path), "/none/bin/python3", "/none/bin/python3"))
                await contexts.settled()
                nursery.cancel_scope.cancel()
            return contexts.take()

    made = trio.run(main)
    assert [event.sort for event in made if isinstance(event, Documented)] == ["host"]
    assert isinstance(made[-1], Surrounded)


def test_what_was_changed_before_the_look_is_named(tmp_path: Path) -> None:
    """The state is that of the look; a step may have begun before somebody edited a file."""
    code = tmp_path / "code"
    code.mkdir()
    for words in (["init", "-q"], ["commit", "-qm", "1", "--allow-empty"]):
        command = ["git", "-C", str(code), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, check=True, capture_output=True)

    async def main() -> list[Event]:
        with closing(Catalog(tmp_path / "store", write=True)) as catalog:
            contexts = Contexts(Documents(CatalogMemory(catalog)), SystemClock(), lambda: None)
            contexts.code_changed(os.fsencode(code / "before.py"))
            contexts.want(Place(1, str(code), "/bin/true", "/bin/true"))
            for name in ("before.py", "after.py"):
                (code / name).write_text("x")
            contexts.code_changed(os.fsencode(code / "after.py"))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(contexts.run)
                await contexts.settled()
                nursery.cancel_scope.cancel()
            return contexts.take()

    told = [event for event in trio.run(main) if isinstance(event, Documented) and event.sort == CODE]
    (state,) = (documents.unpack(event.value) for event in told)
    assert state["untracked"] == ["after.py", "before.py"]
    assert state["changed_since_start"] == ["after.py"]
