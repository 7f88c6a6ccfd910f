import argparse
import csv
import json

from sklearn.neighbors import KNeighborsClassifier

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("neighbours", type=int)
parser.add_argument("share", type=float, nargs="?", default=0.5)
parser.add_argument("-p", "--power", type=int, default=2)
options = parser.parse_args()

with open(options.data, newline="") as file:
    rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
features, labels = [row[:-1] for row in rows], [int(row[-1]) for row in rows]
cut = int(len(rows) * options.share)
model = KNeighborsClassifier(options.neighbours, p=options.power).fit(features[:cut], labels[:cut])
metrics = {"test_accuracy": model.score(features[cut:], labels[cut:]), "errors": 0}
metrics["errors"] = round((1 - metrics["test_accuracy"]) * (len(rows) - cut))
with open("results.json", "w") as file:
    json.dump(metrics, file)
print(json.dumps({"parameters": vars(options), "metrics": metrics}))
