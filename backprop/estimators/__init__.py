"""scikit-learn's interface: estimators for pipelines, grids and cross-validation."""

from backprop.estimators.classifier import MLPClassifier
from backprop.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
