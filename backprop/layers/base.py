"""The contract of a layer: build, forward, backward; and of an elementwise one: f, f_prime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from backprop import constraints, initializers, regularizers
from backprop.constraints import Constraint
from backprop.core.buffers import Buffers, new_array
from backprop.core.checks import check_dimensions, check_flag, check_name
from backprop.core.errors import NoForwardError, NotBuiltError, ShapeError, misfit
from backprop.core.parameters import Parameter
from backprop.core.settings import Checked, Settings
from backprop.core.time_steps import Unrolled
from backprop.core.transfer import copy_of, take_kept
from backprop.core.types import Array, DTypeLike, Interval, Shape, as_array, as_floats, is_sparse
from backprop.initializers import Initializer
from backprop.regularizers import Regularizer


class Layer(Settings):
    """Two formulas: ``forward`` computes Y from X, ``backward`` ∂E/∂X from ∂E/∂Y.

    A layer of your own defines both, in matrix form with samples in rows, and ``make_parameters``
    if it has parameters. ``forward`` keeps what ``backward`` needs only when ``training`` is true,
    and changes nothing in the layer otherwise. Neither writes into an array that it was given.

    Args:
        name: What it is called; a model numbers layers without a name: ``dense_1``, ``relu_1``.

    Attributes:
        delta: ∂E/∂Y of the last backward pass of a model, shape ``(N, *output)``, to look at.
        input_shape: The shape of one input sample once built.
        parameters: The layer's ``Parameter`` objects.
        adjustable: The arguments of the constructor that may be changed when the layer is built.
        needs_input_gradient: Whether ∂E/∂X is wanted; not up to a model's first layer that learns.
        takes_mask: Whether ``forward`` takes a ``mask`` ``(N, T)``, False where a step is padded.
        penalizes: Whether a training pass leaves what it adds to the loss in ``penalty``.
        makes_mask: Whether ``output_mask`` makes a mask from the layer's input.
        any_length: The axes of samples that may have any number of steps: 2 for (T, C); 0 for none.
        runs_own_code: Whether it calls functions that users wrote.
        link: What a loss may be joined with at the end of a model: "softmax" or "sigmoid".
        linear: Whether the outputs are a weighted sum.
        interval: What all outputs lie between, (0, 1) after a sigmoid; None if that is not known.
        rearranges: Whether the outputs are the inputs, perhaps in another shape or order.
        sums_to_one: Whether the outputs are probabilities with the sum 1, or their logarithms.
        is_activation: Whether it is an activation function, of a pre-activation Z.
        symbol: What ``explain`` calls its function, such as "σ"; the class's name if empty.
        definition: That function, such as "σ(z) = 1 / (1 + exp(−z))".
        formulas: Y, ∂E/∂X and gradients: ``{"Y": "{x} {W} + {b}", "dX": "{delta} {W}ᵀ"}``.
        step_formulas: Likewise what ``unrolled`` has of each step in time, ``{h_s}`` being h_{t−1}.

    Example:
        >>> class Scale(bp.layers.Layer):
        ...     def make_parameters(self, input_shape):
        ...         self.gamma = self.add_parameter("gamma", input_shape[-1:], "ones")
        ...     def forward(self, X, training=False):  # Y = X ⊙ γ
        ...         if training:
        ...             self.X = X
        ...         return X * self.gamma.value
        ...     def backward(self, delta):  # ∂E/∂γ = Σ_N δ ⊙ X;  ∂E/∂X = δ ⊙ γ
        ...         products = (delta * self.X).reshape(-1, delta.shape[-1])  # (N · T, n)
        ...         self.gamma.gradient[...] = products.sum(axis=0)
        ...         return delta * self.gamma.value
        >>> bp.inspection.check_layer(Scale(), (4, 3)).ok
        True
    """

    accepts_sparse = random = runs_own_code = linear = rearranges = False
    takes_mask = makes_mask = penalizes = False
    any_length = 0
    link: str | None = None
    name: Any = Checked(check_name)
    needs_input_gradient: Any = Checked(check_flag)
    interval: Interval | None = None
    sums_to_one = is_activation = False
    symbol = definition = ""
    formulas: Mapping[str, str] = {}
    step_formulas: Mapping[str, str] = {}
    adjustable: tuple[str, ...] = ()

    def __init__(self, name: str | None = None) -> None:
        self.name = check_name(name, f"{type(self).__name__}(name)")
        self._kept: list[Array] = []  # the weights that a copy begins with
        self.input_shape: Shape | None = None
        self.dtype: np.dtype[Any] = np.dtype("float32")
        self.parameters: list[Parameter] = []
        self.needs_input_gradient = True
        self.delta: Array | None = None
        self._trainable = True
        self._rng = np.random.default_rng()
        self.buffers = Buffers()

    def build(
        self,
        input_shape: Shape,
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        """Builds the layer for samples of that shape; ``make_parameters`` adds the parameters.

        Args:
            input_shape: The shape of one sample, without the batch axis.
            rng: Where the initial weights are drawn from; fresh entropy if None.
            dtype: The dtype of the parameters.
        """
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self.parameters = []
        self.buffers.clear()
        if rng is not None:
            self._rng = rng
        self.make_parameters(self.input_shape)
        take_kept(self)

    # ------------------------------------------------------------------ what a subclass defines

    def make_parameters(self, input_shape: Shape) -> None:
        """Adds the parameters, for samples of that shape, by ``add_parameter``; none by default."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output sample for inputs of that shape; the same unless overridden."""
        return tuple(input_shape)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """The mask of the output from that of the input; the same unless overridden."""
        return mask

    def check_values(self, X: Array, name: str = "x") -> None:
        """Raises ValueError, which calls X ``name``, if the layer cannot take its numbers."""

    def unrolled(self) -> Unrolled | None:
        """The steps in time of the last training pass and of the way back; None if it has none."""
        return None

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y for a batch X of shape ``(N, *input_shape)``."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(X, training).")

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂X for delta = ∂E/∂Y, and the parameters' gradients written on the way.

        Raises:
            NoForwardError: No ``forward(X, training=True)`` came before.
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward(delta).")

    # --------------------------------------------------------------------- what it then can use

    def add_parameter(
        self,
        name: str,
        shape: Shape,
        initializer: str | Initializer = "glorot_uniform",
        *,
        decays: bool = True,
        learned: bool = True,
        regularizer: str | Regularizer | None = None,
        constraint: str | Constraint | None = None,
    ) -> Parameter:
        """A new parameter of this layer, to be called in ``make_parameters``.

        Args:
            name: Its name inside the layer.
            shape: Its shape.
            initializer: How its values start.
            decays: Whether weight decay applies to it.
            learned: Whether it is learnt by gradients; False for a moving average.
            regularizer: Its penalty, added to the loss.
            constraint: The condition that is restored after every step.
        """
        shape = check_dimensions(shape, f"{self}.add_parameter(shape)")
        parameter = Parameter(
            name,
            initializers.get(initializer)(shape, self._rng, self.dtype),
            trainable=self._trainable,
            decays=decays,
            learned=learned,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        for part in filter(None, (parameter.regularizer, parameter.constraint)):
            part.check(shape)
        self.parameters.append(parameter)
        setattr(self, f"_{name}", parameter)
        return parameter

    def buffer(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """An array for a training result, the same at every call; its first rows for less."""
        return self.buffers.get(name, shape, dtype)

    def room(self, shape: Shape, dtype: np.dtype[Any], training: bool) -> Array:
        """Where Y is written: in training the buffer ``"Y"``, in inference a fresh array."""
        return self.buffer("Y", shape, dtype) if training else new_array(shape, dtype)

    def check_input(self, X: Array) -> Array:
        """X in the layer's dtype, if the layer is built and X has the columns that it needs.

        Raises:
            NotBuiltError: The layer is not built.
            ShapeError: The last axis is not the one that the layer was built for.
        """
        if not (self.accepts_sparse and is_sparse(X)):
            X = as_array(X, self.dtype)
        if self.input_shape is None:
            raise NotBuiltError(f"{self} is not built: call build((n_features,)) first.")
        if X.ndim < 2 or X.shape[-1] != self.input_shape[-1]:
            found = f"received an array of shape {X.shape}"
            raise ShapeError(misfit(X.shape, self.input_shape, self, found))
        return X

    def check_delta(self, delta: Array, Y: Array | None) -> None:
        """Checks that there is a training output Y to differentiate, and that delta fits it.

        Raises:
            NoForwardError: No ``forward(X, training=True)`` came before.
            ShapeError: delta has another shape than Y; it would be broadcast.
        """
        if Y is None:
            raise NoForwardError(
                f"{self}: backward needs the activations of a training pass: call "
                f"forward(X, training=True) first."
            )
        if delta.shape != Y.shape:
            raise ShapeError(
                f"{self} returned an array of shape {Y.shape}, but backward received a delta of "
                f"shape {delta.shape}: pass ∂E/∂Y, one number for each output."
            )

    def copy(self, trainable: bool | None = None) -> Self:
        """A new layer for another model, which begins with the weights that this one has now.

        Args:
            trainable: False freezes the copy; None leaves it as this layer is.

        Raises:
            NotBuiltError: This layer has no weights yet.
        """
        return copy_of(self, trainable)

    def inside(self) -> list[Layer]:
        """All layers that it holds, and those in them."""
        return []

    def check_setting(self, name: str) -> None:
        """Raises AttributeError where a built layer would go on with what it was built with."""
        if self.input_shape is not None and name not in self.adjustable:
            raise AttributeError(
                f"{self} is built, so that another {name} would have no effect: make a new layer."
            )

    @property
    def observes(self) -> bool:
        """Whether ``fit`` is to call ``observe(batches of inputs)`` before the first step."""
        return False

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change this layer's parameters; set it to False to freeze them."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = check_flag(value, "trainable")
        for parameter in self.parameters:
            parameter.trainable = self._trainable and parameter.learned

    def __getattr__(self, name: str) -> Any:
        hint = "."
        if not name.startswith("_") and self.__dict__.get("input_shape", ()) is None:
            hint = ", perhaps because it is not built: call build((n_features,)), or fit the model."
        raise AttributeError(f"{self} has no attribute {name!r}{hint}")

    def __str__(self) -> str:
        name = self.__dict__.get("name")
        return f"{type(self).__name__} {name!r}" if name else type(self).__name__

    def __repr__(self) -> str:
        return f"<{self}>"


class Activation(Layer):
    """A = f(Z) for every element; ∂E/∂Z = ∂E/∂A ⊙ f′(Z). The base of all elementwise activations.

    A subclass writes ``f`` and, directly below it, ``f_prime``, which may work in ``self.buffer``s;
    in ``slope`` it may say f′(Z) for ``explain``, such as "{a} ⊙ (1 − {a})".

    Example:
        >>> class Square(bp.layers.Activation):
        ...     def f(self, Z, out=None):
        ...         return np.square(Z, out=out)
        ...     def f_prime(self, Z, A, out):
        ...         return np.multiply(2, Z, out=out)
        >>> bp.inspection.check_layer(Square(), (3,)).ok
        True
    """

    is_activation = True
    any_length = 2
    formulas: Mapping[str, str] = {"dX": "{delta} ⊙ {slope}"}
    slope = ""
    Z: Any = None
    A: Any = None

    def f(self, Z: Array, out: Array | None = None) -> Array:
        """The values of f, into ``out`` if that is given, never into Z."""
        raise NotImplementedError(f"{type(self).__name__} must define f(Z, out).")

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        """f′(Z), where A = f(Z), into ``out``."""
        raise NotImplementedError(f"{type(self).__name__} must define f_prime(Z, A, out).")

    def forward(self, Z: Array, training: bool = False) -> Array:
        """A = f(Z)."""
        Z = as_floats(Z)
        if not training:
            return self.f(Z)
        self.Z = Z
        A = self.A = self.f(Z, out=self.buffer("A", Z.shape, Z.dtype))
        return A

    def backward(self, delta: Array) -> Array:
        """∂E/∂Z = ∂E/∂A ⊙ f′(Z)."""
        self.check_delta(delta, self.A)
        slope = self.f_prime(self.Z, self.A, self.buffer("dZ", self.Z.shape, self.Z.dtype))
        slope *= delta
        return slope
