"""The checks of users' arrays, one function at a time; whole calls are in ``test_errors.py``."""

import re

import numpy as np
import pandas as pd
import pytest

from backprop.core.checks import check_dtype, check_integer, check_list, check_real
from backprop.core.errors import ShapeError
from backprop.data.inputs import check_inputs
from backprop.data.samples import Data, check_data, split_validation, weight_by_class
from backprop.layers import Dense
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

FLOAT64 = np.dtype("float64")
LAYER = Dense(1, name="dense_1")


# ----------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
def test_arrays_of_numbers_pass_as_they_are(dtype):
    X = np.ones((3, 2), dtype)
    assert check_inputs(X, (2,), [LAYER], drawn=True) is X
    assert check_inputs(X, None, [LAYER]) is X


def test_lists_become_arrays():
    np.testing.assert_array_equal(check_inputs([[1, 2], [3, 4]], None, [LAYER]), [[1, 2], [3, 4]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 4095, 4096, 9999])
def test_row_of_the_first_bad_number_is_named(bad, row):
    X = np.zeros((10000, 3), "float32")
    X[row, 2] = X[9999, 0] = bad
    with pytest.raises(
        ValueError, match=rf"^x holds nan or infinite .* in row {row}, column [02]: remove or"
    ):
        check_inputs(X, None, [LAYER])


def test_bad_number_is_found_in_an_image():
    X = np.zeros((5, 4, 4, 1))
    X[3, 1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="in row 3"):
        check_inputs(X, (4, 4, 1), [LAYER])


def test_large_memory_map_is_not_read_through_nor_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", 0)
    np.save(tmp_path / "X.npy", np.full((3, 2), np.nan))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert check_inputs(X, (2,), [LAYER], drawn=True) is X


# ---------------------------------------------------------------------- targets and weights


def checked(y, loss=None, n=4, output_shape=(1,), **weights):
    options = {"sample_weight": None, "class_weight": None} | weights
    X = np.zeros((n, 2))
    return check_data(
        X,
        y,
        **options,
        output_shape=output_shape,
        loss=loss or MeanSquaredError(),
        dtype=FLOAT64,
    )


def test_data_come_back_as_the_loss_needs_them():
    data = checked([1, 2, 3, 4])
    assert data.y.shape == (4, 1)
    assert data.y.dtype == FLOAT64
    assert data.weight is None
    assert len(data) == 4
    classes = checked(
        np.array([[0.0], [1.0], [2.0], [1.0]]), SparseCategoricalCrossentropy(), output_shape=(3,)
    )
    np.testing.assert_array_equal(classes.y, [0, 1, 2, 1])
    assert classes.y.dtype == np.intp


def test_sample_weights_come_in_the_dtype_of_the_model():
    data = checked([1, 2, 3, 4], sample_weight=[1, 0, 2, 3])
    assert data.weight.dtype == FLOAT64
    np.testing.assert_array_equal(data.weight, [1, 0, 2, 3])


def test_rows_are_views():
    data = Data(np.arange(6.0).reshape(3, 2), np.arange(3.0), np.arange(3.0) + 5)
    part = data.rows(slice(1, 3))
    np.testing.assert_array_equal(part.X, [[2, 3], [4, 5]])
    np.testing.assert_array_equal(part.y, [1, 2])
    np.testing.assert_array_equal(part.weight, [6, 7])
    assert np.shares_memory(part.X, data.X)
    assert Data(data.X, data.y).rows(slice(1)).weight is None


def weights_of(target, n_outputs, class_weight):
    return weight_by_class(np.asarray(target), (n_outputs,), class_weight, FLOAT64).tolist()


