"""Makes the files of this corpus with the libraries themselves, and notes what those say is in them.

Run in an environment of its own: ``pip install tensorboardX tensorboard keras jax transformers mlflow wandb
dvclive sacred clearml papermill ipykernel hydra-core ruamel.yaml pyyaml uv "setuptools<81"``, then
``python make.py DIRECTORY``; trackers note the path of the program, so run a copy of it that lies
elsewhere. A library that is missing is named and left out, and its files stay as they are.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
FILES = HERE / "files"
EXPECTED = HERE / "expected.json"

Expected = dict[str, object]
Made = Iterator[tuple[Path, str, Expected]]
"""The file as it was made, the name it gets here, and what must be found in it."""

LOSSES = [0.9, 0.5, 0.25, 0.4]


def tensorboardx(work: Path) -> Made:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(work / "run")) as writer:
        for step, loss in enumerate(LOSSES):
            writer.add_scalar("train/loss", loss, step * 10)
            writer.add_histogram("weights", [loss, 1.0, 2.0], step)
        writer.add_text("note", "hello")
        writer.add_hparams(
            {"lr": 0.1, "layers": 3, "name": "small", "bias": True}, {"hp/best": 0.25}, name="hp"
        )
    for made in sorted((work / "run").rglob("*tfevents*")):
        read = EventAccumulator(str(made))
        read.Reload()
        drawn = {
            tag: {
                "steps": [one.step for one in read.Scalars(tag)],
                "values": [one.value for one in read.Scalars(tag)],
            }
            for tag in read.Tags()["scalars"]
        }
        found: Expected = {"kind": "metrics", "format": "tfevents", "series": drawn}
        number = 1 if "train/loss" in drawn else 3
        if number == 3:
            found["settings"] = {"lr": 0.1, "layers": 3, "name": "small", "bias": True}
        yield made, f"tensorboardx/events.out.tfevents.{number}", found


def tensorboard_tensors(work: Path) -> Made:
    """Scalars as tensors, as TensorFlow 2 and Keras write them."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar import metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util import tensor_util

    writer = EventFileWriter(str(work))
    for step, loss in enumerate(LOSSES):
        value = Summary.Value(
            tag="epoch_loss",
            metadata=metadata.create_summary_metadata("", ""),
            tensor=tensor_util.make_tensor_proto(loss, dtype="float32"),
        )
        writer.add_event(Event(step=step, wall_time=1.0, summary=Summary(value=[value])))
    writer.close()
    made = next(work.glob("*tfevents*"))
    drawn = {"epoch_loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    yield (
        made,
        "tensorboard/events.out.tfevents.2.v2",
        {"kind": "metrics", "format": "tfevents", "series": drawn},
    )


def keras_logs(work: Path) -> Made:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    x = np.arange(8.0).reshape(4, 2) / 8
    logger = keras.callbacks.CSVLogger(str(work / "training.csv"))
    log = work / "keras.log"
    with log.open("w") as file:
        sys.stdout, before = file, sys.stdout
        try:
            history = model.fit(
                x, x.sum(1), validation_data=(x, x.sum(1)), epochs=3, verbose=2, callbacks=[logger]
            )
        finally:
            sys.stdout = before
    drawn = {
        name: {"steps": [0, 1, 2], "values": list(map(float, values))}
        for name, values in history.history.items()
    }
    yield work / "training.csv", "keras/training.csv", {"kind": "metrics", "format": "csv", "series": drawn}
    (work / "history.json").write_text(json.dumps({name: one["values"] for name, one in drawn.items()}))
    yield work / "history.json", "keras/history.json", {"kind": "metrics", "format": "json", "series": drawn}
    counts = dict.fromkeys(drawn, 3)
    yield log, "keras/keras.log", {"kind": "log", "format": "text", "counts": counts}


