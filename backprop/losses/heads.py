"""Where a network ends: its last activation and its loss, joined where the two match."""

import copy
from typing import Any

from backprop.core.types import Array, Shape
from backprop.layers import Dense, Layer, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CrossEntropy,
    Loss,
    SparseCategoricalCrossentropy,
)


class MatchedPair(Loss):
    """Softmax with a categorical cross-entropy, or Sigmoid with the binary one, as one function.

    With Z the input of the activation and A its output, the two derivatives in sequence,
    ∂E/∂A = −y/A and ∂A/∂Z, multiply to

        ∂E/∂Z = (A − y) / N

    (over N·K for the binary loss, which is a mean over K outputs). E computed from the logits Z and
    this product as a whole do not meet what overflows or rounds to 0 between the two: logits of
    ±10⁴ are fine.

    Args:
        activation: The model's last layer.
        loss: The loss, on probabilities.
    """

    def __init__(self, activation: Softmax | Sigmoid, loss: CrossEntropy) -> None:
        super().__init__()
        self.activation = activation
        self.loss = loss
        self._weight: Array | None = None

    def check_target(self, target: Array, output_shape: Shape, dtype: Any) -> Array:
        """The loss's own check."""
        return self.loss.check_target(target, output_shape, dtype)

    def sample_losses(self, prediction: Array, target: Array) -> Array:
        """ℓ of the activation's last training forward, whose result ``prediction`` must be."""
        last = self.activation
        if prediction is not last.A:
            raise ValueError(
                f"{self} is joined with the model's {last}: pass it the very array that "
                f"model.forward(X, training=True) returned last. For other arrays use a loss of "
                f"your own: bp.losses.{type(self.loss).__name__}()."
            )
        self._target = target
        partition = last.partition if isinstance(last, Softmax) else None
        return self.loss.sample_losses_on_logits(last.Z, last.A, partition, target)

    def total(self, values: Array, sample_weight: Array | None) -> Array:
        """Σ w ℓ; the loss keeps w/N for ``backward``."""
        self._weight = sample_weight
        return self.loss.total(values, sample_weight)

    def backward(self) -> Array:
        """∂E/∂Z, by the input of the activation."""
        delta = self.loss.backward()
        self.activation.delta = self.activation_delta
        return delta

    def activation_delta(self) -> Array:
        """∂E/∂A, the way through the activation: equal, but for overflow, and only for looking."""
        loss = copy.deepcopy(self.loss)  # with buffers of its own
        loss.compute(self.activation.A.copy(), self._target, self._weight)
        return loss.backward()

    def __str__(self) -> str:
        return str(self.loss)


def join(last: Layer | None, loss: Loss) -> Loss:
    """The loss joined with the last layer if they are a matched pair, else the loss itself.

    Raises:
        ValueError: The loss takes logits, but the last layer turns them into probabilities.
    """
    pairs = {
        Softmax: (CategoricalCrossentropy, SparseCategoricalCrossentropy),
        Sigmoid: (BinaryCrossentropy,),
    }
    if not isinstance(loss, CrossEntropy):
        return loss
    if loss.from_logits:
        if isinstance(last, Softmax | Sigmoid):
            raise ValueError(
                f"{loss}(from_logits=True) takes logits, but the model ends with {last}, which "
                f"makes probabilities of them: drop one of the two."
            )
        return loss
    if isinstance(last, Softmax | Sigmoid):
        matching = pairs.get(type(last), ())  # none of a subclass: it may compute something else
        if type(loss) in matching:
            return MatchedPair(last, loss)
    return loss


def check_ending(last: Layer, loss: Loss) -> None:
    """Checks that a loss on probabilities does not follow a layer that never makes any.

    Raises:
        ValueError: It does.
    """
    if isinstance(loss, CrossEntropy) and not loss.from_logits and isinstance(last, Dense):
        end = "Sigmoid" if isinstance(loss, BinaryCrossentropy) else "Softmax"
        raise ValueError(
            f"{loss} takes probabilities, but the model ends with {last}: end it with {end}(), or "
            f"pass from_logits=True to the loss."
        )
