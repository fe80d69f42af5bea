from typing import Any

import numpy as np
import pytest
from measuring import peak_of_a_step

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    AlphaDropout,
    Dense,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    Input,
    ReLU,
    SpatialDropout1D,
    SpatialDropout2D,
)

MAKERS = [lambda: Dropout(0.4), lambda: GaussianDropout(0.4), lambda: GaussianNoise(0.5)]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inference_returns_the_input_in_a_fresh_array(make: Any, dtype: str) -> None:
    X = np.ones((3, 4), dtype)
    Y = make().forward(X)
    assert np.array_equal(X, Y)
    assert Y.dtype == X.dtype
    assert not np.shares_memory(X, Y)


def test_dropout_drops_its_share_and_scales_the_others_up() -> None:
    layer = Dropout(0.3, seed=1)
    X = np.full((400, 500), 2.0)
    Y = layer.forward(X, training=True)
    assert set(np.unique(Y)) == {0.0, 2 / 0.7}
    # 200,000 draws: the share's standard deviation is 0.001
    assert np.mean(Y == 0) == pytest.approx(0.3, abs=0.005)
    delta = np.arange(X.size, dtype=float).reshape(X.shape)
    assert np.array_equal(layer.backward(delta), delta * (Y != 0) * (1 / 0.7))


def test_gaussian_noise_is_added_and_does_not_change_the_gradient() -> None:
    layer = GaussianNoise(0.5, seed=1)
    X = np.full((400, 500), 3.0)
    noise = layer.forward(X, training=True) - 3
    assert noise.mean() == pytest.approx(0, abs=0.006)
    assert noise.std() == pytest.approx(0.5, abs=0.005)
    delta = np.arange(X.size, dtype=float).reshape(X.shape)
    result = layer.backward(delta)
    assert np.array_equal(result, delta)
    assert not np.shares_memory(result, delta)


def test_a_random_layer_does_not_change_the_weights_that_others_start_from() -> None:
    plain = bp.Sequential([Input(3), Dense(4), ReLU(), Dense(2)], seed=5)
    noisy = bp.Sequential([Input(3), Dense(4), Dropout(0.5), ReLU(), Dense(2)], seed=5)
    assert np.array_equal(plain.parameters.values, noisy.parameters.values)


def test_two_random_layers_draw_different_numbers() -> None:
    model = bp.Sequential([Input(50), Dropout(0.5), Dropout(0.5)], seed=5)
    model.forward(np.ones((4, 50)), training=True)
    first, second = (layer.M for layer in model.layers)
    assert not np.array_equal(first, second)


def test_the_same_seed_trains_to_the_same_bits_and_predict_is_not_random(
    rng: np.random.Generator,
) -> None:
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)

    def train() -> bp.Sequential:
        layers = [Dense(8), ReLU(), Dropout(0.3), GaussianNoise(0.1), Dense(1)]
        model = bp.Sequential(layers, seed=3)
        model.compile("sgd", "mse")
        model.fit(X, y, epochs=3, verbose=0)
        return model

    one, two = train(), train()
    assert np.array_equal(one.parameters.values, two.parameters.values)
    assert np.array_equal(one.predict(X), one.predict(X))


@pytest.mark.parametrize("make", MAKERS)
def test_a_training_step_allocates_no_array_of_the_batchs_size(make: Any) -> None:
    layer, X = make(), np.ones((1000, 200), np.float32)
    assert peak_of_a_step(layer, X, X) < X.nbytes / 8


def test_mistakes_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"Dropout\(rate\) must be 0 or more and below 1, but it is 1"
    ):
        Dropout(1)
    with pytest.raises(ValueError, match=r"GaussianDropout\(rate\) must be 0 or more"):
        GaussianDropout(-0.1)
    with pytest.raises(ValueError, match=r"GaussianNoise\(stddev\) must be 0 or more"):
        GaussianNoise(-1)


@pytest.mark.parametrize(
    ("make", "shape"), [(SpatialDropout1D, (300, 7, 40)), (SpatialDropout2D, (300, 3, 5, 40))]
)
def test_spatial_dropout_drops_whole_channels(make: Any, shape: Any, rng: Any) -> None:
    layer, X = make(0.3, seed=1), rng.uniform(1, 2, shape)
    Y = layer.forward(X, training=True)
    kept = Y != 0
    places = tuple(range(1, len(shape) - 1))
    assert np.array_equal(kept.all(axis=places), kept.any(axis=places))
    assert np.allclose(Y[kept], X[kept] / 0.7, rtol=1e-14)
    # 12,000 draws: the share's standard deviation is 0.004
    assert np.mean(~kept) == pytest.approx(0.3, abs=0.02)
    delta = rng.standard_normal(shape)
    assert np.allclose(layer.backward(delta), delta * kept / 0.7, rtol=1e-14)
    with pytest.raises(ShapeError, match="takes arrays of shape"):
        layer.output_shape((4,))
    with pytest.raises(ShapeError, match="takes arrays of shape"):
        layer.forward(X[:, 0, 0] if make is SpatialDropout2D else X[:, 0], training=True)


def test_one_factor_along_the_axes_of_size_1(rng):
    """A batch size in front means the samples of any batch, 1 means all of them together."""
    X = np.ones((6, 4, 3))
    for shape, equal in {
        (None, 1, None): [1],
        (1, None, None): [0],
        (32, None, 1): [2],
        (1, 4, 1): [0, 2],
        (None, 4, 3): [],
    }.items():
        Y = Dropout(0.5, shape, seed=3).forward(X, training=True)
        for axis in range(3):
            first = np.take(Y, [0], axis)
            assert (first == Y).all() == (axis in equal), (shape, axis)
    for wrong in ((None, 1), (None, 2, None), (), (1, 4, 3, 1)):
        layer = Dropout(0.5, wrong)
        for call in (layer.output_shape, layer.build):
            with pytest.raises(ShapeError, match=r"must be None, 1 or the size of that axis"):
                call((4, 3))
    for wrong in ([0], [None, 1.5], ["a"]):
        with pytest.raises(ValueError, match=r"AlphaDropout\(noise_shape\) must be an integer"):
            AlphaDropout(0.5, wrong)
    with pytest.raises(TypeError, match="noise_shape"):
        Dropout(0.5, 3)
