"""Pooling against loops, PyTorch's numbers and derivatives; ties, paddings, mistakes."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from derivatives import derivative_of_samples, relative_error
from layer_cases import distinct
from measuring import peak_of_a_step
from published import arrays_of, channels_last
from rows import each

import backprop as bp
from backprop.core.buffers import Buffers, filled_array
from backprop.core.errors import ShapeError
from backprop.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    ZeroPadding2D,
)

Array = np.ndarray[Any, Any]
VECTORS = arrays_of("layers_images.npz")


def vectors(case: str) -> list[Array]:
    """PyTorch's X, Y, δ and ∂E/∂X."""
    return [channels_last(VECTORS[f"{case}/{a}"]) for a in ("in_x", "y", "upstream", "grad_in_x")]


@pytest.mark.parametrize(
    ("case", "layer"),
    [
        ("maxpool2", MaxPooling2D()),
        ("maxpool3_s2", MaxPooling2D(3, 2)),
        ("maxpool2_odd", MaxPooling2D(2)),
        ("maxpool2_ties", MaxPooling2D(2)),
        ("avgpool2", AveragePooling2D(2)),
    ],
)
def test_it_equals_pytorch(case: str, layer: Any) -> None:
    X, Y, upstream, dX = vectors(case)
    assert np.allclose(layer.forward(X, training=True), Y, rtol=1e-14)
    assert np.allclose(layer.backward(upstream), dX, rtol=1e-14, atol=1e-15)


def test_a_border_of_zeros_and_a_pooling_equal_pytorchs_padding() -> None:
    X, Y, upstream, dX = vectors("avgpool3_s2_p1_include")
    border, pooling = ZeroPadding2D(1), AveragePooling2D(3, 2)
    assert np.allclose(pooling.forward(border.forward(X, True), True), Y, rtol=1e-14)
    assert np.allclose(border.backward(pooling.backward(upstream)), dX, rtol=1e-13, atol=1e-15)
    # padding that does not count: the mean with zeros, over the share of what is no zero
    X, Y, upstream, dX = vectors("avgpool3_s2_p1_exclude")
    share = pooling.forward(border.forward(np.ones_like(X)))
    assert np.allclose(pooling.forward(border.forward(X, True), True) / share, Y, rtol=1e-13)
    found = border.backward(pooling.backward(upstream / share))
    assert np.allclose(found, dX, rtol=1e-13, atol=1e-15)
    # padding that is never the largest: zeros, where all else is positive
    X, Y, upstream, dX = vectors("maxpool3_s2_p1")
    largest = MaxPooling2D(3, 2)
    assert np.allclose(largest.forward(border.forward(X + 100, True), True) - 100, Y, rtol=1e-12)
    assert np.allclose(border.backward(largest.backward(upstream)), dX, rtol=1e-14)


