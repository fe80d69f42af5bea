"""Rescaling and Normalization: where mean and variance come from, and from which rows alone."""

import warnings
from collections import deque
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    BatchNormalization,
    Chain,
    Columns,
    Dense,
    Dropout,
    Flatten,
    Normalization,
    Parallel,
    ReLU,
    Rescaling,
)
from backprop.optimizers import LBFGS

Array = np.ndarray[Any, Any]


def network(*layers: Any, seed: int = 0, **options: Any) -> Any:
    model = bp.Sequential([*layers, Dense(4), ReLU(), Dense(1)], seed=seed, **options)
    model.compile("sgd", "mse")
    return model


def data(rng: Any, n: int = 30) -> tuple[Array, Array]:
    return rng.standard_normal((n, 3)) * [1, 20, 0.1] + [5, -40, 3], rng.standard_normal((n, 1))


def test_rescaling_is_a_line() -> None:
    layer = Rescaling(1 / 255)
    assert np.allclose(layer.forward(np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1]])
    layer = Rescaling(1 / 127.5, offset=-1)
    assert np.allclose(layer.forward(np.array([[0.0, 255]]), training=True), [[-1, 1]])
    assert np.allclose(layer.backward(np.array([[255.0, 0]])), [[2, 0]])
    for wrong in ("1/255", np.nan, None):
        with pytest.raises((TypeError, ValueError), match=r"scale of .* must be (a number|finite)"):
            Rescaling(wrong)


# Keras's own example: https://keras.io/api/layers/preprocessing_layers/numerical/normalization
ADAPTED = np.array([[0.0, 7.0, 4.0], [2.0, 9.0, 6.0], [0.0, 7.0, 4.0], [2.0, 9.0, 6.0]])


def test_the_published_examples() -> None:
    layer = Normalization(axis=-1)
    layer.adapt(ADAPTED)
    layer.build((3,), dtype="float64")
    assert np.allclose(layer.forward(np.array([[0.0, 7.0, 4.0]])), [[-1, -1, -1]])
    layer = Normalization(mean=3.0, variance=2.0)
    layer.build((1,), dtype="float64")
    found = layer.forward(np.array([[1.0], [2.0], [3.0]]))
    assert np.allclose(found, [[-1.4142135], [-0.70710677], [0.0]], atol=1e-7)
    layer = Normalization(axis=None)
    layer.build((1,), dtype="float64")
    layer.adapt(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]))
    found = layer.forward(np.array([[1.0], [2.0], [3.0]]))
    assert np.allclose(found, [[-1.4142135], [-0.70710677], [0.0]], atol=1e-7)


@pytest.mark.parametrize(
    ("axis", "over"),
    [(-1, (0, 1, 2)), (3, (0, 1, 2)), ([1, 2], (0, 3)), ((-1, 1), (0, 2)), (None, (0, 1, 2, 3))],
)
def test_each_position_along_the_axes_has_its_mean(axis: Any, over: Any, rng: Any) -> None:
    X = rng.standard_normal((2050, 3, 2, 4)) * rng.uniform(1, 5, (3, 2, 4)) + 100
    layer = Normalization(axis)
    layer.build((3, 2, 4), dtype="float64")
    layer.adapt(X)
    expected = (X - X.mean(axis=over, keepdims=True)) / X.std(axis=over, keepdims=True)
    assert np.allclose(layer.forward(X), expected, rtol=1e-10, atol=1e-12)
    assert np.allclose(layer.mean_.ravel(), X.mean(axis=over).ravel(), rtol=1e-13)
    assert layer.count_ == X.size // layer.mean_.size
    in_parts = Normalization(axis)
    in_parts.adapt(X[start : start + 7] for start in range(0, len(X), 7))
    in_parts.build((3, 2, 4), dtype="float64")
    assert np.allclose(in_parts.variance_, layer.variance_, rtol=1e-12)


def test_what_never_changes_is_not_blown_up(rng: Any) -> None:
    X = rng.standard_normal((50, 3)).astype(np.float32)
    X[:, 1] = 0.1
    layer = Normalization()
    layer.adapt(X)
    layer.build((3,))
    assert layer.variance_[1] == 0
    assert np.abs(layer.forward(X)[:, 1]).max() < 1e-7
    other = X + np.float32(0.5)  # a difference of 0.5, not of infinity
    assert np.allclose(layer.forward(other)[:, 1], 0.5, rtol=1e-6)


