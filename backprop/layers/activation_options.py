"""What Keras's options add to ReLU and Softmax: limits, slopes and thresholds; other axes."""

import math

import numpy as np

from backprop.core.checks import check_axis, check_number
from backprop.core.joined import check_apart
from backprop.core.types import Array, Shape
from backprop.layers.along_axes import SumsToOne
from backprop.layers.base import Activation


class ReLUOptions(Activation):
    """The base of ``ReLU``, which says what its arguments are."""

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if max_value is not None:
            max_value = check_number(max_value, "ReLU(max_value)")
        self.max_value = max_value
        self.negative_slope = check_number(negative_slope, "ReLU(negative_slope)")
        self.threshold = check_number(threshold, "ReLU(threshold)")
        self._plain = max_value is None and not self.negative_slope and not self.threshold
        if not self._plain:
            t, s = f"{self.threshold:g}", f"{self.negative_slope:g}"
            line, limit = f"z [z > {t}]", ""
            if max_value is not None:
                line, limit = f"min({line}, {max_value:g})", f" ⊙ [{{z}} < {max_value:g}]"
            low = -math.inf if self.negative_slope else 0.0
            vars(self).update(  # which users cannot assign to
                interval=(low, math.inf if max_value is None else max_value),
                definition=f"relu(z) = {line} + {s} min(z − {t}, 0)",
                slope=f"[{{z}} > {t}]{limit} + {s} [{{z}} ≤ {t}]",
            )

    def setting_changed(self, trial: "ReLUOptions") -> None:
        """Takes what follows from the options."""
        for name in ("_plain", "interval", "definition", "slope"):
            vars(self)[name] = getattr(trial, name)

    def f_with_options(self, Z: Array, out: Array | None) -> Array:
        """min(Z, m) [Z > t] + s min(Z − t, 0)."""
        A: Array = np.greater(Z, self.threshold, out=np.empty_like(Z) if out is None else out)
        A *= Z
        if self.max_value is not None:
            np.minimum(A, self.max_value, out=A)
        if self.negative_slope:
            below = np.subtract(Z, self.threshold)
            A += self.negative_slope * np.minimum(below, 0, out=below)
        return A

    def slope_with_options(self, Z: Array, out: Array) -> Array:
        """[t < Z < m] + s [Z ≤ t]."""
        np.greater(Z, self.threshold, out=out)
        if self.max_value is not None:
            out *= np.less(Z, self.max_value)
        if self.negative_slope:
            out += self.negative_slope * np.less_equal(Z, self.threshold)
        return out


class SoftmaxAxes(SumsToOne):
    """The base of ``Softmax``, which says what its arguments are."""

    def __init__(
        self, axis: int | list[int] | tuple[int, ...] = -1, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.axis = check_axis(axis, "axis of Softmax")

    def check_setting(self, name: str) -> None:
        """As of every layer; and a model may have been compiled with that axis."""
        super().check_setting(name)
        check_apart(self, name)

    def check_classes(self, output_shape: Shape, loss: object) -> None:
        """Refuses other axes of the classes than the last one."""
        last = len(output_shape)
        axes = self.chosen(last + 1)
        if axes == (last,):
            return
        along, shape = ", ".join(map(str, axes)), ", ".join(map(str, output_shape))
        advice = f"Permute(…), which puts axis {along} behind the others,"
        if len(axes) > 1:
            advice = "Flatten() or Reshape(…), which makes one of these axes,"
        raise ValueError(
            f"{self} makes outputs of shape (N, {shape}) with the sum 1 along axis {along}, but "
            f"{loss} takes the classes from the last axis, {last}: take Softmax(), or append "
            f"{advice} and give the targets in that order."
        )

    def rows(self, A: Array) -> Array:
        """A with all classes along its last axis, where several axes at the end are theirs."""
        if not isinstance(self.axis, tuple) or len(self.axis) == 1:
            return A
        return A.reshape(*A.shape[: -len(self.axis)], -1)
