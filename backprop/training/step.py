"""One training step, in the two halves that every faster way of making it keeps."""

import numpy as np

from backprop.core.types import Array
from backprop.protocol import Model


class Step:
    """The five steps of backpropagation on one mini-batch, made by the layers themselves.

    Args:
        model: A built and compiled model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.limit = float(np.finfo(model.dtype).max)

    def gradients(self, X: Array, y: Array, weight: Array | None) -> tuple[float, Array]:
        """The first half: everything that leads to g = ∂E/∂θ.

        Returns:
            E + Ω, the loss and the penalties, and the prediction that they were computed from.
        """
        model = self.model
        weight = model.weigh(X, weight)  # padded steps of sequences count for nothing
        prediction = model.forward(X, training=True)  # 1. forward pass; layers keep activations
        loss = model.loss.compute(prediction, y, weight) + model.penalty()  # 2. the loss
        model.backpropagate(model.loss.backward())  # 3. backward pass: δ; 4. gradients: g
        return loss, prediction

    def update(self) -> None:
        """The second half: 5. the optimizer changes θ by g."""
        self.model.optimizer.step(self.model.parameters)

    def refresh(self) -> None:
        """Notices what a callback may have changed in the model since the last step."""
        optimizer = self.model.optimizer
        rate = 1.0 if optimizer.schedule else max(1.0, optimizer.learning_rate)
        self.limit = float(np.finfo(self.model.dtype).max) / rate**2

    def sound(self) -> bool:
        """Whether all numbers of g are finite, and so small that updates by them are finite too.

        ‖g‖² shows that, one product. Where it is too large, g may be as it should nevertheless.
        """
        g = self.model.parameters.gradients
        return bool(np.dot(g, g) < self.limit)

    def complete(self) -> None:
        """Makes what of g is left to ``update``, for those who want to look at it before."""