def test_fit_adapts_to_the_rows_that_it_trains_on_and_once(rng: Any) -> None:
    X, y = data(rng)
    model = network(Normalization(), dtype="float64")
    model.fit(X, y, validation_split=0.5, epochs=2, verbose=0)
    layer = model.layers[0]
    assert np.allclose(layer.mean_, X[:15].mean(axis=0), rtol=1e-14)
    assert np.allclose(layer.variance_, X[:15].var(axis=0), rtol=1e-12)
    assert layer.count_ == 15
    before = layer.mean_.copy()
    model.fit(X + 7, y, verbose=0)
    assert np.array_equal(layer.mean_, before)
    model.reset()
    assert np.array_equal(layer.mean_, np.zeros(3))
    model.fit(X + 7, y, verbose=0)
    assert np.allclose(layer.mean_, X.mean(axis=0) + 7, rtol=1e-14)


def test_fit_leaves_what_is_known_as_it_is(rng: Any) -> None:
    X, y = data(rng)
    given, adapted = Normalization(mean=[1, 2, 3], variance=4), Normalization()
    adapted.adapt(X[:5])
    for layer, mean in ((given, [1, 2, 3]), (adapted, X[:5].mean(axis=0))):
        model = network(layer, dtype="float64")
        model.fit(X, y, verbose=0)
        assert np.allclose(layer.mean_, mean, rtol=1e-14)
        model.reset()
        assert np.allclose(layer.mean_, mean, rtol=1e-14)


def test_weights_that_are_set_are_not_replaced(rng: Any) -> None:
    X, y = data(rng)
    model = network(Normalization(), dtype="float64")
    model.fit(X, y, verbose=0)
    other = network(Normalization(), seed=1, dtype="float64")
    other.build((None, 3))
    other.set_weights(model.get_weights())
    other.fit(X + 1, y, verbose=0)
    assert np.array_equal(other.layers[0].mean_, model.layers[0].mean_)
    names = [p.name.partition(".")[2] for p in model.parameters][:3]
    assert names == ["mean", "variance", "count"]  # the order in which Keras has them
    assert [w.shape for w in model.get_weights()][:3] == [(3,), (3,), ()]


def test_it_is_saved_with_the_model(rng: Any, tmp_path: Any) -> None:
    X, y = data(rng)
    model = network(Normalization(), Rescaling(2, 1))
    untouched = bp.Sequential([Normalization(), Dense(1)], seed=0)
    untouched.compile("sgd", "mse")
    untouched.build((None, 3))
    untouched.save(tmp_path / "untouched.npz")
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert not loaded.layers[0].observes
    again = bp.load_model(tmp_path / "untouched.npz")
    assert again.layers[0].observes
    again.fit(X, y, verbose=0)
    assert np.allclose(again.layers[0].mean_, X.mean(axis=0), rtol=1e-6)
    loaded.reset()  # as if it had just been made
    assert loaded.layers[0].observes


def test_layers_in_front_and_blocks_around_it(rng: Any) -> None:
    """What it adapts to is what reaches it."""
    X, y = data(rng)
    first, inner, numbers = Normalization(), Normalization(), Normalization()
    model = network(
        Rescaling(2, 1),
        first,
        Parallel(
            [
                Chain([Columns([0, 2]), Dense(5), inner]),
                Chain([Columns([1]), Rescaling(3), numbers]),
            ]
        ),
        dtype="float64",
    )
    model.build((None, 3))
    dense = model.get_layer("parallel_1.chain_1.dense_1")
    W, b = dense.W.copy(), dense.b.copy()
    model.fit(X, y, epochs=0, verbose=0)
    assert np.allclose(first.mean_, 2 * X.mean(axis=0) + 1, rtol=1e-12)
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    assert np.allclose(inner.mean_, (standard[:, [0, 2]] @ W + b).mean(axis=0), atol=1e-12)
    assert np.allclose(numbers.mean_, 0, atol=1e-12)
    assert np.allclose(numbers.variance_, 9, rtol=1e-12)
    assert "forward" not in vars(inner)


def test_images_of_bytes(rng: Any) -> None:
    X = rng.integers(0, 256, (40, 4, 4, 3)).astype(np.uint8)
    model = network(Normalization(), Flatten())
    model.fit(X, rng.standard_normal((40, 1)), verbose=0)
    expected = X.astype(float).mean(axis=(0, 1, 2))
    assert np.allclose(model.layers[0].mean_, expected, rtol=1e-6)


