"""Public attributes of scikit-learn's estimators that are none of their parameters.

A pickle holds attributes, not signatures. By convention an estimator's public attributes are its parameters;
these, found by comparing both for every estimator of scikit-learn 1.9, are the exceptions.
"""

_SVM = "C class_weight epsilon nu probability random_state"
_PLS = "algorithm deflation_mode mode"
_SGD = (
    "alpha average early_stopping epsilon eta0 l1_ratio learning_rate loss n_iter_no_change penalty power_t"
)
_TREES = "bootstrap bootstrap_features class_weight max_samples oob_score"

_SETS = {
    "CCA": (_PLS, ""),
    "DecisionTreeRegressor": ("class_weight", ""),
    "ExtraTreeRegressor": ("class_weight", ""),
    "ExtraTreesRegressor": ("class_weight", ""),
    "GradientBoostingClassifier": ("alpha", ""),
    "GraphicalLasso": ("store_precision", ""),
    "GraphicalLassoCV": ("store_precision", ""),
    "IsolationForest": (_TREES + " estimator", "bootstrap max_samples"),
    "KNeighborsClassifier": ("radius", ""),
    "KNeighborsRegressor": ("radius", ""),
    "KNeighborsTransformer": ("radius", ""),
    "LabelPropagation": ("alpha", ""),
    "LarsCV": ("fit_path jitter n_nonzero_coefs random_state", ""),
    "Lasso": ("l1_ratio", ""),
    "LassoLarsIC": ("fit_path", ""),
    "LocalOutlierFactor": ("radius", ""),
    "MLPClassifier": ("loss", ""),
    "MultiTaskLasso": ("l1_ratio", ""),
    "MultiTaskLassoCV": ("positive precompute", ""),
    "NuSVC": (_SVM, "class_weight nu probability random_state"),
    "NuSVR": (_SVM, "C nu"),
    "OneClassSVM": (_SVM, "nu"),
    "PLSCanonical": (_PLS, "algorithm"),
    "PLSRegression": (_PLS, ""),
    "PassiveAggressiveClassifier": (_SGD, "average early_stopping loss n_iter_no_change"),
    "PassiveAggressiveRegressor": (_SGD, "average early_stopping epsilon loss n_iter_no_change"),
    "Perceptron": (_SGD, "alpha early_stopping eta0 l1_ratio n_iter_no_change penalty"),
    "RadiusNeighborsClassifier": ("n_neighbors", ""),
    "RadiusNeighborsRegressor": ("n_neighbors", ""),
    "RadiusNeighborsTransformer": ("n_neighbors", ""),
    "RandomForestRegressor": ("class_weight", ""),
    "RandomTreesEmbedding": (_TREES, ""),
    "RidgeClassifierCV": ("alpha_per_target gcv_mode", ""),
    "SGDOneClassSVM": (_SGD + " validation_fraction", "average eta0 learning_rate power_t"),
    "SVC": (_SVM, "C class_weight probability random_state"),
    "SVR": (_SVM, "C epsilon"),
    "StackingRegressor": ("stack_method", ""),
}
"""For a class: names, and those of them that it does take."""

NOT_PARAMETERS = {
    name: frozenset(all_.split()) - frozenset(taken.split()) for name, (all_, taken) in _SETS.items()
}
"""Names of attributes that are no parameters, by the names of classes."""
