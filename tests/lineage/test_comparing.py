"""Two runs held against each other: what was set, what came out, where they ran."""

from pathlib import Path

from mlamd.catalog.catalog import current
from mlamd.lineage.comparing import Comparison, Difference, compare
from mlamd.lineage.view import View
from tests.story import Story


def _training(story: Story, at: int, rate: float, accuracy: float, torch: str) -> None:
    run = story.run("python train.py", at)
    step = story.step(run, "python train.py", at)
    source = story.existing("train.py", 1) if at == 1 else 1
    config = story.existing(f"c{at}.json", at)
    story.mean(source, "source", {})
    story.mean(config, "config", {"settings": {"lr": rate, "seed": 7}})
    for version in (source, config):
        story.read(step, version, at)
    made = story.write(step, b"m%d.json" % at, at)
    story.mean(made, "metrics", {"scalars": {"accuracy": accuracy}})
    packages = {"version": "3.12", "packages": {"torch": torch, "numpy": "2.0"}}
    story.surround(step, at, packages=packages, code={"commit": "c", "branch": "b", "dirty": [], "diff": ""})


def test_what_differs_is_named_with_both_values(tmp_path: Path) -> None:
    story = Story()
    _training(story, 1, 0.1, 0.8, "2.0")
    _training(story, 9, 0.3, 0.9, "2.1")
    story.tell(tmp_path)
    with current(tmp_path) as tables:
        view = View(tables)
        found = compare(view, view.run(1), view.run(2))
    assert found["parameters"] == Comparison((Difference("lr", 0.1, 0.3),), 1)
    assert found["metrics"] == Comparison((Difference("accuracy", 0.8, 0.9),), 0)
    assert found["packages"] == Comparison((Difference("torch", "2.0", "2.1"),), 2)
    assert found["code"] == Comparison((), 4)
    assert not {"variables", "machine", "cuda", "container"} & set(found)


def test_containers_cuda_and_what_conda_installed(tmp_path: Path) -> None:
    story = Story()
    for at in (1, 2):
        step = story.step(story.run("python train.py", at), "python train.py", at)
        story.surround(
            step,
            at,
            packages={
                "version": "3.12",
                "packages": {"numpy": "2.0"},
                "conda": {"numpy": "2.0", "mkl": f"{at}"},
            },
            native={"libraries": [f"/l/libcudart.so.12.{at}.0"], "packages": []},
            host={"host": "h", "container": {"kind": "docker", "id": f"{at}"}},
        )
    story.tell(tmp_path)
    with current(tmp_path) as tables:
        view = View(tables)
        found = compare(view, view.run(1), view.run(2))
    assert found["packages"] == Comparison((Difference("conda mkl", "1", "2"),), 3)
    assert found["cuda"] == Comparison((Difference("runtime", "12.1.0", "12.2.0"),), 0)
    assert found["machine"] == Comparison((), 1)
    assert found["container"] == Comparison((Difference("id", "1", "2"),), 1)
