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
        one_each: Whether a sample may have several by the form of the targets, but none of the fit
            had: these were one-hot rows.
    """

    one_each = False

    def __init__(self, classes: Array, multilabel: bool, sparse: bool = False) -> None:
        self.classes, self.multilabel, self.sparse = classes, multilabel, sparse
        self.n_outputs = len(classes) if multilabel or len(classes) > 2 else 1

    def encode(self, y: Any) -> Array:
        """Numbers of classes, shape ``(N,)``; or a 0 or 1 for each class, shape ``(N, K)``.

        Raises:
            ValueError: A label is none of the classes, or there are several for each sample, or
                not a 0 or 1 for each class where there may be several.
        """
        if self.multilabel:
            codes: Array = y.toarray() if is_sparse(y) else np.asarray(y)
            others = codes[~np.isin(codes, (0, 1))]
            if others.size or codes.shape[1:] != self.classes.shape:
                what = f"it holds {others[0]}" if others.size else f"its shape is {codes.shape}"
                raise ValueError(
                    f"y must hold a 0 or 1 for each of {len(self.classes)} classes, of which a "
                    f"sample may have several, but {what}."
                )
            return codes.astype(np.float64)
        if np.ndim(y) != 1:
            raise ValueError(
                f"y must hold one label for each sample, as in the fit, but its shape is "
                f"{np.shape(y)}."
            )
        codes = np.searchsorted(self.classes, y)
        unknown = self.classes[np.minimum(codes, len(self.classes) - 1)] != y
        if unknown.any():
            label = np.asarray(y)[unknown].tolist()[0]  # with quotes if it is text: '1' is not 1
            raise ValueError(
                f"y holds the label {label!r}, which is none of the classes of the "
                f"fit: {self.classes}."
            )
        return codes

    def weights(self, class_weight: Any, y: Any) -> Array:
        """The weight of each sample's class; those of classes that y lacks may be named, too.

        Raises:
            ValueError: A weight is negative or not finite, or a class is none.
        """
        from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

        if self.multilabel or isinstance(class_weight, str):
            found: Array = compute_sample_weight(class_weight, y)
        else:
            weights = compute_class_weight(class_weight, classes=self.classes, y=self.classes)
            found = weights[self.encode(y)]
        if not (np.isfinite(found) & (found >= 0)).all():
            raise ValueError(
                f"class_weight must hold finite numbers that are not negative, but it is "
                f"{class_weight}."
            )
        return found

    def decode(self, probabilities: Array, compete: bool = False) -> Any:
        """The label of every sample: the likeliest class, or all that are likelier than not.

        Args:
            probabilities: The outputs of a network, shape ``(N, K)``.
            compete: Whether one of them is right by the way that they were trained: of rows with
                one class each the likeliest is taken then, even if it is below ½.
        """
        if self.multilabel:
            chosen = probabilities > 0.5
            if compete and self.one_each:
                chosen = probabilities.argmax(axis=1)[:, np.newaxis] == np.arange(len(self.classes))
            found = chosen.astype(np.int64)
            if not self.sparse:
                return found
            from scipy.sparse import csr_matrix

            return csr_matrix(found)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(probabilities))
        if probabilities.shape[1] == 1:
            return self.classes[(probabilities[:, 0] > 0.5).astype(np.intp)]
        return self.classes[probabilities.argmax(axis=1)]
