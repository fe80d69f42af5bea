"""Convolution of images and of sequences."""

from __future__ import annotations

from backprop.constraints import Constraint
from backprop.core.checks import check_integer
from backprop.core.correlation import correlate, image_gradient, kernel_gradient
from backprop.core.errors import ShapeError
from backprop.core.parameter_access import parameter_views
from backprop.core.types import Array, Shape
from backprop.core.windows import over_steps, times
from backprop.initializers import Initializer
from backprop.layers.sliding import OverSteps, Sizes, Sliding
from backprop.regularizers import Regularizer


class Conv2D(Sliding):
    """Convolution of images: every filter looks at each window of the image with the same weights.

        z_{n h w o} = Σ_{i j c} x_{n, h s + i d, w s + j d, c} w_{i j c o} + b_o

    for stride s and dilation d, counted in the image with its padding. With the numbers of a window
    in each row of a matrix C that is Z = C W + b, and with δ = ∂E/∂Z

        ∂E/∂W = Cᵀ δ,   ∂E/∂b = Σ δ,   ∂E/∂C = δ Wᵀ,

    the last of which goes back to the pixels that the windows were taken from. C is never there as
    a whole, but for blocks of samples (see ``core/correlation.py``).

    Kernels of 3 × 3 with stride 1 and 16 or more channels and filters are computed tile by tile,
    about twice as fast; float32 results are then some 5·10⁻⁷ of their size from the exact ones, not
    2·10⁻⁷ (see ``core/winograd.py``).

    Shapes: X ``(N, H, W, C)``, W ``(kh, kw, C / groups, filters)``, b ``(filters,)``,
    Z ``(N, H', W', filters)``. Source: LeCun et al. 1989; Keras's arguments.

    Args:
        filters: Number of filters.
        kernel_size: The height and width of a window, or one number for both.
        strides: The pixels from one window to the next, likewise.
        padding: ``"valid"`` takes the windows that lie inside; ``"same"`` has one at every stride
            and zeros around the image for it, an odd row or column of them at the end.
        dilation_rate: The pixels from one element of a window to the next. Strides and dilation
            cannot both be greater than 1.
        groups: Into how many groups channels and filters are divided; a filter sees the channels
            of its own group.

    Example:
        >>> layer = bp.layers.Conv2D(1, 2, kernel_initializer="ones")  # sums of 2×2 pixels
        >>> model = bp.Sequential([bp.Input((3, 3, 1)), layer])
        >>> model.predict(np.ones((1, 3, 3, 1)))[0, :, :, 0]
        array([[4., 4.],
               [4., 4.]], dtype=float32)
    """

    definition = (
        "{f}(x)_{{ijk}} = Σ_{{uvc}} x_{{{self.written.at}, {self.channel[0]}}} W_{{uvck}} + {b}_k"
        "{self.written.outside}"
    )
    formulas = {
        "dW": "_{{uvck}} = Σ_N Σ_{{ij}} {x}_{{{self.written.at}, {self.channel[0]}}} "
        "{delta}_{{ijk}}",
        "db": "_k = Σ_N Σ_{{ij}} {delta}_{{ijk}}",
        "dX": "_{{ab{self.channel[1]}}} = Σ_{{{self.written.hits}{self.channel[2]}, k}} "
        "{delta}_{{ijk}} {W}_{{uvck}}",
    }

    W, dW = parameter_views("W")

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        dilation_rate: Sizes = 1,
        groups: int = 1,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        kernel_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        windows = kernel_size, strides, padding, dilation_rate
        bias = use_bias, bias_initializer, bias_regularizer, bias_constraint
        super().__init__(*windows, *bias, name)
        self.filters = check_integer(filters, f"filters of {type(self).__name__}")
        self.groups = check_integer(groups, f"groups of {type(self).__name__}")
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__} cannot divide {filters} filters into {groups} groups: "
                f"choose filters that are a multiple of groups."
            )
        self.keep_chosen("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W and b for samples with ``input_shape[-1]`` channels."""
        self.X = self.Z = None
        self.output_shape(input_shape)
        shape = (*self.kernel_size, input_shape[-1] // self.groups, self.filters)
        self.add_chosen("W", shape, "kernel")
        self.add_bias_parameter(self.filters)

    def output_shape(self, input_shape: Shape) -> Shape:
        """An output for each window and filter.

        Raises:
            ShapeError: Samples of that shape have other axes, are smaller than a window, or have
                channels that cannot be divided into groups.
        """
        grid = self.grid(input_shape)
        if input_shape[-1] % self.groups:
            raise ShapeError(
                f"{self} cannot divide the {input_shape[-1]} channels of samples of shape "
                f"{tuple(input_shape)} into {self.groups} groups: choose groups that divide them."
            )
        sizes = tuple(axis.n_out for axis in grid)
        return (*sizes[3 - len(input_shape) :], self.filters)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Z = C W + b, group by group."""
        X, Z, grid = self.prepare(X, training)
        buffers, W = self.memory(training), self.over_images(self.W)
        for c, o in self.parts(X):
            correlate(self.images(X)[..., c], W[..., o], grid, self.images(Z)[..., o], buffers)
        self.add_bias(Z)
        return Z

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂W = Cᵀ δ, ∂E/∂b = Σ δ, and ∂E/∂X from ∂E/∂C = δ Wᵀ."""
        delta = self.checked_delta(delta, self.Z)
        grid, W, dW = (
            self.grid(self.X.shape[1:]),
            self.over_images(self.W),
            self.over_images(self.dW),
        )
        X, D = self.images(self.X), self.images(delta)
        for c, o in self.parts(X):
            kernel_gradient(X[..., c], D[..., o], grid, dW[..., o], self.buffers)
        self.bias_gradient(delta)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        for c, o in self.parts(X):
            image_gradient(D[..., o], W[..., o], grid, self.images(dX)[..., c], self.buffers)
        return dX

    @property
    def channel(self) -> tuple[str, str, str]:
        """How formulas write the c-th channel that filter k sees, and that this is channel d."""
        if self.groups == 1:
            return "c", "c", ""
        channels = (self.input_shape or (0,))[-1] // self.groups
        which = f"{times(channels, f'⌊k/{self.filters // self.groups}⌋')}+c"
        return which, "d", f", {which}=d"

    def parts(self, X: Array) -> list[tuple[slice, slice]]:
        """The channels and the filters of each group."""
        n, m = X.shape[-1] // self.groups, self.filters // self.groups
        return [(slice(g * n, g * n + n), slice(g * m, g * m + m)) for g in range(self.groups)]


class Conv1D(OverSteps, Conv2D):
    """Convolution of sequences: every filter looks at each window of steps with the same weights.

        z_{n t o} = Σ_{i c} x_{n, t s + i d, c} w_{i c o} + b_o

    for stride s and dilation d, counted in the sequence with its padding; as a product, and
    backwards, as in ``Conv2D``. With ``padding="causal"`` no output sees a later step. Padded steps
    of a mask count as zeros, as those beyond the ends do.

    Shapes: X ``(N, T, C)``, W ``(k, C / groups, filters)``, b ``(filters,)``,
    Z ``(N, T', filters)``.

    Args:
        filters: Number of filters.
        kernel_size: The steps of a window.
        strides: The steps from one window to the next.
        padding: ``"valid"``, ``"same"``, or ``"causal"``, with all zeros in front.
        dilation_rate: The steps from one element of a window to the next.
        groups: Into how many groups channels and filters are divided.

    Example:
        >>> layer = bp.layers.Conv1D(1, 2, padding="causal", kernel_initializer="ones")
        >>> model = bp.Sequential([bp.Input((4, 1)), layer])
        >>> model.predict(np.arange(4.0).reshape(1, 4, 1)).ravel()  # x_t + x_{t−1}
        array([0., 1., 3., 5.], dtype=float32)
    """

    definition = over_steps(Conv2D.definition)
    formulas = {name: over_steps(text) for name, text in Conv2D.formulas.items()}

    paddings = ("valid", "same", "causal")
