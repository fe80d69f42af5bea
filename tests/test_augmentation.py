"""Images changed at random: what becomes of them, and that δ goes back the way they came."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    Dense,
    Flatten,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    ReLU,
    Softmax,
)
from backprop.optimizers import LBFGS

Array = np.ndarray[Any, Any]

MAKERS = [
    RandomFlip,
    lambda: RandomFlip("vertical"),
    lambda: RandomTranslation(0.5, 0.3),
    lambda: RandomTranslation((0, 1), (-1, 0)),
    lambda: RandomCrop(4, 3),
    lambda: RandomRotation(0.5),
    lambda: RandomRotation((0.1, 0.2)),
    RandomErasing,
]


def images(rng: Any, n: int = 200, height: int = 6, width: int = 5, channels: int = 2) -> Array:
    return rng.uniform(1, 2, (n, height, width, channels))  # 0 is what comes in


@pytest.mark.parametrize("make", MAKERS)
def test_delta_goes_back_by_the_transposed_map(make: Any, rng: Any) -> None:
    """⟨S X, δ⟩ − ⟨S 0, δ⟩ = ⟨X, Sᵀ δ⟩, for all images at once and for each."""
    layer, X = make(), images(rng)
    Y = layer.forward(X, training=True)
    at_0 = np.empty_like(Y)
    layer.change(np.zeros_like(X), layer._drawn, at_0)
    delta = rng.standard_normal(Y.shape)
    left = np.sum((Y - at_0) * delta, axis=(1, 2, 3))
    right = np.sum(X * layer.backward(delta), axis=(1, 2, 3))
    assert np.allclose(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", MAKERS)
def test_inference_leaves_the_images_alone(make: Any, rng: Any) -> None:
    X = images(rng)
    layer = make()
    Y = layer.forward(X)
    expected = X[:, 1:5, 1:4] if isinstance(layer, RandomCrop) else X
    assert np.array_equal(Y, expected)
    assert not np.shares_memory(X, Y)


@pytest.mark.parametrize(
    ("mode", "axes"),
    [("horizontal", [2]), ("vertical", [1]), ("horizontal_and_vertical", [1, 2])],
)
def test_half_of_the_images_are_flipped(mode: str, axes: list[int], rng: Any) -> None:
    X = images(rng, 2000)
    Y = RandomFlip(mode, seed=1).forward(X, training=True)
    ways = [X]
    for axis in axes:
        ways += [np.flip(way, axis) for way in ways]
    same = np.array([(way == Y).all(axis=(1, 2, 3)) for way in ways])
    assert (same.sum(axis=0) == 1).all()
    # 2,000 draws: the share's standard deviation is at most 0.011
    assert np.allclose(same.mean(axis=1), 1 / len(ways), atol=0.045)


def test_images_move_by_whole_pixels_in_their_range(rng: Any) -> None:
    X = images(rng, 500, 10, 20)
    Y = RandomTranslation(0.2, (0, 0.1), seed=1).forward(X, training=True)
    found = set()
    for x, y in zip(X, Y, strict=True):
        filled = np.argwhere(y[..., 0])
        (top, left), (bottom, right) = filled.min(axis=0), filled.max(axis=0)
        a, b = (top or bottom - 9), (left or right - 19)  # down and to the right
        moved = ndimage.shift(x, (a, b, 0), order=0, mode="constant")
        assert np.array_equal(y, moved)
        found.add((int(a), int(b)))
    assert found == {(a, b) for a in range(-2, 3) for b in range(3)}


def test_crops_come_from_anywhere(rng: Any) -> None:
    X = images(rng, 300)
    Y = RandomCrop(4, 4, seed=1).forward(X, training=True)
    found = set()
    for x, y in zip(X, Y, strict=True):
        starts = [
            (i, j) for i in range(3) for j in range(2) if (x[i : i + 4, j : j + 4] == y).all()
        ]
        assert len(starts) == 1
        found.update(starts)
    assert len(found) == 6
    assert np.array_equal(RandomCrop(6, 5).forward(X, training=True), X)


@pytest.mark.parametrize("shape", [(7, 7), (6, 9), (1, 4)])
def test_rotation_equals_scipys(shape: Any, rng: Any) -> None:
    X = images(rng, 20, *shape, channels=2)
    layer = RandomRotation(0.5, seed=3)
    Y = layer.forward(X, training=True)
    angles = 2 * np.pi * np.random.default_rng(3).uniform(-0.5, 0.5, 20)
    middle = (np.array(shape) - 1) / 2
    for x, y, angle in zip(X, Y, angles, strict=True):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        offset = middle - turn @ middle
        for c in range(2):
            expected = ndimage.affine_transform(
                x[..., c], turn, offset, order=1, mode="grid-constant"
            )
            assert np.allclose(y[..., c], expected, rtol=1e-12, atol=1e-12)


def test_a_quarter_turn_is_counter_clockwise(rng: Any) -> None:
    X = images(rng, 3, 5, 5)
    Y = RandomRotation((0.25, 0.25)).forward(X, training=True)
    assert np.allclose(Y, np.rot90(X, axes=(1, 2)), rtol=1e-12)


def test_rectangles_are_erased(rng: Any) -> None:
    X = images(rng, 1000, 20, 30)
    layer = RandomErasing((1, 1), scale=(0.04, 0.25), fill_value=-3, seed=1)
    Y = layer.forward(X, training=True)
    erased = (Y == -3).all(axis=-1)
    assert np.array_equal(Y[~erased], X[~erased])
    heights, widths = erased.any(axis=2).sum(axis=1), erased.any(axis=1).sum(axis=1)
    assert np.array_equal(erased.sum(axis=(1, 2)), heights * widths)  # whole rectangles
    assert (heights.min(), heights.max()) == (4, 10)  # √0.04 · 20 = 4, √0.25 · 20 = 10
    assert (widths.min(), widths.max()) == (6, 15)
    assert erased.any(axis=(0, 2)).all()  # anywhere
    delta = rng.standard_normal(Y.shape)
    assert np.array_equal(layer.backward(delta), delta * ~erased[..., np.newaxis])


@pytest.mark.parametrize(("factor", "share"), [(0.0, 0), (0.4, 0.2), ((0.6, 0.6), 0.6), (1, 0.5)])
def test_the_share_of_the_images_that_are_erased(factor: Any, share: float, rng: Any) -> None:
    X = images(rng, 3000)
    Y = RandomErasing(factor, scale=(0.3, 0.3), seed=1).forward(X, training=True)
    changed = (Y != X).any(axis=(1, 2, 3)).mean()
    # 3,000 draws: the standard deviation is at most 0.009
    assert changed == pytest.approx(share, abs=0.035)


def data(rng: Any) -> tuple[Array, Array]:
    return rng.standard_normal((30, 6, 6, 1)), rng.integers(0, 3, 30)


def network(*layers: Any, **options: Any) -> Any:
    model = bp.Sequential([*layers, Flatten(), Dense(5), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    return model


def test_training_goes_by_the_layers_silently_and_right(rng: Any) -> None:
    X, y = data(rng)

    def train(**options: Any) -> Any:
        layers = [RandomFlip(), RandomTranslation(0.2, 0.2), RandomRotation(0.1), RandomErasing()]
        model = network(*layers, RandomCrop(5, 5), **options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, y, batch_size=8, epochs=5, verbose=0)
        return model

    one, two, eagerly = train(), train(), train(run_eagerly=True)
    for other in (two, eagerly):
        assert np.array_equal(one.parameters.values, other.parameters.values)
    assert np.array_equal(one.predict(X), one.predict(X))
    plain = network(RandomCrop(5, 5))
    plain.build((None, 6, 6, 1))
    start = network(RandomFlip(), RandomCrop(5, 5))
    start.build((None, 6, 6, 1))
    assert np.array_equal(plain.parameters.values, start.parameters.values)


def test_no_delta_is_computed_that_nobody_needs(rng: Any) -> None:
    X, y = data(rng)
    model = network(RandomRotation(0.1), RandomFlip())
    model.fit(X, y, verbose=0)
    assert model.layers[0].delta is None
    assert model.check_gradients(X[:4], y[:4]).ok
    model.layers[0].needs_input_gradient = True
    prediction = model.forward(X, training=True)
    model.loss.forward(prediction, y)
    assert model.backward().shape == X.shape
    direct = RandomFlip()
    direct.needs_input_gradient = False
    direct.forward(X, training=True)
    assert direct.backward(X) is None


def test_lbfgs_wants_the_same_images_every_time(rng: Any) -> None:
    X, y = data(rng)
    model = network(RandomFlip())
    model.compile(LBFGS(), "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="RandomFlip 'random_flip_1' draws random numbers"):
        model.fit(X, y, verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomFlip("left"), "mode of .* must be 'horizontal', 'vertical' or"),
        (lambda: RandomTranslation(1.5, 0), "height_factor of .* from -1 to 1, but it is 1.5"),
        (lambda: RandomTranslation(0, (0.3, 0.2)), r"width_factor .* but it is \(0\.3, 0\.2\)"),
        (lambda: RandomRotation(np.uint8(2)), "factor of .* must be a number, or two in order"),
        (lambda: RandomRotation((0, 0.1, 0.2)), "factor of .* must be a number, or two in order"),
        (lambda: RandomErasing(-0.1), "factor of .* must be .* from 0 to 1, but it is -0.1"),
        (lambda: RandomErasing("often"), "factor of .* must be .* but it is 'often'"),
        (lambda: RandomErasing(scale=(0.1, 2)), "scale of .* must be"),
        (lambda: RandomErasing(fill_value=None), "fill_value of .* must be a number"),
        (lambda: RandomCrop(0, 3), "height, width. must be an integer of 1 or more"),
    ],
)
def test_arguments_that_cannot_be_used(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("make", MAKERS)
def test_grey_images_are_told_which_axis_to_add(make: Any) -> None:
    for call in (
        lambda: make().output_shape((28, 28)),
        lambda: make().forward(np.zeros((2, 28, 28))),
        lambda: make().forward(np.zeros((2, 28, 28)), training=True),
    ):
        with pytest.raises(ShapeError, match="add the axis of the channels"):
            call()


def test_a_part_that_is_larger_than_the_images() -> None:
    with pytest.raises(
        ShapeError, match=r"cuts out 5 × 9 pixels, .* or put ZeroPadding2D in front"
    ):
        RandomCrop(5, 9).output_shape((8, 8, 3))
