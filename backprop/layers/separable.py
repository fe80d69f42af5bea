"""Convolution of each channel by itself, followed by a product over channels."""

from __future__ import annotations

from typing import Any

from backprop.constraints import Constraint
from backprop.core.channelwise import (
    channel_image_gradient,
    channel_kernel_gradient,
    correlate_channels,
)
from backprop.core.checks import check_integer
from backprop.core.correlation import correlate, image_gradient, kernel_gradient
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape
from backprop.core.windows import over_steps, windows
from backprop.initializers import Initializer
from backprop.layers.sliding import OverSteps, Sizes, Sliding
from backprop.regularizers import Regularizer


class SeparableConv2D(Sliding):
    """Convolution of each channel by itself, then a product over the channels of each pixel.

        u_{n h w c m} = Σ_{i j} x_{n, h s + i d, w s + j d, c} v_{i j c m},   Z = U P + b

    with V the depthwise and P the pointwise kernel: a convolution with fewer weights, since places
    and channels are weighted one after the other. With δ = ∂E/∂Z

        ∂E/∂P = Uᵀ δ,   ∂E/∂b = Σ δ,   ∂E/∂U = δ Pᵀ,

    and from ∂E/∂U on as in ``DepthwiseConv2D``.

    Shapes: X ``(N, H, W, C)``, V ``(kh, kw, C, depth_multiplier)``,
    P ``(1, 1, C · depth_multiplier, filters)``, b ``(filters,)``, Z ``(N, H', W', filters)``.
    Source: Chollet 2017, "Xception: deep learning with depthwise separable convolutions".

    Args:
        filters: Number of outputs for each window.
        kernel_size: The height and width of a window, or one number for both.
        strides: The pixels from one window to the next, likewise.
        padding: ``"valid"`` or ``"same"``, as in ``Conv2D``.
        dilation_rate: The pixels from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.
        depth_multiplier: The number of filters for each channel.

    Attributes:
        depthwise: V.
        pointwise: P.
        d_depthwise: ∂E/∂V.
        d_pointwise: ∂E/∂P.

    Example:
        >>> layers = [bp.layers.Conv2D(32, 3), bp.layers.SeparableConv2D(32, 3)]
        >>> models = [bp.Sequential([bp.Input((8, 8, 16)), layer]) for layer in layers]
        >>> [len(model.parameters.values) for model in models]  # so many weights
        [4640, 688]
    """

    definition = (
        "{f}(x)_{{ijk}} = Σ_{{cm}} U_{{ijcm}} {pointwise}_{{cmk}} + {b}_k, "
        "U_{{ijcm}} = Σ_{{uv}} x_{{{self.written.at}, c}} {depthwise}_{{uvcm}}"
        "{self.written.outside}"
    )
    formulas = {
        "ddepthwise": "_{{uvcm}} = Σ_N Σ_{{ijk}} {x}_{{{self.written.at}, c}} {delta}_{{ijk}} "
        "{pointwise}_{{cmk}}",
        "dpointwise": "_{{cmk}} = Σ_N Σ_{{ij}} U_{{ijcm}} {delta}_{{ijk}}",
        "db": "_k = Σ_N Σ_{{ij}} {delta}_{{ijk}}",
        "dX": "_{{abc}} = Σ_{{{self.written.hits}, mk}} {delta}_{{ijk}} {pointwise}_{{cmk}} "
        "{depthwise}_{{uvcm}}",
    }

    depthwise, d_depthwise = parameter_views("depthwise")
    pointwise, d_pointwise = parameter_views("pointwise")

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer = "glorot_uniform",
        pointwise_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        depthwise_regularizer: str | Regularizer | None = None,
        pointwise_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        depthwise_constraint: str | Constraint | None = None,
        pointwise_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        window = kernel_size, strides, padding, dilation_rate
        bias = use_bias, bias_initializer, bias_regularizer, bias_constraint
        super().__init__(*window, *bias, name)
        self.filters = check_integer(filters, f"filters of {type(self).__name__}")
        self.depth_multiplier = check_integer(
            depth_multiplier, f"depth_multiplier of {type(self).__name__}"
        )
        self.keep_chosen(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self.keep_chosen(
            "pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )
        self.U: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes V, P and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.U = self.Z = None
        self.output_shape(input_shape)
        n_channels = input_shape[-1]
        V = (*self.kernel_size, n_channels, self.depth_multiplier)
        P = (*[1] * len(self.kernel_size), n_channels * self.depth_multiplier, self.filters)
        self.add_chosen("depthwise", V, "depthwise")
        self.add_chosen("pointwise", P, "pointwise")
        self.add_bias_parameter(self.filters)

    def output_shape(self, input_shape: Shape) -> Shape:
        """An output for each window and filter."""
        sizes = tuple(axis.n_out for axis in self.grid(input_shape))
        return (*sizes[3 - len(input_shape) :], self.filters)

    def forward(self, X: Array, training: bool = False) -> Array:
        """U = Σ_{i j} X_{i j} ⊙ V_{i j}, Z = U P + b."""
        X, Z, grid = self.prepare(X, training)
        buffers = self.memory(training)
        V, P = self.over_images(self.depthwise), self.over_images(self.pointwise)
        U = buffers.get("U", (len(X), *(axis.n_out for axis in grid), P.shape[2]), self.dtype)
        if training:
            self.U = U
        correlate_channels(self.images(X), V, grid, U, buffers)
        correlate(U, P, every_pixel(U), self.images(Z), buffers)
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂P = Uᵀ δ, ∂E/∂b = Σ δ, ∂E/∂U = δ Pᵀ, and ∂E/∂V and ∂E/∂X from it."""
        delta = self.checked_delta(delta, self.Z)
        grid, pixels = self.grid(self.X.shape[1:]), every_pixel(self.U)
        X, D = self.images(self.X), self.images(delta)
        kernel_gradient(self.U, D, pixels, self.over_images(self.d_pointwise), self.buffers)
        self.bias_gradient(delta)
        dU = self.buffer("dU", self.U.shape, self.dtype)
        image_gradient(D, self.over_images(self.pointwise), pixels, dU, self.buffers)
        channel_kernel_gradient(X, dU, grid, self.over_images(self.d_depthwise), self.buffers)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        V = self.over_images(self.depthwise)
        channel_image_gradient(dU, V, grid, self.images(dX), self.buffers)
        return dX


class SeparableConv1D(OverSteps, SeparableConv2D):
    """Convolution of each feature of sequences by itself, then a product over those of each step.

        u_{n t c m} = Σ_i x_{n, t s + i d, c} v_{i c m},   Z = U P + b

    for stride s and dilation d; backwards as in ``SeparableConv2D``. Padded steps of a mask count
    as zeros.

    Shapes: X ``(N, T, C)``, V ``(k, C, depth_multiplier)``,
    P ``(1, C · depth_multiplier, filters)``, b ``(filters,)``, Z ``(N, T', filters)``.

    Args:
        filters: Number of outputs for each window.
        kernel_size: The steps of a window.
        strides: The steps from one window to the next.
        padding: ``"valid"`` or ``"same"``, as in ``Conv1D``.
        dilation_rate: The steps from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.
        depth_multiplier: The number of filters for each channel.

    Example:
        >>> layer = bp.layers.SeparableConv1D(4, 3, padding="same")
        >>> layer.build((5, 2))
        >>> [p.shape for p in layer.parameters]  # V, P and b
        [(3, 2, 1), (1, 2, 4), (4,)]
    """

    definition = over_steps(SeparableConv2D.definition)
    formulas = {name: over_steps(text) for name, text in SeparableConv2D.formulas.items()}


def every_pixel(U: Array) -> tuple[Any, Any]:
    """Windows of one pixel, one on each pixel."""
    return windows(U.shape[1], 1), windows(U.shape[2], 1)