def by_loops(X: Array, size: Any, strides: Any, padding: str, what: Any) -> Array:
    """Pooling as it is defined: windows that are cut out one by one."""
    starts, shape = [], []
    for n, k, s in zip(X.shape[1:3], size, strides, strict=True):
        n_out = -(-n // s) if padding == "same" else (n - k) // s + 1
        before = max((n_out - 1) * s + k - n, 0) // 2 if padding == "same" else 0
        starts.append([i * s - before for i in range(n_out)])
        shape.append(n_out)
    Y = np.empty((len(X), *shape, X.shape[-1]))
    for i, top in enumerate(starts[0]):
        for j, left in enumerate(starts[1]):
            rows = slice(max(top, 0), top + size[0])
            columns = slice(max(left, 0), left + size[1])
            Y[:, i, j] = what(X[:, rows, columns], axis=(1, 2))
    return Y


SIZES = [(1, 1), (2, 2), (3, 3), (2, 3), (3, 1), (1, 4)]
STRIDES = [None, (1, 1), (2, 2), (3, 3), (1, 3), (2, 1)]


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("padding", ["valid", "same"])
@each(("size", "strides"), list(product(SIZES, STRIDES)))
def test_all_configurations_against_loops_and_derivatives(
    kind: Any, padding: str, size: Any, strides: Any, rng: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        Buffers, "new_array", lambda _, *form: filled_array(form[0], np.nan, form[1])
    )
    what = np.max if kind is MaxPooling2D else np.mean
    for shape in ((2, 5, 6, 2), (1, 7, 4, 1), (3, 4, 5, 1)):
        layer = kind(size, strides, padding)
        X = distinct(rng, shape)
        Y = layer.forward(X, training=True)
        expected = by_loops(X, size, strides or size, padding, what)
        assert Y.shape == expected.shape == (len(X), *layer.output_shape(shape[1:]))
        assert np.allclose(Y, expected, rtol=1e-14, atol=1e-14)
        upstream = rng.standard_normal(Y.shape)
        dX = layer.backward(upstream).copy()
        assert dX.flags.c_contiguous
        with monkeypatch.context() as patch:
            patch.setattr("backprop.core.windows.LONG_RUN", 1)  # without planes the same bits
            direct = kind(size, strides, padding)
            Y_direct = direct.forward(X, training=True)
            assert np.array_equal(Y_direct, Y)
            assert not np.shares_memory(Y_direct, X)
            assert np.array_equal(direct.backward(upstream), dX)
        assert relative_error(dX, derivative_of_samples(layer.forward, X, upstream)) < 1e-7


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, 1), (3, 2), (2, 3), (1, 2), (4, 4)])
@pytest.mark.parametrize(
    ("one", "two"), [(MaxPooling1D, MaxPooling2D), (AveragePooling1D, AveragePooling2D)]
)
def test_sequences_are_images_of_one_row(
    one: Any, two: Any, size: int, strides: Any, padding: str, rng: Any
) -> None:
    X = rng.standard_normal((3, 9, 2))
    layer, same = one(size, strides, padding), two((1, size), strides and (1, strides), padding)
    Y = layer.forward(X, training=True)
    assert np.array_equal(Y, same.forward(X[:, np.newaxis], training=True)[:, 0])
    upstream = rng.standard_normal(Y.shape)
    assert np.array_equal(layer.backward(upstream), same.backward(upstream[:, np.newaxis])[:, 0])


@pytest.mark.parametrize("strides", [1, 2, 3])
def test_among_equal_numbers_the_first_in_row_order_gets_all(strides: int, rng: Any) -> None:
    X = rng.integers(0, 3, (4, 7, 8, 3)).astype(float)
    layer = MaxPooling2D(3, strides)
    Y = layer.forward(X, training=True)
    delta = rng.standard_normal(Y.shape)
    expected = np.zeros_like(X)
    for n, i, j, c in np.ndindex(Y.shape):
        top, left = i * strides, j * strides
        window = X[n, top : top + 3, left : left + 3, c]
        a, b = np.unravel_index(window.argmax(), window.shape)  # the first one
        expected[n, top + a, left + b, c] += delta[n, i, j, c]
    assert np.allclose(layer.backward(delta), expected, rtol=1e-13, atol=1e-14)


def test_global_pooling_is_pooling_of_everything(rng: Any) -> None:
    X = distinct(rng, (3, 4, 5, 2))
    for everywhere, windows in (
        (GlobalMaxPooling2D, MaxPooling2D),
        (GlobalAveragePooling2D, AveragePooling2D),
    ):
        layer, same = everywhere(keepdims=True), windows((4, 5))
        Y = layer.forward(X, training=True)
        assert np.allclose(Y, same.forward(X, training=True), rtol=1e-14, atol=1e-15)
        delta = rng.standard_normal(Y.shape)
        expected = same.backward(delta)
        assert np.allclose(layer.backward(delta), expected, rtol=1e-14)
        flat = everywhere()
        assert np.array_equal(flat.forward(X, training=True), Y[:, 0, 0])
        assert np.allclose(flat.backward(delta[:, 0, 0]), expected, rtol=1e-14)
    sequences = X[:, :, 0]
    assert np.array_equal(GlobalMaxPooling1D().forward(sequences), sequences.max(axis=1))
    found = GlobalAveragePooling1D(True).forward(sequences)
    assert np.allclose(found, sequences.mean(axis=1, keepdims=True), rtol=1e-14, atol=1e-15)


