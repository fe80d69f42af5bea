"""Labels of any kind as the numbers that a network is trained on, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.types import Array, is_sparse


class Labels:
    """The classes of a problem.

    Args:
        classes: They, in order.
        multilabel: Whether a sample may have several of them, or none.
        sparse: Whether they were given, and are returned, as a matrix of ``scipy.sparse``.

    Attributes:
        n_outputs: Outputs of a network: one for two classes, else one for each.
    """

    def __init__(self, classes: Array, multilabel: bool, sparse: bool = False) -> None:
        self.classes, self.multilabel, self.sparse = classes, multilabel, sparse
        self.n_outputs = len(classes) if multilabel or len(classes) > 2 else 1

    def encode(self, y: Any) -> Array:
        """Numbers of classes, shape ``(N,)``; or a 0 or 1 for each class, shape ``(N, K)``.

        Raises:
            ValueError: A label is none of the classes, or there are several for each sample.
        """
        if self.multilabel:
            return np.asarray((y.toarray() if is_sparse(y) else y) != 0, np.float64)
        if np.ndim(y) != 1:
            raise ValueError(
                f"y must hold one label for each sample, as in the fit, but its shape is "
                f"{np.shape(y)}."
            )
        codes: Array = np.searchsorted(self.classes, y)
        unknown = self.classes[np.minimum(codes, len(self.classes) - 1)] != y
        if unknown.any():
            label = np.asarray(y)[unknown].tolist()[0]  # with quotes if it is text: '1' is not 1
            raise ValueError(
                f"y holds the label {label!r}, which is none of the classes of the "
                f"fit: {self.classes}."
            )
        return codes

    def decode(self, probabilities: Array) -> Any:
        """The label of every sample: the likeliest class, or all that are likelier than not."""
        if self.multilabel:
            found = (probabilities > 0.5).astype(np.int64)
            return as_sparse(found) if self.sparse else found
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(probabilities))
        if probabilities.shape[1] == 1:
            return self.classes[(probabilities[:, 0] > 0.5).astype(np.intp)]
        return self.classes[probabilities.argmax(axis=1)]


def as_sparse(found: Array) -> Any:
    """The same as a matrix of ``scipy.sparse``."""
    from scipy.sparse import csr_matrix

    return csr_matrix(found)
