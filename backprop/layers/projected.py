"""The linear part of attention: the products that make queries, keys and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop.core.functional import stacked_product
from backprop.core.types import Array, Shape
from backprop.layers.base import Layer


class Projected(Layer):
    """Makes queries, keys and values of all heads by one product; the rest is up to the subclass.

    Attributes:
        num_heads: h, the number of heads.
        key_dim: d, the size of a query or key.
        value_dim: The size of a value.
        use_bias: Whether there are biases.
    """

    num_heads: int
    key_dim: int
    value_dim: int
    use_bias: bool
    W_query: Any
    b_query: Any
    W_key: Any
    b_key: Any
    W_value: Any
    b_value: Any

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes the weights, each with its biases behind it."""
        C = self.output_shape(input_shape)[-1]
        h, d = self.num_heads, self.key_dim
        for what, size in (("query", d), ("key", d), ("value", self.value_dim)):
            self.add_projection(what, (C, h, size), (h, size))
        self.add_projection("output", (h, self.value_dim, C), (C,))

    def add_projection(self, what: str, shape: Shape, biases: Shape) -> None:
        """Makes weights and their biases."""
        self.add_chosen(f"W_{what}", shape, "kernel")
        if self.use_bias:
            self.add_chosen(f"b_{what}", biases, "bias", decays=False)

    def keys_in_front(self, name: str, N: int, T: int, training: bool = True) -> Array:
        """An array ``(T, N, h, T)`` for numbers s_ij of all heads, j in front.

        In the buffer's own shape samples come first, so that a smaller batch takes a part of it.
        """
        h = self.num_heads
        return self.room((N, h * T * T), self.dtype, training, name).reshape(T, N, h, T)

    def turned(self, name: str, A: Array, training: bool = True) -> Array:
        """Aᵀ as an array of its own: OpenBLAS takes longer for B Aᵀ than to copy Aᵀ first."""
        T = self.room((*A.shape[:-2], A.shape[-1], A.shape[-2]), self.dtype, training, name)
        np.copyto(T, A.swapaxes(-1, -2))
        return T

    def heads(self, A: Array) -> Array:
        """A view ``(N, h, T, size)`` of an array ``(N, T, h size)``; products take it as it is."""
        return A.reshape(*A.shape[:2], self.num_heads, -1).transpose(0, 2, 1, 3)

    def parts(self, joined: Array) -> tuple[Array, Array, Array]:
        """The stretches of the last axis that belong to queries, keys and values."""
        n = self.num_heads * self.key_dim
        return joined[..., :n], joined[..., n : 2 * n], joined[..., 2 * n :]

    def weights(self, training: bool) -> tuple[Array, Array | None]:
        """[W_query/√d  W_key  W_value] and the biases likewise, so that one product makes Q, K, V.

        The factor is cheapest on the weights of the queries: S and dS then need none.
        """
        size = self.num_heads * (2 * self.key_dim + self.value_dim)
        W = self.room((len(self.W_query), size), self.dtype, training, "W")
        self.join(W, self.W_query, self.W_key, self.W_value)
        if not self.use_bias:
            return W, None
        b = self.room((size,), self.dtype, training, "b")
        self.join(b, self.b_query, self.b_key, self.b_value)
        return W, b

    def join(self, joined: Array, *each: Array) -> None:
        """Writes the weights of queries, keys and values into one array."""
        for part, own in zip(self.parts(joined), each, strict=True):
            np.copyto(part, own.reshape(part.shape))
        query, _, _ = self.parts(joined)
        query *= 1 / math.sqrt(self.key_dim)

    def hand_out(self, joined: Array, *each: Array) -> None:
        """Writes the gradients of what ``join`` made into those of its parts."""
        for part, own in zip(self.parts(joined), each, strict=True):
            np.copyto(own.reshape(part.shape), part)
        query, _, _ = each
        query *= 1 / math.sqrt(self.key_dim)

    def project(self, X: Array, W: Array, b: Array | None, training: bool) -> Array:
        """[Q/√d  K  V] = X W + b."""
        QKV = self.room((*X.shape[:2], W.shape[1]), self.dtype, training, "QKV")
        stacked_product(rows(X), W, rows(QKV))
        if b is not None:
            QKV += b
        return QKV


def rows(A: Array) -> Array:
    """A with all axes but the last one as one."""
    return A.reshape(-1, A.shape[-1])
