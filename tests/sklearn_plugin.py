"""A plugin of pytest that puts backprop's MLPs in the place of scikit-learn's in its own tests."""

import sklearn.neural_network

from backprop import estimators


def optimizer(mlp):
    """What scikit-learn's tests read the learning rate from."""
    return mlp.model_.optimizer


for name in ("MLPClassifier", "MLPRegressor"):
    kind = getattr(estimators, name)
    kind._optimizer = property(optimizer)
    setattr(sklearn.neural_network, name, kind)