def test_class_weights_of_all_three_forms_of_classes():
    assert weights_of([0, 2, 1, 2], 3, {2: 5.0, 0: 0.5}) == [0.5, 5, 1, 5]
    assert weights_of(np.eye(3)[[0, 2, 1, 2]], 3, {2: 5, 0: 0.5}) == [0.5, 5, 1, 5]
    assert weights_of([[0.0], [1.0], [1.0]], 1, {1: np.float32(3)}) == [1, 3, 3]
    assert weights_of([0, 1], 2, {np.int64(1): 2, 0: 0}) == [0, 2]
    assert weights_of([0, 1], 2, {}) == [1, 1]
    assert weights_of([[-1.0, 1, -1], [1, -1, -1]], 3, {1: 2.0}) == [2, 1]
    assert weights_of([[0.1, 0.2, 0.7], [0.95, 0.05, 0.05]], 3, {2: 5}) == [5, 1]  # smoothed
    assert weights_of([[0.4, 0.35, 0.25]], 3, {0: 3.0}) == [3]
    counts = np.array([[3.0, 2.0, 5.0]])
    assert weight_by_class(counts, (3,), {2: 4.0}, FLOAT64, known=True).tolist() == [4]


@pytest.mark.parametrize(
    ("target", "n_outputs", "class_weight", "error", "words"),
    [
        ([0, 1], 2, [1, 2], TypeError, ["class_weight", "dict", "[1, 2]"]),
        ([0, 1], 2, {2: 1.0}, ValueError, ["class_weight", "key 2", "from 0 to 1"]),
        ([0, 1], 2, {-1: 1.0}, ValueError, ["class_weight", "key -1", "from 0 to 1"]),
        ([0, 1], 2, {0.5: 1.0}, ValueError, ["class_weight", "key 0.5"]),
        ([0, 1], 2, {"a": 1.0}, ValueError, ["class_weight", "key 'a'"]),
        ([0, 1], 2, {0: -1.0}, ValueError, ["class_weight[0]", "0 or more", "-1.0"]),
        ([0, 1], 2, {0: np.nan}, ValueError, ["class_weight[0]", "nan"]),
        ([0, 1], 2, {0: np.inf}, ValueError, ["class_weight[0]", "finite", "inf"]),
        ([0, 1], 2, {0: None}, TypeError, ["class_weight[0]", "None"]),
        ([0, 1], 2, {0: "2"}, TypeError, ["class_weight[0]", "'2'"]),
        ([[0.3], [1.0]], 1, {0: 2.0}, ValueError, ["targets", "classes", "sample_weight"]),
        ([[0.0], [7.0]], 1, {0: 2.0}, ValueError, ["targets", "classes from 0 to 1"]),
        ([[0.0], [-1.0]], 1, {0: 2.0}, ValueError, ["targets", "classes from 0 to 1"]),
        ([[0.5, -2.0, 1.0]], 3, {0: 2.0}, ValueError, ["targets", "classes from 0 to 2"]),
        ([[3.0, 2.0, 5.0]], 3, {0: 2.0}, ValueError, ["classes", "sample_weight for others"]),
        ([[0.7, 0.8, 0.9]], 3, {0: 2.0}, ValueError, ["classes", "sample_weight for others"]),
        (np.zeros((2, 5, 3)), 3, {0: 2.0}, ValueError, ["targets", "one for each sample"]),
    ],
)
def test_wrong_class_weights(target, n_outputs, class_weight, error, words):
    with pytest.raises(error) as caught:
        weights_of(target, n_outputs, class_weight)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "loss", [BinaryCrossentropy(), CategoricalCrossentropy(), MeanSquaredError()]
)
def test_both_kinds_of_weights_at_once(loss):
    with pytest.raises(ValueError, match="sample_weight or class_weight, not both"):
        checked(np.eye(2)[[0, 1, 1, 0]], loss, output_shape=(2,), sample_weight=[1] * 4,
                class_weight={0: 1.0})  # fmt: skip


# --------------------------------------------------------------------------------- the split


@pytest.mark.parametrize(
    ("n", "fraction", "cut"),
    [(10, 0.2, 8), (10, 0.25, 7), (10, 0.01, 9), (7, 0.5, 3), (3, 0.34, 1), (100, 0.29, 71)],
)
def test_split_cuts_at_the_floor_and_takes_the_last_rows(n, fraction, cut):
    data = Data(np.arange(2.0 * n).reshape(n, 2), np.arange(n), np.arange(n) / 10)
    train, validation = split_validation(data, fraction)
    assert train.y.tolist() == list(range(cut))
    assert validation.y.tolist() == list(range(cut, n))
    np.testing.assert_array_equal(np.vstack([train.X, validation.X]), data.X)
    np.testing.assert_array_equal(validation.weight, data.weight[cut:])


