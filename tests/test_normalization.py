"""Normalisation against published numbers, moving averages, freezing, memory."""

from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error
from measuring import peak_of_a_step
from published import channels_last, published

import backprop as bp
from backprop.layers import (
    BatchNormalization,
    Dense,
    GroupNormalization,
    Input,
    LayerNormalization,
    RMSNormalization,
)

Array = np.ndarray[Any, Any]

PYTORCH = [
    (BatchNormalization(), "layers.npz", "bn1d_train", np.asarray),
    (BatchNormalization(), "layers.npz", "bn1d_zero_variance", np.asarray),
    (BatchNormalization(), "layers_images.npz", "bn2d_train", channels_last),
    (LayerNormalization(epsilon=1e-5), "layers.npz", "ln_lastaxis", np.asarray),
    (LayerNormalization(epsilon=1e-3), "layers.npz", "ln_eps1e-3", np.asarray),
    (LayerNormalization([-2, -1]), "layers_images.npz", "ln_two_axes", np.asarray),
    (LayerNormalization((2, 1)), "layers_images.npz", "ln_two_axes", np.asarray),
    (GroupNormalization(2), "layers_images.npz", "groupnorm_2", channels_last),
    (RMSNormalization(), "attention.npz", "rmsnorm", np.asarray),
]


def built(layer: Any, n: int, dtype: str = "float64") -> Any:
    layer.build((n,), np.random.default_rng(0), dtype)
    return layer


