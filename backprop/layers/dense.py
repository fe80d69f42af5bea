"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.checks import check_integer, check_use_bias
from backprop.core.functional import ones
from backprop.core.parameter_access import parameter_views
from backprop.core.types import REAL, Array, Shape, is_sparse
from backprop.initializers import Initializer
from backprop.layers.base import Layer
from backprop.regularizers import Regularizer


class Dense(Layer):
    """Fully connected layer: every output is a weighted sum of all inputs plus a bias.

        Z = X W + b

        ∂E/∂W = Xᵀ δ,   ∂E/∂b = Σ_N δ,   ∂E/∂X = δ Wᵀ        with δ = ∂E/∂Z

    Shapes: X ``(N, n_in)``, W ``(n_in, units)``, b ``(units,)``, Z ``(N, units)``; w_ij runs from
    input i to output j. With more axes, X ``(N, T, n_in)``, the last one is transformed. X may be a
    matrix of ``scipy.sparse``; it is never made dense.

    Textbooks write δˡ = ((Wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ f′(zˡ) for column vectors and for the δ at a layer's
    pre-activation. Here a row is a sample, so the same line reads
    ``delta = (delta_next @ W.T) * f_prime(Z)``: its first factor is this layer's ``backward``, its
    second that of the activation layer below.

    Args:
        units: Number of outputs.
        use_bias: Whether b is there.
        kernel_initializer: How W starts.
        bias_initializer: How b starts.
        kernel_regularizer: The penalty on W, added to the loss.
        bias_regularizer: The penalty on b.
        kernel_constraint: The condition on W that is restored after every step.
        bias_constraint: The condition on b.

    Attributes:
        W: Weights, a view of the model's θ; assigning writes into it.
        b: Biases, likewise.
        dW: ∂E/∂W of the last backward pass.
        db: ∂E/∂b, likewise.

    Example:
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Dense(1)])
        >>> model.set_weights([[[2.0], [3.0]], [1.0]])  # W, b
        >>> model.predict([[10, 100]])  # 2 · 10 + 3 · 100 + 1
        array([[321.]], dtype=float32)
    """

    interval = REAL
    accepts_sparse = True
    any_length = 2
    linear = True
    formulas = {
        "Y": "{x} {W} + {b}",
        "dW": "{x}ᵀ {delta}",
        "db": "Σ_N {delta}",
        "dX": "{delta} {W}ᵀ",
    }

    W, dW = parameter_views("W")
    b, db = parameter_views("b")

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        kernel_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = check_integer(units, "Dense(units)")
        self.use_bias = check_use_bias(use_bias, f"Dense({units})")
        self.keep_chosen("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.keep_chosen("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.X: Any = None
        self.Z: Any = None

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W and b for samples with ``input_shape[-1]`` features."""
        self.X = self.Z = None
        self.add_chosen("W", (input_shape[-1], self.units), "kernel")
        if self.use_bias:
            self.add_chosen("b", (self.units,), "bias", decays=False)

    def output_shape(self, input_shape: Shape) -> Shape:
        """``units`` in place of the last axis."""
        return (*input_shape[:-1], self.units)

    def forward(self, X: Array, training: bool = False) -> Array:
        """Z = X W + b."""
        X = self.check_input(X)
        out = None
        if training:
            out = self.buffer("Z", (*X.shape[:-1], self.units), self.dtype)
            self.X, self.Z = X, out
        Z = self.times_W(X, out)
        if self.use_bias:
            Z += self.b
        return Z

    def times_W(self, X: Array, out: Array | None) -> Array:
        """X W; a sparse X is never made dense."""
        if not is_sparse(X):
            return self.product(X, self.W, out)
        product: Array = X @ self.W
        if out is None:
            return product
        np.copyto(out, product)
        return out

    def product(self, A: Array, B: Array, out: Array | None) -> Array:
        """A B along A's last axis; as rows, since NumPy multiplies three axes without BLAS."""
        if A.ndim == 2:
            return np.dot(A, B, out=out)
        rows = A.reshape(-1, len(B))
        found = np.dot(rows, B, out=None if out is None else out.reshape(-1, B.shape[1]))
        return found.reshape(*A.shape[:-1], B.shape[1]) if out is None else out

    def backward(self, delta: Array) -> Array | None:
        """∂E/∂W = Xᵀ δ, ∂E/∂b = Σ δ, ∂E/∂X = δ Wᵀ."""
        delta = self.checked_delta(delta, self.Z)
        rows = delta.reshape(-1, self.units)  # (N·T, units): every leading axis counts as samples
        if is_sparse(self.X):
            self.dW = self.X.T @ rows
        else:
            np.dot(self.X.reshape(len(rows), -1).T, rows, out=self.dW)
        if self.use_bias:
            np.dot(ones(len(rows), self.dtype), rows, out=self.db)  # 1ᵀ δ: faster than a sum
        if not self.needs_input_gradient:
            return None
        return self.product(delta, self.W.T, self.buffer("dX", self.X.shape, self.dtype))