def transformers_state(work: Path) -> Made:
    from transformers.trainer_callback import TrainerState

    state = TrainerState(epoch=2.0, global_step=20, max_steps=20, best_metric=0.25)
    for step, loss in enumerate(LOSSES, 1):
        state.log_history.append(
            {"epoch": step / 2, "learning_rate": 1e-4 / step, "loss": loss, "step": step * 5}
        )
    state.log_history.append({"epoch": 2.0, "eval_loss": 0.3, "step": 20})
    made = work / "trainer_state.json"
    state.save_to_json(str(made))
    drawn = {
        "loss": {"steps": [5, 10, 15, 20], "values": LOSSES},
        "eval_loss": {"steps": [20], "values": [0.3]},
    }
    yield (
        made,
        "transformers/trainer_state.json",
        {"kind": "metrics", "format": "json", "tracker": "transformers", "series": drawn},
    )


def _mlflow_run(address: str) -> tuple[str, str]:
    import mlflow

    mlflow.set_tracking_uri(address)
    experiment = mlflow.set_experiment("corpus").experiment_id
    with mlflow.start_run(run_name="one") as run:
        mlflow.log_params({"lr": 0.1, "layers": [1, 2], "name": "small"})
        for step, loss in enumerate(LOSSES):
            mlflow.log_metric("train/loss", loss, step=step)
        mlflow.log_metric("accuracy", 0.75)
        mlflow.set_tag("team", "vision")
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train/loss")
    assert [one.value for one in history] == LOSSES
    return str(experiment), run.info.run_id