@pytest.mark.parametrize("fraction", [1.0, -0.1, 1.5, np.nan, True, "0.2", [0.2]])
def test_split_outside_0_to_1(fraction):
    data = Data(np.zeros((10, 2)), np.zeros(10))
    rule = "validation_split must (lie between 0 and 1, both excluded|be a number), but it is"
    with pytest.raises((ValueError, TypeError), match=rule) as caught:
        split_validation(data, fraction)
    assert repr(fraction) in str(caught.value)


@pytest.mark.parametrize(
    ("n", "fraction", "empty"), [(1, 0.5, "training"), (4, 0.9, "training"), (4, 1e-20, "validat")]
)
def test_split_that_leaves_one_side_empty(n, fraction, empty):
    data = Data(np.zeros((n, 2)), np.zeros(n))
    words = re.escape(f"validation_split={fraction} of {n} samples leaves no sample for {empty}")
    with pytest.raises(ValueError, match=words):
        split_validation(data, fraction)


# ------------------------------------------------------------------------------- small checks


@pytest.mark.parametrize("value", [1, 7, np.int32(3)])
def test_positive_integers(value):
    assert check_integer(value, "epochs") == int(value)
    assert type(check_integer(value, "epochs")) is int
    assert check_integer(0, "epochs", 0) == 0


@pytest.mark.parametrize("value", [0, -1, True, 2.5, 2.0, "3", None, [3], np.timedelta64(3, "s")])
def test_what_is_no_positive_integer(value):
    words = re.escape(f"batch_size must be an integer of 1 or more, but it is {value!r}.")
    with pytest.raises(ValueError, match=f"^{words}$"):
        check_integer(value, "batch_size")


def test_a_span_of_time_is_no_number():
    with pytest.raises(TypeError, match=r"^rate must be a number, but it is np\.timedelta64"):
        check_real(np.timedelta64(3, "s"), "rate")


def test_lists():
    assert check_list(None, "metrics") == []
    assert check_list(("a", 1), "metrics") == ["a", 1]
    assert check_list((name for name in "ab"), "metrics") == ["a", "b"]
    for wrong in ("accuracy", 3, len):
        with pytest.raises(TypeError, match=r"^metrics must be a list: write metrics=\["):
            check_list(wrong, "metrics")


@pytest.mark.parametrize("given", [{"accuracy"}, frozenset(["accuracy"])])
def test_a_set_is_no_list(given):
    """Its order is another one in every process: of columns, of metrics, of names of classes."""
    with pytest.raises(TypeError, match=r"^metrics must be a list: write metrics=\['accuracy'\]"):
        check_list(given, "metrics")


def test_dtypes():
    assert check_dtype("float32") == check_dtype(np.float32) == np.dtype("float32")
    assert check_dtype(np.dtype("float64")) == check_dtype(float) == FLOAT64
    for wrong in ("int32", "float16", "complex64", "double precision", None, 3, object):
        with pytest.raises(ValueError, match=r"^dtype must be one of .*float32.*float64"):
            check_dtype(wrong)


def test_ragged_rows_have_an_error_of_their_own():
    with pytest.raises(ShapeError, match=r"^x\[0\] holds numbers beside vectors, first in row 1"):
        check_inputs([[[1, 2], 3], [4, 5]], None, [LAYER])
    with pytest.raises(ShapeError, match=r"^x holds numbers beside vectors, first in row 1"):
        check_inputs([[1, 2], 3], None, [LAYER])


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, np.ma.masked], ids=repr)
def test_what_is_missing_in_the_place_of_a_row_is_named(gap):
    with pytest.raises(
        ValueError, match=r"^x (holds .*|is masked), first in row 1: (remove|leave)"
    ):
        check_inputs([[1.0, 2.0], gap, [3.0, 4.0]], None, [LAYER])
