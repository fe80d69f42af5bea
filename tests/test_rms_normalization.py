"""RMS normalisation against loops; PyTorch's numbers: test_normalization.py."""

import math
from typing import Any

import numpy as np
import pytest

from backprop.core.errors import ShapeError
from backprop.layers import RMSNormalization

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize(
    ("axis", "shape"), [(-1, (4,)), (1, (4,)), (-1, (3, 4)), ([-2, -1], (3, 4)), ((2, 1), (3, 4))]
)
def test_it_equals_loops(axis: Any, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    layer = RMSNormalization(axis, epsilon=0.01)
    layer.build(shape, dtype="float64")
    layer.gamma = rng.standard_normal(layer.gamma.shape)
    X = rng.standard_normal((5, *shape))
    Y = layer.forward(X).reshape(-1, layer.gamma.size)
    for x, y in zip(X.reshape(Y.shape), Y, strict=True):
        root = math.sqrt(sum(v * v for v in x) / len(x) + 0.01)
        np.testing.assert_allclose(
            y, [g * v / root for g, v in zip(layer.gamma.flat, x, strict=True)]
        )


def test_the_root_mean_square_of_what_it_makes_is_1(rng: np.random.Generator) -> None:
    layer = RMSNormalization()
    layer.build((64,))
    Y = layer.forward((7 + 100 * rng.standard_normal((5, 64))).astype("float32"))
    np.testing.assert_allclose(np.mean(Y**2, axis=1), 1, rtol=1e-5)
    assert not layer.forward(np.zeros((2, 64), "float32")).any()


def test_the_arguments_and_defaults_are_those_of_keras() -> None:
    layer = RMSNormalization()
    assert (layer.axis, layer.epsilon) == (-1, 1e-6)
    layer.build((5, 3))
    assert [(p.name, p.shape, p.decays) for p in layer.parameters] == [("gamma", (3,), False)]


@pytest.mark.parametrize("axis", [0, -4, [0, 1, 2], [-1, 3], [], 4])
def test_axes_that_there_are_not(axis: Any) -> None:
    layer = RMSNormalization(axis)
    for call in (layer.output_shape, layer.build):
        with pytest.raises(ValueError, match=r"axis=.* but its inputs have the axes 1 to 3"):
            call((4, 5, 6))


def test_features_that_it_was_not_built_for() -> None:
    layer = RMSNormalization([-2, -1])
    layer.build((4, 5))
    with pytest.raises(ShapeError, match=r"features of shape \(4, 5\) .* received.*\(2, 3, 5\)"):
        layer.forward(np.zeros((2, 3, 5)))
    with pytest.raises(ValueError, match=r"epsilon must be above 0"):
        RMSNormalization(epsilon=0)