def mlflow_files(work: Path) -> Made:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    experiment, run = _mlflow_run((work / "mlruns").as_uri())
    top = work / "mlruns" / experiment / run
    here = f"mlflow/mlruns/1/{run}"
    drawn = {"train/loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    common: Expected = {"tracker": "mlflow", "run_id": run}
    yield (
        top / "metrics/train/loss",
        f"{here}/metrics/train/loss",
        {"kind": "metrics", "series": drawn, **common},
    )
    single = {"accuracy": {"steps": [0], "values": [0.75]}}
    yield (
        top / "metrics/accuracy",
        f"{here}/metrics/accuracy",
        {"kind": "metrics", "series": single, **common},
    )
    yield top / "params/lr", f"{here}/params/lr", {"kind": "config", "settings": {"lr": 0.1}, **common}
    yield (
        top / "params/layers",
        f"{here}/params/layers",
        {"kind": "config", "settings": {"layers": [1, 2]}, **common},
    )
    yield top / "tags/team", f"{here}/tags/team", {"kind": "config", "tags": {"team": "vision"}, **common}
    yield top / "meta.yaml", f"{here}/meta.yaml", {"kind": "config", **common}


def mlflow_database(work: Path) -> Made:
    _, run = _mlflow_run(f"sqlite:///{work}/mlflow.db")
    with sqlite3.connect(work / "mlflow.db") as database:
        database.executescript("pragma journal_mode = delete; pragma page_size = 512; vacuum")
    found: Expected = {"kind": "metrics", "format": "sqlite", "tracker": "mlflow", "run_id": run}
    found["series"] = {"train/loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    found["settings"] = {"lr": 0.1, "layers": [1, 2], "name": "small"}
    found["scalars"] = {"train/loss": LOSSES[-1], "accuracy": 0.75}
    yield work / "mlflow.db", "mlflow/mlflow.db", found


def wandb_offline(work: Path) -> Made:
    import wandb

    settings = {"lr": 0.1, "model": {"layers": 3, "name": "small"}}
    with wandb.init(project="corpus", mode="offline", dir=str(work), config=settings) as run:
        for loss in LOSSES:
            run.log({"loss": loss, "nested": {"acc": 1 - loss}})
        run.summary["best"] = 0.25
    flat = {"lr": 0.1, "model.layers": 3, "model.name": "small"}
    drawn = {"loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    top = next((work / "wandb").glob("offline-run-*"))
    log = next(top.glob("*.wandb"))
    found: Expected = {
        "kind": "metrics",
        "format": "wandb",
        "tracker": "wandb",
        "series": drawn,
        "settings": flat,
    }
    yield log, "wandb/run-offline.wandb", {**found, "scalars": {"best": 0.25}}
    for name, kind in (("wandb-summary.json", "metrics"), ("config.yaml", "config")):
        if (top / "files" / name).exists():
            inner: Expected = {"kind": kind, "tracker": "wandb"}
            inner |= {"scalars": {"best": 0.25, "loss": 0.4}} if kind == "metrics" else {"settings": flat}
            yield top / "files" / name, f"wandb/{name}", inner


def dvclive_run(work: Path) -> Made:
    from dvclive import Live

    with Live(str(work / "dvclive"), save_dvc_exp=False, dvcyaml=None) as live:
        live.log_params({"lr": 0.1, "layers": 3})
        for loss in LOSSES:
            live.log_metric("train/loss", loss)
            live.next_step()
    top = work / "dvclive"
    drawn = {"loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    summary = {"train.loss": LOSSES[-1], "step": 3}
    common: Expected = {"tracker": "dvclive"}
    yield top / "metrics.json", "dvclive/metrics.json", {"kind": "metrics", "scalars": summary, **common}
    yield top / "params.yaml", "dvclive/params.yaml", {"kind": "config", "settings": {"lr": 0.1, "layers": 3}}
    table = top / "plots/metrics/train/loss.tsv"
    yield (
        table,
        "dvclive/plots/metrics/train/loss.tsv",
        {"kind": "metrics", "format": "tsv", "series": drawn, **common},
    )


def sacred_run(work: Path) -> Made:
    import sacred
    from sacred.observers import FileStorageObserver

    sacred.SETTINGS["CAPTURE_MODE"] = "no"
    sacred.SETTINGS["HOST_INFO"]["INCLUDE_CPU_INFO"] = False
    experiment = sacred.Experiment("corpus", save_git_info=False)
    experiment.observers.append(FileStorageObserver(str(work / "runs")))
    experiment.add_config({"lr": 0.1, "net": {"layers": 3}, "seed": 7})

    @experiment.main
    def main(_run: object) -> float:
        for step, loss in enumerate(LOSSES):
            _run.log_scalar("loss", loss, step)  # type: ignore[attr-defined]
        return 0.25

    experiment.run()
    top = work / "runs/1"
    drawn = {"loss": {"steps": [0, 1, 2, 3], "values": LOSSES}}
    yield (
        top / "config.json",
        "sacred/1/config.json",
        {"kind": "config", "settings": {"lr": 0.1, "net.layers": 3, "seed": 7}},
    )
    yield (
        top / "metrics.json",
        "sacred/1/metrics.json",
        {"kind": "metrics", "tracker": "sacred", "series": drawn},
    )
    yield (
        top / "run.json",
        "sacred/1/run.json",
        {"kind": "metrics", "tracker": "sacred", "scalars": {"result": 0.25}},
    )


def clearml_offline(work: Path) -> Made:
    """A program of its own, which does not wait for ClearML to look through its sources."""
    program = """
        import os, time
        from clearml import Task
        task = Task.init("corpus", "one", auto_connect_frameworks=False, auto_resource_monitoring=False)
        task.connect({"lr": 0.1, "layers": 3})
        logger = task.get_logger()
        for step in range(3):
            logger.report_scalar("loss", "train", 0.5 / (step + 1), step)
            logger.report_scalar("loss", "val", 0.6 / (step + 1), step)
        logger.report_single_value("final_acc", 0.93)
        logger.flush()
        time.sleep(5)
        print(task.get_offline_mode_folder())
        os._exit(0)
    """
    (work / "app.py").write_text(textwrap.dedent(program).replace("os._exit", "sys.stdout.flush(); os._exit"))
    (work / "app.py").write_text("import sys\n" + (work / "app.py").read_text())
    variables = os.environ | {"CLEARML_OFFLINE_MODE": "1", "CLEARML_CACHE_DIR": str(work)}
    subprocess.run([sys.executable, "app.py"], cwd=work, env=variables, check=True)
    made = next(work.rglob("task.json"))
    found: Expected = {"kind": "config", "tracker": "clearml", "settings": {"lr": 0.1, "layers": 3}}
    yield made, "clearml/task.json", found
    drawn = {
        f"loss/{name}": {"steps": [0, 1, 2], "values": [first / (step + 1) for step in range(3)]}
        for name, first in (("train", 0.5), ("val", 0.6))
    }
    found = {"kind": "metrics", "tracker": "clearml", "series": drawn, "scalars": {"final_acc": 0.93}}
    yield made.with_name("metrics.jsonl"), "clearml/metrics.jsonl", found


def guild_run(work: Path) -> Made:
    """Guild 0.9 needs protobuf below 5, so it has an environment of its own: ``pip install guildai``."""
    (work / "train.py").write_text("lr = 0.1\nlayers = 3\nloss = lr * layers\nprint('loss: %f' % loss)\n")
    (work / "guild.yml").write_text(
        "train:\n  main: train\n  flags-import: all\n  sourcecode: ['train.py']\n"
    )
    (work / "home").mkdir()
    variables = os.environ | {"GUILD_HOME": str(work / "home")}
    words = ["guild", "run", "train", "lr=0.5", "-y", "--no-gpus"]
    words[0] = str(Path(sys.executable).with_name("guild"))
    subprocess.run(words, cwd=work, env=variables, check=True)
    top = next((work / "home/runs").glob("*/.guild"))
    here = "guild/run/.guild"
    common: Expected = {"kind": "config", "tracker": "guild"}
    yield top / "attrs/flags", f"{here}/attrs/flags", {**common, "settings": {"lr": 0.5, "layers": 3}}
    yield top / "attrs/exit_status", f"{here}/attrs/exit_status", {**common, "settings": {"exit_status": 0}}
    frozen = (top / "attrs/pip_freeze").read_text().splitlines()
    packages = dict(line.removeprefix("- ").lower().split("==") for line in frozen)
    found: Expected = {
        "kind": "environment",
        "packages": {name: f"=={one}" for name, one in packages.items()},
    }
    yield top / "attrs/pip_freeze", f"{here}/attrs/pip_freeze", found
    drawn = {"loss": {"steps": [0], "values": [1.5]}}
    events = next(top.glob("events.out.tfevents.*"))
    yield events, f"{here}/events.out.tfevents.1", {"kind": "metrics", "format": "tfevents", "series": drawn}


def notebooks(work: Path) -> Made:
    import nbformat
    import papermill

    notebook = nbformat.v4.new_notebook()
    parameters = nbformat.v4.new_code_cell("lr = 0.1\nepochs = 3")
    parameters.metadata["tags"] = ["parameters"]
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# A title"),
        parameters,
        nbformat.v4.new_code_cell("%matplotlib?\nimport json, os.path\nfrom math import pi\n!true"),
        nbformat.v4.new_code_cell("print(lr * epochs)\nlr"),
    ]
    notebook.cells[2].source = "import json, os.path\nfrom math import pi\n!true"
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "plain.ipynb")
    papermill.execute_notebook(
        str(work / "plain.ipynb"), str(work / "done.ipynb"), parameters={"lr": 0.5}, progress_bar=False
    )
    done = nbformat.read(work / "done.ipynb", 4)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    common: Expected = {"kind": "notebook", "format": "ipynb", "kernel": "python3", "language": "python"}
    common |= {"imports": ["json", "math", "os"]}
    fresh: Expected = {"executed": 0, "outputs": 0, "cells": {"markdown": 1, "code": 3}}
    yield (
        work / "plain.ipynb",
        "notebook/plain.ipynb",
        {**common, **fresh, "constants": {"lr": 0.1, "epochs": 3}},
    )
    ran: Expected = {"executed": len(code), "in_order": True, "settings": {"lr": 0.5}}
    ran["highest_execution"] = max(cell.execution_count for cell in code)
    ran["outputs"] = sum(len(cell.outputs) for cell in code)
    yield work / "done.ipynb", "notebook/done.ipynb", {**common, **ran}


def hydra_run(work: Path) -> Made:
    (work / "conf").mkdir()
    (work / "conf/config.yaml").write_text("lr: 0.1\nmodel:\n  layers: 3\n  name: small\n")
    program = """
        import hydra, logging
        @hydra.main(version_base=None, config_path="conf", config_name="config")
        def main(cfg): logging.getLogger().info("loss %s", cfg.lr)
        main()
    """
    (work / "app.py").write_text(textwrap.dedent(program))
    words = ["lr=1e-3", "+model.sizes=[1,2]", "model.name=big", "hydra.run.dir=out"]
    subprocess.run([sys.executable, "app.py", *words], cwd=work, check=True)
    settings = {"lr": 0.001, "model.layers": 3, "model.name": "big", "model.sizes": [1, 2]}
    common: Expected = {"kind": "config", "format": "yaml", "tool": "hydra"}
    top = work / "out/.hydra"
    yield top / "config.yaml", "hydra/.hydra/config.yaml", {**common, "settings": settings}
    yield (
        top / "overrides.yaml",
        "hydra/.hydra/overrides.yaml",
        {**common, "settings": {"lr": 0.001, "model.sizes": [1, 2], "model.name": "big"}},
    )
    yield top / "hydra.yaml", "hydra/.hydra/hydra.yaml", {**common, "settings": {"hydra.job.name": "app"}}


def yaml_dumps(work: Path) -> Made:
    import ruamel.yaml
    import yaml

    held = {"lr": 0.1, "sizes": (1, 2), "name": "on", "path": Path("data/x"), "set": {3}, "seed": 7}
    (work / "objects.yaml").write_text(yaml.dump(held))
    found: Expected = {"lr": 0.1, "sizes": [1, 2], "name": "on", "seed": 7}
    yield work / "objects.yaml", "yaml/objects.yaml", {"kind": "config", "format": "yaml", "settings": found}
    shared = {"layers": 3}
    with (work / "anchors.yaml").open("w") as file:
        ruamel.yaml.YAML().dump({"a": shared, "b": shared, "small": 1.0e-5}, file)
    anchored: Expected = {"a.layers": 3, "b.layers": 3, "small": 1e-5}
    yield (
        work / "anchors.yaml",
        "yaml/anchors.yaml",
        {"kind": "config", "format": "yaml", "settings": anchored},
    )


PROJECT = """
[project]
name = "corpus"
version = "1"
requires-python = ">=3.11"
dependencies = ["click>=8", "six"]

[dependency-groups]
dev = ["iniconfig"]
"""


def locks(work: Path) -> Made:
    import tomllib

    (work / "pyproject.toml").write_text(PROJECT)
    subprocess.run([sys.executable, "-m", "uv", "lock", "-q"], cwd=work, check=True)
    locked = tomllib.loads((work / "uv.lock").read_text())["package"]
    exact = {one["name"]: f"=={one['version']}" for one in locked if "version" in one}
    yield work / "uv.lock", "locks/uv.lock", {"kind": "environment", "packages": exact}
    plain = {"click": ">=8", "six": "", "iniconfig": ""}
    yield work / "pyproject.toml", "locks/pyproject.toml", {"kind": "environment", "packages": plain}
    exported = subprocess.run(
        [sys.executable, "-m", "uv", "export", "-q"], cwd=work, check=True, capture_output=True, text=True
    )
    (work / "requirements.txt").write_text(exported.stdout)
    pinned = {name: spec for name, spec in exact.items() if name not in {"corpus", "colorama"}}
    yield work / "requirements.txt", "locks/requirements.txt", {"kind": "environment", "packages": pinned}
    (work / "Pipfile").write_text('[packages]\nclick = ">=8"\nsix = "*"\n')
    yield work / "Pipfile", "locks/Pipfile", {"kind": "environment", "packages": {"click": ">=8", "six": ""}}


MAKERS: list[Callable[[Path], Made]] = [
    tensorboardx,
    tensorboard_tensors,
    keras_logs,
    transformers_state,
    mlflow_files,
    mlflow_database,
    wandb_offline,
    dvclive_run,
    sacred_run,
    clearml_offline,
    guild_run,
    notebooks,
    hydra_run,
    yaml_dumps,
    locks,
]


def main() -> None:
    """Make everything, each in a process of its own, or what the second argument names."""
    if not sys.argv[2:]:
        for maker in MAKERS:
            subprocess.run([sys.executable, __file__, str(HERE), maker.__name__], check=False, timeout=300)
        return
    expected: dict[str, Expected] = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    with tempfile.TemporaryDirectory() as work:
        try:
            for maker in MAKERS:
                for made, name, found in maker(Path(work)) if maker.__name__ == sys.argv[2] else ():
                    target = FILES / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(made, target)
                    expected[name] = found
        except Exception:  # noqa: BLE001  (a library that cannot be had stops no other)
            sys.stderr.write(f"{sys.argv[2]} left out:\n{traceback.format_exc(limit=-2)}")
    EXPECTED.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
