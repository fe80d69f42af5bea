"""Transposed convolution, which makes images larger, and sequences longer."""

from __future__ import annotations

from typing import Any

from backprop.constraints import Constraint
from backprop.core.checks import check_integer, check_sizes
from backprop.core.correlation import correlate, image_gradient, kernel_gradient
from backprop.core.errors import ShapeError, said
from backprop.core.grids import Grid
from backprop.core.masks import refusal
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape
from backprop.core.windows import Windows, check_axes, over_steps, windows
from backprop.initializers import Initializer
from backprop.layers.sliding import Sizes, Sliding
from backprop.regularizers import Regularizer


class Conv2DTranspose(Sliding):
    """Transposed convolution: every pixel paints its window of a larger image, window on window.

        z_{n, h s + i d, w s + j d, o} = Σ_{c} x_{n h w c} w_{i j o c} + b_o,

    added up over all (h, w, i, j) that meet in a pixel of Z with its padding. It is the map that a
    convolution's ``backward`` applies to δ, and so its own backward pass is a convolution: with the
    windows of δ = ∂E/∂Z in the rows of a matrix C

        ∂E/∂X = C W,   ∂E/∂W = Cᵀ X,   ∂E/∂b = Σ δ.

    Shapes: X ``(N, H, W, C)``, W ``(kh, kw, filters, C)``, b ``(filters,)``,
    Z ``(N, H', W', filters)``. Source: Dumoulin & Visin 2016; Keras's sizes.

    Args:
        filters: Number of filters.
        kernel_size: The height and width of a window, or one number for both.
        strides: The pixels of Z from one window to the next, likewise.
        padding: ``"valid"`` keeps all that is painted, (H − 1) s + k; ``"same"`` keeps H s, and
            cuts off as much before as behind, an odd pixel behind.
        output_padding: Pixels that Z has behind those that it must have: (H − 1) s + k of
            ``"valid"``, and (H − 1) s + 1 of ``"same"``, or + 0 if k is even; fewer than the
            stride. None for the sizes above.
        dilation_rate: The pixels from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.

    Example:
        >>> layer = bp.layers.Conv2DTranspose(1, 2, strides=2, kernel_initializer="ones")
        >>> model = bp.Sequential([bp.Input((1, 2, 1)), layer])
        >>> model.predict([[[[1.0], [2.0]]]])[0, :, :, 0]
        array([[1., 1., 2., 2.],
               [1., 1., 2., 2.]], dtype=float32)
    """

    definition = "{f}(x)_{{abk}} = Σ_{{{self.written.hits}, c}} x_{{ijc}} W_{{uvkc}} + {b}_k"
    formulas = {
        "dW": "_{{uvkc}} = Σ_N Σ_{{ij}} {x}_{{ijc}} {delta}_{{{self.written.at}, k}}"
        "{self.written.outside}",
        "db": "_k = Σ_N Σ_{{ab}} {delta}_{{abk}}",
        "dX": "_{{ijc}} = Σ_{{uvk}} {delta}_{{{self.written.at}, k}} {W}_{{uvkc}}"
        "{self.written.outside}",
    }

    kernel_axes = ("filter", "channel")

    W, dW = parameter_views("W")

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        dilation_rate: Sizes = 1,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        kernel_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        window = kernel_size, strides, padding, dilation_rate
        bias = use_bias, bias_initializer, bias_regularizer, bias_constraint
        super().__init__(*window, *bias, name)
        self.filters = check_integer(filters, f"filters of {type(self).__name__}")
        more: Any = output_padding
        if more is not None:
            what = f"output_padding of {type(self).__name__}"
            more = check_sizes(more, what, len(self.axes) - 1, least=0)
            if any(extra >= s for extra, s in zip(more, self.strides, strict=True)):
                raise ValueError(
                    f"{what} must be smaller than the strides, "
                    f"{self.strides}, but it is {said(output_padding)}."
                )
        self.output_padding = more
        self.keep_chosen("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.Z = None
        self.output_shape(input_shape)
        self.add_chosen("W", (*self.kernel_size, self.filters, input_shape[-1]), "kernel")
        self.add_bias_parameter(self.filters)

    def grid(self, sample: Shape) -> Grid:
        """Where the windows lie on Z: one for each pixel of a sample.

        Raises:
            ShapeError: The sample has other axes, or nothing would be left of its windows.
        """
        check_axes(self, sample, self.axes)
        extra = self.output_padding or (None,) * len(self.strides)
        axes = (
            painted(n, size, stride, dilation, self.padding, more)
            for n, size, stride, dilation, more in zip(
                sample[:-1], self.kernel_size, self.strides, self.dilation_rate, extra, strict=True
            )
        )
        height, width = (windows(1, 1), *axes)[-2:]
        if not (height.n_in and width.n_in):
            raise ShapeError(
                f"{self} would make empty outputs of samples of shape {tuple(sample)}: "
                f"choose a greater output_padding, or padding='valid'."
            )
        return height, width

    def output_shape(self, input_shape: Shape) -> Shape:
        """A larger image, or a longer sequence, of ``filters`` channels."""
        sizes = tuple(axis.n_in for axis in self.grid(input_shape))
        return (*sizes[3 - len(input_shape) :], self.filters)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Z = Σ of all windows + b."""
        X, Z, grid = self.prepare(X, training)
        W = self.over_images(self.W)
        image_gradient(self.images(X), W, grid, self.images(Z), self.memory(training))
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂X = C W, ∂E/∂W = Cᵀ X, ∂E/∂b = Σ δ, with C the windows of δ."""
        delta = self.checked_delta(delta, self.Z)
        grid, D = self.grid(self.X.shape[1:]), self.images(delta)
        kernel_gradient(D, self.images(self.X), grid, self.over_images(self.dW), self.buffers)
        self.bias_gradient(delta)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        correlate(D, self.over_images(self.W), grid, self.images(dX), self.buffers)
        return dX


class Conv1DTranspose(Conv2DTranspose):
    """Transposed convolution of sequences: every step paints its window of a longer sequence.

        z_{n, t s + i d, o} = Σ_c x_{n t c} w_{i o c} + b_o,

    added up over all (t, i) that meet in a step of Z with its padding; backwards as in
    ``Conv2DTranspose``.

    Shapes: X ``(N, T, C)``, W ``(k, filters, C)``, b ``(filters,)``, Z ``(N, T', filters)``.

    Args:
        filters: Number of filters.
        kernel_size: The steps of a window.
        strides: The steps of Z from one window to the next.
        padding: ``"valid"`` keeps all that is painted, (T − 1) s + k; ``"same"`` keeps T s, and
            cuts off as much before as behind, an odd step behind.
        output_padding: Steps that Z has behind those that it must have: (T − 1) s + k of
            ``"valid"``, and (T − 1) s + 1 of ``"same"``, or + 0 if k is even; fewer than the
            stride. None for the sizes above.
        dilation_rate: The steps from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.

    Example:
        >>> layer = bp.layers.Conv1DTranspose(1, 2, strides=2, kernel_initializer="ones")
        >>> model = bp.Sequential([bp.Input((3, 1)), layer])
        >>> model.predict([[[1], [2], [3]]]).ravel()
        array([1., 1., 2., 2., 3., 3.], dtype=float32)
    """

    definition = over_steps(Conv2DTranspose.definition)
    formulas = {name: over_steps(text) for name, text in Conv2DTranspose.formulas.items()}

    axes = "TC"
    any_length = 2
    of_images = False

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """None of none.

        Raises:
            ValueError: Some steps are padded.
        """
        if mask is not None:
            fault = "lays the windows that steps paint over each other"
            raise refusal(self, fault, "mask the sequences behind it")
        return None


def painted(
    n: int, size: int, stride: int, dilation: int, padding: str, extra: int | None
) -> Windows:
    """The windows of n pixels along an axis of the image that they paint, sized as by Keras."""
    reach = (size - 1) * dilation + 1
    whole = (n - 1) * stride + reach
    if padding == "valid":
        n_image = whole + (max(stride - reach, 0) if extra is None else extra)
    else:
        n_image = n * stride if extra is None else (n - 1) * stride + reach % 2 + extra
    before = max(whole - n_image, 0) // 2
    return Windows(size, stride, dilation, before, max(whole - n_image - before, 0), n_image, n)
