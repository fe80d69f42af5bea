"""Targets that are images: numbers or class indices for every pixel; and trained layers reused."""

from typing import Any

import numpy as np
import pytest
from rows import thirds

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    LSTM,
    Chain,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    MaxPooling2D,
    ReLU,
    Reshape,
    Residual,
    Sigmoid,
    Softmax,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6, 4, 2))
CLASSES = RNG.integers(0, 3, (8, 6, 4))
NUMBERS = RNG.normal(size=(8, 6, 4, 3))


def autoencoder(outputs: int, loss: str, *ending: Any, **options: Any) -> bp.Sequential:
    layers = [
        *(Conv2D(4, 3, padding="same"), ReLU(), MaxPooling2D(2)),
        *(Residual([Conv2D(4, 3, padding="same"), ReLU()]), Conv2DTranspose(outputs, 2, 2)),
    ]
    model = bp.Sequential([*layers, *ending], seed=0, dtype="float64")
    model.compile(bp.optimizers.SGD(0.1), loss, **options)
    return model


def squares(P: Any) -> Any:
    return ((P - NUMBERS) ** 2).mean(axis=-1)


def of_one(P: Any) -> Any:
    return (P[..., 0] - NUMBERS[..., 0]) ** 2


def sparse(P: Any) -> Any:
    return -np.log(np.take_along_axis(P, CLASSES[..., np.newaxis], axis=-1)[..., 0])


def binary(P: Any) -> Any:
    return -np.log(np.where(CLASSES > 0, P[..., 0], 1 - P[..., 0]))


CASES = {
    "numbers": (lambda **o: autoencoder(3, "mse", **o), NUMBERS, squares),
    "one number": (lambda **o: autoencoder(1, "mse", **o), NUMBERS[..., :1], of_one),
    "one number without its axis": (
        lambda **o: autoencoder(1, "mse", **o),
        NUMBERS[..., 0],
        of_one,
    ),
    "class indices": (
        lambda **o: autoencoder(3, "sparse_categorical_crossentropy", Softmax(), **o),
        CLASSES,
        sparse,
    ),
    "one-hot classes": (
        lambda **o: autoencoder(3, "categorical_crossentropy", Softmax(), **o),
        np.eye(3)[CLASSES],
        sparse,
    ),
    "yes or no": (
        lambda **o: autoencoder(1, "binary_crossentropy", Sigmoid(), **o),
        CLASSES > 0,
        binary,
    ),
}
each_case = pytest.mark.parametrize(("make", "y", "losses"), CASES.values(), ids=CASES)


@pytest.mark.parametrize(("make", "y", "losses"), thirds(CASES.values()), ids=CASES)
def test_the_loss_is_the_mean_over_all_pixels(make: Any, y: Any, losses: Any) -> None:
    model, weight = make(), RNG.uniform(size=X.shape[:-1])
    model.fit(X, y, batch_size=4, epochs=2, verbose=0)
    by_pixel = losses(model.predict(X))
    assert by_pixel.shape == X.shape[:-1]
    assert model.evaluate(X, y) == pytest.approx(by_pixel.mean(), rel=1e-12)
    weighted = (weight * by_pixel).mean()
    assert model.evaluate(X, y, sample_weight=weight) == pytest.approx(weighted, rel=1e-12)
    assert model.check_gradients(X, y).ok


@each_case
def test_recorded_steps_have_the_same_bits(make: Any, y: Any, losses: Any) -> None:
    trained = []
    for eagerly in (False, True):
        model = make(run_eagerly=eagerly)
        model.fit(X, y, batch_size=4, epochs=10, verbose=0)
        trained.append(model.get_weights())
    for mine, theirs in zip(*trained, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_trained_trunk_stays_as_it_is_below_a_new_head() -> None:
    first = autoencoder(3, "mse")
    first.fit(X, NUMBERS, epochs=2, verbose=0)
    trunk = Chain([layer.copy() for layer in first.layers[:4]], name="trunk")
    trunk.trainable = False
    model = bp.Sequential([trunk, Flatten(), Dense(3), Softmax()], seed=1, dtype="float64")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, CLASSES[:, 0, 0], epochs=3, verbose=0)
    kept = [p.value for p in trunk.parameters]
    for mine, theirs in zip(kept, first.get_weights(), strict=False):
        np.testing.assert_array_equal(mine, theirs)
    shown, before = model.activations(X), first.activations(X)
    np.testing.assert_array_equal(shown["trunk"], before["residual_1"])
    np.testing.assert_array_equal(shown["trunk.conv2d_1"], before["conv2d_1"])


@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch"])
def test_targets_in_one_row_are_told_the_shape_of_the_images(verb: str) -> None:
    """There is no Dense layer for a Flatten to stand in front of."""
    model = autoencoder(3, "mse")
    rows = NUMBERS.reshape(len(X), -1)
    with pytest.raises(bp.core.errors.ShapeError, match=r"\(y\).reshape\(-1, 6, 4, 3\)\.$"):
        getattr(model, verb)(X, rows)


@pytest.mark.parametrize("targets", [(8, 6, 4, 1), (8, 6, 4), (8, 6, 1)])
@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_targets_of_other_sizes_are_told_apart_from_those_of_other_outputs(targets, loss):
    """No number of units makes an image larger, which was the advice."""
    images = targets[2:3] == (4,)
    inputs, layer, axes = (
        (X, Conv2D, "rows and columns") if images else (X[:, :, 0], Conv1D, "steps")
    )
    small, same = (
        bp.Sequential([layer(1, 3, padding=padding), Sigmoid()]) for padding in ("valid", "same")
    )
    small.compile("sgd", loss)
    with pytest.raises(ShapeError, match=f"let both have as many {axes}: .*padding='same'"):
        small.fit(inputs, np.zeros(targets), verbose=0)
    same.compile("sgd", loss)
    same.fit(inputs, np.zeros(targets), verbose=0)


def trained(X, y, *layers):
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    model.fit(X, y, verbose=0)


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 1)])
def test_images_that_went_into_dense_are_told_what_makes_one_row_of_them(shape):
    """That targets are to be one for each output made a network of single rows."""
    images = RNG.random((8, 6, 6))
    y = images.reshape(-1, *shape)
    with pytest.raises(ShapeError) as caught:
        trained(images, y, Dense(5), ReLU(), Dense(36))
    end = f"Flatten() in front of the first Dense layer, and Reshape({shape}) at the end."
    assert str(caught.value).endswith(end)
    trained(images, y, Flatten(), Dense(5), ReLU(), Dense(36), Reshape(shape))


def test_targets_of_windows_are_told_of_their_single_step():
    X, y = bp.datasets.windows(RNG.random((40, 3)), 10)
    with pytest.raises(ShapeError, match=r"single step, which y\[:, 0\] leaves out"):
        trained(X, y, Dense(5), ReLU(), Dense(3))
    trained(X, y[:, 0], Flatten(), Dense(5), ReLU(), Dense(3))


def test_forecasts_of_several_steps_are_told_how_to_end():
    X, y = bp.datasets.windows(RNG.random((40, 3)), 10, horizon=4)
    with pytest.raises(ShapeError, match=r"4 steps .* Dense\(12\), Reshape\(\(4, 3\)\).*without"):
        trained(X, y, LSTM(4, return_sequences=True), Dense(3))
    trained(X, y, LSTM(4), Dense(12), Reshape((4, 3)))
