import argparse
import json

import joblib
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--n-estimators", type=int, default=50)
parser.add_argument("--max-depth", type=int, default=4)
parser.add_argument("--min-samples-split", type=int, default=3)
parser.add_argument("--bootstrap", action="store_true")
options = parser.parse_args()

features, labels = make_classification(400, 8, random_state=1)
forest = RandomForestClassifier(**vars(options), random_state=1)
forest.fit(features[:300], labels[:300])
joblib.dump(forest, "forest.joblib")
metrics = {
    "accuracy": forest.score(features[300:], labels[300:]),
    "train_accuracy": forest.score(features[:300], labels[:300]),
}
with open("metrics.json", "w") as file:
    json.dump(metrics, file)
print(json.dumps({"parameters": vars(options), "metrics": metrics}))
