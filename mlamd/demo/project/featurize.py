"""Turn measurements into features, and hold a part of the penguins back for the test."""

import csv
import json
import random
from itertools import combinations_with_replacement
from pathlib import Path
from statistics import fmean, pstdev

PARAMS = Path("params.json")
PREPARED = Path("data/prepared.csv")
TRAIN = Path("data/train.csv")
TEST = Path("data/test.csv")
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
CANDIDATES = 2000


def split(rows, share, chooser):
    """Draw one split; the test part gets the same share of every species."""
    train, test = [], []
    for species in sorted({row["species"] for row in rows}):
        group = [row for row in rows if row["species"] == species]
        chooser.shuffle(group)
        held_back = round(share * len(group))
        test += group[:held_back]
        train += group[held_back:]
    return train, test


def imbalance(train, test, spread):
    """Say how far the mean penguins of two parts lie apart, in standard deviations."""
    distance = 0.0
    for name in MEASURES:
        distance += abs(fmean(row[name] for row in train) - fmean(row[name] for row in test)) / spread[name]
    return distance


def features(row, centre, spread):
    """Standardised measurements, and their products."""
    scaled = {name: (row[name] - centre[name]) / spread[name] for name in MEASURES}
    made = dict(scaled)
    for first, second in combinations_with_replacement(MEASURES, 2):
        made[f"{first}*{second}"] = scaled[first] * scaled[second]
    return {"species": row["species"]} | {name: f"{value:.6f}" for name, value in made.items()}


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path}: {len(rows)} penguins, {len(rows[0]) - 1} features")


def main():
    params = json.loads(PARAMS.read_text())
    with PREPARED.open(newline="") as file:
        rows = [row | {name: float(row[name]) for name in MEASURES} for row in csv.DictReader(file)]
    spread = {name: pstdev(row[name] for row in rows) for name in MEASURES}

    # Of many random splits, take the one whose parts are most alike.
    chooser = random.Random(params["seed"])
    candidates = (split(rows, params["split"], chooser) for _ in range(CANDIDATES))
    train, test = min(candidates, key=lambda parts: imbalance(*parts, spread))

    # Only what training may know decides how features are scaled.
    centre = {name: fmean(row[name] for row in train) for name in MEASURES}
    spread = {name: pstdev(row[name] for row in train) for name in MEASURES}
    TRAIN.parent.mkdir(parents=True, exist_ok=True)
    write(TRAIN, [features(row, centre, spread) for row in train])
    write(TEST, [features(row, centre, spread) for row in test])


if __name__ == "__main__":
    main()
