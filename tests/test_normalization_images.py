"""Normalisation of images and sequences: by batch, by sample, by groups of channels."""

from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error

import backprop as bp
from backprop.core import functional
from backprop.core.errors import ShapeError
from backprop.layers import BatchNormalization, GroupNormalization, LayerNormalization

Array = np.ndarray[Any, Any]


def built(layer: Any, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    layer.build(shape, np.random.default_rng(0), dtype)
    return layer


@pytest.mark.filterwarnings("ignore:GroupNormalization.* normalises single numbers")
@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (1, 2, 2, 6), (4, 7, 6), (5, 6), (2, 3, 2, 2, 6)])
@pytest.mark.parametrize(
    "make",
    [
        BatchNormalization,
        LayerNormalization,
        lambda: GroupNormalization(1),
        lambda: GroupNormalization(2),
        lambda: GroupNormalization(3, center=False),
        lambda: GroupNormalization(-1, scale=False),
    ],
)
def test_the_gradients_are_exact(make: Any, shape: tuple[int, ...], rng: Any) -> None:
    layer = built(make(), shape[1:])
    for p in layer.parameters:
        if p.learned:
            p.value[...] = rng.standard_normal(p.shape)
    X, upstream = rng.standard_normal(shape), rng.standard_normal(shape)

    def E() -> float:
        return float(np.sum(layer.forward(X, training=True) * upstream))

    E()
    dX = layer.backward(upstream).copy()
    # an instance of one number has slope 0
    assert np.allclose(dX, derivative(E, X), rtol=1e-7, atol=1e-9)
    for p in layer.parameters:
        if p.learned:
            expected = derivative(E, p.value)
            assert np.allclose(p.gradient, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("axis", [-1, (-1,), [-2, -1], [1, 2, 3], (-3, -1, -2)])
def test_layer_normalization_over_the_last_axes(axis: Any, rng: Any) -> None:
    layer = built(LayerNormalization(axis), (4, 2, 3))
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    for p in layer.parameters:
        assert p.shape == (4, 2, 3)[-len(axes) :]
        p.value[...] = rng.standard_normal(p.shape)
    X, upstream = rng.standard_normal((5, 4, 2, 3)), rng.standard_normal((5, 4, 2, 3))
    mean, variance = X.mean(axis=axes, keepdims=True), X.var(axis=axes, keepdims=True)
    expected = (X - mean) / np.sqrt(variance + 1e-3) * layer.gamma + layer.beta
    assert np.allclose(layer.forward(X), expected, rtol=1e-12, atol=1e-13)

    def E() -> float:
        return float(np.sum(layer.forward(X, training=True) * upstream))

    E()
    assert relative_error(layer.backward(upstream).copy(), derivative(E, X)) < 1e-7
    for p in layer.parameters:
        assert relative_error(p.gradient.copy(), derivative(E, p.value)) < 1e-7


def test_groups_are_what_they_say(rng: Any) -> None:
    X = rng.standard_normal((3, 4, 5, 6)) * 3 + 2
    by_groups = built(GroupNormalization(2), (4, 5, 6)).forward(X)
    for n in range(3):
        for channels in (slice(0, 3), slice(3, 6)):
            part = X[n, :, :, channels]
            expected = (part - part.mean()) / np.sqrt(part.var() + 1e-3)
            assert np.allclose(by_groups[n, :, :, channels], expected, rtol=1e-12, atol=1e-13)
    whole = built(LayerNormalization([-3, -2, -1]), (4, 5, 6)).forward(X)
    assert np.allclose(built(GroupNormalization(1), (4, 5, 6)).forward(X), whole, atol=1e-13)
    each = built(GroupNormalization(-1), (4, 5, 6)).forward(X)
    assert np.array_equal(each, built(GroupNormalization(6), (4, 5, 6)).forward(X))


def test_many_pixels_of_few_channels_go_the_quick_way(rng: Any) -> None:
    """Rows of several pixels give what one pixel at a time gives."""
    A, v = rng.standard_normal((6, 24, 24, 5)), rng.standard_normal(5)
    for ufunc in (np.add, np.subtract, np.multiply):
        for given in (A, A[:, ::2], A[:, :, :7], A[..., ::-1]):
            expected = ufunc(given, v)
            out = np.empty_like(expected)
            assert functional.by_channel(ufunc, given, v, out) is out
            assert np.array_equal(out, expected)
    for channels in (1, 3, 4, 5, 6, 25, 33):
        A = rng.standard_normal((6, 24, 24, channels))
        for given in (A, A[:, ::2], A[:, :7, :11], A[0, :3]):
            total = given.reshape(-1, channels).sum(axis=0)
            out = np.empty(channels)
            assert functional.column_sum(given, out) is out
            assert np.allclose(out, total, rtol=1e-10, atol=1e-12)
            assert np.array_equal(functional.column_sum(given), out)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (GroupNormalization(), (4, 4, 6), "32 groups, which cannot share 6 channels"),
        (GroupNormalization(4), (4, 4, 6), "4 groups, which cannot share 6 channels"),
        (GroupNormalization(3, axis=1), (4, 4, 6), "3 groups, which cannot share 4 channels"),
        (GroupNormalization(2, axis=4), (4, 4, 6), "axis=4, but its inputs have the axes 1 to 3"),
        (BatchNormalization(0), (4, 4, 6), "axis=0, but its inputs .* beside that of the batch"),
        (LayerNormalization([-3, 1]), (4, 4, 6), r"axis=\(-3, 1\), but .* each one once"),
        (LayerNormalization([0, 1]), (4,), r"axis=\(0, 1\), but its inputs have"),
        (LayerNormalization(()), (4,), r"axis=\(\), but its inputs have"),
    ],
)
def test_mistakes_are_found_before_training(layer: Any, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)
    with pytest.raises(ValueError, match=message):
        layer.build(shape)


