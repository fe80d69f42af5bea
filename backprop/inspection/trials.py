"""Random numbers to try one layer or one loss on: of a kind that it takes."""

from typing import Any

import numpy as np

from backprop.core.arrays import to_array
from backprop.core.types import Array, Shape
from backprop.layers import Embedding, Layer
from backprop.layers.block import walk
from backprop.losses import Loss


def inputs_for(layer: Layer, shape: Shape, rng: np.random.Generator) -> tuple[Array, bool]:
    """Random inputs that the layer takes, and whether they are any numbers, or whole ones alone."""
    X = 2 * rng.standard_normal(shape)
    if X.size > 1:
        X.flat[0] = 0.0  # many formulas treat 0 as a case of its own
    sizes = [each.input_dim for _, each in walk([layer]) if isinstance(each, Embedding)]
    if sizes:
        try:
            layer.check_values(X)
        except ValueError:
            return rng.integers(0, min(sizes), shape).astype(np.float64), False
    return X, True


def suitable(
    loss: Loss, shape: Shape, rng: np.random.Generator, prediction: Any, target: Any
) -> tuple[Array, Array]:
    """Predictions and targets that the loss takes, of shape ``(N, *output_shape)``.

    Raises:
        ValueError: The loss takes none of the kinds that were tried.
    """
    numbers, other = rng.standard_normal((2, *shape))
    shares, others = rng.uniform(0.05, 0.95, (2, *shape))  # rows need not have the sum 1
    classes = rng.integers(0, shape[-1], shape[:-1])
    one_hot = np.eye(shape[-1])[classes]
    signs = rng.choice([-1.0, 1.0], shape)
    predictions = [numbers, shares, shares / shares.sum(axis=-1, keepdims=True)]
    targets = [other, others, others / others.sum(axis=-1, keepdims=True), classes, one_hot, signs]
    if prediction is not None:
        predictions = [to_array(prediction, "prediction").astype(np.float64)]
    if target is not None:
        targets = [to_array(target, "target")]
    refused: Exception = ValueError()
    for y in targets:
        for P in predictions:
            try:
                with np.errstate(all="ignore"):
                    if np.isfinite(loss.forward(P, y)) and np.isfinite(loss.backward()).all():
                        return P, y
                    refused = ValueError("the loss or its gradient was not finite (nan, inf).")
            except Exception as error:  # a user's loss may refuse by any
                refused = error
    raise ValueError(
        f"{loss} took none of the predictions and targets that were tried: pass prediction=… and "
        f"target=…. The last error was: {refused}"
    ) from refused
