import json

from sklearn.datasets import make_regression
from sklearn.linear_model import SGDRegressor
from sklearn.metrics import mean_squared_error

ALPHA = 0.001
EPOCHS = 5
LEARNING_RATE = "constant"
SEED = 7

features, target = make_regression(300, 6, noise=1.0, random_state=SEED)
target = target / abs(target).max()
model = SGDRegressor(alpha=ALPHA, learning_rate=LEARNING_RATE, random_state=SEED)
with open("train.log", "w") as log:
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(features[:200], target[:200])
        loss = mean_squared_error(target[:200], model.predict(features[:200]))
        val_loss = mean_squared_error(target[200:], model.predict(features[200:]))
        log.write(f"epoch {epoch}/{EPOCHS} - loss: {loss:.6f} - val_loss: {val_loss:.6f}\n")
told = {"ALPHA": ALPHA, "EPOCHS": EPOCHS, "LEARNING_RATE": LEARNING_RATE, "SEED": SEED}
metrics = {"loss": float(f"{loss:.6f}"), "val_loss": float(f"{val_loss:.6f}")}
print(json.dumps({"parameters": told, "metrics": metrics}))
