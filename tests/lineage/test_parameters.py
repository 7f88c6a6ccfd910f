"""The parameters of a run, from what is known of its steps and the files that they used."""

from collections.abc import Callable

import pytest

from mlamd.lineage.parameters import parameters
from mlamd.lineage.view import View
from mlamd.recognise.python_parameters import read_python
from tests.story import Story

TRAIN = read_python(
    'import argparse\np = argparse.ArgumentParser()\np.add_argument("--lr", default=0.1)\nSEED = 3'
)


def known(view: View, run: int) -> dict[str, object]:
    return {one.name: one.value for one in parameters(view, view.run(run))}


@pytest.mark.parametrize(
    ("command", "executable", "expected"),
    [
        ("cat t.py", "/bin/cat", {}),
        ("cp t.py u.py", "/bin/cp", {}),
        ("wc -l t.py", "/usr/bin/wc", {}),
        ("grep -n lr t.py", "/bin/grep", {}),
        ("git commit -qm y", "/usr/bin/git", {}),
        ("R", "/usr/bin/Rubbish", {}),
        ("python -m timeit -s x t.py", "/usr/bin/python3.11", {}),
        ("python -m json.tool x", "/usr/bin/python3", {}),
        ("python /venv/bin/pytest -q", "/usr/bin/python3", {}),
        ("python t.py --lr 1", "/usr/bin/python3", {"lr": 1, "SEED": 3}),
        ("python -m t --lr 1", "/usr/bin/python3", {"lr": 1, "SEED": 3}),
        ("python t.py --lr 1", "", {"lr": 1, "SEED": 3}),
        ("python -c open('t.py') 5", "/usr/bin/python3", {"#1": 5}),
        ("python -c LR=2;__import__('t') 5", "/usr/bin/python3", {"#1": 5, "LR": 2, "lr": 0.1}),
        ("python lint.py t.py", "/usr/bin/python3", {"#1": "t.py"}),
        ("/venv/bin/tool --lr 2", "/usr/bin/python3", {"lr": 2}),
    ],
)
def test_only_what_runs_a_program_of_ours_has_parameters(
    story: Story, view: Callable[[], View], command: str, executable: str, expected: dict[str, object]
) -> None:
    run = story.run(command)
    step = story.step(run, command, executable=executable)
    for path, facts in (("t.py", TRAIN), ("lint.py", read_python("import sys"))):
        if path == "t.py" or path in command:
            file = story.existing(path)
            story.mean(file, "source", facts)
            story.read(step, file, 2)
    assert known(view(), run) == expected


def test_a_script_of_another_language_is_a_program(story: Story, view: Callable[[], View]) -> None:
    run = story.run("bash run.sh 5")
    step = story.step(run, "bash run.sh 5", executable="/bin/bash")
    file = story.existing("run.sh")
    story.mean(file, "source", {"language": "shell"})
    story.read(step, file, 2)
    assert known(view(), run) == {"#1": 5}


def test_what_hydra_composed_stands_for_its_parts(story: Story, view: Callable[[], View]) -> None:
    run = story.run("python train.py model=big")
    step = story.step(run, "python train.py model=big")
    for path, settings in (
        ("conf/config.yaml", {"defaults.0.model": "small", "lr": 0.1}),
        ("conf/model/big.yaml", {"layers": 9, "defaults": ["base"]}),
    ):
        file = story.existing(path)
        story.mean(file, "config", {"settings": settings})
        story.read(step, file, 2)
    parts = view()
    assert known(parts, run) == {"model": "big", "lr": 0.1, "layers": 9}
    for path, settings in (
        ("out/.hydra/config.yaml", {"lr": 0.1, "model.layers": 9}),
        ("out/.hydra/hydra.yaml", {"hydra.run.dir": "out"}),
        ("out/.hydra/overrides.yaml", {"model": "big"}),
    ):
        story.mean(story.write(step, path, 3), "config", {"settings": settings})
    assert known(view(), run) == {"model": "big", "lr": 0.1, "model.layers": 9}


def test_steps_that_differ_are_named(story: Story, view: Callable[[], View]) -> None:
    run = story.run("make", public="aaaa000000000001")
    for line in ("python a.py --lr 1 --seed 2", "python b.py --lr 3 --seed 2"):
        story.step(run, line)
    found = view()
    told = [(one.name, one.value, one.steps) for one in parameters(found, found.run(run))]
    first, second = "aaaa000000000001.1", "aaaa000000000001.2"
    assert told == [("lr", 1, (first,)), ("lr", 3, (second,)), ("seed", 2, (first, second))]


def test_what_papermill_injects_goes_before_what_the_notebook_says(
    story: Story, view: Callable[[], View]
) -> None:
    run = story.run("papermill nb.ipynb out.ipynb -p alpha 0.3", 1)
    step = story.step(run, "papermill nb.ipynb out.ipynb -p alpha 0.3", 1)
    source = story.existing("nb.ipynb", 1)
    story.mean(source, "notebook", {"constants": {"alpha": 0.1, "beta": 2}})
    story.read(step, source, 2)
    story.mean(story.write(step, "out.ipynb", 3), "notebook", {"settings": {"alpha": 0.3}})
    told = view()
    found = {one.name: (one.value, one.where) for one in parameters(told, told.run(run))}
    assert found == {"alpha": (0.3, "out.ipynb"), "beta": (2, "nb.ipynb")}


def test_what_a_tracker_was_told_counts_and_what_it_knows_of_the_run_does_not(
    story: Story, view: Callable[[], View]
) -> None:
    run = story.run("python train.py", 1)
    step = story.step(run, "python train.py", 1)
    source = story.existing("train.py", 1)
    story.mean(source, "source", {})
    story.read(step, source, 1)
    logged = story.write(step, "mlruns/0/r/params/l1", 2)
    story.mean(logged, "config", {"tracker": "mlflow", "settings": {"l1": 0.5}})
    meta = story.write(step, "mlruns/0/r/meta.yaml", 2)
    story.mean(meta, "config", {"tracker": "mlflow", "settings": {"lifecycle_stage": "active"}})
    assert known(view(), run) == {"l1": 0.5}
