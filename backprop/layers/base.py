"""The contract of a layer: build, forward, backward; and of an elementwise one: f, f_prime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backprop import constraints, initializers, regularizers
from backprop.constraints import Constraint
from backprop.core.buffers import new_array
from backprop.core.checks import check_dimensions, check_shape
from backprop.core.parameters import Parameter
from backprop.core.transfer import take_kept
from backprop.core.types import Array, DTypeLike, Shape, as_floats
from backprop.initializers import Initializer
from backprop.layers.checked import CheckedLayer
from backprop.regularizers import Regularizer


class Layer(CheckedLayer):
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
        needs_input_gradient: Whether ∂E/∂X is wanted; not up to a model's first layer that learns.
        symbol: What ``explain`` calls its function, such as "σ"; the class's name if empty.
        definition: That function, such as "σ(z) = 1 / (1 + exp(−z))".
        formulas: Y, ∂E/∂X and gradients: ``{"Y": "{x} {W} + {b}", "dX": "{delta} {W}ᵀ"}``.

    The others are described in ``CheckedLayer``: what the package asks a layer about masks, about
    penalties, and about its outputs.

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

    symbol = definition = ""
    formulas: Mapping[str, str] = {}

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
        shape = check_shape(input_shape, f"input_shape of {self}")
        vars(self).update(input_shape=shape, dtype=np.dtype(dtype), _in_model=False)
        self.parameters = self.no_parameters()
        self.buffers.clear()
        if rng is not None:
            self._rng = rng
        self.make_parameters(shape)
        take_kept(self)
        for parameter in self.parameters:
            parameter._made = True
        self.want_input_gradient(self._asked_for_gradient is not False)

    # ------------------------------------------------------------------ what a subclass defines

    def make_parameters(self, input_shape: Shape) -> None:
        """Adds the parameters, for samples of that shape, by ``add_parameter``; none by default."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output sample for inputs of that shape; the same unless overridden."""
        return tuple(input_shape)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y for a batch X, ``(N, *input_shape)``; in training a buffer until its next call."""
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
        shape = check_dimensions(shape, self)
        self.check_new(name)
        parameter = Parameter(
            name,
            initializers.get(initializer).new_weights(shape, self._rng, self.dtype),
            decays=decays,
            learned=learned,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        parameter.hold(not self.trainable)
        for part in filter(None, (parameter.regularizer, parameter.constraint)):
            part.check(shape)
            part.try_on(parameter.value)
        list.append(self.parameters, parameter)
        setattr(self, f"_{name}", parameter)
        return parameter

    def keep_chosen(self, kind: str, initializer: Any, regularizer: Any, constraint: Any) -> None:
        """Keeps what the layer was given for parameters of a kind, such as "kernel"."""
        setattr(self, f"{kind}_initializer", initializers.get(initializer, f"{kind}_initializer"))
        setattr(self, f"{kind}_regularizer", regularizers.get(regularizer, f"{kind}_regularizer"))
        setattr(self, f"{kind}_constraint", constraints.get(constraint, f"{kind}_constraint"))

    def add_chosen(self, name: str, shape: Shape, kind: str, *, decays: bool = True) -> Parameter:
        """A new parameter, with what ``keep_chosen`` has kept for its kind.

        Args:
            name: Its name inside the layer.
            shape: Its shape.
            kind: "kernel" for ``kernel_initializer``, ``_regularizer`` and ``_constraint``.
            decays: Whether weight decay applies to it.
        """
        kept = ("initializer", "regularizer", "constraint")
        chosen = {what: getattr(self, f"{kind}_{what}") for what in kept}
        return self.add_parameter(name, shape, decays=decays, **chosen)

    def buffer(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """An array for a training result, the same at every call; its first rows for less."""
        return self.buffers.get(name, shape, dtype)

    def room(self, shape: Shape, dtype: np.dtype[Any], training: bool, name: str = "Y") -> Array:
        """Where a result is written: in training the buffer of that name, else a fresh array."""
        return self.buffer(name, shape, dtype) if training else new_array(shape, dtype)


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
