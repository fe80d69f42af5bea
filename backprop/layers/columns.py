"""A choice of features, so that some of a table's columns can take another way than the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from backprop.core.checks import check_integer, check_list
from backprop.core.errors import ShapeError, said
from backprop.core.types import Array, Shape, as_array
from backprop.layers.base import Layer


class Columns(Layer):
    """Some of the features, along the last axis: Y = X S, where S has a 1 for each choice.

        y_k = x_{c_k},        ∂E/∂X = δ Sᵀ        with s_{jk} = [j = c_k]

    At the head of a ``Parallel`` it lets the categories of a table go another way than its numbers.

    Args:
        which: The numbers c of the columns, from 0; negative ones count from the end.

    Example:
        >>> bp.layers.Columns([0, -1]).forward(np.array([[5.0, 6.0, 7.0]]))
        array([[5., 7.]])
    """

    selects = True
    formulas = {"Y": "{x} S", "dX": "{delta} Sᵀ"}

    def __init__(self, which: Iterable[int], name: str | None = None) -> None:
        super().__init__(name)
        listed = [which] if isinstance(which, str) else check_list(which, "which")
        if names := [c for c in listed if isinstance(c, str)]:
            raise TypeError(
                f"Columns(which) takes numbers of columns, counted from 0, but {said(names)} holds "
                f"names: of a frame x, x.columns.get_indexer({said(names)}) gives their numbers."
            )
        self.which = tuple(check_integer(c, "Columns(which)", -math.inf) for c in listed)
        if not self.which:
            raise ValueError("Columns(which) must name at least one column, but it is empty.")
        self._S: Any = None
        self._Y: Any = None

    def chosen(self, n_features: int) -> Array:
        """The numbers of the columns, counted from 0.

        Raises:
            ShapeError: There is no such column.
        """
        if not all(-n_features <= c < n_features for c in self.which):
            raise ShapeError(
                f"{self} takes the columns {[*self.which]}, but its inputs have {n_features}: "
                f"columns are counted from 0 to {n_features - 1}."
            )
        return np.arange(n_features)[[*self.which]]

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes S."""
        self._Y = None
        columns = self.chosen(input_shape[-1])
        self._S = np.zeros((input_shape[-1], len(columns)), self.dtype)
        self._S[columns, np.arange(len(columns))] = 1
        self._S.setflags(write=False)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The number of chosen columns in place of the last axis."""
        return (*input_shape[:-1], len(self.chosen(input_shape[-1])))

    def forward(self, X: Array, training: bool = False) -> Array:
        """The chosen columns of X."""
        X = as_array(X)
        columns = self.chosen(X.shape[-1])
        if not training:
            return X.take(columns, -1)
        self._Y = self.buffer("Y", (*X.shape[:-1], len(columns)), X.dtype)
        return X.take(columns, -1, self._Y, "clip")

    def backward(self, delta: Array) -> Array | None:
        """δ Sᵀ."""
        self.check_delta(delta, self._Y)
        if not self.needs_input_gradient:
            return None
        S = self._S.astype(delta.dtype, copy=False)
        dX = self.buffer("dX", (*delta.shape[:-1], len(S)), delta.dtype)
        return np.dot(delta, S.T, out=dX)