def test_global_pooling_gives_the_first_of_equal_numbers_all() -> None:
    layer = GlobalMaxPooling2D()
    layer.forward(np.ones((2, 3, 3, 2)), training=True)
    dX = layer.backward(np.full((2, 2), 5.0))
    assert np.array_equal(dX[:, 0, 0], np.full((2, 2), 5.0))
    assert np.count_nonzero(dX) == 4


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaxPooling2D(3), (2, 5, 1), r"MaxPooling2D has windows of 3 × 3, but received samples of"),
        (AveragePooling1D(7), (6, 4), "windows of 7, but .* choose smaller windows, or padding"),
        (MaxPooling2D(), (28, 28), r"\(N, H, W, C\) but received one of shape \(N, 28, 28\): add"),
        (MaxPooling2D(), (784,), r"bring the samples into this form, .* Reshape\(\(H, W, C\)\)"),
        (MaxPooling1D(), (28,), r"\(N, T, C\) but .* axis of the channels, .* X\["),
        (GlobalAveragePooling2D(), (7, 7), "add the axis of the channels"),
        (GlobalMaxPooling1D(), (7, 7, 3), r"\(N, T, C\) but received one of shape \(N, 7, 7, 3\)"),
    ],
)
def test_samples_that_do_not_fit_are_found_before_training(
    layer: Any, shape: Any, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=message):
        layer.forward(np.zeros((5, *shape)), training=True)
    model = bp.Sequential([layer, Flatten(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=r"windows of|takes arrays of shape"):
        model.fit(np.zeros((5, *shape)), np.zeros((5, 1)), verbose=0)


def test_arguments_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match=r"pool_size of \w+ must be an integer .* or 2 of them"):
        MaxPooling2D(0)
    with pytest.raises(ValueError, match=r"pool_size .* but it is \(2, 2, 2\)"):
        MaxPooling2D((2, 2, 2))
    with pytest.raises(ValueError, match=r"strides .* but it is 1\.5"):
        MaxPooling1D(2, 1.5)
    with pytest.raises(ValueError, match=r"padding of \w+ must be 'valid' or 'same', .* 'full'"):
        AveragePooling2D(padding="full")


@pytest.mark.parametrize("make", [MaxPooling2D, AveragePooling2D, lambda: MaxPooling2D(3, 2)])
def test_a_training_step_allocates_no_array_of_the_batchs_size(make: Any, rng: Any) -> None:
    layer = make()
    X = rng.standard_normal((64, 16, 16, 8)).astype(np.float32)
    delta = np.ones((64, *layer.output_shape(X.shape[1:])), np.float32)
    assert peak_of_a_step(layer, X, delta) < X.nbytes / 4


def test_steps_that_a_mask_leaves_out_count_for_nothing(rng: Any) -> None:
    X, lengths = rng.standard_normal((4, 6, 2)), np.array([6, 1, 3, 0])
    mask = np.arange(6) < lengths[:, np.newaxis]
    layer = GlobalAveragePooling1D()
    Y = layer.forward(X, training=True, mask=mask)
    for x, y, length in zip(X, Y, lengths, strict=True):
        assert np.allclose(y, x[:length].mean(axis=0) if length else 0, rtol=1e-13)
    assert np.array_equal(Y, layer.forward(X, mask=mask))
    dX = layer.backward(np.ones((4, 2)))
    assert not dX[~mask].any()
    assert np.allclose(dX.sum(axis=(1, 2)), 2 * (lengths > 0))
    layer.forward(X, training=True)  # without a mask all of them count again
    assert np.allclose(layer.backward(np.ones((4, 2))), 1 / 6)


@pytest.mark.parametrize(
    "layer", [MaxPooling2D(), GlobalMaxPooling1D(), GlobalAveragePooling1D(), Flatten()]
)
def test_no_mask_is_handed_on_where_there_are_other_steps(layer: Any) -> None:
    assert layer.output_mask(np.zeros((2, 4, 3)), np.ones((2, 4), bool)) is None
