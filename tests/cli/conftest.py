"""A workspace whose store has something of everything, without a recorder."""

from pathlib import Path

import pytest

from mlamd import workspace
from mlamd.model import events
from mlamd.model.evidence import Grade, Via
from tests.conftest import Project
from tests.story import S, Story

ODD = b"odd \xff\nname"


def _tell(root: Path) -> Story:
    story = Story()
    story.session()
    raw = story.existing("raw.csv")
    story.gap(0, 1)
    first = story.run("bash all.sh", 2, public="aaaa000000000001", cwd="/w/\udcff")
    shell = story.step(first, "bash all.sh", 2)
    prepare = story.step(first, "python prepare.py", 3, cwd="/w/\udcff")
    story.flow(shell, prepare, Via.START, 3)
    story.read(prepare, raw, 3)
    clean = story.write(prepare, "clean.csv", 4)
    for place in range(3):
        results = story.write(prepare, f"out/{place}", 4)
    saved = [story.write(prepare, f"hf/{name}", 4) for name in ("config.json", "model.safetensors")]
    odd = story.write([shell, prepare], ODD, 4)
    sort = story.step(first, "sort", 4, inside=("/docker/0123", "0123", 7))
    story.flow(prepare, sort, Via.PIPE)
    story.write(sort, "sorted", 5)
    story.end(first, [shell, prepare, sort], 6)
    for number, (public, begin) in enumerate((("aaaa000000000002", 10), ("bbbb000000000003", 20))):
        run = story.run(f"python train.py {number}", begin, public=public)
        placed = (
            f"SLURM_JOB_ID=7{number}",
            "SLURM_ARRAY_TASK_ID=3",
            "RANK=1",
            "WORLD_SIZE=4",
            "MASTER_ADDR=a",
        )
        step = story.step(run, f"python train.py {number}", begin, variables=placed)
        story.read(step, clean, begin + 1)
        story.read(step, odd, begin + 1, Grade.OBSERVED)
        pictures = [
            story.existing(f"data/{number}/{place}.png", begin, f"data {place}") for place in range(3)
        ]
        for picture in pictures:
            story.read(step, picture, begin + 1)
        story.again(step, clean, 3, begin + 2)
        story.write(step, "model", begin + 3, f"model {number}")
        log = story.write(step, "train.log", begin + 4, derived=number > 0)
        story.end(run, [step], begin + 5, number)
    story.mean(raw, "dataset", {"rows": 2, "columns": [{"name": "x", "type": "int"}]}, "csv")
    story.mean(pictures[0], "dataset", {"width": 28, "height": 28, "mode": "L"}, "png", made="figure")
    architecture = {"framework": "transformers", "class": "BertModel", "architecture": "bert"}
    story.mean(saved[0], "model", architecture, "huggingface-config")
    weights = {"framework": "pytorch", "tensors": 2, "parameters": 1234, "dtypes": {"float32": 2}}
    story.mean(saved[1], "model", weights, "safetensors")
    story.mean(results, "dataset", {"rows": 1}, "csv", made="metrics")
    points = {"loss": {"steps": [0, 1], "values": [1.0, 0.5]}}
    story.mean(log, "metrics", {"series": points, "scalars": {"accuracy": 0.75}}, "csv")
    _surround(story, step, root)
    story.use(prepare, 6, block_delay_ns=7)
    story.use(step, 25)
    story.sample(run, 22)
    story.events.append(events.GpuSampled(run, 22 * S, 0, "card", S, 1, 40, 10**9, 250_000))
    story.sample(run, 24, pss_bytes=None)
    story.gap(21, 22, b"data", "overflow")
    renamed = story.write((), "draft", 30)
    story.move(renamed, b"final \xfe", 31)
    story.move(renamed, b"final", 32)
    story.remove(renamed, 33)
    editor = story.run("vim notes", 40, kind="edit")
    story.write(story.step(editor, "vim notes", 40), "notes", 41, "")
    return story


def _surround(story: Story, step: int, root: Path) -> None:
    """Say something of all that is known of where a step ran."""
    unknown = {
        "root": str(root),
        "untracked": ["clean.csv", "never.csv", "data/1/0.png"],
        "untracked_count": 3,
    }
    story.surround(
        step,
        25,
        host={
            "host": "box",
            "system": "Linux",
            "cores": 2,
            "cpu": "fast",
            "memory_bytes": 10**9,
            "container": {"kind": "podman", "id": "ab" * 32, "image": "train:3"},
        },
        native={"libraries": ["/c/libcudart.so.12.4.99", "/usr/lib/libc.so.6"], "packages": ["numpy"]},
        packages={"version": "3.11", "manager": "venv", "prefix": "/v", "packages": {"numpy": "2"}},
        code={"branch": "main", "commit": "0123456789abcdef", "dirty": ["a.py"], "remote": "", **unknown},
    )


@pytest.fixture
def told(project: Project) -> Project:
    """A stopped workspace with a store that was written by hand."""
    made, _ = workspace.create(project.root)
    (made.store / "settings.toml").write_text("fold_above_files = 2\n")
    _tell(project.root).tell(made.store, folded=20)
    return project
