from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error
from measuring import peak_of_a_step
from published import arrays_of

import backprop as bp
from backprop.layers import BatchNormalization, Dense, Input, LayerNormalization

Array = np.ndarray[Any, Any]
VECTORS = arrays_of("layers.npz")


def built(layer: Any, n: int, dtype: str = "float64") -> Any:
    layer.build((n,), np.random.default_rng(0), dtype)
    return layer


def check_against_vectors(layer: Any, case: str) -> None:
    """PyTorch's output and gradients of Σ y · upstream."""
    built(layer, VECTORS[f"{case}/in_x"].shape[-1])
    layer.gamma, layer.beta = VECTORS[f"{case}/param_weight"], VECTORS[f"{case}/param_bias"]
    Y = layer.forward(VECTORS[f"{case}/in_x"], training=True)
    assert np.allclose(Y, VECTORS[f"{case}/y"], rtol=1e-12, atol=1e-12)
    dX = layer.backward(VECTORS[f"{case}/upstream"])
    assert np.allclose(dX, VECTORS[f"{case}/grad_in_x"], rtol=1e-11, atol=1e-12)
    assert np.allclose(layer.dgamma, VECTORS[f"{case}/grad_param_weight"], rtol=1e-12, atol=1e-12)
    assert np.allclose(layer.dbeta, VECTORS[f"{case}/grad_param_bias"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["bn1d_train", "bn1d_zero_variance"])
def test_batch_normalization_equals_pytorch_in_training(case: str) -> None:
    check_against_vectors(BatchNormalization(), case)


@pytest.mark.parametrize(("case", "epsilon"), [("ln_lastaxis", 1e-5), ("ln_eps1e-3", 1e-3)])
def test_layer_normalization_equals_pytorch(case: str, epsilon: float) -> None:
    check_against_vectors(LayerNormalization(epsilon=epsilon), case)


def test_the_moving_averages_are_those_of_keras() -> None:
    layer = built(BatchNormalization(), 4)
    layer.gamma, layer.beta = VECTORS["bn1d_running/gamma"], VECTORS["bn1d_running/beta"]
    for k, X in enumerate(VECTORS["bn1d_running/x"]):
        Y = layer.forward(X, training=True)
        assert np.allclose(Y, VECTORS["bn1d_running/y"][k], rtol=1e-12, atol=1e-12)
        mean, variance = layer.moving_mean, layer.moving_variance
        assert np.allclose(mean, VECTORS["bn1d_running/keras_moving_mean"][k], rtol=1e-12)
        assert np.allclose(variance, VECTORS["bn1d_running/keras_moving_var"][k], rtol=1e-12)


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
