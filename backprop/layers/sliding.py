"""The base of the layers that slide a kernel over images or sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.buffers import Buffers
from backprop.core.checks import check_choice, check_sizes, check_use_bias
from backprop.core.errors import ShapeError, misfit
from backprop.core.functional import by_channel, column_sum
from backprop.core.grids import Grid
from backprop.core.masks import mask_behind_windows
from backprop.core.parameter_access import parameter_views
from backprop.core.ranges import check_mask
from backprop.core.types import REAL, Array, Shape
from backprop.core.windows import WrittenWindows, check_axes, lay, windows, write
from backprop.initializers import Initializer
from backprop.layers.base import Layer
from backprop.regularizers import Regularizer

Sizes = int | Sequence[int]


class Sliding(Layer):
    """The base of the convolutions: their windows, where these lie, and a bias for each filter.

    A sequence ``(T, C)`` is computed as an image of one row, ``(1, T, C)``.
    """

    interval = REAL
    axes = "HWC"
    of_images = True
    kernel_axes = ("channel", "filter")
    """What the last two axes of a kernel are called in pictures."""

    paddings: tuple[str, ...] = ("valid", "same")

    b, db = parameter_views("b")

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: str,
        dilation_rate: Sizes,
        use_bias: bool,
        bias_initializer: str | Initializer,
        bias_regularizer: str | Regularizer | None,
        bias_constraint: str | Constraint | None,
        name: str | None,
    ) -> None:
        super().__init__(name)
        kind, n = type(self).__name__, len(self.axes) - 1
        hint = "; only Conv1D is causal" if isinstance(padding, str) and padding == "causal" else ""
        self.padding = check_choice(padding, f"padding of {kind}", self.paddings, hint)
        self.kernel_size = check_sizes(kernel_size, f"kernel_size of {kind}", n)
        self.strides = check_sizes(strides, f"strides of {kind}", n)
        self.dilation_rate = check_sizes(dilation_rate, f"dilation_rate of {kind}", n)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{kind} has either strides or a dilation_rate greater than 1, not both, but they "
                f"are {self.strides} and {self.dilation_rate}: set one of them to 1."
            )
        self.use_bias = check_use_bias(use_bias, kind)
        self.keep_chosen("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.X: Any = None
        self.Z: Any = None

    # ------------------------------------------------------------------------ shapes and windows

    def grid(self, sample: Shape) -> Grid:
        """Where the windows lie on a sample.

        Raises:
            ShapeError: The sample has other axes, or is smaller than a window.
        """
        check_axes(self, sample, self.axes)
        sizes = self.kernel_size, self.strides, self.padding, self.dilation_rate
        height, width = (windows(1, 1), *lay(self, sample, *sizes))[-2:]
        return height, width

    def check_input(self, X: Array) -> Array:
        """X in the layer's dtype, if the layer is built and X has the axes that it needs.

        Raises:
            NotBuiltError: The layer is not built.
            ShapeError: X has other axes or channels, or is smaller than a window.
        """
        X = super().check_input(X)
        if self.input_shape is not None and X.ndim != len(self.input_shape) + 1:
            found = f"received an array of shape {X.shape}"
            raise ShapeError(misfit(X.shape, self.input_shape, self, found))
        return X

    def prepare(self, X: Array, training: bool) -> tuple[Array, Array, Grid]:
        """X as it is checked, where Z is written, and the grid; in training X and Z are kept."""
        X = self.check_input(X)
        Z = self.room((len(X), *self.output_shape(X.shape[1:])), self.dtype, training)
        if training:
            self.X, self.Z = X, Z
        return X, Z, self.grid(X.shape[1:])

    def images(self, A: Array) -> Array:
        """Sequences ``(N, T, C)`` as images of one row, ``(N, 1, T, C)``; images as they are."""
        return A if A.ndim == 4 else A[:, np.newaxis]

    def over_images(self, W: Array) -> Array:
        """A kernel over sequences ``(k, …)`` as one over images of one row, ``(1, k, …)``."""
        return W if W.ndim == 4 else W[np.newaxis]

    def memory(self, training: bool) -> Buffers:
        """Where a forward pass keeps the columns of a block: in inference it leaves nothing."""
        return self.buffers if training else Buffers()

    @property
    def written(self) -> WrittenWindows:
        """How formulas write the windows."""
        grid = self.grid(self.input_shape or ())[1 - len(self.axes) :]
        return write(grid, ", zeros lie outside")

    # ---------------------------------------------------------------------------------- the bias

    def add_bias_parameter(self, n_filters: int) -> None:
        """Makes b, a number for each filter."""
        if self.use_bias:
            self.add_chosen("b", (n_filters,), "bias", decays=False)

    def add_bias(self, Z: Array) -> None:
        """Z += b."""
        if self.use_bias:
            by_channel(np.add, Z, self.b, out=Z)

    def bias_gradient(self, delta: Array) -> None:
        """∂E/∂b = Σ δ over all windows."""
        if self.use_bias:
            column_sum(delta, out=self.db)


class OverSteps(Sliding):
    """What the convolutions of sequences share: padded steps of a mask count as zeros.

    Shapes: X ``(N, T, C)``, Z ``(N, T', filters)``.
    """

    axes = "TC"
    any_length = 2
    takes_mask = True
    _M: Any = None

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """Of windows that lie inside those without a padded step, else those of a step."""
        if mask is None:
            return None
        (size,), (stride,), (dilation,) = self.kernel_size, self.strides, self.dilation_rate
        w = windows(mask.shape[1], size, stride, self.padding, dilation)
        return mask_behind_windows(self, mask, w, self.padding, zeros=True)

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """As of images, with zeros in place of padded steps."""
        M: Any = None
        if mask is not None:
            X = self.check_input(X)
            M = check_mask(self, X, mask)[..., np.newaxis]  # (N, T, 1)
            X = np.multiply(X, M, out=self.buffer("X", X.shape, self.dtype) if training else None)
        if training:
            self._M = M
        return super().forward(X, training)

    def backward(self, delta: Array) -> Array | None:
        """As of images; ∂E/∂X is 0 for padded steps."""
        dX = super().backward(delta)
        if dX is not None and self._M is not None:
            dX *= self._M
        return dX
