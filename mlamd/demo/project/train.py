"""Fit the model by gradient descent on the training examples."""

import json
import random
from math import log
from pathlib import Path

import classifier

PARAMS = Path("params.json")
TRAIN = Path("data/train.csv")
MODEL = Path("models/model.json")
METRICS = Path("metrics/train.json")
WEIGHT_DECAY = 0.001


def step(weights, rows, targets, rate):
    """Move the weights one step down the gradient; return the mean loss before the step."""
    gradient = [[0.0] * len(rows[0]) for _ in weights]
    loss = 0.0
    for row, target in zip(rows, targets):
        found = classifier.probabilities(weights, row)
        loss -= log(found[target])
        for index, probability in enumerate(found):
            error = probability - (index == target)
            gradient[index] = [total + error * value for total, value in zip(gradient[index], row)]
    for index, weight in enumerate(weights):
        slope = [total / len(rows) + WEIGHT_DECAY * old for total, old in zip(gradient[index], weight)]
        weights[index] = [old - rate * change for old, change in zip(weight, slope)]
    return loss / len(rows)


def main():
    params = json.loads(PARAMS.read_text())
    names, rows, truth = classifier.read_examples(TRAIN)
    species = sorted(set(truth))
    targets = [species.index(name) for name in truth]

    chooser = random.Random(params["seed"])
    weights = [[chooser.gauss(0, 0.01) for _ in rows[0]] for _ in species]
    losses = [step(weights, rows, targets, params["learning_rate"]) for _ in range(params["epochs"])]

    model = {"species": species, "features": names, "weights": weights, "params": params}
    metrics = {
        "examples": len(rows),
        "loss": round(losses[-1], 6),
        "accuracy": round(classifier.accuracy(model, rows, truth), 4),
        "loss_curve": [round(loss, 6) for loss in losses[::10]],
    }
    for path, content in ((MODEL, model), (METRICS, metrics)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")
    print(f"{MODEL}: loss {metrics['loss']}, accuracy {metrics['accuracy']} on what it was trained with")


if __name__ == "__main__":
    main()
