"""Convolution of each channel by itself, and the same followed by a product over channels."""

from __future__ import annotations

from typing import Any

from backprop import constraints, initializers, regularizers
from backprop.constraints import Constraint
from backprop.core.channelwise import (
    channel_image_gradient,
    channel_kernel_gradient,
    correlate_channels,
)
from backprop.core.checks import check_integer
from backprop.core.correlation import correlate, image_gradient, kernel_gradient
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape, as_array
from backprop.core.windows import windows
from backprop.initializers import Initializer
from backprop.layers.sliding import Sizes, Sliding
from backprop.regularizers import Regularizer


class DepthwiseConv2D(Sliding):
    """Convolution of each channel by itself, with filters of its own.

        z_{n h w c m} = Σ_{i j} x_{n, h s + i d, w s + j d, c} w_{i j c m} + b_{c m}

    for stride s and dilation d, counted in the image with its padding. With X_{i j} the pixels that
    element (i, j) of the kernel meets, and δ = ∂E/∂Z,

        Z = Σ_{i j} X_{i j} ⊙ W_{i j} + b
        ∂E/∂W_{i j} = Σ X_{i j} ⊙ δ,   ∂E/∂b = Σ δ,   ∂E/∂X_{i j} += Σ_m δ ⊙ W_{i j}.

    Shapes: X ``(N, H, W, C)``, W ``(kh, kw, C, depth_multiplier)``, b ``(C · depth_multiplier,)``,
    Z ``(N, H', W', C · depth_multiplier)``, the outputs of a channel beside each other. Source:
    Howard et al. 2017, "MobileNets".

    Args:
        kernel_size: The height and width of a window, or one number for both.
        strides: The pixels from one window to the next, likewise.
        padding: ``"valid"`` or ``"same"``, as in ``Conv2D``.
        depth_multiplier: The number of filters for each channel.
        dilation_rate: The pixels from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.
        use_bias: Whether b is there.
        depthwise_initializer: How W starts.
        bias_initializer: How b starts.
        depthwise_regularizer: The penalty on W, added to the loss.
        bias_regularizer: The penalty on b.
        depthwise_constraint: What is restored in W after every step.
        bias_constraint: What is restored in b.
        name: The layer's name.

    Attributes:
        W: Weights, a view of the model's θ; assigning writes into it.
        b: Biases, likewise.
        dW: ∂E/∂W of the last backward pass.
        db: ∂E/∂b, likewise.

    Example:
        >>> layer = bp.layers.DepthwiseConv2D(2, depthwise_initializer="ones")
        >>> model = bp.Sequential([bp.Input((2, 2, 3)), layer])
        >>> model.predict(np.full((1, 2, 2, 3), [1, 10, 100])).ravel()  # 4 of each channel
        array([  4.,  40., 400.], dtype=float32)
    """

    definition = (
        "{f}(x)_{{ijcm}} = Σ_{{uv}} x_{{{self.written.at}, c}} W_{{uvcm}} + {b}_{{cm}}"
        "{self.written.outside}"
    )
    formulas = {
        "dW": "_{{uvcm}} = Σ_N Σ_{{ij}} {x}_{{{self.written.at}, c}} {delta}_{{ijcm}}",
        "db": "_{{cm}} = Σ_N Σ_{{ij}} {delta}_{{ijcm}}",
        "dX": "_{{abc}} = Σ_{{{self.written.hits}, m}} {delta}_{{ijcm}} {W}_{{uvcm}}",
    }

    W, dW = parameter_views("W")

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        dilation_rate: Sizes = 1,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        depthwise_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        depthwise_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        window = kernel_size, strides, padding, dilation_rate
        bias = use_bias, bias_initializer, bias_regularizer, bias_constraint
        super().__init__(*window, *bias, name)
        self.depth_multiplier = check_integer(
            depth_multiplier, "depth_multiplier of DepthwiseConv2D"
        )
        self.depthwise_initializer = initializers.get(
            depthwise_initializer, "depthwise_initializer"
        )
        self.depthwise_regularizer = regularizers.get(
            depthwise_regularizer, "depthwise_regularizer"
        )
        self.depthwise_constraint = constraints.get(depthwise_constraint, "depthwise_constraint")

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.Z = None
        outputs = self.output_shape(input_shape)
        self.add_parameter(
            "W",
            (*self.kernel_size, input_shape[-1], self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.add_bias_parameter(outputs[-1])

    def output_shape(self, input_shape: Shape) -> Shape:
        """An output for each window, channel and filter of the channel."""
        height, width = self.grid(input_shape)
        return height.n_out, width.n_out, input_shape[-1] * self.depth_multiplier

    def forward(self, X: Array, training: bool = False) -> Array:
        """Z = Σ_{i j} X_{i j} ⊙ W_{i j} + b."""
        X = self.check_input(X)
        Z = self.room((len(X), *self.output_shape(X.shape[1:])), self.dtype, training)
        if training:
            self.X, self.Z = X, Z
        correlate_channels(X, self.W, self.grid(X.shape[1:]), Z, self.memory(training))
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂W_{i j} = Σ X_{i j} ⊙ δ, ∂E/∂b = Σ δ, ∂E/∂X_{i j} += Σ_m δ ⊙ W_{i j}."""
        delta = as_array(delta, self.dtype)
        self.check_delta(delta, self.Z)
        grid = self.grid(self.X.shape[1:])
        channel_kernel_gradient(self.X, delta, grid, self.dW, self.buffers)
        self.bias_gradient(delta)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        channel_image_gradient(delta, self.W, grid, dX, self.buffers)
        return dX


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
        use_bias: Whether b is there.
        depthwise_initializer: How V starts.
        pointwise_initializer: How P starts.
        bias_initializer: How b starts.
        depthwise_regularizer: The penalty on V, added to the loss.
        pointwise_regularizer: The penalty on P.
        bias_regularizer: The penalty on b.
        depthwise_constraint: What is restored in V after every step.
        pointwise_constraint: What is restored in P.
        bias_constraint: What is restored in b.
        name: The layer's name.

    Attributes:
        depthwise: V, a view of the model's θ; assigning writes into it.
        pointwise: P, likewise.
        b: Biases, likewise.
        d_depthwise: ∂E/∂V of the last backward pass.
        d_pointwise: ∂E/∂P, likewise.
        db: ∂E/∂b, likewise.

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
        self.filters = check_integer(filters, "filters of SeparableConv2D")
        self.depth_multiplier = check_integer(
            depth_multiplier, "depth_multiplier of SeparableConv2D"
        )
        self.depthwise_initializer = initializers.get(
            depthwise_initializer, "depthwise_initializer"
        )
        self.pointwise_initializer = initializers.get(
            pointwise_initializer, "pointwise_initializer"
        )
        self.depthwise_regularizer = regularizers.get(
            depthwise_regularizer, "depthwise_regularizer"
        )
        self.pointwise_regularizer = regularizers.get(
            pointwise_regularizer, "pointwise_regularizer"
        )
        self.depthwise_constraint = constraints.get(depthwise_constraint, "depthwise_constraint")
        self.pointwise_constraint = constraints.get(pointwise_constraint, "pointwise_constraint")
        self.U: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes V, P and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.U = self.Z = None
        self.output_shape(input_shape)
        n_channels = input_shape[-1]
        self.add_parameter(
            "depthwise",
            (*self.kernel_size, n_channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        self.add_parameter(
            "pointwise",
            (1, 1, n_channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.add_bias_parameter(self.filters)

    def output_shape(self, input_shape: Shape) -> Shape:
        """An output for each window and filter."""
        height, width = self.grid(input_shape)
        return height.n_out, width.n_out, self.filters

    def forward(self, X: Array, training: bool = False) -> Array:
        """U = Σ_{i j} X_{i j} ⊙ V_{i j}, Z = U P + b."""
        X = self.check_input(X)
        buffers, grid = self.memory(training), self.grid(X.shape[1:])
        places = len(X), grid[0].n_out, grid[1].n_out
        U = buffers.get("U", (*places, self.pointwise.shape[2]), self.dtype)
        Z = self.room((*places, self.filters), self.dtype, training)
        if training:
            self.X, self.U, self.Z = X, U, Z
        correlate_channels(X, self.depthwise, grid, U, buffers)
        correlate(U, self.pointwise, every_pixel(U), Z, buffers)
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂P = Uᵀ δ, ∂E/∂b = Σ δ, ∂E/∂U = δ Pᵀ, and ∂E/∂V and ∂E/∂X from it."""
        delta = as_array(delta, self.dtype)
        self.check_delta(delta, self.Z)
        grid, pixels = self.grid(self.X.shape[1:]), every_pixel(self.U)
        kernel_gradient(self.U, delta, pixels, self.d_pointwise, self.buffers)
        self.bias_gradient(delta)
        dU = self.buffer("dU", self.U.shape, self.dtype)
        image_gradient(delta, self.pointwise, pixels, dU, self.buffers)
        channel_kernel_gradient(self.X, dU, grid, self.d_depthwise, self.buffers)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        channel_image_gradient(dU, self.depthwise, grid, dX, self.buffers)
        return dX


def every_pixel(U: Array) -> tuple[Any, Any]:
    """Windows of one pixel, one on each pixel."""
    return windows(U.shape[1], 1), windows(U.shape[2], 1)
