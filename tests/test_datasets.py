"""The packed sets against published facts, the stratified split and the standardization."""

import re
from pathlib import Path

import numpy as np
import pytest

from backprop.core.errors import ShapeError
from backprop.datasets import (
    bundled,
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    standardize,
    stratified_split,
)

# ---------------------------------------------------------------------------------- packed sets

# Counts as the UCI Machine Learning Repository prints them for each set.
LOADERS = {
    "digits": (load_digits, 64, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    "iris": (load_iris, 4, [50, 50, 50]),
    "wine": (load_wine, 13, [59, 71, 48]),
    "breast_cancer": (load_breast_cancer, 30, [212, 357]),
}


@pytest.mark.parametrize("name", LOADERS)
def test_loader_gives_float32_rows_and_int64_classes(name):
    load, n_features, counts = LOADERS[name]
    (X, y), (X_test, y_test) = load()
    for part, classes in ((X, y), (X_test, y_test)):
        assert part.dtype == np.float32
        assert part.flags.c_contiguous
        assert part.flags.writeable
        assert part.shape == (len(classes), n_features)
        assert np.isfinite(part).all()
        assert classes.dtype == np.int64
        assert classes.ndim == 1
    assert len(y) + len(y_test) == sum(counts)


@pytest.mark.parametrize("name", LOADERS)
def test_loader_puts_a_fifth_of_every_class_into_the_test_part(name):
    load, _, counts = LOADERS[name]
    (_, y), (_, y_test) = load()
    n_test = np.round(0.2 * np.array(counts)).astype(int)
    assert np.bincount(y_test).tolist() == n_test.tolist()
    assert np.bincount(y).tolist() == (counts - n_test).tolist()


@pytest.mark.parametrize("name", LOADERS)
def test_two_calls_give_equal_arrays_that_share_no_memory(name):
    load = LOADERS[name][0]
    first, second = load(), load()
    for (X, y), (X_again, y_again) in zip(first, second, strict=True):
        np.testing.assert_array_equal(X, X_again)
        np.testing.assert_array_equal(y, y_again)
        assert not np.shares_memory(X, X_again)


@pytest.mark.parametrize(
    ("name", "first_classes"),
    [
        ("digits", [9, 3, 7, 1, 6, 9, 9, 9, 5, 1, 7, 3]),
        ("iris", [1, 2, 1, 2, 0, 2, 0, 1, 2, 2, 2, 1]),
        ("wine", [1, 0, 0, 2, 1, 1, 0, 2, 1, 1, 2, 1]),
        ("breast_cancer", [0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0]),
    ],
)
def test_split_is_the_one_that_published_results_were_made_with(name, first_classes):
    # Fails should a NumPy release change the stream of its Generators.
    _, (_, y_test) = LOADERS[name][0]()
    assert y_test[:12].tolist() == first_classes


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_measurements_are_standardized_by_the_training_part_alone(name):
    (X, _), (X_test, _) = LOADERS[name][0]()
    np.testing.assert_allclose(X.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(X.std(axis=0, dtype=np.float64), 1, atol=1e-6)
    assert np.abs(X_test.mean(axis=0)).max() > 1e-3  # a leak would bring it near 0

    (raw, _), (raw_test, _) = stratified_split(*bundled._load(name))
    expected = (raw_test - raw.mean(axis=0)) / raw.std(axis=0)
    np.testing.assert_allclose(X_test, expected, rtol=1e-6, atol=1e-6)


def test_digits_as_images():
    for (X, y), (P, same) in zip(load_digits(), load_digits(images=True), strict=True):
        assert P.shape == (len(X), 8, 8, 1)
        np.testing.assert_array_equal(P.reshape(len(X), -1), X)
        np.testing.assert_array_equal(y, same)


def test_digits_are_sixteenths_and_keep_every_pixel():
    (X, _), (X_test, _) = load_digits()
    pixels = 16 * np.concatenate([X, X_test])
    np.testing.assert_array_equal(pixels, np.round(pixels))
    assert (pixels.min(), pixels.max()) == (0, 16)
    assert pixels.sum(dtype=np.float64) == 561718


def test_first_digit_is_the_well_known_zero():
    raw, y = bundled._load("digits")
    assert y[:10].tolist() == list(range(10))
    assert raw[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]


def test_iris_has_the_published_means_and_the_two_rows_as_fisher_printed_them():
    raw, y = bundled._load("iris")
    np.testing.assert_allclose(raw.mean(axis=0), [5.843, 3.057, 3.758, 1.199], atol=5e-4)
    np.testing.assert_allclose(raw.std(axis=0, ddof=1), [0.828, 0.436, 1.765, 0.762], atol=5e-4)
    assert raw[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert raw[37].tolist() == [4.9, 3.6, 1.4, 0.1]
    petal_length = [raw[y == c, 2].mean() for c in range(3)]  # setosa, versicolor, virginica
    np.testing.assert_allclose(petal_length, [1.462, 4.260, 5.552], atol=5e-4)


def test_wine_has_the_published_ranges():
    raw, _ = bundled._load("wine")
    alcohol, proline = raw[:, 0], raw[:, 12]
    assert (alcohol.min(), alcohol.max()) == (11.03, 14.83)
    assert (proline.min(), proline.max()) == (278, 1680)
    assert round(proline.mean()) == 747


def test_breast_cancer_class_0_is_malignant():
    raw, y = bundled._load("breast_cancer")
    radius, worst_area = raw[:, 0], raw[:, 23]
    assert (radius.min(), radius.max()) == (6.981, 28.11)
    assert (worst_area.min(), worst_area.max()) == (185.2, 4254)
    # Malignant nuclei are the larger ones: mean radius 17.46 against 12.15.
    np.testing.assert_allclose([radius[y == c].mean() for c in (0, 1)], [17.46, 12.15], atol=5e-3)


def test_packed_files_stay_small():
    folder = Path(bundled.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.npz")) < 170_000


# ------------------------------------------------------------------------------------ the split


def test_split_keeps_rows_and_classes_together_and_loses_none():
    y = np.repeat([0, 1, 2], [10, 20, 33])
    X = np.column_stack([np.arange(63), 100 * y])
    (X_train, y_train), (X_test, y_test) = stratified_split(X, y)
    np.testing.assert_array_equal(X_train[:, 1], 100 * y_train)
    np.testing.assert_array_equal(X_test[:, 1], 100 * y_test)
    assert sorted([*X_train[:, 0], *X_test[:, 0]]) == list(range(63))
    assert np.bincount(y_test).tolist() == [2, 4, 7]


def test_split_mixes_the_classes():
    y = np.repeat([0, 1], 50)
    (_, y_train), (_, y_test) = stratified_split(y[:, None], y)
    for part in (y_train, y_test):
        assert np.count_nonzero(np.diff(part)) > 1
        assert set(part[-8:]) == {0, 1}


def test_seeds_give_other_splits_and_the_same_seed_the_same():
    X, y = np.arange(40), np.tile([0, 1], 20)
    test_rows = [stratified_split(X, y, seed=seed)[1][0].tolist() for seed in (0, 1, 0)]
    assert test_rows[0] == test_rows[2]
    assert sorted(test_rows[0]) != sorted(test_rows[1])


@pytest.mark.parametrize(("fraction", "n_test"), [(0.01, [1, 1]), (0.5, [1, 3]), (0.99, [1, 5])])
def test_split_leaves_a_sample_of_each_class_on_both_sides(fraction, n_test):
    y = np.array([0, 0, 1, 1, 1, 1, 1, 1])
    (_, y_train), (_, y_test) = stratified_split(np.eye(8), y, test_fraction=fraction)
    assert np.bincount(y_test).tolist() == n_test
    assert np.bincount(y_train).tolist() == [2 - n_test[0], 6 - n_test[1]]


def test_split_takes_names_as_classes_and_samples_of_any_shape():
    y = np.array(["cat", "dog"] * 5)
    images = np.zeros((10, 4, 4, 1), dtype=np.float32)
    (X_train, _), (X_test, y_test) = stratified_split(images, y)
    assert X_train.shape == (8, 4, 4, 1)
    assert X_test.dtype == np.float32
    assert sorted(y_test) == ["cat", "dog"]


def test_split_leaves_its_arguments_and_the_global_random_state_alone():
    X, y = np.arange(10), np.tile([0, 1], 5)
    X.flags.writeable = y.flags.writeable = False
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    stratified_split(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("rows", [np.eye(2, dtype=int)[[0, 1] * 4], np.array([[0], [1]] * 4)])
@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, "pandas", "polars"])
def test_the_advice_on_rows_of_classes_is_code_for_lists_and_frames_too(kind, rows):
    make = pytest.importorskip(kind).DataFrame if isinstance(kind, str) else kind
    y, X = make(rows), np.arange(8)
    with pytest.raises(ShapeError, match="stratified_split needs one class a sample") as caught:
        stratified_split(X, y)
    for_rows, for_column = re.search(
        r"pass (.*) for one-hot rows, (.*) for", str(caught.value)
    ).groups()
    code = for_rows if rows.shape[1] > 1 else for_column
    (_, found), _ = stratified_split(X, eval(code, {"np": np, "y": y}))
    assert sorted(found) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_frame_of_one_column_of_text_is_told_to_be_a_column(kind):
    y, X = pytest.importorskip(kind).DataFrame({"species": ["a", "b"] * 4}), np.arange(8)
    with pytest.raises(ShapeError, match=r"np\.ravel\(y\) for a single column"):
        stratified_split(X, y)
    (_, found), _ = stratified_split(X, np.ravel(y))
    assert sorted(found) == ["a"] * 3 + ["b"] * 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": np.eye(4)}, ShapeError, r"shape \(4, 4\).*argmax"),
        ({"y": [0, 1, 0]}, ShapeError, r"X of shape \(4, 1\) and 3 classes"),
        ({"X": 3.0}, ShapeError, r"shape \(\)"),
        ({"X": np.zeros((0, 2)), "y": []}, ValueError, "no samples"),
        ({"y": [0, 0, 0, 1]}, ValueError, "at least two samples.*holds 1 of class 1"),
        ({"y": [0.0, 0.0, np.nan, np.nan]}, ValueError, "y holds nan, first in row 2"),
        ({"y": ["a", 1, "a", 1]}, TypeError, "row 0 holds the str 'a' and row 1 holds the int 1"),
        ({"y": np.array(["2024", "NaT"] * 2, "M8[Y]")}, ValueError, "holds NaT, first in row 1"),
        (
            {"test_fraction": 0},
            ValueError,
            "test_fraction must lie between 0 and 1, both excluded, but it is 0",
        ),
        ({"test_fraction": 1.0}, ValueError, "test_fraction must lie.*but it is 1.0"),
        ({"test_fraction": float("nan")}, ValueError, "test_fraction must lie.*but it is nan"),
        ({"test_fraction": "0.2"}, TypeError, "test_fraction must be a number, but it is '0.2'"),
        ({"test_fraction": True}, TypeError, "test_fraction must be a number, but it is True"),
        ({"seed": -1}, ValueError, "seed must be an integer of 0 or more, but it is -1"),
        ({"seed": 1.5}, ValueError, "seed must be an integer of 0 or more, but it is 1.5"),
        ({"seed": None}, ValueError, "seed must be an integer of 0 or more, but it is None"),
    ],
)
def test_split_names_the_wrong_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        stratified_split(**{"X": np.zeros((4, 1)), "y": [0, 0, 1, 1]} | arguments)


# -------------------------------------------------------------------------------- standardize


def test_standardize_takes_mean_and_std_from_the_first_array():
    X, X_test = standardize(np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[5.0, 20.0]]))
    np.testing.assert_allclose(X, [[-1, -1], [1, 1]])
    np.testing.assert_allclose(X_test, [[3, 0]], atol=1e-15)


