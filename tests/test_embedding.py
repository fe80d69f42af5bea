"""Embedding and Masking: numbers that are looked up, masks that are made, mistakes."""

from typing import Any

import numpy as np
import pytest
from mistakes import assert_speaks

import backprop as bp
from backprop.layers import (
    Chain,
    Columns,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Masking,
    Parallel,
    Softmax,
)

X = np.array([[1, 2, 0], [2, 2, 4]])


def built(layer: Any, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    layer.build(shape, np.random.default_rng(0), dtype)
    return layer


def test_rows_are_looked_up_by_their_numbers() -> None:
    layer = built(Embedding(5, 3), (3,))
    assert layer.W.shape == (5, 3)
    assert np.abs(layer.W).max() <= 0.05  # Keras's uniform
    for numbers in (X, X.astype("float32"), X.astype("uint8"), X.tolist()):
        np.testing.assert_array_equal(layer.forward(numbers), layer.W[X])


def test_it_is_the_product_with_one_hot_rows() -> None:
    layer = built(Embedding(5, 3), (3,))
    delta = np.random.default_rng(1).standard_normal((2, 3, 3))
    layer.forward(X, training=True)
    layer.backward(delta)
    one_hot = np.eye(5)[X]
    expected = one_hot.reshape(-1, 5).T @ delta.reshape(-1, 3)
    np.testing.assert_allclose(layer.dW, expected, rtol=1e-14)
    assert not layer.dW[3].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_number_is_found_in_any_dtype(dtype: str) -> None:
    layer = built(Embedding(70_000, 1), (2,), dtype)
    numbers = np.array([[69_999, 0]])
    np.testing.assert_array_equal(layer.forward(numbers.astype(dtype))[0], layer.W[[69_999, 0]])


def test_zero_stands_for_padded_steps_if_it_is_said() -> None:
    assert not Embedding(5, 3).makes_mask
    assert Embedding(5, 3).output_mask(X, None) is None
    layer = Embedding(5, 3, mask_zero=True)
    assert layer.makes_mask
    np.testing.assert_array_equal(layer.output_mask(X, None), X != 0)
    before = np.array([[True, False, True], [True, True, True]])
    np.testing.assert_array_equal(layer.output_mask(X, before), before & (X != 0))
    assert Embedding(5, 3).output_mask(X, before) is before


def test_steps_without_any_feature_are_masked() -> None:
    x = np.array([[[1.0, 0.0], [0.0, 0.0], [2.0, 3.0]], [[-1.0, -1.0], [-1.0, 2.0], [0.0, 0.0]]])
    layer = built(Masking(), (3, 2))
    mask = np.array([[True, False, True], [True, True, False]])
    np.testing.assert_array_equal(layer.output_mask(x, None), mask)
    np.testing.assert_array_equal(layer.forward(x), x)
    by_one = built(Masking(-1), (3, 2))
    other = np.array([[True, True, True], [False, True, True]])
    np.testing.assert_array_equal(by_one.output_mask(x, None), other)
    np.testing.assert_array_equal(by_one.output_mask(x, mask), mask & other)
    expected = x * other[..., np.newaxis]
    np.testing.assert_array_equal(by_one.forward(x), expected)
    np.testing.assert_array_equal(by_one.forward(x, training=True), expected)
    delta = np.ones(x.shape)
    np.testing.assert_array_equal(by_one.backward(delta), delta * other[..., np.newaxis])


# --- mistakes -------------------------------------------------------------------------------------


def classifier(first: Any) -> bp.Sequential:
    model = bp.Sequential([first, bp.layers.LSTM(3), Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


WRONG = {
    "too large": ([[1, 2, 5], [0, 0, 0]], ["from 0 to 4", "x holds 5", "input_dim"]),
    "negative": ([[1, -1, 2], [0, 0, 0]], ["from 0 to 4", "x holds -1"]),
    "fraction": ([[1.0, 0.5, 2.0], [0.0, 0.0, 0.0]], ["whole numbers", "x holds 0.5", "Dense"]),
}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_numbers_are_looked_at_before_training(name: str, wrapped: bool) -> None:
    x, words = WRONG[name]
    layer = Embedding(5, 3, name="words")
    model = classifier(Chain([layer]) if wrapped else layer)
    model.build((None, 3))
    before = [w.copy() for w in model.get_weights()]
    good = np.ones((8, 3), int)
    for fit in (
        lambda: model.fit(np.concatenate([good, x]), np.zeros(10, int), batch_size=2, verbose=0),
        lambda: model.fit(good, np.zeros(8, int), validation_data=(x, [0, 0]), verbose=0),
        lambda: model.evaluate(x, [0, 0], verbose=0),
    ):
        with pytest.raises(ValueError, match="Embedding 'words'") as caught:
            fit()
        assert_speaks(caught, [words[0]])
    with pytest.raises(ValueError, match="Embedding 'words'") as caught:
        model.fit(np.concatenate([good, x]), np.zeros(10, int), verbose=0)
    assert_speaks(caught, words)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", WRONG)
def test_a_layer_by_itself_looks_at_its_numbers(name: str) -> None:
    x, words = WRONG[name]
    layer = built(Embedding(5, 3), (3,))
    for training in (False, True):
        with pytest.raises(ValueError, match="Embedding takes") as caught:
            layer.forward(x, training)
        assert_speaks(caught, words[1:2])


def test_numbers_from_inside_of_a_model_are_looked_at() -> None:
    """Columns in front of it leave only some of the features to it."""
    branches = [[Columns([0]), Embedding(5, 3), bp.layers.LSTM(2)], [Columns([1]), Dense(2)]]
    model = bp.Sequential([Parallel(branches), Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit([[4, 0.5], [1, 0.25]], [0, 1], verbose=0)
    with pytest.raises(ValueError, match="from 0 to 4, but x holds 5"):
        model.fit([[5, 0.5], [1, 0.25]], [0, 1], verbose=0)


@pytest.mark.parametrize("sizes", [(0, 3), (5, 0), (5.0, 3)])
def test_sizes_are_whole_numbers(sizes: Any) -> None:
    with pytest.raises(ValueError, match=r"Embedding\((input|output)_dim\) must be an integer"):
        Embedding(*sizes)


def test_it_must_be_built() -> None:
    with pytest.raises(ValueError, match=r"Embedding is not built: call build\(\(n_steps,\)\)"):
        Embedding(5, 3).forward(X)


def test_numbers_that_the_dtype_cannot_hold_are_refused() -> None:
    model = bp.Sequential([Embedding(2**24 + 2, 1), GlobalAveragePooling1D()])
    with pytest.raises(ValueError, match=r"Embedding .* float32 holds .* dtype=\"float64\""):
        model.predict([[2**24 + 1]])
    model = bp.Sequential([Embedding(2**24 + 2, 1), GlobalAveragePooling1D()], dtype="float64")
    found = model.predict([[2**24 + 1]])
    np.testing.assert_array_equal(found, model.layers[0].W[2**24 + 1 :])


@pytest.mark.parametrize("x", [np.zeros((3, 0), int), np.zeros((3, 0, 2))])
def test_sequences_without_steps_are_refused(x: Any) -> None:
    first = Embedding(5, 2) if x.ndim == 2 else Masking()
    model = bp.Sequential([first, GlobalAveragePooling1D()], seed=0)
    model.compile("sgd", "mse")
    for call in (model.predict, lambda x: model.fit(x, np.zeros((3, 2)), verbose=0)):
        with pytest.raises(ValueError, match=r"x holds .* without .* steps.*pad_sequences"):
            call(x)


def test_the_length_of_inputs_may_be_left_to_the_data() -> None:
    with pytest.raises(ValueError, match=r"\(None, 2\): leave it out, and the shape is found"):
        bp.Input((None, 2))


def test_gradients_are_checked_of_indices_in_floats_too():
    model = bp.Sequential([Embedding(4, 2), Flatten(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    for X in (np.array([[0, 3], [1, 1]]), np.array([[0.0, 3.0], [1.0, 1.0]])):
        assert model.check_gradients(X, np.array([1.0, 2.0])).ok
