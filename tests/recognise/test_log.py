"""Series out of the lines of logs, and what is left of other texts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recognise.reading import recognise


def series(text, name="train.log"):
    found = recognise(name, text)
    assert found.kind == "log"
    return {key: (one["steps"], one["values"]) for key, one in found.facts.get("series", {}).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "epoch 1/10 loss 0.5 - val_loss: 0.3\nepoch 2/10 loss 0.4 - val_loss: 0.2\n",
            {"loss": ([1, 2], [0.5, 0.4]), "val_loss": ([1, 2], [0.3, 0.2])},
        ),
        (
            "step=100 loss=1.5e-3 lr=0.1\nstep=200 loss=1e-3 lr=0.05",
            {"loss": ([100, 200], [1.5e-3, 1e-3]), "lr": ([100, 200], [0.1, 0.05])},
        ),
        ("Epoch: [3][10/20] Loss 0.5 (0.6) Acc@1 80.0", {"Loss": ([3], [0.5]), "Acc@1": ([3], [80.0])}),
        (
            "{'loss': 0.5, 'grad_norm': 1.5, 'epoch': 1.0}\n{'loss': 0.25, 'epoch': 2.0}",
            {"loss": ([1, 2], [0.5, 0.25]), "grad_norm": ([1], [1.5])},
        ),
        ('{"step": 5, "loss": 0.5, "note": "x"}', {"loss": ([5], [0.5])}),
        (
            "2026-11-25 12:30:01,123 INFO Epoch 2 train loss: 0.5, test accuracy = 0.75",
            {"train_loss": ([2], [0.5]), "test_accuracy": ([2], [0.75])},
        ),
        (
            "Epoch 1/2\n1/1 - 2ms/step - loss: 3.4 - mae: 1.5\nEpoch 2/2\n1/1 - 0s - loss: 3.0 - mae: 1.0",
            {"loss": ([1, 2], [3.4, 3.0]), "mae": ([1, 2], [1.5, 1.0])},
        ),
        ("loss: 1\nloss: 2\nloss: nan", {"loss": ([0, 1, 2], [1, 2, "nan"])}),
        ("\x1b[32mepoch 1\x1b[0m \x1b[1mloss: 0.5\x1b[0m\repoch 2 loss: 0.4", {"loss": ([1, 2], [0.5, 0.4])}),
        ("accuracy: 95%", {"accuracy": ([0], [95])}),
        (
            "Epoch 3:  45%|## | 450/1000 [00:12, 36.2it/s, loss=0.5]\rEpoch 4: 100%|#| 9/9 [00:12, loss=0.4]",
            {"loss": ([3, 4], [0.5, 0.4])},
        ),
        ("epoch 1 loss 0.5 speed: 30", {"loss": ([1], [0.5]), "speed": ([1], [30])}),
    ],
)
def test_lines_of_logs(text, expected):
    assert series(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "started at 12:30:01",
        "GPU memory: 30 of 40",
        "http://localhost:8080 is up",
        "version: 1.2.3",
        "loading 3 files",
        "loss of 3 packets",
        "step 3 done",
    ],
)
def test_other_lines_are_no_series(text):
    assert series(text) == {}


def test_a_text_without_series_is_generic():
    found = recognise("notes.md", "loss: 3\nSome words\n")
    assert (found.kind, found.format, found.facts["lines"]) == ("generic", "text", 2)
    assert recognise("notes.txt", "Some words\n").kind == "dataset"
    assert recognise("out", "epoch 1 loss 3\nepoch 2 loss 2\n").kind == "log"
    assert recognise("output", "loss: 3\n").kind == "log"
    assert recognise("README", "with lr: 0.1 it returns 3 in 2 steps\nIt returns 4.\n").kind == "generic"
    assert recognise("x.bin", b"\x00\x01\x02").kind == "generic"
    assert recognise("x.log", "").kind == "generic"


def test_a_long_log_keeps_its_ends_and_is_read_in_time():
    lines = [f"epoch {n} step {n} loss: {n}.5 acc=0.25 lr 1e-3 padding padding" for n in range(200_000)]
    started = time.process_time()
    found = recognise("a.log", "\n".join(lines))
    assert time.process_time() - started < 4
    assert found.facts["truncated"] is True
    summary = found.facts["summary"]["loss"]
    assert (summary["first"], summary["last"], summary["best_max_step"]) == (0.5, 199999.5, 199999)
    assert len(found.facts["series"]["loss"]["steps"]) <= 1000


@given(st.text() | st.text(alphabet="loss: =epoch1/.3e-\n\r[]{}'\""))
def test_any_text_is_taken(text):
    assert recognise("a.log", text).kind in {"log", "generic"}


@pytest.mark.parametrize("piece", ["loss", "loss: ", "a.", "1", "-", "loss 1e", "[", "train ", "\x1b["])
def test_no_line_makes_it_slow(piece):
    started = time.process_time()
    recognise("a.log", (piece * (1900 // len(piece)) + "1\n") * 200)
    assert time.process_time() - started < 2
