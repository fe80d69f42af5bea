"""scikit-learn's interface: estimators for pipelines, grids and cross-validation."""

from backprop.estimators.classifier import MLPClassifier
from backprop.estimators.regressor import MLPRegressor
from backprop.estimators.sequential_classifier import SequentialClassifier
from backprop.estimators.sequential_regressor import SequentialRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "SequentialClassifier", "SequentialRegressor"]
