"""Programs that know nothing of mlamd: what it says of them is what they say themselves."""

import json
import random
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

EXAMPLES = Path(__file__).parent.parent / "examples"
pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="needs scikit-learn")


def run(project: Project, name: str, *arguments: str) -> dict[str, Any]:
    """Run an example in the workspace; return what it printed last."""
    shutil.copy(EXAMPLES / name, project.root / name)
    command = [sys.executable, name, *arguments]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def check(project: Project, told: dict[str, Any], *sources: str) -> list[dict[str, Any]]:
    """Compare what a program said with what is known of the newest run; return its parameters."""
    answer = project.ask("show", "@-1")["data"]
    known = {one["name"]: one["value"] for one in answer["parameters"]}
    assert {name: known.get(name) for name in told["parameters"]} == told["parameters"]
    measured = {one["name"]: one["last"] for one in answer["metrics"]}
    for name, value in told["metrics"].items():
        assert measured.get(name) == pytest.approx(value, rel=1e-9), (name, measured)
    assert {one["source"] for one in answer["parameters"]} >= set(sources)
    return list(answer["parameters"])


def test_argparse(recorded: Project) -> None:
    told = run(recorded, "arguments.py", "--n-estimators", "12", "--max-depth=3", "--bootstrap")
    parameters = check(recorded, told, "command line", "default")
    (depth,) = [one for one in parameters if one["name"] == "max_depth"]
    assert [one["value"] for one in depth["overridden"] if one["source"] == "default"] == [4]
    facts = recorded.ask("show", "forest.joblib")["data"]["meaning"]
    assert (facts["kind"], facts["facts"]["class"].rpartition(".")[2]) == ("model", "RandomForestClassifier")
    assert facts["facts"]["hyperparameters"]["min_samples_split"] == 3


def test_a_config_with_overrides(recorded: Project) -> None:
    (recorded.root / "conf").mkdir()
    (recorded.root / "conf/config.yaml").write_text(
        "seed: 3\ndata:\n  samples: 400\nmodel:\n  alpha: 0.001\n  eta0: 0.1\ntrainer:\n  epochs: 4\n"
    )
    told = run(recorded, "composed.py", "model.alpha=0.01", "trainer.epochs=6")
    check(recorded, told, "command line", "config")


def test_constants_of_the_module(recorded: Project) -> None:
    check(recorded, run(recorded, "constants.py"), "default")


def test_positional_arguments(recorded: Project) -> None:
    chance = random.Random(1)
    rows = [[chance.random(), chance.random()] for _ in range(120)]
    text = "x,y,label\n" + "".join(f"{x},{y},{int(x > y)}\n" for x, y in rows)
    (recorded.root / "points.csv").write_text(text)
    told = run(recorded, "positional.py", "points.csv", "5", "0.75", "-p", "1")
    check(recorded, told, "command line")
    data = recorded.ask("show", "points.csv")["data"]["meaning"]
    assert (data["kind"], data["facts"]["rows"]) == ("dataset", 120)


@pytest.mark.skipif(
    find_spec("nbclient") is None or find_spec("ipykernel") is None, reason="needs nbclient and ipykernel"
)
def test_a_notebook(recorded: Project) -> None:
    shutil.copy(EXAMPLES / "notebook.ipynb", recorded.root / "notebook.ipynb")
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", "notebook.ipynb"]
    subprocess.run(command, cwd=recorded.root, check=True, capture_output=True)
    check(recorded, json.loads((recorded.root / "told").read_text()), "default")


@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")
def test_a_network(recorded: Project) -> None:
    told = run(recorded, "network.py", "--lr", "0.5", "--hidden=6")
    check(recorded, told, "command line", "default")
    facts = recorded.ask("show", "network.pt")["data"]["meaning"]["facts"]
    assert facts["parameters"] == 4 * 6 + 6 + 6 + 1