def test_standardize_divides_a_constant_feature_by_one():
    # The mean of seven times 0.1 is not 0.1, and its computed std is not 0.
    X, X_test = standardize(np.full((7, 1), 0.1), np.array([[2.1]]))
    np.testing.assert_allclose(X, 0, atol=1e-15)
    np.testing.assert_allclose(X_test, 2.0)


def test_standardize_keeps_floating_dtypes_and_turns_integers_into_float64():
    single, double, whole = standardize(
        np.array([[1.0], [2.0]], dtype=np.float32), np.array([[1.0]]), np.array([[1]])
    )
    assert (single.dtype, double.dtype, whole.dtype) == (np.float32, np.float64, np.float64)


def test_standardize_computes_in_float64():
    X = np.array([[1e4], [1e4 + 0.5], [1e4 + 1]], dtype=np.float32)
    (scaled,) = standardize(X)
    np.testing.assert_allclose(scaled, [[-np.sqrt(1.5)], [0], [np.sqrt(1.5)]], rtol=1e-6)


def test_standardize_does_not_write_into_its_arguments():
    X = np.array([[1.0], [2.0]])
    X.flags.writeable = False
    (scaled,) = standardize(X)
    assert not np.shares_memory(X, scaled)
    assert X.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ([np.zeros((2, 3)), np.zeros((2, 4))], ShapeError, r"\(2, 4\) beside X of shape \(2, 3\)"),
        ([np.zeros((0, 3))], ShapeError, r"at least one row in X, received shape \(0, 3\)"),
        ([np.float64(1.0)], ShapeError, r"received shape \(\)"),
        ([[["a"], ["b"]]], TypeError, "real numbers, received text or other objects"),
        ([np.array([["a"], ["b"]])], TypeError, "real numbers, received dtype <U1"),
        ([np.array([[1.0], [np.nan]])], ValueError, "X holds NaN or infinite values"),
        ([np.array([[1.0], [np.inf]])], ValueError, "X holds NaN or infinite values"),
    ],
)
def test_standardize_names_what_is_wrong(arrays, error, message):
    with pytest.raises(error, match=message):
        standardize(*arrays)


