"""What the estimators take of scikit-learn; the one place that notices if it is missing."""

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils._param_validation import (
        Interval,
        Options,
        StrOptions,
        validate_parameter_constraints,
    )
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import (
        _check_partial_fit_first_call as check_first_call,
    )
    from sklearn.utils.multiclass import (
        check_classification_targets,
        type_of_target,
        unique_labels,
    )
    from sklearn.utils.validation import (
        _check_sample_weight as check_sample_weight,
    )
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    raise ImportError(
        "backprop.estimators needs scikit-learn 1.6 or newer: pip install scikit-learn"
    ) from error

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "Interval",
    "Options",
    "RegressorMixin",
    "StrOptions",
    "available_if",
    "check_classification_targets",
    "check_first_call",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "column_or_1d",
    "type_of_target",
    "unique_labels",
    "validate_data",
    "validate_parameter_constraints",
]
