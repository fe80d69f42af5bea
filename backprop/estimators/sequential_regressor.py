"""``SequentialRegressor``: any network as a regressor of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backprop.callbacks import Callback
from backprop.core.types import Array
from backprop.estimators.tasks import Regresses
from backprop.estimators.wrapping import Build, Wrapped, keep_with_settings
from backprop.losses import Loss
from backprop.optimizers import Optimizer


class SequentialRegressor(Regresses, Wrapped):
    """Any ``Sequential`` as a regressor: for pipelines, grids, cross-validation, voting.

    Args:
        build: ``build(n_features, n_outputs, **settings)`` returns a new ``Sequential``. Where it
            is not compiled, it is compiled with ``optimizer``, ``loss`` and ``metrics``.
        epochs: As for ``SequentialClassifier``, as all others but ``class_weight``.
        batch_size: See there.
        optimizer: See there.
        loss: See there; None is the mean squared error.
        metrics: See there.
        callbacks: See there.
        shuffle: See there.
        verbose: See there.
        warm_start: See there.
        random_state: See there.
        n_members: How many networks are trained. Their mean is predicted, and
            ``predict(X, return_std=True)`` says how sure it is.
        **settings: What else ``build`` is given, by names that are none of the above.

    Attributes:
        models_: The networks, ``model_`` the first of them.
        history_: Its History.
        noise_: How far targets scatter around the mean of several networks.

    Example:
        >>> from backprop.estimators import SequentialRegressor
        >>> def build(n_features, n_outputs):
        ...     return bp.Sequential([bp.layers.Dense(n_outputs)])
        >>> X = np.linspace(-1, 1, 64)[:, np.newaxis]
        >>> regressor = SequentialRegressor(build, optimizer=bp.optimizers.SGD(0.1), random_state=0)
        >>> bool(regressor.fit(X, 3 * X.ravel()).score(X, 3 * X.ravel()) > 0.9)
        True
    """

    def __init__(
        self,
        build: Build,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        optimizer: str | Optimizer = "adam",
        loss: str | Loss | None = None,
        metrics: Iterable[Any] | None = None,
        callbacks: Sequence[Callback] | None = None,
        shuffle: bool = True,
        verbose: int = 0,
        warm_start: bool = False,
        random_state: Any = None,
        n_members: int = 1,
        **settings: Any,
    ) -> None:
        keep_with_settings(self, locals())

    def _learn_targets(self, y: Any) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _complete(self, model: Any) -> str:
        return "mse"

    def _encode(self, y: Any, dtype: Any) -> Array:
        return np.asarray(y)  # fit looks at what the dtype of the network makes of them
