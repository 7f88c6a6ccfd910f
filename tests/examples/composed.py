import csv
import json
import sys

import yaml
from sklearn.datasets import make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss


def load(path, words):
    with open(path) as file:
        settings = yaml.safe_load(file)
    for word in words:
        name, _, value = word.partition("=")
        place = settings
        *above, last = name.split(".")
        for part in above:
            place = place[part]
        place[last] = yaml.safe_load(value)
    return settings


settings = load("conf/config.yaml", sys.argv[1:])
features, labels = make_classification(settings["data"]["samples"], 8, random_state=settings["seed"])
model = SGDClassifier(loss="log_loss", random_state=settings["seed"], **settings["model"])
with open("history.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["epoch", "loss", "val_accuracy"])
    for epoch in range(settings["trainer"]["epochs"]):
        model.partial_fit(features[:300], labels[:300], classes=[0, 1])
        loss = float(log_loss(labels[:300], model.predict_proba(features[:300])))
        accuracy = float(model.score(features[300:], labels[300:]))
        writer.writerow([epoch, loss, accuracy])
told = {
    "seed": settings["seed"],
    **{
        f"{group}.{name}": value
        for group in ("data", "model", "trainer")
        for name, value in settings[group].items()
    },
}
print(json.dumps({"parameters": told, "metrics": {"loss": loss, "val_accuracy": accuracy}}))
