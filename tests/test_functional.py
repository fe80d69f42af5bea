"""The stable formulas against the plain ones, and the derivative that all tests lean on."""

import math

import numpy as np
import pytest
from derivatives import derivative, relative_error

from backprop.core.functional import (
    FEW_COLUMNS,
    FEW_ROWS,
    PROBABILITY_FLOOR,
    at_columns,
    ones,
    pixels_of_row,
    row_argmax,
    row_max,
    row_starts,
    row_sum,
    safe_log,
    safe_log_slope,
    sigmoid,
    softmax,
    softplus,
)

GRID = np.array([-30.0, -5, -1, -1e-3, -0.0, 0.0, 1e-9, 0.5, 1, 2, 20, 31, 36])
EXTREMES = np.array([-1e4, -1e3, -745.2, 745.2, 1e3, 1e4])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def log_softmax_partition(Z, out=None):
    m, S = softmax(Z, out)[1]
    return m + np.log(S)


def only_probabilities(Z, out=None):
    return softmax(Z, out)[0]


@each_dtype
@pytest.mark.parametrize(
    "f", [sigmoid, softplus, only_probabilities, log_softmax_partition, safe_log, safe_log_slope]
)
def test_dtype_kept_input_unchanged_result_fresh(f, dtype):
    X = np.random.default_rng(0).uniform(0, 1, (2, 3, 4)).astype(dtype)
    before = X.copy()
    X.setflags(write=False)
    Y = f(X)
    assert Y.dtype == dtype
    assert Y.shape == (2, 3, 1 if f is log_softmax_partition else 4)
    assert not np.shares_memory(X, Y)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("f", [sigmoid, softplus, only_probabilities])
def test_out_receives_the_result(f):
    X = np.random.default_rng(0).standard_normal((3, 4))
    out = np.empty_like(X)
    assert f(X, out) is out
    np.testing.assert_array_equal(out, f(X))


