"""What texts are: data, logs, or written for people."""

import pytest

from tests.recognise.reading import recognise

_LINES = "Epoch 1/3 train_loss 0.5 val_loss 0.6\nEpoch 2/3 train_loss 0.4 val_loss 0.5\n"


@pytest.mark.parametrize("name", ["log.txt", "train_log.txt", "stdout.txt", "run.txt"])
def test_logs_in_text_files(name: str) -> None:
    found = recognise(name, _LINES)
    assert found.kind == "log"
    assert found.facts["series"]["train_loss"] == {"steps": [1, 2], "values": [0.5, 0.4]}  # type: ignore[index,call-overload]


def test_a_long_log_in_a_text_file_is_read_whole() -> None:
    lines = [f"epoch {n} loss {n}.5 and words that make it long" for n in range(5000)]
    found = recognise("run.txt", "\n".join(lines))
    assert found.facts["summary"]["loss"]["count"] == 5000  # type: ignore[index,call-overload]


def test_one_line_is_enough_only_where_the_name_says_log() -> None:
    line = "Epoch 1/3 train_loss 0.5 val_loss 0.6\n"
    assert recognise("log.txt", line).kind == "log"
    assert recognise("run.txt", line).kind == "dataset"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("words.txt", "some words\nand more\n", "dataset"),
        ("log.txt", "some words\n", "dataset"),
        ("reviews.txt", "The loss 3 of them\naccuracy: 4\naccuracy: 5\n", "dataset"),
        ("empty.txt", "", "generic"),
        ("blank.txt", "\n\n", "generic"),
        ("README.txt", _LINES, "generic"),
        ("LICENSE.txt", "You may", "generic"),
        ("README", "accuracy: 0.9\nand on the test set\naccuracy: 0.8\n", "generic"),
        ("NOTES", "accuracy: 0.9\nand on the test set\naccuracy: 0.8\n", "generic"),
    ],
)
def test_other_texts(name: str, text: str, kind: str) -> None:
    assert recognise(name, text).kind == kind
