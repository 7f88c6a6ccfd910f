"""The part of the corpus that is estimators: scikit-learn and gradient boosting, as pickles and otherwise."""

# ruff: noqa: PLC0415, PLW0108  (each part imports its own libraries, and hands functions on)

import os
import pickle
from typing import Any

from make_corpus import Shelf


def _data(classes: int = 2) -> tuple[Any, Any]:
    import numpy as np

    numbers = np.random.default_rng(1)
    x = numbers.normal(size=(60, 4))
    return x, (numbers.integers(0, classes, 60) if classes else x[:, 0] * 2 + 1)


def _plain(value: Any) -> Any:
    """The value of a setting as JSON has it, objects by the names of their classes."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return str(value) if value != value else value  # noqa: PLR0124  (nan)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "item"):
        return value.item()
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _settings(model: Any) -> dict[str, Any]:
    return {key: _plain(value) for key, value in model.get_params(deep=True).items()}


def _facts(model: Any, framework: str) -> dict[str, Any]:
    import sklearn

    facts = {"framework": framework, "class": _plain(model), "hyperparameters": _settings(model)}
    if framework == "scikit-learn":
        facts["framework_version"] = sklearn.__version__
    return facts


def _dump(shelf: Shelf, name: str, model: Any, facts: dict[str, Any], protocol: int = 4) -> None:
    shelf.put(name, lambda path: path.write_bytes(pickle.dumps(model, protocol)), "model", "pickle", facts)


def make_sklearn(shelf: Shelf) -> None:
    import joblib
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    x, y = _data()
    forest = RandomForestClassifier(n_estimators=3, min_samples_split=17, max_depth=2, random_state=4).fit(
        x, y
    )
    forest_facts = _facts(forest, "scikit-learn")
    for protocol in range(6):
        _dump(shelf, f"forest_{protocol}.pkl", forest, forest_facts, protocol)
    shelf.put("forest.joblib", lambda path: joblib.dump(forest, path), "model", "joblib", forest_facts)
    for packing, word in (
        ("zlib", "zlib"),
        ("gzip", "gzip"),
        ("bz2", "bzip2"),
        ("xz", "xz"),
        ("lzma", "lzma"),
    ):
        shelf.put(
            f"forest_{packing}.joblib",
            lambda path, packing=packing: joblib.dump(forest, path, compress=(packing, 3)),
            "model", "joblib", forest_facts | {"compression": word},
        )  # fmt: skip
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), [0, 1]), ("coded", OneHotEncoder(max_categories=3), [2])]
    )
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression(C=0.25, max_iter=321))]).fit(x, y)
    _dump(shelf, "pipeline.pkl", pipeline, _facts(pipeline, "scikit-learn"))
    bagging = BaggingClassifier(SVC(gamma=0.125), n_estimators=2).fit(x, y)
    shelf.put(
        "bagging.joblib", lambda path: joblib.dump(bagging, path), "model", "joblib",
        _facts(bagging, "scikit-learn"),
    )  # fmt: skip
    ridge = Ridge(alpha=0.75).fit(x, y)
    about = {"model": ridge, "features": ["a", "b", "c", "d"], "version": 3}
    _dump(shelf, "bundle.pickle", about, _facts(ridge, "scikit-learn") | {"inside": "dict"})


def make_plain_pickles(shelf: Shelf) -> None:
    import numpy as np
    import pandas as pd

    data = {"x": [1, 2, 3], "y": {"z": (1.5, None)}}
    shelf.put(
        "plain.pkl", lambda path: path.write_bytes(pickle.dumps(data)), "dataset", "pickle", {"class": "dict"}
    )
    array = np.zeros((3, 5), np.float32)
    shelf.put(
        "array.pkl", lambda path: path.write_bytes(pickle.dumps(array)), "dataset", "pickle",
        {"dtype": "f4", "shape": [3, 5]},
    )  # fmt: skip
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    shelf.put(
        "frame.pkl", lambda path: frame.to_pickle(path), "dataset", "pickle",
        {"class": f"{type(frame).__module__}.DataFrame"},
    )  # fmt: skip


class _Harm:
    def __reduce__(self) -> Any:
        return os.system, ("touch harmed",)


def make_harm(shelf: Shelf) -> None:
    shelf.put(
        "harm.pkl", lambda path: path.write_bytes(pickle.dumps(_Harm())), "generic", "pickle",
        {"dangerous": [f"{os.system.__module__}.system"]},
    )  # fmt: skip


def make_xgboost(shelf: Shelf) -> None:
    import xgboost

    x, y = _data(3)
    model = xgboost.XGBClassifier(n_estimators=2, max_depth=2, learning_rate=0.3, subsample=0.5).fit(x, y)
    facts = {
        "framework": "xgboost", "framework_version": xgboost.__version__, "class": "gbtree",
        "trees": 2 * 3, "features": 4,
    }  # fmt: skip
    for form in ("json", "ubj"):
        shelf.put(f"boosted.{form}", lambda path: model.save_model(path), "model", f"xgboost-{form}", facts)
        shelf.expected[f"boosted.{form}"]["some"] = {
            "hyperparameters": {"objective": "multi:softprob", "num_class": 3}
        }
    settings = {key: value for key, value in _settings(model).items() if value == value}  # noqa: PLR0124
    settings.pop("missing")
    name = type(model).__module__ + ".XGBClassifier"
    _dump(shelf, "boosted.pkl", model, {"framework": "xgboost", "class": name})
    shelf.expected["boosted.pkl"]["some"] = {"hyperparameters": settings}


def make_lightgbm(shelf: Shelf) -> None:
    import lightgbm

    x, y = _data()
    model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, min_child_samples=5, verbose=-1).fit(x, y)
    booster = model.booster_
    facts = {
        "framework": "lightgbm", "trees": booster.num_trees(), "features": booster.num_feature(),
        "feature_names": booster.feature_name(),
    }  # fmt: skip
    shelf.put("light.txt", lambda path: booster.save_model(path), "model", "lightgbm", facts)
    shelf.expected["light.txt"]["some"] = {
        "hyperparameters": {"num_leaves": 4, "min_data_in_leaf": 5, "boosting": "gbdt"}
    }
    _dump(shelf, "light.pkl", model, {"framework": "lightgbm", "class": "lightgbm.sklearn.LGBMClassifier"})
    shelf.expected["light.pkl"]["some"] = {"hyperparameters": _settings(model)}


def make_catboost(shelf: Shelf) -> None:
    import catboost

    x, y = _data()
    model = catboost.CatBoostClassifier(
        iterations=3, depth=2, learning_rate=0.5, verbose=False, allow_writing_files=False
    ).fit(x, y)
    shelf.put(
        "cat.cbm", lambda path: model.save_model(str(path)), "model", "catboost",
        {"framework": "catboost", "framework_version": catboost.__version__},
    )  # fmt: skip
    shelf.expected["cat.cbm"]["some"] = {
        "hyperparameters": {"iterations": 3, "depth": 2, "learning_rate": 0.5}
    }
