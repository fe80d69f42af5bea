"""``MLPClassifier`` with scikit-learn's arguments, defaults and meanings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from backprop.callbacks import Callback
from backprop.core.signatures import answered
from backprop.core.types import Array, DTypeLike
from backprop.estimators.arguments import CONSTRAINTS, can_go_on, keep
from backprop.estimators.convergence import accuracy
from backprop.estimators.given import as_given
from backprop.estimators.mlp import MLP
from backprop.estimators.samples import unchanged_by_errors
from backprop.estimators.scikit import (
    StrOptions,
    available_if,
    check_classification_targets,
    check_first_call,
    type_of_target,
    unique_labels,
)
from backprop.estimators.tasks import Classifies


class MLPClassifier(Classifies, MLP):
    """A multi-layer perceptron that classifies, in the place of scikit-learn's of that name.

    The same arguments with the same random state give the same networks, to rounding: initial
    weights, the order of the samples, the losses and the epoch at which training stops are those of
    scikit-learn. The arguments from ``dropout`` on are this package's own, and off by default.

    Args:
        hidden_layer_sizes: Units of each hidden layer.
        activation: f of the hidden layers: "identity", "logistic", "tanh" or "relu".
        solver: "adam", "sgd" or "lbfgs".
        alpha: α of the penalty ½ α Σ ‖W‖², divided by the number of samples in a batch.
        batch_size: Samples in a step; "auto" are 200, or all if there are fewer.
        learning_rate: For "sgd": "constant", "invscaling" (η / t^power_t after t samples) or
            "adaptive" (a fifth of η when training makes no progress).
        learning_rate_init: η.
        power_t: The exponent of "invscaling".
        max_iter: The most epochs, or iterations of "lbfgs".
        shuffle: Whether the samples are shuffled in each epoch.
        random_state: A seed or a ``RandomState``. None takes NumPy's global one, as everywhere in
            scikit-learn.
        tol: Training stops when more than ``n_iter_no_change`` epochs in a row have not lowered the
            loss by as much as this.
        verbose: Whether to print a line an epoch.
        warm_start: Whether ``fit`` goes on with the weights that there are, and as many units.
        momentum: μ of "sgd".
        nesterovs_momentum: Whether it is Nesterov's.
        early_stopping: Whether some samples are held out, whose score decides when to stop. The
            weights with the best score are kept.
        validation_fraction: Their share, if ``fit`` is given no ``validation_data``.
        beta_1: β₁ of "adam".
        beta_2: β₂.
        epsilon: ε.
        n_iter_no_change: See ``tol``.
        max_fun: The most evaluations of the loss by "lbfgs".
        dropout: The share of hidden units that a step leaves out.
        batch_normalization: Whether to normalise between the hidden layers and their activations.
        class_weight: A dict with a weight for each class, or "balanced": inverse to how often they
            occur. Where a sample may have several classes, a list with a dict {0: …, 1: …} for
            each; its weight is the product.
        callbacks: Objects whose hooks are called on the way. ``BackupAndRestore`` needs a
            ``random_state`` for ``early_stopping`` to hold out the same samples.
        metrics: What to report in ``history_`` beside the loss. They see classes as 0, 1, ….
        schedule: A schedule of ``bp.schedules`` for η, in the place of ``learning_rate``.
        dtype: "float32" is quicker; None takes the dtype of X.
        n_members: How many networks are trained, in step (with weights of samples or classes one
            after the other), each from weights of its own. The mean of their probabilities is
            predicted; each stops by itself; what is said of a fit are the means over the networks.
            ``coefs_`` are those of the first.

    Attributes:
        classes_: The classes in order.
        models_: The networks, ``model_`` the first of them: a ``Sequential``.
        history_: Its History.

    The other attributes are scikit-learn's; see ``MLP``.

    Example:
        >>> from backprop.estimators import MLPClassifier
        >>> (X, y), (X_test, y_test) = bp.datasets.load_iris()
        >>> classifier = MLPClassifier((10,), solver="lbfgs", max_iter=50, random_state=0)
        >>> bool(classifier.fit(X, y).score(X_test, y_test) > 0.85)
        True
        >>> [W.shape for W in classifier.coefs_]
        [(4, 10), (10, 3)]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_normalization: bool = False,
        class_weight: Mapping[Any, float] | Sequence[Mapping[int, float]] | str | None = None,
        callbacks: Sequence[Callback] | None = None,
        metrics: Iterable[Any] | None = None,
        schedule: Any = None,
        dtype: DTypeLike | None = None,
        n_members: int = 1,
    ) -> None:
        keep(self, locals())

    loss = "log_loss"

    @available_if(can_go_on)
    @unchanged_by_errors
    @answered
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Trains for one epoch, from where the last call ended.

        As in scikit-learn its optimizer stays: arguments of that which are changed in between count
        from the next ``fit`` on, and ``hidden_layer_sizes`` from the next new networks on. All
        others count at once.

        Args:
            X: Some samples.
            y: Their labels.
            sample_weight: Their weights.
            classes: All classes that there are; needed in the first call.
        """
        y, classes = (
            as_given(given, name, numbers=False) for given, name in ((y, "y"), (classes, "classes"))
        )
        if check_first_call(self, classes):
            self._set_classes(classes, y)
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _set_classes(self, classes: Any, y: Any) -> None:
        """Takes the classes that the first ``partial_fit`` names."""
        if type_of_target(y).startswith("multilabel"):
            self._learn_labels(y)
        else:
            self._learn_labels(np.asarray(classes))

    def _learn_targets(self, y: Any, incremental: bool) -> None:
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._learn_labels(y)
            return
        check_classification_targets(y)
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    f"warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _encode(self, y: Any, dtype: Any) -> Array:
        codes = self._labels.encode(y)
        if codes.ndim == 1 and self._labels.n_outputs > 1:
            return codes
        return codes.reshape(len(codes), -1).astype(dtype)

    def _outputs_for(self, y: Array) -> tuple[int, str]:
        return self._labels.n_outputs, "softmax" if y.ndim == 1 else "logistic"

    def _score_of(self, prediction: Array, y: Array, weight: Array | None) -> float:
        return 1.0 if len(self.classes_) == 1 else accuracy(prediction, y, weight)

    def _strata(self, y: Array) -> Array | None:
        return y > 0 if self.n_outputs_ == 1 else None  # whose values scikit-learn names, too
