"""scikit-learn's interface: estimators for pipelines, grids and cross-validation."""

from typing import TYPE_CHECKING

# Before the files that need it: scikit-learn loads in less time near the top of the stack. Python
# holds frames in pieces of memory, and calls that go from one piece to the next take longer. By
# "from … import" it would begin some frames further down, and take 54 ms more of 800.
import backprop.estimators.scikit  # noqa: F401
from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.estimators.classifier import MLPClassifier as MLPClassifier
    from backprop.estimators.regressor import MLPRegressor as MLPRegressor
    from backprop.estimators.sequential_classifier import (
        SequentialClassifier as SequentialClassifier,
    )
    from backprop.estimators.sequential_regressor import SequentialRegressor as SequentialRegressor
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        classifier=["MLPClassifier"],
        regressor=["MLPRegressor"],
        sequential_classifier=["SequentialClassifier"],
        sequential_regressor=["SequentialRegressor"],
    )
