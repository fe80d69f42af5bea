"""``MLPRegressor`` with scikit-learn's arguments, defaults and meanings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from backprop.callbacks import Callback
from backprop.core.ranges import check_finite
from backprop.core.rounding import warn_of_rounding
from backprop.core.signatures import answered
from backprop.core.types import Array, DTypeLike
from backprop.estimators.arguments import CONSTRAINTS, can_go_on, keep
from backprop.estimators.convergence import r2
from backprop.estimators.mlp import MLP
from backprop.estimators.scikit import StrOptions, available_if
from backprop.estimators.tasks import Regresses
from backprop.losses import Loss


class MLPRegressor(Regresses, MLP):
    """A multi-layer perceptron that predicts numbers, in the place of scikit-learn's of that name.

    The same arguments with the same random state give the same networks, to rounding, but for
    several outputs with ``loss="squared_error"``. There scikit-learn reports the mean over the K
    outputs, and follows a gradient that is K times that of this mean. Here the gradient is that of
    the loss which is reported, penalty included. To have scikit-learn's minimum take
    ``alpha / K``, and with ``solver="sgd"`` also K times its learning rate for its steps.

    Args:
        loss: "squared_error", half of it, or "poisson", half of the deviance of counts from rates
            exp(z); or a loss of ``bp.losses``, such as ``Huber()``.
        hidden_layer_sizes: As for ``MLPClassifier``, as all others but ``class_weight``.
        activation: See there.
        solver: See there.
        alpha: See there.
        batch_size: See there.
        learning_rate: See there.
        learning_rate_init: See there.
        power_t: See there.
        max_iter: See there.
        shuffle: See there.
        random_state: See there.
        tol: See there.
        verbose: See there.
        warm_start: See there.
        momentum: See there.
        nesterovs_momentum: See there.
        early_stopping: See there; the score is R².
        validation_fraction: See there.
        beta_1: See there.
        beta_2: See there.
        epsilon: See there.
        n_iter_no_change: See there.
        max_fun: See there.
        dropout: See there.
        batch_normalization: See there.
        callbacks: See there.
        metrics: See there.
        schedule: See there.
        dtype: See there.
        n_members: How many networks are trained. Their mean is predicted, and
            ``predict(X, return_std=True)`` says how sure it is.

    Attributes:
        models_: The networks, ``model_`` the first of them: a ``Sequential``.
        history_: Its History.
        noise_: How far targets scatter around the mean of several networks.

    The other attributes are scikit-learn's; see ``MLP``.

    Example:
        >>> from backprop.estimators import MLPRegressor
        >>> X = np.linspace(-1, 1, 50)[:, np.newaxis]
        >>> regressor = MLPRegressor(solver="lbfgs", hidden_layer_sizes=(8,), random_state=0)
        >>> bool(regressor.fit(X, X.ravel() ** 2).score(X, X.ravel() ** 2) > 0.9)
        True
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "loss": [StrOptions({"squared_error", "poisson"}), Loss],
    }

    def __init__(
        self,
        loss: str | Loss = "squared_error",
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
        callbacks: Sequence[Callback] | None = None,
        metrics: Iterable[Any] | None = None,
        schedule: Any = None,
        dtype: DTypeLike | None = None,
        n_members: int = 1,
    ) -> None:
        keep(self, locals())

    @available_if(can_go_on)
    @answered
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains for one epoch, from where the last call ended.

        As in scikit-learn its optimizer stays: arguments of that which are changed in between count
        from the next ``fit`` on, and ``hidden_layer_sizes`` from the next new networks on. All
        others count at once.

        Args:
            X: Some samples.
            y: Their targets.
            sample_weight: Their weights.
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _encode(self, y: Any, dtype: Any) -> Array:
        check_finite(y, "y holds", dtype)
        warn_of_rounding(y, "y", dtype, whole=True)
        return np.asarray(y, dtype)

    def _outputs_for(self, y: Array) -> tuple[int, str]:
        output = "exp" if isinstance(self.loss, str) and self.loss == "poisson" else "identity"
        return 1 if y.ndim == 1 else y.shape[1], output

    def _score_of(self, prediction: Array, y: Array, weight: Array | None) -> float:
        return r2(prediction, y, weight)
