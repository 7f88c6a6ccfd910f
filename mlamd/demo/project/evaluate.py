"""Measure the model on penguins that it has never seen."""

import json
import random
from pathlib import Path

import classifier

MODEL = Path("models/model.json")
TEST = Path("data/test.csv")
METRICS = Path("metrics/eval.json")
RESAMPLES = 2000
SHUFFLES = 100


def confidence(hits, chooser):
    """Return the 95 % interval of the accuracy, bootstrapped over the test examples."""
    drawn = sorted(sum(chooser.choices(hits, k=len(hits))) / len(hits) for _ in range(RESAMPLES))
    return [round(drawn[int(part * RESAMPLES)], 4) for part in (0.025, 0.975)]


def importance(model, rows, truth, column, chooser):
    """Return how much accuracy is lost when one feature is shuffled among the penguins."""
    values = [row[column] for row in rows]
    left = 0.0
    for _ in range(SHUFFLES):
        chooser.shuffle(values)
        shuffled = [[*row[:column], value, *row[column + 1 :]] for row, value in zip(rows, values)]
        left += classifier.accuracy(model, shuffled, truth)
    return round(classifier.accuracy(model, rows, truth) - left / SHUFFLES, 4)


def main():
    model = json.loads(MODEL.read_text())
    names, rows, truth = classifier.read_examples(TEST)
    predicted = [classifier.predict(model, row) for row in rows]
    pairs = list(zip(truth, predicted))
    hits = [right == guess for right, guess in pairs]

    chooser = random.Random(0)
    metrics = {
        "examples": len(rows),
        "accuracy": round(sum(hits) / len(hits), 4),
        "accuracy_interval": confidence(hits, chooser),
        "confusion": {
            right: {guess: pairs.count((right, guess)) for guess in model["species"]}
            for right in model["species"]
        },
        "importance": {
            name: importance(model, rows, truth, column, chooser)
            for column, name in enumerate(names, start=1)
        },
    }
    METRICS.parent.mkdir(parents=True, exist_ok=True)
    METRICS.write_text(json.dumps(metrics, indent=2) + "\n")
    low, high = metrics["accuracy_interval"]
    print(f"{METRICS}: accuracy {metrics['accuracy']} on {len(rows)} penguins (95 %: {low} to {high})")


if __name__ == "__main__":
    main()