def test_sigmoid_is_the_logistic_function():
    expected = [1 / (1 + math.exp(-z)) for z in GRID]
    # by tanh: good to a rounding error of 1, not of a value near 0
    np.testing.assert_allclose(sigmoid(GRID), expected, rtol=0, atol=2.3e-16)
    np.testing.assert_array_equal(sigmoid(EXTREMES), [0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(sigmoid(GRID) + sigmoid(-GRID), 1, rtol=3e-16)


def test_softplus_is_the_log_of_1_plus_exp():
    expected = [math.log1p(math.exp(z)) for z in GRID]
    np.testing.assert_allclose(softplus(GRID), expected, rtol=5e-16)
    np.testing.assert_array_equal(softplus(EXTREMES), [0, 0, 0, 745.2, 1e3, 1e4])
    single = softplus(GRID.astype("float32"))
    np.testing.assert_allclose(single, softplus(GRID), rtol=3e-7)


@each_dtype
def test_softmax_by_hand(dtype):
    Z = np.log(np.array([[1, 2, 5], [4, 4, 4]], dtype))
    A, (m, S) = softmax(Z)
    log_partition = m + np.log(S)
    tiny = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(A, [[1 / 8, 2 / 8, 5 / 8], [1 / 3] * 3], rtol=tiny)
    np.testing.assert_allclose(log_partition, np.log([[8], [12]]), rtol=tiny)


def test_softmax_does_not_see_a_shift():
    Z = np.random.default_rng(0).standard_normal((4, 5))
    A, (m, S) = softmax(Z)
    log_partition = m + np.log(S)
    np.testing.assert_allclose(A.sum(axis=-1), 1, rtol=4e-16)
    for shift in (-1e4, 1e4):
        B, (m, S) = softmax(Z + shift)
        other = m + np.log(S)
        np.testing.assert_allclose(B, A, rtol=1e-11)  # Z + 1e4 has lost four digits
        np.testing.assert_allclose(other - shift, log_partition, atol=1e-11)


@each_dtype
def test_softmax_of_extremes(dtype):
    A, (m, S) = softmax(np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype))
    log_partition = m + np.log(S)
    np.testing.assert_allclose(A, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(log_partition, [[1e4], [-1e4 + math.log(3)]], rtol=1e-7)


def test_softmax_runs_along_the_last_axis():
    Z = np.random.default_rng(0).standard_normal((2, 3, 4))
    A, (m, S) = softmax(Z)
    log_partition = m + np.log(S)
    rows, (m, S) = softmax(Z.reshape(6, 4))
    row_partitions = m + np.log(S)
    tiny = 2 * np.finfo(float).eps  # BLAS sums a row in another order beside other rows
    np.testing.assert_allclose(A.reshape(6, 4), rows, rtol=tiny)
    np.testing.assert_allclose(log_partition.reshape(6, 1), row_partitions, rtol=tiny)
    np.testing.assert_allclose(softmax(Z[0, 0])[0], A[0, 0], rtol=tiny)


@pytest.mark.parametrize("shape", [(3,), (1, 5), (20, 3), (20, 16), (20, 17), (4, 5, 3), (15, 3)])
def test_the_maximum_and_the_sum_of_every_row(shape):
    Z = np.random.default_rng(0).standard_normal(shape)
    for form in (Z, np.asfortranarray(Z)):
        np.testing.assert_array_equal(row_max(form), Z.max(axis=-1))
        np.testing.assert_allclose(row_sum(form), Z.sum(axis=-1), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shape", [(1, 5), (FEW_ROWS, 3), (20, FEW_COLUMNS), (1, 20, 3), (2, 0, 3)])
def test_the_largest_of_every_row_of_few(rng, shape):
    Z = rng.integers(0, 4, shape) * 0.1  # with ties
    for form in (Z, np.asfortranarray(Z)):
        largest = row_argmax(form)
        np.testing.assert_array_equal(largest, Z.argmax(axis=-1))
        np.testing.assert_array_equal(at_columns(form, largest), Z.max(axis=-1))
        for one, other in zip(*(softmax(form, None, k) for k in (None, largest)), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(FEW_ROWS + 1, 3), (2, FEW_COLUMNS + 1), (4, 9, 3)])
def test_the_largest_is_not_looked_for_where_it_costs_time(shape):
    assert row_argmax(np.zeros(shape)) is None


@pytest.mark.parametrize("kept", [ones(3, np.dtype("float32")), row_starts(6, 2, (3,))])
def test_what_is_kept_cannot_be_changed_by_mistake(kept):
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 2


def test_safe_log_is_the_log_above_the_floor():
    p = np.array([PROBABILITY_FLOOR, 1e-6, 1e-3, 0.5, 1.0])
    np.testing.assert_array_equal(safe_log(p), np.log(p))
    np.testing.assert_array_equal(safe_log_slope(p), 1 / p)


def test_safe_log_is_the_tangent_below_the_floor():
    p = np.array([0.0, 1e-300, 1e-8, 2e-7])
    assert pytest.approx(math.e * 1e-7, rel=1e-15) == PROBABILITY_FLOOR
    expected = [math.log(PROBABILITY_FLOOR) + v / PROBABILITY_FLOOR - 1 for v in p]
    np.testing.assert_allclose(safe_log(p), expected, rtol=1e-15)
    np.testing.assert_allclose(safe_log(p)[0], math.log(1e-7), rtol=1e-15)
    np.testing.assert_array_equal(safe_log_slope(p), np.full(4, 1 / PROBABILITY_FLOOR))


@pytest.mark.parametrize("unit", [1e-9, 5e-8, 1e-6])
def test_slope_of_safe_log_is_its_derivative(unit):
    x = np.array([0.3, 0.9, 1.4])  # p in units of p, so that the step of 2e-3 is small against it
    found = derivative(lambda: float(np.sum(safe_log(unit * x))), x)
    assert relative_error(found, unit * safe_log_slope(unit * x)) <= 1e-7


def test_the_independent_derivative_finds_what_is_wrong():
    """The helper of all derivative checks: right to 1e-10, and blind to nothing."""
    X = np.array([[0.3, -1.2], [2.0, 0.0]])
    before = X.copy()
    found = derivative(lambda: float(np.sum(np.exp(X) * np.sin(3 * X))), X)
    exact = np.exp(X) * (np.sin(3 * X) + 3 * np.cos(3 * X))
    assert relative_error(found, exact) < 1e-10
    np.testing.assert_array_equal(X, before)
    assert relative_error(found, 1.0001 * exact) > 5e-5
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
    assert relative_error(np.zeros(2), np.array([0, 1e-9])) == 1


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [((64, 28, 28, 6), 56), ((64, 10, 10, 16), 25), ((4096, 6), 64), ((64, 101, 8), 64)],
)
def test_rows_of_pixels_are_those_of_one_sample(shape: tuple[int, ...], pixels: int) -> None:
    """Where a sample's pixels can be divided so: then threads can cut the rows between samples."""
    assert pixels_of_row(np.empty(shape, "f4")) == pixels