def test_nothing_leaks_from_the_held_out_folds(rng: Any) -> None:
    X, y = data(rng)
    X[::3] += 100

    def build() -> Any:
        return network(Normalization(), seed=1, dtype="float64")

    found = bp.cross_validate(build, X, y, folds=3, epochs=2)
    alone = bp.cross_validate(build, X, y, folds=3, epochs=2, callbacks=[bp.callbacks.Callback()])
    for result in (found, alone):  # trained together and one after the other
        for model, held_out in zip(result.models, result.held_out, strict=True):
            rows = np.delete(X, held_out, axis=0)
            assert np.allclose(model.layers[0].mean_, rows.mean(axis=0), rtol=1e-13)
            assert np.allclose(model.layers[0].variance_, rows.var(axis=0), rtol=1e-12)
    for one, other in zip(found.models, alone.models, strict=True):
        assert np.allclose(one.parameters.values, other.parameters.values, rtol=1e-9)


@pytest.mark.parametrize("given", [{}, {"mean": 1.0, "variance": 2.0}])
def test_several_models_each_by_its_own_numbers(given: Any, rng: Any) -> None:
    X, y = data(rng)
    rows = [np.arange(0, 20), np.arange(10, 30)]
    models = [network(Normalization(**given), seed=k, dtype="float64") for k in range(2)]
    twins = [network(Normalization(**given), seed=k, dtype="float64") for k in range(2)]
    if given:
        models[1].layers[0].adapt(X)
        twins[1].layers[0].adapt(X)
    bp.fit_many(models, X, y, rows=rows, epochs=3, verbose=0)
    for model, twin, mine in zip(models, twins, rows, strict=True):
        twin.fit(X[mine], y[mine], epochs=3, verbose=0)
        assert np.allclose(model.parameters.values, twin.parameters.values, rtol=1e-9)


def test_other_verbs(rng: Any) -> None:
    X, y = data(rng)
    model = network(Normalization())
    assert bp.learning_rate_range(model, X, y, steps=10).losses.size
    assert model.input_shape is None  # left as it was
    model = bp.Sequential([Normalization(), Dense(1)], seed=0, dtype="float64")
    model.compile(LBFGS(), "mse")
    model.fit(X, y, epochs=5, verbose=0)
    assert np.allclose(model.layers[0].mean_, X.mean(axis=0), rtol=1e-13)
    assert model.check_gradients(X, y).ok


def test_batches_that_come_by_themselves_need_adapt_first(rng: Any) -> None:
    X, y = data(rng)
    model = network(Normalization(), dtype="float64")
    with pytest.raises(ValueError, match=r"makes batches by itself: call the layer's adapt\(X\)"):
        model.fit(lambda: iter([(X, y)]), verbose=0)
    model.layers[0].adapt(X)
    model.fit(lambda: iter([(X, y)]), verbose=0)
    assert np.allclose(model.layers[0].mean_, X.mean(axis=0), rtol=1e-13)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"takes mean=… and variance=… together"):
        Normalization(mean=1)
    with pytest.raises(ValueError, match=r"variance of \w+ must be 0 or more"):
        Normalization(mean=1, variance=-1)
    for wrong in (np.nan, "0.5", True, [1, np.inf], [[1], [1, 2]]):
        for given in ({"mean": wrong, "variance": 1}, {"mean": 1, "variance": wrong}):
            with pytest.raises(ValueError, match=r"(mean|variance) of .* must hold finite"):
                Normalization(**given)
    for axis in (0, 4, -4, [1, 5]):
        with pytest.raises(ValueError, match=r"have axes from 1 to 3, or −1 to −3"):
            Normalization(axis).output_shape((2, 3, 4))
    with pytest.raises(ShapeError, match=r"mean of shape \(2,\) .* need \(3,\)"):
        Normalization(mean=[1, 2], variance=1).build((3,))
    with pytest.raises(ValueError, match="cannot be adapted to no samples"):
        Normalization().adapt(np.zeros((0, 3)))
    layer = Normalization([1])
    layer.build((4, 3))
    with pytest.raises(ShapeError, match=r"built for samples of shape \(4, 3\)"):
        layer.forward(np.zeros((2, 5, 3)))


def test_a_list_of_rows_is_an_array_and_what_is_not_finite_is_refused() -> None:
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    for given in (rows, tuple(map(tuple, rows)), [np.array(rows)], iter([np.array(rows)])):
        layer = Normalization()
        layer.adapt(given)
        assert np.array_equal(layer.mean, [3.0, 4.0])
    for number in (np.nan, np.inf):
        for given in ([*rows, [number, 0.0]], [np.array(rows), np.array([[number, 0.0]])]):
            with pytest.raises(ValueError, match="X holds nan or infinite numbers"):
                layer.adapt(given)
    for given in ([1.0, 2.0], np.zeros(3), 5, iter(np.zeros((3, 2)))):
        with pytest.raises(ShapeError, match=r"X must have a row for each sample"):
            layer.adapt(given)
    assert np.array_equal(layer.mean, [3.0, 4.0])