@pytest.mark.parametrize("large", [1e300, np.longdouble("1e400")], ids=["float64", "longdouble"])
def test_standardize_refuses_numbers_whose_squares_overflow(large):
    X = np.array([[1, 2], [3, large], [5, 6]], dtype=type(large))
    with pytest.raises(ValueError, match="the squares of X overflow in float64"):
        standardize(X)


@pytest.mark.parametrize(
    "feature", [1e-300 * np.arange(4), 2**62 + np.arange(4)], ids=["underflow", "large integers"]
)
@pytest.mark.parametrize("width", [(), (1,)])
def test_standardize_refuses_a_feature_of_which_float64_keeps_nothing(feature, width):
    X = feature.reshape(-1, *width)
    with pytest.raises(ValueError, match="of a feature of X that is not constant is 0 in float64"):
        standardize(X)
    standardize(X - X.min() if feature[0] else X / X.max())  # as it says


def test_standardizing_again_after_another_split_is_as_good_as_from_the_raw_values():
    raw, raw_y = bundled._load("wine")
    once = standardize(raw[:100], raw)[1]
    (X, _), _ = stratified_split(raw, raw_y, seed=1)
    (again, _), _ = stratified_split(once, raw_y, seed=1)
    np.testing.assert_allclose(standardize(again)[0], standardize(X)[0], atol=1e-12)