def test_other_arguments_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match=r"groups of .* an integer of 1 or more, but it is 0"):
        GroupNormalization(0)
    for axis in ("last", [-2, 1.5], None):
        with pytest.raises(ValueError, match=r"axis of \w+ must be an integer, .* but it is"):
            LayerNormalization(axis)
    layer = built(LayerNormalization([-2, -1]), (4, 3))
    with pytest.raises(ShapeError, match=r"built for features of shape \(4, 3\)"):
        layer.forward(np.zeros((2, 5, 3)))
    assert built(GroupNormalization(2, axis=3), (4, 4, 6)).gamma.shape == (6,)


@pytest.mark.parametrize("kind", [BatchNormalization, LayerNormalization, GroupNormalization])
def test_constraints_regularizers_and_initializers_act(kind: Any, rng: Any) -> None:
    groups = {"groups": 2} if kind is GroupNormalization else {}
    layer = kind(
        **groups,
        beta_initializer="one",
        gamma_initializer=bp.initializers.Constant(-0.5),
        beta_regularizer="l2",
        gamma_regularizer=bp.regularizers.L1(0.2),
        beta_constraint="unit_norm",
        gamma_constraint="non_neg",
    )
    model = bp.Sequential([layer], seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(0), "mse")
    X, y = rng.standard_normal((2, 8, 3, 4))
    model.build((None, 3, 4))
    assert model.penalty() == pytest.approx(0.01 * 4 + 0.2 * 2, rel=1e-12)
    assert model.check_gradients(X, y).ok
    model.fit(X, y, verbose=0)
    assert not layer.gamma.any()
    assert np.allclose(layer.beta, 0.5, rtol=1e-6)


def test_moving_averages_start_as_they_are_told() -> None:
    layer = BatchNormalization(moving_mean_initializer="ones", moving_variance_initializer="zeros")
    layer = built(layer, (2, 3))
    assert (layer.moving_mean == 1).all()
    assert not layer.moving_variance.any()
