"""Metrics made of functions, of one's own or of another library."""

import inspect
import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FunctionType
from typing import Any, Self

import numpy as np

from backprop.core.arrays import is_masked
from backprop.core.signatures import check_function
from backprop.core.types import Array, Shape
from backprop.metrics.base import MeanMetric, as_arrays
from backprop.metrics.returned import TOO_FEW, copied, shown


class FunctionMetric(MeanMetric):
    """What a function says of all samples of an epoch: its own number, or the mean of its values.

    A function that returns one number, as scikit-learn's ``r2_score`` does, is called with all
    samples together, whatever the batch size. Their predictions and targets are kept until then:
    for N samples of K outputs about 2·N·K numbers, in training and once more in a validation. Of a
    function that returns a value for each sample the mean is taken batch by batch, and nothing is
    kept.

    Among ``weighted_metrics`` a function of one number needs an argument ``sample_weight``, as
    those of scikit-learn have.

    Args:
        function: ``function(y_true, y_pred)``: in Keras's order, which is the reverse of the order
            of the methods here. It must not write into its arguments.
        name: Its key in logs and History; the function's own name by default. It stays where
            another function is assigned.

    Example:
        >>> def worst(y_true, y_pred):
        ...     return abs(y_true - y_pred).max()
        >>> metric = bp.metrics.FunctionMetric(worst)
        >>> metric.update(np.array([[1.0]]), np.array([[0.0]]))
        >>> metric.update(np.array([[7.0]]), np.array([[4.0]]))
        >>> metric.result()
        3.0
    """

    _will_be_weighted = False  # whether the validation to come has weights

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        check_function(function, "y_true, y_pred", "FunctionMetric(function)")
        check_stateless(function)
        own_name: str = getattr(function, "__name__", type(function).__name__)
        self._whole: bool | None = None  # whether it returns one number; None until it was called
        super().__init__(own_name if name is None else name)
        self.function = function

    def setting_changed(self, trial: Any) -> None:
        """Starts anew with another function, which may return something of another kind."""
        self._whole = None
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        super().reset()
        # of a function of one number the targets, the predictions, and weights if there are any
        self._kept: list[tuple[Array, Array, Array | None]] = []

    def apart(self) -> Self:
        """As of every metric; the function may be an object that changes when it is called."""
        twin = super().apart()
        vars(twin)["function"] = copied(self.function, self.name)
        return twin

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Counts a batch, or keeps it for ``result``."""
        P, Y = as_arrays(prediction, target)
        if self._whole is None:
            self.try_on(P, Y, sample_weight)
        if not self._whole:
            self.add(self.values(P, Y), sample_weight)
            return
        weight = None
        if sample_weight is not None:
            self._check_weighable()
            weight = self.spread(sample_weight, weighed(P, sample_weight)).copy()
        self._kept.append((Y.copy(), P.copy(), weight))

    def try_on(
        self,
        prediction: Array,
        target: Array,
        sample_weight: Array | None = None,
        targets: Array | None = None,
    ) -> None:
        """Finds out what the function returns.

        Args:
            prediction: As for ``update``.
            target: Likewise.
            sample_weight: Likewise.
            targets: Those of all batches, if they are at hand.

        Raises:
            ValueError: It is neither a number nor one for each sample, or it cannot be weighted, or
                the function takes no such predictions.
        """
        P, Y = as_arrays(prediction, target)
        if self._whole is None:
            self._whole = self._returns_a_number(P, Y, targets)
        if self._whole and (sample_weight is not None or self._will_be_weighted):
            self._check_weighable()
        if sample_weight is not None and np.ndim(sample_weight) > 1:
            shape = weighed(P, sample_weight) if self._whole else self.values(P, Y).shape
            weight = self.spread(sample_weight, shape)
            if self._whole:  # those of other libraries take one for each sample
                self._quietly(Y, P, sample_weight=weight)

    def result(self) -> float:
        """The function's number of all samples, or the mean of its values.

        It is nan if there are no samples, or none that counts.
        """
        if not self._kept:
            return super().result()
        targets, predictions, weights = zip(*self._kept, strict=True)
        Y, P, weight = np.concatenate(targets), np.concatenate(predictions), None
        if any(each is not None for each in weights):  # batches without have the weight 1
            parts = zip(weights, targets, strict=True)
            like = next(w for w in weights if w is not None).shape[1:]
            ones = [np.ones((len(y), *like)) if w is None else w for w, y in parts]
            weight = np.concatenate(ones)
        self._kept = [(Y, P, weight)]
        if weight is not None and not weight.any():
            return float("nan")
        options = {} if weight is None else {"sample_weight": weight}
        v = self._checked(self._call(Y, P, **options), len(P))
        if v.ndim == 0:
            return float(v)
        mean = MeanMetric(self.name)  # the first batch was a single sample without axes
        mean.add(v, weight)
        return mean.result()

    def values(self, prediction: Array, target: Array) -> Array:
        """f(y_true, y_pred), a value for each sample.

        Raises:
            ValueError: It is something else.
        """
        n = len(prediction)
        v = self._checked(self._call(target, prediction), n)
        return v if v.ndim else np.broadcast_to(v, (n,))

    def _call(self, Y: Array, P: Array, **options: Array) -> Any:
        """f(y_true, y_pred) of copies; its errors tell whose they are and what it was given."""
        try:
            return self.function(Y.copy(), P.copy(), **options)
        except Exception as error:
            if P.dtype.kind == "f" and not np.isfinite(P).all():
                return math.nan  # of a training that diverges, which is told of elsewhere
            many = P.ndim > 1 and P.shape[-1] > 1
            classes = "y_pred.argmax(axis=-1)" if many else "y_pred > 0.5"
            advice = f"If it needs classes, pass a function of your own, which gives it {classes}."
            w = options.get("sample_weight")
            weights = "" if w is None else f", with weights of shape {w.shape}"
            if w is not None and w.ndim > 1:
                advice = "If it needs one for each sample, pass such weights."
            error.add_note(
                f"metric {self.name!r}: its function was called with y_true of shape {Y.shape} and "
                f"y_pred of shape {P.shape}, the outputs of the model{weights}. {advice}"
            )
            raise

    def _returns_a_number(self, P: Array, Y: Array, targets: Array | None) -> bool:
        """Whether the function returns one number; learnt by a call with the first batch.

        An error may say that this is too small: it has one class alone, and the area needs two.
        Then all targets are tried, if they are known, with the predictions of the batch repeated.
        """
        n = len(P)
        try:
            v = self._quietly(Y, P)
        except TOO_FEW:
            if targets is None:
                return True
            if len(targets) <= n:
                raise
        else:
            number = self._checked(v, n).ndim == 0
            if not number and n in (1, P.shape[-1]):  # is it one for each sample, or output?
                again = np.arange(n + 1) % n  # of one sample less some make nan
                with suppress(*TOO_FEW):
                    v = self._quietly(Y[again], P[again])
                    n += 1
                self._checked(v, n)
            return number
        self._returns_a_number(np.resize(P, (len(targets), *P.shape[1:])), targets, targets)
        return True

    def _quietly(self, Y: Array, P: Array, **options: Array) -> Any:
        """f(y_true, y_pred) of a batch; what that is too small for need not be said of it."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self._call(Y, P, **options)

    def _checked(self, returned: Any, n: int) -> Array:
        """What the function returned as an array, without axes or with a row for each sample.

        Raises:
            ValueError: It is neither.
        """
        v = np.asarray(returned)
        one_each = not v.ndim or len(v) == n
        if is_masked(returned) or v.dtype.kind not in "fiub" or not one_each:
            raise ValueError(
                f"metric {self.name!r}: the function must return a number, or one for each of the "
                f"{n} samples, but it returned {shown(returned)}."
            )
        return v

    def _check_weighable(self) -> None:
        """Checks that weights mean something to the function.

        Raises:
            ValueError: They do not.
        """
        names: Iterable[str] = ()
        with suppress(ValueError):  # of a function written in C, which does not tell
            names = inspect.signature(self.function).parameters
        if "sample_weight" not in names:
            raise ValueError(
                f"metric {self.name!r}: the function returns one number for all samples, so that "
                f"they cannot be weighted: give it an argument sample_weight=None, let it return a "
                f"value for each weight, or pass it in metrics, not in weighted_metrics."
            )

    def check(self, output_shape: Shape, target: Array, sample_weight: Array | None = None) -> None:
        """Takes note of weights; a user's function sees the batches of the training and no others.

        Data of a validation are checked after those of the training, which begins it.
        """
        self._will_be_weighted = self.weighted and sample_weight is not None


def weighed(P: Array, sample_weight: Array) -> Shape:
    """The shape of the weights that a function is given: of samples, of steps or of outputs."""
    return P.shape[: max(1, np.ndim(sample_weight))]


def check_stateless(function: Any) -> None:
    """Checks that a function is no object that counts in itself, which it would do once too often.

    Raises:
        TypeError: It is such a metric, of another library.
    """
    counts = [verb for verb in ("update_state", "compute") if hasattr(function, verb)]
    if counts and not isinstance(function, FunctionType):
        name = type(function).__name__
        raise TypeError(
            f"metric {name} has a method {counts[0]} and counts from call to call, as the metrics "
            f"of other libraries do: take that of bp.metrics, such as bp.metrics.AUC(), or a "
            f"function (y_true, y_pred) that returns the number of these samples."
        )
