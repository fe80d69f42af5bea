"""One training step, in the two halves that every faster way of making it keeps."""

from collections.abc import Callable, Sequence

import numpy as np

from backprop.core.types import Array
from backprop.protocol import Model


class Step:
    """The five steps of backpropagation on one mini-batch, made by the layers themselves.

    Args:
        model: A built and compiled model.

    Attributes:
        largest: The largest size of a number in the inputs, if somebody has found it.
        owns: Whether an array is one that batches are drawn into, and nobody else's.
        square: ‖g‖² or another number that no square of an element of g is above; nan or infinite
            where there may be wrong numbers in g. What ``update`` makes of g is finite if this is
            below the limit; else the loop looks more closely (see ``training/divergence.py``).
        limit: The largest number, less where the learning rate is large, 0 with parts of one's own.
        epochs: How many are planned; 0 where it is not known, or the model has changed since.
        planned: How many steps are planned; 0 where it is not known.
        scheduled: Whether the learning rate, and the limit with it, may be another at each step.
        late: Whether nobody looks at the square, since it is certain that wrong numbers still show
            when the epoch is through (see ``training/late.py``).
        replays: Whether the model is known to be one whose steps need no Python of the layers.
        generators: What these draw random numbers from.
    """

    late = replays = scheduled = False
    generators: "Sequence[np.random.Generator]" = ()

    def __init__(self, model: Model) -> None:
        self.model = model
        self.largest: float | None = None
        self.owns: Callable[[Array], bool] = lambda array: False
        self.square: float = 0.0
        self.epochs = self.planned = 0
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
        loss += model.activity_penalty()
        model.backpropagate(model.loss.backward())  # 3. backward pass: δ; 4. gradients: g
        g = model.parameters.gradients
        self.square = float(np.dot(g, g))
        return loss, prediction

    def update(self) -> None:
        """The second half: 5. the optimizer changes θ by g."""
        self.model.optimizer.step(self.model.parameters)

    def refresh(self) -> None:
        """Notices what a callback may have changed in the model since the last step."""
        self.scheduled = self.model.optimizer.schedule is not None
        self.find_limit()

    def find_limit(self) -> None:
        """Finds the limit of the next step."""
        self.limit = self.model.optimizer.largest_square(self.model.parameters)

    def complete(self) -> None:
        """Makes what of g is left to ``update``, for those who want to look at it before."""
