"""A training stage: reads data/train.csv, trains a forest, writes the model and its metrics."""

import json
from pathlib import Path

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

table = pd.read_csv("data/train.csv")
features, labels = table.drop(columns="label"), table["label"]
train_x, test_x, train_y, test_y = train_test_split(features, labels, train_size=0.3, random_state=1)
model = RandomForestClassifier(n_estimators=20, max_depth=8, n_jobs=2, random_state=1)
model.fit(train_x, train_y)
Path("models").mkdir(exist_ok=True)
joblib.dump(model, "models/forest.joblib")
metrics = {"accuracy": accuracy_score(test_y, model.predict(test_x)), "rows": len(table)}
Path("metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
