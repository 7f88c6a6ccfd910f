"""A small real project of four stages, and what a record of it must say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the project: its script, and the files that it reads (the script too) and writes."""

    script: str
    reads: frozenset[str]
    writes: frozenset[str]


STAGES = (
    Stage("prepare.py", frozenset({"prepare.py", "data/raw/penguins.csv"}), frozenset({"data/prepared.csv"})),
    Stage(
        "featurize.py",
        frozenset({"featurize.py", "params.json", "data/prepared.csv"}),
        frozenset({"data/train.csv", "data/test.csv"}),
    ),
    Stage(
        "train.py",
        frozenset({"train.py", "classifier.py", "params.json", "data/train.csv"}),
        frozenset({"models/model.json", "metrics/train.json"}),
    ),
    Stage(
        "evaluate.py",
        frozenset({"evaluate.py", "classifier.py", "models/model.json", "data/test.csv"}),
        frozenset({"metrics/eval.json"}),
    ),
)
MODEL = "models/model.json"
PARAMS = "params.json"
RATE = "learning_rate"
RATES = (0.1, 0.3)
"""What it is in the first and in the second pass."""

ORIGINS = frozenset(
    {"prepare.py", "data/raw/penguins.csv", "featurize.py", "train.py", "classifier.py", "params.json"}
)
"""What the model comes from in the end: all that no stage has made."""

BETWEEN = frozenset({"data/prepared.csv", "data/train.csv", MODEL})
"""What the stages made on the way to the model."""
