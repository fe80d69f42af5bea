"""Convolution of each channel of images or sequences by itself."""

from __future__ import annotations

from backprop.constraints import Constraint
from backprop.core.channelwise import (
    channel_image_gradient,
    channel_kernel_gradient,
    correlate_channels,
)
from backprop.core.checks import check_integer
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape
from backprop.core.windows import over_steps
from backprop.initializers import Initializer
from backprop.layers.sliding import OverSteps, Sizes, Sliding
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
            depth_multiplier, f"depth_multiplier of {type(self).__name__}"
        )
        self.keep_chosen(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.Z = None
        outputs = self.output_shape(input_shape)
        shape = (*self.kernel_size, input_shape[-1], self.depth_multiplier)
        self.add_chosen("W", shape, "depthwise")
        self.add_bias_parameter(outputs[-1])

    def output_shape(self, input_shape: Shape) -> Shape:
        """An output for each window, channel and filter of the channel."""
        sizes = tuple(axis.n_out for axis in self.grid(input_shape))
        return (*sizes[3 - len(input_shape) :], input_shape[-1] * self.depth_multiplier)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Z = Σ_{i j} X_{i j} ⊙ W_{i j} + b."""
        X, Z, grid = self.prepare(X, training)
        W = self.over_images(self.W)
        correlate_channels(self.images(X), W, grid, self.images(Z), self.memory(training))
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂W_{i j} = Σ X_{i j} ⊙ δ, ∂E/∂b = Σ δ, ∂E/∂X_{i j} += Σ_m δ ⊙ W_{i j}."""
        delta = self.checked_delta(delta, self.Z)
        grid, D = self.grid(self.X.shape[1:]), self.images(delta)
        dW = self.over_images(self.dW)
        channel_kernel_gradient(self.images(self.X), D, grid, dW, self.buffers)
        self.bias_gradient(delta)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        channel_image_gradient(D, self.over_images(self.W), grid, self.images(dX), self.buffers)
        return dX


class DepthwiseConv1D(OverSteps, DepthwiseConv2D):
    """Convolution of each feature of sequences by itself, with filters of its own.

        z_{n t c m} = Σ_i x_{n, t s + i d, c} w_{i c m} + b_{c m}

    for stride s and dilation d; backwards as in ``DepthwiseConv2D``. Padded steps of a mask count
    as zeros.

    Shapes: X ``(N, T, C)``, W ``(k, C, depth_multiplier)``, b ``(C · depth_multiplier,)``,
    Z ``(N, T', C · depth_multiplier)``.

    Args:
        kernel_size: The steps of a window.
        strides: The steps from one window to the next.
        padding: ``"valid"`` or ``"same"``, as in ``Conv1D``.
        depth_multiplier: The number of filters for each channel.
        dilation_rate: The steps from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.

    Example:
        >>> layer = bp.layers.DepthwiseConv1D(2, depthwise_initializer="ones")
        >>> model = bp.Sequential([bp.Input((3, 2)), layer])
        >>> model.predict([[[1, 10], [2, 20], [3, 30]]])[0]  # sums of two steps
        array([[ 3., 30.],
               [ 5., 50.]], dtype=float32)
    """

    definition = over_steps(DepthwiseConv2D.definition)
    formulas = {name: over_steps(text) for name, text in DepthwiseConv2D.formulas.items()}
