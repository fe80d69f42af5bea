"""What all estimators share: the networks behind them, and what goes into and comes out of them."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from backprop import layers, plotting
from backprop.callbacks import Callback
from backprop.core.arrays import as_numbers
from backprop.core.durable import FilePath
from backprop.core.types import Array
from backprop.estimators.given import as_given, check_weight, of_mean_1, validated
from backprop.estimators.samples import Samples
from backprop.estimators.scikit import (
    BaseEstimator,
    check_is_fitted,
    column_or_1d,
)
from backprop.layers import Layer
from backprop.layers.block import forward_through
from backprop.sequential import Sequential
from backprop.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Estimator(BaseEstimator, ABC):
    """The base of the four estimators: one network, or several whose mean is predicted.

    Attributes:
        models_: The networks.
        history_: The History of the first one's last fit.
        n_features_in_: Columns of X.
        feature_names_in_: Their names, if X was a frame.
    """

    callbacks: Sequence[Callback] | None
    metrics: Iterable[Any] | None
    n_members: int
    random_state: Any
    shuffle: bool
    verbose: bool | int
    warm_start: bool

    models_: list[Any]
    history_: History
    n_features_in_: int
    feature_names_in_: Any
    _rules: dict[str, Any] = {}  # what else scikit-learn is to check of X and y

    # ------------------------------------------------------------------ what a task says of itself

    _sees_labels: bool

    @abstractmethod
    def _encode(self, y: Any, dtype: Any) -> Array:
        """Targets as the networks are trained on them."""

    def _weigh(self, y: Any, weight: Array | None, incremental: bool = False) -> Array | None:
        """The weights of the samples, those of their classes among them."""
        return weight

    def _finish(self, samples: Samples) -> None:
        """Takes note of how well the trained networks do on samples, held-out ones if possible."""

    def _ends(self, model: Any) -> list[Layer]:
        """What a network lacks at its end for its outputs to be what is predicted."""
        return []

    # ------------------------------------------------------------------------- what goes in and out

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Inputs and targets as arrays.

        Args:
            X: Samples in rows.
            y: Their targets.
            reset: Whether the columns of X are those of the estimator from now on.
        """
        X, y = as_given(X, "X"), as_given(y, "y", numbers=not self._sees_labels)
        kind = getattr(getattr(y, "dtype", None), "kind", "")
        if not (self._sees_labels or y is None or kind == "c"):  # scikit-learn refuses these itself
            y = as_numbers(y, "y")  # which names what is none
        rules = {"accept_sparse": "csr", "multi_output": True, "y_numeric": not self._sees_labels}
        X, y = validated(self, X, y, reset=reset, **rules, **self._rules)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _held_out(self, given: Any) -> Samples | None:
        """``validation_data`` as samples; None if there are none.

        Raises:
            ValueError: They are something else. All errors say that they are about these data.
        """
        if given is None:
            return None
        if not isinstance(given, list | tuple) or len(given) not in (2, 3):
            raise ValueError("validation_data must be (X, y) or (X, y, sample_weight).")
        X, y, *weight = given
        try:
            X, y = self._read(X, y, reset=False)
            found = of_mean_1(check_weight(weight[0] if weight else None, X))
            return Samples(X, self._encode(y, X.dtype), found)
        except (TypeError, ValueError) as error:
            error.args = (f"validation_data: {error}",)
            raise

    @property
    def model_(self) -> Any:
        """The network, a ``Sequential``; of several the first."""
        check_is_fitted(self)
        return self._networks()[0]

    @model_.setter
    def model_(self, value: Any) -> None:
        raise AttributeError("model_ cannot be assigned: write model_.set_weights(…).")

    def _networks(self) -> list[Any]:
        """The networks as they are to predict."""
        return self.models_

    def _columns(self) -> tuple[str, ...] | None:
        """The columns of the frame that was trained on, which the networks are to know, too."""
        return tuple(getattr(self, "feature_names_in_", ())) or None

    def _outputs(self, X: Any) -> list[Array]:
        """The outputs of each network, ``(N, K)``."""
        check_is_fitted(self)
        X = validated(self, as_given(X, "X"), accept_sparse="csr", reset=False)
        return [forward_through(self._ends(model), model.predict(X)) for model in self._networks()]

    def _output(self, X: Any) -> Array:
        """The mean of the networks' outputs."""
        outputs = self._outputs(X)
        return outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)

    def export(self, path: FilePath, logits: bool = False) -> None:
        """Writes the outputs of the network as an ONNX file; of several networks their mean.

        Those of a classifier are probabilities, in the order of ``classes_``; of two classes it may
        be that of the second alone, as in an MLP. ``Sequential.export`` tells of the file and the
        errors.

        Args:
            path: The file, for example ``"digits.onnx"``.
            logits: Whether to leave out the Softmax or Sigmoid at the end, of one network.
        """
        check_is_fitted(self)
        network, *others = networks = self._networks()
        if others or self._ends(network):
            ways = [[layer.copy() for layer in m.layers] + self._ends(m) for m in networks]
            found = [layers.Parallel(ways, "average")] if others else ways[0]
            network = Sequential(found, dtype=network.dtype)
            network.build((None, *networks[0].input_shape))
        network.export(path, logits)

    def plot_loss_curve(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draws the loss by epoch, and that of the validation data if there were any.

        Args:
            path: Where to save the picture as well, for example ``"loss.png"``.

        Returns:
            The matplotlib figure.
        """
        check_is_fitted(self)
        return plotting.loss_curves(self._curves(), keys=["loss"], path=path)

    def _curves(self) -> Any:
        """What ``plot_loss_curve`` draws."""
        return self.history_

    def __copy__(self) -> Self:
        """As ``copy.copy`` makes it, but with networks of its own, which a fit may go on with."""
        twin, given = object.__new__(type(self)), self.get_params(deep=False)
        given["build"] = getattr(self, "build", None)  # which a derived class may fix
        learned = {name: each for name, each in vars(self).items() if name not in given}
        kept = {id(each): each for each in given.values()}  # networks know by which they were made
        twin.__dict__.update(vars(self) | copy.deepcopy(learned, kept))
        return twin

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")  # a fit that failed may have left other attributes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def check_members(estimator: Any) -> None:
    """Raises ValueError if there are fewer or more networks to go on with than members."""
    there = len(estimator.models_)
    if estimator.n_members != there:
        raise ValueError(
            f"n_members is {estimator.n_members}, but the last fit trained {there}, with which "
            f"this one goes on: let n_members be {there}, or fit without warm_start."
        )
