"""The generalised cross-entropy, for labels some of which are wrong."""

from typing import Any

import numpy as np

from backprop.core.checks import check_share
from backprop.core.types import Array
from backprop.losses.cross_entropy import Partition
from backprop.losses.formula import Formula
from backprop.losses.sparse_cross_entropy import SparseCategoricalCrossentropy, subtract_at


class CategoricalGeneralizedCrossEntropy(SparseCategoricalCrossentropy):
    """Between the cross-entropy (q → 0) and the absolute error (q → 1): wrong labels hurt less.

        ℓ = (1 − p_c^q) / q,      ∂ℓ/∂p_k = −[k = c] p_c^(q − 1)

    with c the class index of the target; and by the logits z, where p = softmax(z):
    ∂ℓ/∂z_k = p_c^q (p_k − [k = c]), which is small for a sample that the model thinks impossible.
    Rows are not divided by their sums, as in Keras.

    Source: Zhang and Sabuncu 2018, "Generalized cross entropy loss for training deep neural
    networks with noisy labels".

    Args:
        q: Between 0 and 1.

    Example:
        >>> loss = bp.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
        >>> loss.forward(np.array([[0.25, 0.75]]), np.array([0]))  # 2 (1 − √¼)
        1.0
    """

    link = "softmax"
    ending = "Softmax()"
    formula = Formula(
        "[k = c] (1 − {p}{i}^q) / q", "−[k = c] {p}_c^q / {p}_c", definition="q = {self.q:g}"
    )
    logit_formula = Formula(
        "[k = c] (1 − {a}{i}^q) / q",
        "{a}_c^q ({a}_k − [k = c])",
        activation="softmax",
        definition="q = {self.q:g}",
    )
    _power: Any = None  # p_c^q of the last logits

    def __init__(self, q: float = 0.5) -> None:
        super().__init__()
        self.q = check_share(q, "q", ends=False)

    def values(self, prediction: Array, target: Array) -> Array:
        """(1 − p_c^q) / q."""
        index, flat = self.at_target(prediction, target)
        p = flat.take(index, mode="clip").reshape(target.shape)
        with np.errstate(divide="ignore"):
            H = np.log(p)  # −∞ of 0
        H *= self.q
        np.expm1(H, out=H)  # p^q − 1, also for small q
        H *= -1 / self.q
        return H

    def gradient(self, prediction: Array, target: Array) -> Array:
        """−[k = c] p_c^(q − 1), where the smallest p that there is stands for 0."""
        index, flat = self.at_target(prediction, target)
        p = np.maximum(flat.take(index, mode="clip"), np.finfo(prediction.dtype).tiny)
        D = self.buffer("delta", prediction)
        np.copyto(D, 0)
        subtract_at(D, index, np.power(p, self.q - 1))
        return D

    def logit_values(self, Z: Array, partition: Partition, target: Array) -> Array:
        """(1 − e^(−q h)) / q with h = −log p_c."""
        H = super().logit_values(Z, partition, target)
        H *= -self.q
        self._power = np.exp(H)
        np.expm1(H, out=H)
        H *= -1 / self.q
        return H

    def logit_gradient(self, A: Array, target: Array) -> Array:
        """p_c^q (A − [k = c])."""
        D = super().logit_gradient(A, target)
        D *= self._power[..., np.newaxis]
        return D