@pytest.mark.parametrize(("layer", "file", "case", "order"), PYTORCH)
def test_outputs_and_gradients_are_those_of_pytorch(layer, file, case, order) -> None:
    """The gradients are those of Σ y · upstream."""
    v = published(file, case)
    X, Y, upstream, dX = (order(v[name]) for name in ("in_x", "y", "upstream", "grad_in_x"))
    layer.build(X.shape[1:], dtype="float64")
    layer.gamma = v["param_weight"]
    if "param_bias" in v:
        layer.beta = v["param_bias"]
    near = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(layer.forward(X, training=True), Y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.backward(upstream), dX, **near)
    np.testing.assert_allclose(layer.dgamma, v["grad_param_weight"], rtol=1e-12, atol=1e-12)
    if "param_bias" in v:
        np.testing.assert_allclose(layer.dbeta, v["grad_param_bias"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("momentum", "file", "case", "order"),
    [
        (0.99, "layers.npz", "bn1d_running", np.asarray),
        (0.9, "layers_images.npz", "bn2d_running", channels_last),
    ],
)
def test_the_moving_averages_are_those_of_keras(momentum, file, case, order) -> None:
    v, layer = published(file, case), BatchNormalization(momentum=momentum)
    layer.build(order(v["x"][0]).shape[1:], dtype="float64")
    layer.gamma, layer.beta = v["gamma"], v["beta"]
    for k, X in enumerate(v["x"]):
        Y, expected = layer.forward(order(X), training=True), order(v["y"][k])
        np.testing.assert_allclose(Y, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.moving_mean, v["keras_moving_mean"][k], rtol=1e-12)
        np.testing.assert_allclose(layer.moving_variance, v["keras_moving_var"][k], rtol=1e-12)


def test_inference_uses_the_moving_averages_and_changes_nothing(rng: np.random.Generator) -> None:
    layer = built(BatchNormalization(), 3)
    layer.forward(rng.standard_normal((8, 3)), training=True)
    layer.gamma, layer.beta = rng.standard_normal(3), rng.standard_normal(3)
    averages = layer.moving_mean.copy(), layer.moving_variance.copy()
    X = rng.standard_normal((5, 3))
    expected = (X - averages[0]) / np.sqrt(averages[1] + 1e-3) * layer.gamma + layer.beta
    assert np.allclose(layer.forward(X), expected, rtol=1e-14)
    assert np.array_equal(averages[0], layer.moving_mean)
    assert np.array_equal(averages[1], layer.moving_variance)


def test_a_frozen_batch_normalization_uses_its_averages_in_training(
    rng: np.random.Generator,
) -> None:
    layer = built(BatchNormalization(), 3)
    layer.forward(rng.standard_normal((8, 3)) * 2 + 1, training=True)
    layer.gamma = rng.standard_normal(3)
    layer.trainable = False
    before = layer.moving_mean.copy()
    X, upstream = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    assert np.allclose(layer.forward(X, training=True), layer.forward(X), rtol=1e-14)
    assert np.array_equal(layer.moving_mean, before)

    def value() -> float:
        return float(np.sum(layer.forward(X, training=True) * upstream))

    assert relative_error(layer.backward(upstream).copy(), derivative(value, X)) < 1e-7


def test_no_optimizer_and_no_unfreezing_touches_the_moving_averages() -> None:
    layer = BatchNormalization()
    model = bp.Sequential([Input(3), Dense(4), layer, Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(0.1), "mse")
    layer.trainable = False
    layer.trainable = True
    trainable = [p.name for p in model.parameters if p.trainable]
    assert "batch_normalization_1.gamma" in trainable
    assert "batch_normalization_1.moving_mean" not in trainable
    model.parameters.gradients[:] = 1
    before = layer.moving_variance.copy()
    model.optimizer.step(model.parameters)
    assert np.array_equal(layer.moving_variance, before)


def test_a_last_batch_of_one_sample_stays_finite(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((9, 3)), rng.standard_normal(9)
    model = bp.Sequential([Dense(4), BatchNormalization(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"batch_normalization_1.*batch of one") as caught:
        history = model.fit(X, y, batch_size=4, epochs=3, verbose=0)
    assert [warning.filename for warning in caught] == [__file__]  # once
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.predict(X)).all()


NORMALIZATIONS = [
    BatchNormalization,
    LayerNormalization,
    RMSNormalization,
    lambda: GroupNormalization(2),
]


@pytest.mark.parametrize("make", NORMALIZATIONS)
def test_inputs_whose_squares_overflow_are_told_of(make: Any, rng: np.random.Generator) -> None:
    """Zeros for all samples, and an infinite moving variance, would go unnoticed."""
    y = rng.standard_normal(40)
    X = rng.standard_normal((40, 6)) * 1e25
    model, wide = (
        bp.Sequential([make(), Dense(1)], seed=0, dtype=dtype) for dtype in ("float32", "float64")
    )
    for each in (model, wide):
        each.compile("sgd", "mse")
    words = r"diverged in .*step 1.* in the output of \w+Normalization"
    with np.errstate(all="warn"):
        with pytest.raises(bp.DivergenceError, match=words):
            model.fit(X, y, verbose=0, on_divergence="raise")
        with pytest.warns(RuntimeWarning, match=words):
            model.train_on_batch(X, y)
    assert np.isfinite(model.parameters.values).all()
    assert np.isfinite(wide.fit(X, y, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("make", NORMALIZATIONS[1:])
def test_a_prediction_whose_squares_overflow_is_told_of(make: Any) -> None:
    model = bp.Sequential([make(), Dense(1)], seed=0)
    words = "row 0 of the predictions is not finite"
    with np.errstate(all="warn"), pytest.warns(RuntimeWarning, match=words):
        model.predict([[1e25, 2e25, 3e25, 4e25]])


@pytest.mark.parametrize("make", [BatchNormalization, LayerNormalization])
@pytest.mark.parametrize(("trainable", "scale"), [(True, True), (True, False), (False, True)])
def test_a_training_step_allocates_no_array_of_the_batchs_size(
    make: Any, trainable: bool, scale: bool, rng: np.random.Generator
) -> None:
    layer = built(make(scale=scale), 200, "float32")
    layer.trainable = trainable
    X, delta = (rng.standard_normal((1000, 200)).astype(np.float32) for _ in range(2))
    assert peak_of_a_step(layer, X, delta) < X.nbytes / 8


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="epsilon must be above 0, but it is 0"):
        LayerNormalization(epsilon=0)
    with pytest.raises(ValueError, match="momentum must lie between 0 and 1, but it is 2"):
        BatchNormalization(momentum=2)
