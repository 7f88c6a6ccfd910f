"""Multinomial logistic regression: what training and evaluation share."""

import csv
from math import exp
from operator import mul


def read_examples(path):
    """Return the feature names, the rows of features (each with a leading 1 for the bias), and the species."""
    with open(path, newline="") as file:
        reader = csv.reader(file)
        names = next(reader)[1:]
        table = list(reader)
    return names, [[1.0, *map(float, row[1:])] for row in table], [row[0] for row in table]


def probabilities(weights, row):
    """Return the probability of each species: the softmax of one score for each."""
    scores = [sum(map(mul, weight, row)) for weight in weights]
    highest = max(scores)
    powers = [exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def predict(model, row):
    """Return the most probable species."""
    found = probabilities(model["weights"], row)
    return model["species"][found.index(max(found))]


def accuracy(model, rows, truth):
    """Return the share of rows whose species is predicted right."""
    return sum(predict(model, row) == species for row, species in zip(rows, truth)) / len(rows)
