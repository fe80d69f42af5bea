"""Self-attention: every step of a sequence looks at the others, in several ways at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.attention import hidden, padding, share_out
from backprop.core.checks import check_flag, check_integer, check_number
from backprop.core.functional import column_sum, ones, stacked_product
from backprop.core.parameter_access import parameter_views
from backprop.core.ranges import check_mask
from backprop.core.types import REAL, Array, Shape, as_array, computed
from backprop.core.windows import check_axes
from backprop.initializers import Initializer
from backprop.layers.projected import Projected, rows
from backprop.regularizers import Regularizer


class MultiHeadAttention(Projected):
    """Self-attention: each step becomes a weighted mean of all steps, in several heads.

    For every sample and head, with d = ``key_dim``,

        Q = X W_query + b_query,   K = X W_key + b_key,   V = X W_value + b_value

        S = Q Kᵀ / √d,   A = softmax(S + M),   O = A V,   Y = [O_1 … O_h] W_output + b_output

    a_ij is the share of step j in what step i sees; every row of A sums to 1. M is 0 where step i
    may see step j and −∞ where not: where a mask says that there is no step j, in causal
    attention where j comes after i, and where j is not among the ``sliding_window`` steps nearest
    to i on either side. A row that may see nothing is 0, and so is that row of O.

    Backward, with δ = ∂E/∂Y and dO for ∂E/∂O,

        dO = δ W_outputᵀ,   dV = Aᵀ dO,   dA = dO Vᵀ,   dS = A ⊙ (dA − Σ_j dA ⊙ A)

        dQ = dS K / √d,   dK = dSᵀ Q / √d,   ∂E/∂X = dQ W_queryᵀ + dK W_keyᵀ + dV W_valueᵀ

        ∂E/∂W_query = Xᵀ dQ, likewise of K and V,   ∂E/∂W_output = [O_1 … O_h]ᵀ δ

    and each bias's gradient is the sum over samples and steps. Dropout multiplies A with 0 or
    1 / (1 − p) in training.

    Shapes: X and Y ``(N, T, C)``; W_query and W_key ``(C, num_heads, key_dim)``, W_value ``(C,
    num_heads, value_dim)``, W_output ``(num_heads, value_dim, C)``, the biases likewise without the
    axis that is summed over. These are Keras's, and so is their order. Source: Vaswani et al. 2017,
    "Attention is all you need".

    Args:
        num_heads: h, the number of heads.
        key_dim: d, the size of a query or key.
        value_dim: The size of a value; ``key_dim`` if None.
        dropout: p, the share of A that is dropped in training, in [0, 1).
        causal: Whether a step sees only itself and those before it.
        sliding_window: w, for which step i sees step j only if |i − j| < w; None for all.

    Example:
        >>> layer = bp.layers.MultiHeadAttention(num_heads=2, key_dim=3, causal=True)
        >>> model = bp.Sequential([bp.Input((4, 6)), layer], seed=0)  # 4 steps of 6 features
        >>> layer.attention_weights(np.zeros((1, 4, 6)))[0, 0].round(2)  # all steps are alike
        array([[1.  , 0.  , 0.  , 0.  ],
               [0.5 , 0.5 , 0.  , 0.  ],
               [0.33, 0.33, 0.33, 0.  ],
               [0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """

    interval = REAL
    takes_mask = True
    any_length = 2
    definition = (
        "{f}(x) = [O₁ … O_h] {W_output} + {b_output} with O = softmax(Q Kᵀ / √d) V, "
        "Q = x {W_query} + {b_query}, K = x {W_key} + {b_key}, V = x {W_value} + {b_value}"
    )
    formulas = {
        **{f"dW_{name}": f"{{x}}ᵀ d{name[0].upper()}" for name in ("query", "key", "value")},
        **{f"db_{name}": f"Σ_N d{name[0].upper()}" for name in ("query", "key", "value")},
        "dW_output": "[O₁ … O_h]ᵀ {delta}",
        "db_output": "Σ_N {delta}",
        "dX": "dQ {W_query}ᵀ + dK {W_key}ᵀ + dV {W_value}ᵀ",
    }

    W_query, dW_query = parameter_views("W_query")
    b_query, db_query = parameter_views("b_query")
    W_key, dW_key = parameter_views("W_key")
    b_key, db_key = parameter_views("b_key")
    W_value, dW_value = parameter_views("W_value")
    b_value, db_value = parameter_views("b_value")
    W_output, dW_output = parameter_views("W_output")
    b_output, db_output = parameter_views("b_output")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        causal: bool = False,
        sliding_window: int | None = None,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: str | Regularizer | None = None,
        bias_regularizer: str | Regularizer | None = None,
        kernel_constraint: str | Constraint | None = None,
        bias_constraint: str | Constraint | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.num_heads = check_integer(num_heads, "MultiHeadAttention(num_heads)")
        self.key_dim = check_integer(key_dim, "MultiHeadAttention(key_dim)")
        self._value_follows = value_dim is None
        value_dim = self.key_dim if value_dim is None else value_dim
        self.value_dim = check_integer(value_dim, "MultiHeadAttention(value_dim)")
        self.dropout = check_number(dropout, "MultiHeadAttention(dropout)", below=1)
        self.use_bias = check_flag(use_bias, "use_bias")
        self.causal = check_flag(causal, "causal")
        window = sliding_window
        self.sliding_window = None if window is None else check_integer(window, "sliding_window")
        self.keep_chosen("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.keep_chosen("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.seed = None if seed is None else check_integer(seed, "seed", 0)
        self._forget()

    def changing(self, name: str, value: Any) -> dict[str, Any]:
        """A ``value_dim`` that was not given stays as ``key_dim``."""
        return ({"value_dim": None} if self._value_follows else {}) | {name: value}

    @computed
    def random(self) -> bool:
        """Whether dropout draws random numbers in training."""
        return self.dropout > 0

    def _forget(self) -> None:
        self.X: Any = None
        self.Y: Any = None
        self._W: Any = None  # [W_query/√d  W_key  W_value], shape (C, h (2 d + value_dim))
        self._QKV: Any = None  # [Q/√d  K  V] = X W + b, shape (N, T, h (2 d + value_dim))
        self._A: Any = None  # shape (T, N, h, T): the keys j in front
        self._factor: Any = None  # dropout's factors of A
        self._seen: Any = None  # A ⊙ factor
        self._O: Any = None  # [O_1 … O_h], shape (N, T, h value_dim)

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes the weights, each with its biases behind it."""
        self._forget()
        super().make_parameters(input_shape)
        if self.random:  # a generator of its own, so that it does not change what others draw
            own = self._rng.spawn(1)[0] if self.seed is None else np.random.default_rng(self.seed)
            self._rng = own

    def output_shape(self, input_shape: Shape) -> Shape:
        """The same.

        Raises:
            ShapeError: A sample is no sequence, ``(T, C)``.
        """
        check_axes(self, tuple(input_shape), "TC")
        return tuple(input_shape)

    def attention_weights(self, X: Array, mask: Array | None = None) -> Array:
        """A of every sample and head for looking at; nothing in the layer changes.

        Args:
            X: The layer's input, shape ``(N, T, C)``.
            mask: Where there is a step, shape ``(N, T)``.

        Returns:
            Shape ``(N, num_heads, T, T)``: of each step i, the shares of all steps j.
        """
        X, mask = self.check_sequences(X, mask)
        Q, K, _ = map(self.heads, self.parts(self.project(X, *self.weights(False), False)))
        return self.attend(Q, K, mask, False).transpose(1, 2, 3, 0).copy()

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        """Y = [O_1 … O_h] W_output + b_output, with O = A V."""
        X, mask = self.check_sequences(X, mask)
        W, b = self.weights(training)
        QKV = self.project(X, W, b, training)
        Q, K, V = map(self.heads, self.parts(QKV))
        A = seen = self.attend(Q, K, mask, training)
        if training and self.random:
            seen = self.drop(A)
        shape = (*X.shape[:2], self.num_heads * self.value_dim)
        joined = self.room(shape, self.dtype, training, "O")
        np.matmul(seen.transpose(1, 2, 3, 0), V, out=self.heads(joined))  # O = A V
        Y = self.room(X.shape, self.dtype, training)
        stacked_product(rows(joined), rows(self.W_output), rows(Y))
        if self.use_bias:
            Y += self.b_output
        if training:
            self.X, self.Y, self._W, self._QKV = X, Y, W, QKV
            self._A, self._seen, self._O = A, seen, joined
        return Y

    def backward(self, delta: Array) -> Array | None:
        """From δ to dO, dV, dS, dQ, dK and ∂E/∂X; the weights' gradients on the way."""
        delta = self.checked_delta(delta, self.Y)
        Q, K, V = map(self.heads, self.parts(self._QKV))
        np.dot(rows(self._O).T, rows(delta), out=rows(self.dW_output))
        if self.use_bias:
            column_sum(delta, self.db_output)
        dO = self.buffer("dO", self._O.shape, self.dtype)
        stacked_product(rows(delta), self.turned("W_output_T", rows(self.W_output)), rows(dO))

        dQKV = self.buffer("dQKV", self._QKV.shape, self.dtype)
        dQ, dK, dV = map(self.heads, self.parts(dQKV))
        np.matmul(self._seen.transpose(1, 2, 0, 3), self.heads(dO), out=dV)
        dS = self.keys_in_front("dS", *delta.shape[:2])
        np.matmul(V, self.turned("dO_T", self.heads(dO)), out=dS.transpose(1, 2, 0, 3))  # dA
        if self.random:
            dS *= self._factor
        dS -= self.weighted_sum(dO)
        dS *= self._A
        np.matmul(dS.transpose(1, 2, 3, 0), K, out=dQ)
        np.matmul(dS.transpose(1, 2, 0, 3), Q, out=dK)

        dW = np.dot(rows(self.X).T, rows(dQKV), out=self.buffer("dW", self._W.shape, self.dtype))
        self.hand_out(dW, self.dW_query, self.dW_key, self.dW_value)
        if self.use_bias:
            db = column_sum(dQKV, self.buffer("db", dW.shape[1:], self.dtype))
            self.hand_out(db, self.db_query, self.db_key, self.db_value)
        if not self.needs_input_gradient:
            return None
        dX = self.buffer("dX", self.X.shape, self.dtype)
        stacked_product(rows(dQKV), self.turned("W_T", self._W), rows(dX))
        return dX

    # ------------------------------------------------------------------------ the parts of both

    def check_sequences(self, X: Array, mask: Array | None) -> tuple[Array, Array | None]:
        """X in the layer's dtype, and the mask, if both have the right shapes.

        Raises:
            ShapeError: X is no ``(N, T, C)``, or the mask is not for its steps.
        """
        X = self.check_input(X)
        check_axes(self, X.shape[1:], "TC")
        return X, None if mask is None else check_mask(self, X, mask)

    def attend(self, Q: Array, K: Array, mask: Array | None, training: bool) -> Array:
        """A = softmax(S + M) with S = Q Kᵀ, where Q is divided by √d already; the keys in front."""
        N, _, T, _ = Q.shape
        A = self.keys_in_front("A", N, T, training)
        np.matmul(K, self.turned("Q_T", Q, training), out=A.transpose(1, 2, 0, 3))
        if self.causal or self.sliding_window is not None:
            A += hidden(T, self.dtype, self.causal, self.sliding_window)
        if mask is not None:
            A += padding(mask, self.room((N, T), self.dtype, training, "M"))
        share_out(A, masked=mask is not None)
        return A

    def drop(self, A: Array) -> Array:
        """A ⊙ factor, with the factors 0 and 1 / (1 − p)."""
        self._factor = F = self.keys_in_front("factor", A.shape[1], len(A))
        self._rng.random(out=F, dtype=F.dtype.type)
        np.greater_equal(F, self.dropout, out=F)
        F *= 1 / (1 - self.dropout)
        seen = self.keys_in_front("seen", A.shape[1], len(A))
        return as_array(np.multiply(A, F, out=seen))

    def weighted_sum(self, dO: Array) -> Array:
        """Σ_j dA ⊙ A of every row, shape ``(N, h, T)``, as Σ dO ⊙ O: T / value_dim times less work.

        For Σ_j a_ij da_ij = Σ_j a_ij Σ_c do_ic v_jc = Σ_c do_ic o_ic.
        """
        products = np.multiply(dO, self._O, out=self.buffer("products", dO.shape, self.dtype))
        v = self.value_dim
        found: Array = np.dot(products.reshape(-1, v), ones(v, self.dtype))  # (N T h,)
        return found.reshape(*dO.shape[:2], self.num_heads).transpose(0, 2, 1).copy()
