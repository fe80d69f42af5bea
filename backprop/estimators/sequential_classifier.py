"""``SequentialClassifier``: any network as a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backprop.callbacks import Callback
from backprop.core import console
from backprop.core.errors import ON_THE_LAST_AXIS
from backprop.core.types import Array
from backprop.estimators.tasks import Classifies
from backprop.estimators.wrapping import Build, Wrapped, keep_with_settings
from backprop.layers import HardTanh, Layer, LogSoftmax, Rescaling, Sigmoid, Softmax, Sparsemax
from backprop.layers.chain import deciding, ending
from backprop.losses import Loss, SparseCategoricalCrossentropy
from backprop.optimizers import Optimizer


class SequentialClassifier(Classifies, Wrapped):
    """Any ``Sequential`` as a classifier: for pipelines, grids, cross-validation, voting.

    Args:
        build: ``build(n_features, n_outputs, **settings)`` returns a new ``Sequential``. n_outputs
            is the number of classes, or of labels. Where the model is not compiled, a ``Softmax``
            (for several labels, or a single output, a ``Sigmoid``, unless a ``LogSoftmax`` or a
            ``Sparsemax`` lets them compete) is added unless it ends with one or the loss takes
            logits, and it is compiled with ``optimizer``, ``loss`` and ``metrics``, or copies of
            them.
        epochs: Passes over the samples.
        batch_size: Samples in a step.
        optimizer: For models that are not compiled.
        loss: Likewise; None takes the cross-entropy that fits.
        metrics: Likewise; they see classes as 0, 1, ….
        class_weight: As for ``MLPClassifier``.
        callbacks: Objects whose hooks are called on the way.
        shuffle: Whether the samples are shuffled in each epoch.
        verbose: As for ``Sequential.fit``.
        warm_start: Whether ``fit`` goes on with the networks that there are. Another optimizer,
            loss or list of metrics is taken over; another ``build``, or settings of it, refused.
        random_state: Draws the seeds of the networks, whose weights are then drawn anew. None
            leaves them as ``build`` made them, trained ones for example.
        n_members: How many networks are trained, in step if they are small; the mean of their
            probabilities is predicted. They draw weights of their own.
        **settings: What else ``build`` is given, by names that are none of the above. Its
            arguments are parameters of the estimator:
            ``GridSearchCV(SequentialClassifier(build), {"units": [16, 64], "epochs": [20]})``.
            A class of your own that fixes some arguments, such as ``build``, names all that it
            takes and has no ``**settings``: scikit-learn copies an estimator by passing each.

    Attributes:
        classes_: The classes in order.
        models_: The networks, ``model_`` the first of them.
        history_: Its History.

    Example:
        >>> from backprop.estimators import SequentialClassifier
        >>> def build(n_features, n_outputs, units=8):
        ...     layers = [bp.layers.Dense(units), bp.layers.Tanh(), bp.layers.Dense(n_outputs)]
        ...     return bp.Sequential(layers)
        >>> (X, y), (X_test, y_test) = bp.datasets.load_wine()
        >>> classifier = SequentialClassifier(build, units=16, random_state=0).fit(X, y)
        >>> bool(classifier.score(X_test, y_test) > 0.85)
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
        class_weight: Mapping[Any, float] | Sequence[Mapping[int, float]] | str | None = None,
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
        if self.warm_start and hasattr(self, "models_"):
            return len(self.classes_)
        self._learn_labels(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a classifier needs samples of at least 2 classes, but all of y are of one class: "
                f"{self.classes_[0]}."
            )
        return len(self.classes_)

    def _build(self, n_features: int, n_outputs: int) -> list[Any]:
        found = super()._build(n_features, n_outputs)
        enough = {(n_outputs,)}
        if n_outputs == 2 and not self._labels.multilabel:
            enough.add((1,))  # the probability of the second class
        for model in found:
            if model.output_shape not in enough:
                hint = f": {ON_THE_LAST_AXIS}" if len(model.output_shape) > 1 else ""
                raise ValueError(
                    f"build must return a network with as many outputs as there are classes, "
                    f"{n_outputs}, but the shape of its outputs is {model.output_shape}{hint}."
                )
        return found

    def _complete(self, model: Any) -> str:
        ends = ending(model.layers) if model.layers else None
        if not (isinstance(ends, Softmax | Sigmoid) or getattr(self.loss, "from_logits", False)):
            one_right = isinstance(ends, LogSoftmax | Sparsemax)  # their outputs share a sum
            alone = self._labels.multilabel and not one_right
            ends = Sigmoid() if alone or model.output_shape == (1,) else Softmax()
            model.add(ends)
        if not isinstance(ends, Softmax):
            return "binary_crossentropy"
        rows = self._labels.multilabel
        return "categorical_crossentropy" if rows else "sparse_categorical_crossentropy"

    def _encode(self, y: Any, dtype: Any) -> Array:
        codes, model = self._labels.encode(y), self.models_[0]
        if codes.ndim == 2 or isinstance(model.loss.unjoined, SparseCategoricalCrossentropy):
            return codes
        one_hot = np.eye(len(self.classes_))[codes]
        return codes[:, np.newaxis] if model.output_shape == (1,) else one_hot

    def _compete(self) -> bool:
        model = self.models_[0]
        exclusive = model.loss.unjoined.outputs in ("classes", "scores")
        return exclusive or deciding(model.layers).sums_to_one

    def _ends(self, model: Any) -> list[Layer]:
        loss, alone = model.loss.unjoined, self._labels.multilabel or model.output_shape == (1,)
        if getattr(loss, "from_logits", False):
            # where one class is right, it is so too if y marks it by a 1 in each row
            each = loss.link == Sigmoid.link or (alone and loss.link != "softmax")
            return [Sigmoid() if each else Softmax()]
        if alone and loss.decision_threshold == 0 and not isinstance(ending(model.layers), Sigmoid):
            # a hinge: scores from −1 to 1, of which those above 0 say yes
            return [HardTanh(), Rescaling(0.5, 0.5)]
        return []

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape ``(N, n_classes)``, in the order of ``classes_``.

        Where one class is right, but each output was trained by itself, as by a Sigmoid and a
        binary cross-entropy, they are divided by their sum, as in ``OneVsRestClassifier``.
        After a hinge loss they are (z + 1) / 2 of scores z between −1 and 1, as in scikit-learn's
        ``SGDClassifier`` after a modified Huber loss.

        Args:
            X: Samples in rows.
        """
        found = super().predict_proba(X)
        low, high = found.min(), found.max()
        if low < -1e-6 or high > 1 + 1e-6:
            console.warn(
                f"the network's outputs are no probabilities, but run from {low:.3g} to "
                f"{high:.3g}: end it with Softmax() or Sigmoid(), or take a loss with "
                f"from_logits=True. predict is right without.",
                RuntimeWarning,
            )
        elif not self._labels.multilabel:
            total = found.sum(axis=1, keepdims=True)
            if abs(total - 1).max() > 1e-3:
                equal = np.full_like(found, 1 / found.shape[1])
                found = np.divide(found, total, out=equal, where=total > 0)
        return found
