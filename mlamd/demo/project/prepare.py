"""Clean the raw table: drop incomplete penguins, and those whose measurements cannot be right."""

import csv
import random
from pathlib import Path

RAW = Path("data/raw/penguins.csv")
PREPARED = Path("data/prepared.csv")
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
RESAMPLES = 2500


def limits(values, chooser):
    """Bounds for believable values: bootstrapped quartiles, widened by 2.5 times their distance."""
    low = high = 0.0
    for _ in range(RESAMPLES):
        sample = sorted(chooser.choices(values, k=len(values)))
        low += sample[len(sample) // 4]
        high += sample[3 * len(sample) // 4]
    low, high = low / RESAMPLES, high / RESAMPLES
    margin = 2.5 * (high - low)
    return low - margin, high + margin


def main():
    with RAW.open(newline="") as file:
        rows = list(csv.DictReader(file))
    complete = [row for row in rows if "NA" not in row.values()]

    chooser = random.Random(0)
    bounds = {}
    for species in sorted({row["species"] for row in complete}):
        for name in MEASURES:
            values = [float(row[name]) for row in complete if row["species"] == species]
            bounds[species, name] = limits(values, chooser)

    kept = []
    for row in complete:
        ranges = [(float(row[name]), *bounds[row["species"], name]) for name in MEASURES]
        if all(low <= value <= high for value, low, high in ranges):
            kept.append(row)

    PREPARED.parent.mkdir(parents=True, exist_ok=True)
    with PREPARED.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, ["species", "sex", *MEASURES], extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(kept)
    print(f"{PREPARED}: {len(kept)} of {len(rows)} penguins ({len(rows) - len(complete)} were incomplete)")


if __name__ == "__main__":
    main()