def test_looking_at_the_inputs_trains_nothing(rng: Any) -> None:
    """Nothing in front of it draws random numbers, or learns from them, before the first step."""
    X, y = data(rng)
    model = network(BatchNormalization(), Dropout(0.5), Normalization(), dtype="float64")
    model.build((None, 3))
    before = model.layers[0].moving_mean.copy(), model.layers[1]._rng.bit_generator.state
    model.fit(X, y, epochs=0, verbose=0)
    assert np.array_equal(model.layers[0].moving_mean, before[0])
    assert model.layers[1]._rng.bit_generator.state == before[1]
    assert model.layers[0].X_hat is None
    standard = X / np.sqrt(1 + 1e-3)  # by moving averages as they start
    assert np.allclose(model.layers[2].mean_, standard.mean(axis=0), rtol=1e-12)


def test_numbers_whose_squares_overflow_are_refused(rng):
    """The variance became nan, with a warning of NumPy's."""
    X = rng.standard_normal((60, 3)) * 1e300
    with pytest.raises(ValueError, match="the squares of X overflow: divide X by its largest"):
        Normalization().adapt(X)
    model = bp.Sequential([Normalization(), Dense(1)], dtype="float64")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="the squares of X overflow"):
        model.fit(X, np.zeros(60), verbose=0)


@pytest.mark.parametrize("how", ["fit", "adapt", "given"])
def test_variances_that_a_dtype_loses_are_told_of(how, rng):
    """Their features were taken for constant ones, without a word."""
    X, y = rng.standard_normal((60, 3)) * [1, 1e-23, 0], np.zeros(60)
    given = {"mean": np.zeros(3), "variance": X.var(axis=0)} if how == "given" else {}
    for dtype, told in (("float32", 1), ("float64", 0)):
        layer = Normalization(**given)
        model = bp.Sequential([layer, Dense(1)], seed=0, dtype=dtype)
        model.compile("sgd", "mse")
        if how == "adapt":
            layer.adapt(X)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.fit(X, y, verbose=0)
        words = [str(each.message) for each in found]
        assert len(words) == told
        assert all("e-24 only, whose square is lost in float32" in text for text in words)


@pytest.mark.parametrize("make", [deque, tuple, lambda rows: pa.array([*map(list, rows)])])
def test_rows_of_any_sequence_are_samples(make: Any, rng: Any) -> None:
    X = rng.standard_normal((20, 3))
    given, layer = Normalization(), Normalization()
    given.adapt(X)
    layer.adapt(make(list(X)))
    assert np.array_equal(layer.mean, given.mean)
    assert np.array_equal(layer.variance, given.variance)


@pytest.mark.parametrize("kind", [list, iter])
@pytest.mark.parametrize("features", [1, 3])
def test_the_batches_of_fit_are_those_of_adapt(kind: Any, features: int, rng: Any) -> None:
    X, y, w = rng.standard_normal((20, 3)), 5 + rng.standard_normal((20, features)), np.ones(20)
    given, layer = Normalization(), Normalization()
    given.adapt(X)
    for more in (lambda s: (), lambda s: (y[s],), lambda s: (y[s], w[s])):
        parts = slice(0, 8), slice(8, 20)
        layer.adapt(kind([(X[s], *more(s)) for s in parts]))
        np.testing.assert_allclose(layer.mean, given.mean, rtol=1e-12)
        np.testing.assert_allclose(layer.variance, given.variance, rtol=1e-12)
    layer.adapt(kind([[X[:8], y[:8]], [X[8:], y[8:]]]))  # as PyTorch's loaders
    np.testing.assert_allclose(layer.mean, given.mean, rtol=1e-12)


def test_batches_of_other_features_are_refused(rng: Any) -> None:
    """They have as many numbers as whole samples, into which they were cut."""
    X = rng.standard_normal((12, 3))
    layer = Normalization()
    with pytest.raises(ShapeError, match=r"\(2,\) beside others.*as many features"):
        layer.adapt([X, X[:, :2]])
    assert layer.mean is None
    with pytest.raises(TypeError, match=r"it is a dict: pass one array, .* or np\.column_stack"):
        layer.adapt({"a": X[:, 0]})


@pytest.mark.parametrize("column", [pd.Series([1.0, 2.0]), [1.0, 2.0]])
def test_the_advice_on_a_single_column_is_code(column: Any) -> None:
    scaling = Normalization()
    with pytest.raises(ShapeError, match=r"use np\.asarray\(X\)\.reshape\(-1, 1\) for one feature"):
        scaling.adapt(column)
    scaling.adapt(np.asarray(column).reshape(-1, 1))
    assert scaling.mean == 1.5
