"""A vector for each of a number of things, such as words: learnt, and looked up by their number."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.constraints import Constraint
from backprop.core.checks import check_flag, check_integer
from backprop.core.errors import NotBuiltError
from backprop.core.parameter_access import parameter_views
from backprop.core.types import REAL, Array, Shape, as_array, computed
from backprop.initializers import Initializer
from backprop.layers.base import Layer
from backprop.regularizers import Regularizer


class Embedding(Layer):
    """Y = W[X]: the row of W that has the number x, for every whole number x in X.

        y = w_x,        ∂E/∂w_k = Σ δ over all places where x = k

    It is the product of W with one-hot rows, without the product. Shapes: X ``(N, T)``, whole
    numbers from 0 to ``input_dim`` − 1, of any dtype; W ``(input_dim, output_dim)``; Y
    ``(N, T, output_dim)``. There is no ∂E/∂X. A model hands X on in its own dtype: as
    float32 holds whole numbers up to 2²⁴ alone, a larger ``input_dim`` needs float64. Source:
    Bengio et al. 2003, "A neural probabilistic language model".

    Args:
        input_dim: The number of rows of W: x runs from 0 to ``input_dim`` − 1.
        output_dim: The length of a row.
        mask_zero: Whether 0 stands for a padded step, which the mask of the output leaves out.

    Example:
        >>> model = bp.Sequential([bp.Input(2), bp.layers.Embedding(3, 2)])
        >>> model.set_weights([[[0, 0], [1, 10], [2, 20]]])
        >>> model.predict([[2, 1]])
        array([[[ 2., 20.],
                [ 1., 10.]]], dtype=float32)
    """

    interval = REAL
    any_length, takes_any_size = 1, True
    formulas = {
        "Y": "{W}[{x}]",
        "dW": "Σ {delta} over the places of {x} that hold the row's number",
    }

    W, dW = parameter_views("W")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: str | Initializer = "uniform",
        embeddings_regularizer: str | Regularizer | None = None,
        embeddings_constraint: str | Constraint | None = None,
        mask_zero: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.input_dim = check_integer(input_dim, "Embedding(input_dim)")
        self.output_dim = check_integer(output_dim, "Embedding(output_dim)")
        self.keep_chosen(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self.mask_zero = check_flag(mask_zero, "mask_zero")
        self.X: Any = None
        self.Y: Any = None

    @computed
    def makes_mask(self) -> bool:
        """Whether the zeros in its input are padded steps."""
        return self.mask_zero

    def make_parameters(self, input_shape: Shape) -> None:
        """Makes W."""
        self.X = self.Y = None
        exact = 2 ** (np.finfo(self.dtype).nmant + 1)
        if self.input_dim > exact:
            raise ValueError(
                f"{self} has input_dim={self.input_dim}, but {self.dtype} holds whole numbers up "
                f'to {exact} alone: make the model with dtype="float64".'
            )
        self.add_chosen("W", (self.input_dim, self.output_dim), "embeddings").looked_up = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """An axis of ``output_dim`` more."""
        return (*input_shape, self.output_dim)

    def output_mask(self, X: Array, mask: Array | None) -> Array | None:
        """True where x is not 0, if 0 stands for a padded step."""
        if not self.mask_zero:
            return mask
        steps = as_array(np.not_equal(as_array(X), 0))
        return steps if mask is None else np.logical_and(steps, mask)

    def check_values(self, X: Array, name: str = "x") -> None:
        """Refuses what are no numbers of rows of W.

        Raises:
            ValueError: X holds fractions, or numbers below 0 or from ``input_dim`` on.
        """
        X = as_array(X)
        if X.size == 0:
            return
        largest = self.input_dim - 1
        for wrong in (X.min(), X.max()):
            if not 0 <= wrong <= largest:
                raise ValueError(
                    f"{self} takes whole numbers from 0 to {largest}, but {name} holds {wrong}: "
                    f"number the things from 0, or make input_dim larger than the largest number."
                )
        if X.dtype.kind not in "iub" and (fractions := X[np.floor(X) != X]).size:
            raise ValueError(
                f"{self} takes whole numbers, but {name} holds {fractions[0]}: pass the numbers "
                f"of words or classes; a Dense layer takes features."
            )

    def forward(self, X: Array, training: bool = False) -> Array:
        """Y = W[X]."""
        if self.input_shape is None:
            raise NotBuiltError(f"{self} is not built: call build((n_steps,)) first.")
        X = as_array(X)
        if type(X) is np.ndarray:  # what is recorded has been looked at before
            self.check_values(X)
        if not training:
            return as_array(self.W.take(X.astype(np.intp), 0))
        self.X = self.buffer("X", X.shape, np.dtype(np.intp))
        np.copyto(self.X, X, casting="unsafe")
        self.Y = self.buffer("Y", (*X.shape, self.output_dim), self.dtype)
        return as_array(self.W.take(self.X, 0, self.Y, "clip"))

    def backward(self, delta: Array) -> None:
        """∂E/∂w_k = Σ δ over all places where x = k."""
        delta = self.checked_delta(delta, self.Y)
        # the place in W, as one vector, of every number of Y: added one by one that is quickest
        places = self.buffer("places", self.Y.shape, np.dtype(np.intp))
        np.multiply(self.X[..., np.newaxis], self.output_dim, out=places)
        places += np.arange(self.output_dim)
        self.dW.fill(0)
        np.add.at(self.dW.reshape(-1), places.reshape(-1), delta.reshape(-1))
