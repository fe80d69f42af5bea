"""What the estimators refuse because scikit-learn would read something else than is meant."""

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.base
import sklearn.metrics
from sklearn.preprocessing import MultiLabelBinarizer

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Conv2D, Dense, Flatten, Reshape, Sigmoid

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 12
X = np.random.default_rng(0).standard_normal((N, 2))
TARGETS = X[:, 0]
LABELS = np.arange(N) % 2
ROWS = np.eye(2)[LABELS]


def build(n_features, n_outputs):
    return bp.Sequential([Dense(n_outputs)])


SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
ESTIMATORS = {
    "MLPClassifier": (lambda: MLPClassifier(**SMALL), LABELS),
    "MLPRegressor": (lambda: MLPRegressor(**SMALL), TARGETS),
    "SequentialClassifier": (lambda: SequentialClassifier(build, epochs=2, random_state=0), LABELS),
    "SequentialRegressor": (lambda: SequentialRegressor(build, epochs=2, random_state=0), TARGETS),
}


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return ESTIMATORS[request.param][0]()


@pytest.fixture
def y(request):
    return ESTIMATORS[request.node.callspec.params["estimator"]][1]


def masked(x, row=3):
    mask = np.zeros(np.shape(x), bool)
    mask[row] = True
    return np.ma.array(x, mask=mask)


class Endless:
    """Gives samples for any number, as a data set does whose reader does not count."""

    asked = 0

    def __len__(self):
        return N

    def __getitem__(self, k):
        self.asked += 1
        if self.asked > 1000:
            raise MemoryError("it was read to no end")
        return X[k % N]


DATES = pd.date_range("2020", periods=N)
NO_INPUTS = {
    "masked": (masked(X), ValueError, "X is masked, first in row 3"),
    "masked objects": (masked(X.astype(object)), ValueError, "X is masked, first in row 3"),
    "masked rows": (list(masked(X)), ValueError, "X is masked, first in row 3"),
    "endless": (Endless(), TypeError, "X must be an array, but it is a Endless"),
    "lazy": (pl.DataFrame(X).lazy(), TypeError, r"X\.collect\(\)"),
    "pandas": (pd.DataFrame({"a": X[:, 0], "b": DATES}), TypeError, "X .* its column 'b' .* date"),
    "Polars": (
        pl.DataFrame({"a": X[:, 0], "b": [date(2020, 1, 1)] * N}),
        TypeError,
        "X .* its column 'b' has the dtype datetime64",
    ),
    "Polars's lengths": (
        pl.DataFrame({"a": [timedelta(1)] * N, "b": X[:, 0]}),
        TypeError,
        "X .* its column 'a' has the dtype timedelta64",
    ),
    "PyArrow": (
        pa.table({"a": X[:, 0], "b": pa.array([datetime(2020, 1, 1)] * N)}),
        TypeError,
        "X .* its column 'b' has the dtype datetime64",
    ),
}


@pytest.mark.parametrize("kind", NO_INPUTS)
def test_inputs_that_would_be_misread(kind, estimator, y):
    inputs, error, words = NO_INPUTS[kind]
    with pytest.raises(error, match=words):
        estimator.fit(inputs, y)
    estimator.fit(X, y)
    with pytest.raises(error, match=words):
        estimator.predict(inputs)
    with pytest.raises(error, match=words):
        estimator.fit(X, y, validation_data=(inputs, y))


def test_targets_that_are_masked(estimator, y):
    for targets in (masked(y), masked(y.astype(object))):
        with pytest.raises(ValueError, match="y is masked, first in row 3"):
            estimator.fit(X, targets)
    estimator.fit(X, y)
    with pytest.raises(ValueError, match="y is masked, first in row 3"):
        estimator.score(X, masked(y))


def test_targets_that_are_sparse():
    for name in ("MLPRegressor", "SequentialRegressor"):
        estimator = ESTIMATORS[name][0]()
        with pytest.raises(TypeError, match=r"y is a sparse matrix, .*pass y\.toarray\(\)"):
            estimator.fit(X, scipy.sparse.csr_matrix(np.ones((N, 2))))


def test_targets_that_are_dates():
    for targets in (DATES, pd.Series(DATES), pl.Series([date(2020, 1, 1)] * N), DATES - DATES[0]):
        for name in ("MLPRegressor", "SequentialRegressor"):
            with pytest.raises(TypeError, match="y must hold numbers, but it has the dtype"):
                ESTIMATORS[name][0]().fit(X, targets)


@pytest.mark.parametrize("weights", [masked(np.ones(N)), DATES, Endless()], ids=type)
def test_weights_that_would_be_misread(weights, estimator, y):
    with pytest.raises((ValueError, TypeError), match=r"sample_weight (is masked|must)"):
        estimator.fit(X, y, sample_weight=weights)
    with pytest.raises((ValueError, TypeError), match=r"sample_weight (is masked|must)"):
        estimator.fit(X, y, validation_data=(X, y, weights))
    estimator.fit(X, y)
    with pytest.raises((ValueError, TypeError), match=r"sample_weight (is masked|must)"):
        estimator.score(X, y, weights)
    assert estimator.score(X, y, np.ones(N)) == estimator.score(X, y)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_a_part_of_the_samples_that_is_masked(name):
    make, y = ESTIMATORS[name]
    classes = {"classes": [0, 1]} if name == "MLPClassifier" else {}
    with pytest.raises(ValueError, match="X is masked, first in row 3"):
        make().partial_fit(masked(X), y, **classes)


def test_what_is_not_misread_passes(estimator, y):
    """Masked arrays of which nothing is masked, frames of every kind, labels and lists."""
    expected = estimator.fit(X, y).predict(X)
    for inputs in (np.ma.array(X), pl.DataFrame(X, ["a", "b"]), X.tolist(), X.astype(object)):
        again = type(estimator)(**estimator.get_params()).fit(inputs, list(y))
        np.testing.assert_allclose(again.predict(inputs), expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:the loss of the first step")
def test_targets_of_which_the_dtype_keeps_nothing():
    """Of 1.7e9, 1.7e9 + 1, … float32 keeps a single number."""
    regressor = MLPRegressor(**SMALL, dtype="float32")
    with pytest.warns(RuntimeWarning, match="y varies by 11 around 1.7e\\+09.*float32") as told:
        regressor.fit(X, 1.7e9 + np.arange(N))
    assert told[0].filename == __file__


TEXT = np.array(["no", "yes"], dtype=object)[LABELS]
CLASSIFIERS = [make for name, (make, _) in ESTIMATORS.items() if "Classifier" in name]


def without(labels, gap):
    return [*labels[:3], gap, *labels[4:]]


@pytest.mark.parametrize("make", CLASSIFIERS)
@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (without(TEXT, None), "None"),
        (np.array(without(TEXT, None), dtype=object), "None"),
        (pd.Series(without(TEXT, None), dtype=object), "None"),
        (pd.Series(without(TEXT, None), dtype="string"), "<NA>"),
        (pd.Series(without(LABELS.tolist(), pd.NA), dtype=object), "<NA>"),
        (pl.Series(without(TEXT, None)), "None"),
        (pd.Categorical(without(TEXT, pd.NaT)), "nan"),
        (without(TEXT, math.nan), "nan"),
        (pd.cut(without(range(N), 99), [-1, 3, 50]), "nan"),
    ],
)
def test_labels_that_are_missing_are_named_by_their_row(labels, shown, make):
    """scikit-learn sorts them, and ends in Python's words, or says that they are no classes."""
    fitted = make().fit(X, TEXT)
    calls = [lambda: make().fit(X, labels), lambda: fitted.score(X, labels)]
    if isinstance(fitted, MLPClassifier):
        calls += [lambda: make().partial_fit(X, labels, classes=["no", "yes"])]
        calls += [lambda: make().partial_fit(X, TEXT, classes=labels)]
    for call in calls:
        with pytest.raises(ValueError, match=f"(y|classes) holds {shown}, first in row 3: remove"):
            call()


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_date_that_is_missing_is_no_class(make):
    with pytest.raises(ValueError, match="y holds NaT, first in row 3: remove"):
        make().fit(X, pd.to_datetime(pd.Series(without(["2020-01-01"] * N, None))))


@pytest.mark.parametrize("make", CLASSIFIERS)
@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (np.array(without(TEXT, 1), object), "row 0 holds the str '(no|yes)' and row 3 .* int 1"),
        (pd.Series(without([True] * N, "no")), "row 3 holds the str 'no' and row 0 .* bool True"),
        (pd.Series(pd.period_range("2020", periods=N)), "row 0 holds the Period"),
        (pd.cut(range(N), 2), "row 0 holds the Interval"),
    ],
    ids=["integers", "bools", "periods", "intervals"],
)
def test_labels_that_cannot_be_sorted_are_named_by_their_row(labels, shown, make):
    """scikit-learn ends in Python's words, or takes them for numbers of a regression."""
    words = rf"y must hold labels of one kind, .*{shown}.*np\.asarray\(y\)\.astype\(str\)"
    for call in (make().fit, make().fit(X, TEXT).score):
        with pytest.raises(TypeError, match=words):
            call(X, labels)
    assert len(make().fit(X, np.asarray(labels).astype(str)).classes_) > 1


@pytest.mark.parametrize("make", CLASSIFIERS)
@pytest.mark.parametrize(
    ("labels", "plain"),
    [
        ([Decimal(v) for v in LABELS.tolist()], [0, 1]),
        ([Fraction(v) for v in LABELS.tolist()], [0, 1]),
        (pd.Series(LABELS, dtype=object), [0, 1]),
        (np.array(LABELS > 0, dtype=object), [False, True]),
        (TEXT.astype(np.dtypes.StringDType()), ["no", "yes"]),
    ],
    ids=["decimals", "fractions", "integers", "bools", "text of NumPy 2"],
)
def test_labels_among_objects_are_those_labels(labels, plain, make):
    made = make().fit(X, labels)
    assert made.classes_.tolist() == plain
    np.testing.assert_array_equal(made.predict_proba(X), make().fit(X, LABELS).predict_proba(X))
    assert made.score(X, labels) == make().fit(X, LABELS).score(X, LABELS)
    if isinstance(made, MLPClassifier):
        again = make().partial_fit(X, labels, classes=labels)
        assert again.classes_.tolist() == plain


def test_classes_that_are_masked_are_refused():
    with pytest.raises(ValueError, match="classes is masked, first in row 2"):
        MLPClassifier().partial_fit(X, LABELS, classes=np.ma.masked_equal([0, 1, 2], 2))


def test_gaps_in_tables_of_arrow(estimator, y):
    """PyArrow itself gives another entry of a dictionary in the place of what is missing."""
    gaps = pa.chunked_array([pa.array([1, 2, None, 3] * (N // 4)).dictionary_encode()])
    table = pa.table({"a": gaps, "b": X[:, 0]})
    estimator.fit(X, y)
    for call in (lambda: estimator.fit(table, y), lambda: estimator.predict(table)):
        with pytest.raises(ValueError, match="X holds None, first in row 2, column 'a'"):
            call()
    for call in (lambda: estimator.fit(X, gaps), lambda: estimator.score(X, gaps)):
        with pytest.raises(ValueError, match="y holds None, first in row 2"):
            call()
    with pytest.raises(ValueError, match="sample_weight holds None, first in row 2"):
        estimator.fit(X, y, sample_weight=gaps)
    with pytest.raises(ValueError, match="X holds nan, first in row 2, column 'a'"):
        bp.datasets.stratified_split(table, LABELS)


def test_record_batches_of_arrow_have_the_columns_of_tables(estimator, y):
    """scikit-learn knows the names of a table, but not those of the batches that it is read in."""
    table = pa.table(dict(zip("ab", X[:, :2].T, strict=True)))
    (batch,) = table.to_batches()
    estimator.fit(batch, y)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(estimator.predict(batch), estimator.predict(table))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(batch.select(["b", "a"]))


# --------------------------------------------------------------------- what a dtype makes of them

REGRESSORS = {
    "MLPRegressor": lambda: MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, dtype="float32"),
    "lbfgs": lambda: MLPRegressor(
        hidden_layer_sizes=(4,), max_iter=1, dtype="float32", solver="lbfgs"
    ),
    "SequentialRegressor": lambda: SequentialRegressor(one_output, epochs=1),
}


def one_output(n_features, n_outputs):
    model = bp.Sequential([bp.layers.Dense(n_outputs)], seed=0)
    model.compile(bp.optimizers.SGD(1e-30), "mse")
    return model


@pytest.mark.parametrize("make", REGRESSORS.values(), ids=REGRESSORS)
def test_numbers_that_overflow_in_the_dtype_are_named(make):
    large, y = np.array(X, np.float64), np.arange(float(N))
    large[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"[xX] holds 1e\+300 in row 3, column 1, an overflow"):
        make().fit(large, y)
    with pytest.raises(ValueError, match=r"[xX] holds 1e\+300 in row 3, column 1, an overflow"):
        make().fit(X, y, validation_data=(large, y))
    y[3] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 in row 3, an overflow in float32"):
        make().fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:the loss of")
@pytest.mark.parametrize("make", REGRESSORS.values(), ids=REGRESSORS)
def test_numbers_of_which_the_dtype_keeps_nothing_are_told_of(make):
    late, y = 1.7e9 + np.arange(N), np.arange(float(N))
    with pytest.warns(RuntimeWarning, match="^y varies by .* around 1.7e"):
        make().fit(X, late)
    with pytest.warns(RuntimeWarning, match=r"^column \d of [xX] varies by .* around 1.7e"):
        make().fit(np.column_stack([X, late]), y)


COLUMNS = {
    "pandas": lambda x: pd.Series(list(x)),
    "lists": lambda x: pd.Series(x.tolist()),
    "objects": lambda x: np.array([*x, None], object)[:-1],
    "polars": lambda x: pl.Series(x.tolist()),
    "polars_arrays": lambda x: pl.Series(x.tolist(), dtype=pl.Array(pl.Float64, x.shape[1])),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_vectors_is_an_array_of_rows(column, estimator, y):
    x = COLUMNS[column](X)
    other = sklearn.base.clone(estimator).fit(X, y)
    assert estimator.fit(x, y).score(x, y) == other.score(X, y)
    np.testing.assert_array_equal(estimator.predict(x), other.predict(X))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_vectors_is_an_array_of_targets(column):
    for kind, targets in ((MLPRegressor, X), (MLPClassifier, np.eye(3)[np.arange(N) % 3])):
        given = COLUMNS[column](targets)
        found, expected = kind(**SMALL).fit(X, given), kind(**SMALL).fit(X, targets)
        assert found.score(X, given) == expected.score(X, targets)
        np.testing.assert_array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize("columns", [1, 2])
def test_an_array_of_columns_of_vectors_is_told_what_to_do(estimator, y, columns):
    """``frame[["v"]].to_numpy()``: "setting an array element with a sequence", said NumPy."""
    x = pd.DataFrame({k: list(X) for k in range(columns)}).to_numpy()
    advice = r"X .*its columns hold arrays of shape \(2,\): pass np\.array"
    with pytest.raises(ValueError, match=advice) as caught:
        estimator.fit(x, y)
    plain = eval(re.search(r"pass (.*) instead", str(caught.value))[1], {"np": np, "X": x})
    np.testing.assert_array_equal(plain, np.concatenate([X] * columns, axis=1))
    estimator.fit(plain, y)
    for call in (estimator.predict, lambda x: estimator.score(x, y)):
        with pytest.raises(ValueError, match=advice):
            call(x)
    for kind in (MLPRegressor, MLPClassifier):
        with pytest.raises(ValueError, match=r"y .*its columns hold arrays .*: pass np\.array\(y"):
            kind(**SMALL).fit(X, x)


def test_sparse_matrices_in_arrays_of_objects_are_told_how_they_come_out():
    rows = scipy.sparse.csr_matrix(ROWS)
    several = np.empty(N, object)
    several[:] = list(rows)
    for given, code in ((np.array(rows), "{}.item()"), (several, "scipy.sparse.vstack(list({}))")):
        with pytest.raises(TypeError, match=re.escape(f"{code.format('y')}.toarray().")):
            MLPClassifier(**SMALL).fit(X, given)
        with pytest.raises(TypeError, match=re.escape(f"{code.format('X')}.")):
            MLPClassifier(**SMALL).fit(given, LABELS)


def test_vectors_beside_other_columns_are_told_what_to_do(estimator, y):
    frame = pd.DataFrame({"v": list(X), "a": X[:, 0]})
    advice = r"X .*column 'v' holds arrays of shape \(2,\): pass np\.column_stack\(\[np\.stack\(X"
    with pytest.raises(ValueError, match=advice):
        estimator.fit(frame, y)
    with pytest.raises(ValueError, match=advice):
        estimator.fit(X, y).predict(frame)
    with pytest.raises(ValueError, match=r"y .*its column 't' .*pass np\.stack\(y\['t'\]\)"):
        estimator.fit(X, pd.DataFrame({"t": list(X)}))
    with pytest.raises(ValueError, match=r"X holds rows of unequal length \(2, 1\)"):
        estimator.fit(pd.Series([[1, 2], [3]] * (N // 2)), y)


@pytest.mark.parametrize(
    "labels",
    [
        [["a"], ["a", "b"], []] * 4,
        [(0,), (0, 1), ()] * 4,
        pd.Series([["a"], ["a", "b"], []] * 4),
        np.array([[0], [0, 1], []] * 4, object),
        [{"a"}, {"a", "b"}, set()] * 4,
        pd.Series([{0}, {0, 1}, set()] * 4),
    ],
    ids=["lists", "tuples", "column", "array", "sets", "column of sets"],
)
def test_lists_of_the_classes_of_each_sample_are_told_how_they_become_rows(labels):
    model = bp.Sequential([Dense(2), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy")
    words = (
        r"y (holds rows of unequal length|must hold).* MultiLabelBinarizer\(\)\.fit_transform\(y\)"
    )
    for fit in (
        lambda y: MLPClassifier(**SMALL).fit(X, y),
        lambda y: SequentialClassifier(build, epochs=1).fit(X, y),
        lambda y: model.fit(X, y, verbose=0),
        lambda y: model.fit(X, ROWS, validation_data=(X, y), verbose=0),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            fit(labels)
        fit(MultiLabelBinarizer().fit_transform(labels))


def test_what_is_odd_among_vectors_and_labels_is_named_without_the_words_of_numpy(estimator, y):
    column = pd.Series([*list(X)[:4], "error", *list(X)[5:]])
    with pytest.raises(TypeError, match=r"X must hold numbers, .*text, 'error' in row 4"):
        estimator.fit(column, y)
    for labels in ([["a", "b"], ["c"]], [[0, 1], [1]]):
        for kind in (list, pd.Series):
            with pytest.raises(ValueError, match=r"y holds rows of unequal length \(2, 1\).*class"):
                estimator.fit(X, kind(labels * (N // 2)))


def test_a_weight_that_overflows_is_named():
    weight = np.where(np.arange(20) == 7, 1e39, 1.0)
    x, y = np.random.default_rng(0).random((20, 2), "float32"), np.arange(20.0)
    with pytest.raises(ValueError, match=r"^sample_weight holds 1e\+39 in row 7, an overflow"):
        MLPRegressor(max_iter=2).fit(x, y, sample_weight=weight)


def test_mistakes_in_validation_data_are_said_to_be_there(estimator, y):
    wrong = [
        ((X[:, :1], y), "X has 1 features"),
        ((np.where(X > 1, np.nan, X), y), "Input X contains NaN"),
        ((masked(X), y), "X is masked"),
        ((X, masked(y)), "y is masked"),
        ((X, y[1:]), "inconsistent numbers of samples"),
        ((X, None), "the target y is None"),
        ((X, y, np.ones(N - 1)), "sample_weight.shape"),
        ((X, [[1, 2], [3]] * 6), ""),
        ((X, np.array(["a", "b"] * 6)), ".*'a'"),
    ]
    for data, words in wrong:
        with pytest.raises((ValueError, TypeError), match=f"^validation_data: .*{words}"):
            estimator.fit(X, y, validation_data=data)
    assert len(estimator.fit(X, y, validation_data=(X, y)).history_.history["val_loss"]) == 2


def test_records_are_passed_as_a_frame(estimator, y):
    records = np.rec.fromarrays(list(X.T), names="a,b")
    with pytest.raises(TypeError, match=r"X is an array of records.*pandas\.DataFrame\(X\)"):
        estimator.fit(records, y)
    estimator.fit(pd.DataFrame(records), y)
    with pytest.raises(TypeError, match="X is an array of records"):
        estimator.predict(records)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]


FRAME = pd.DataFrame(X, columns=["a", "b"])
"""``X`` with labels."""


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (FRAME.assign(c="x"), "its column 'c' holds text, 'x' in row 0"),
        (FRAME.assign(c=pd.Categorical(["x"] * N)), "its column 'c' holds text, 'x' in row 0"),
        (pl.DataFrame(X).with_columns(c=pl.lit("x")), "its column 'c' holds text, 'x' in row 0"),
        (pa.table({"a": X[:, 0], "c": ["x"] * N}), "its column 'c' holds text, 'x' in row 0"),
        (FRAME.assign(c=pd.period_range("2020", periods=N)), "row 0, column 'c' holds the Period"),
        (FRAME.assign(c=pd.Timestamp("2020", tz="UTC")), "row 0, column 'c' holds the Timestamp"),
        (FRAME.assign(c=pd.array([None] + [1] * (N - 1))), "nan, first in row 0, column 'c'"),
        ([["x", 1.0]] * N, "it holds text, 'x' in row 0, column 0"),
        (np.array([["x", "y"]] * N), "it holds text, 'x' in row 0, column 0"),
        ({"a": X[:, 0]}, r"it is a dict: .*np\.column_stack\(list\(X\.values\(\)\)\)"),
    ],
)
def test_what_is_no_number_is_named_by_its_column(inputs, words, estimator, y):
    """scikit-learn's "could not convert string to float" says neither where nor what to do."""
    with pytest.raises((TypeError, ValueError), match=f"X .*{words}"):
        estimator.fit(inputs, y)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array"])
def test_sparse_inputs_with_numbers_beyond_their_shape(kind, estimator, y):
    """With which SciPy writes beyond its memory."""
    wrong = getattr(scipy.sparse, kind)(X)
    wrong.indices[0] = 99
    with pytest.raises(ShapeError, match=r"X is a sparse matrix of shape \(12, 2\), but .* 99"):
        estimator.fit(wrong, y)
    with pytest.raises(ShapeError, match=r"X is a sparse matrix of shape \(12, 2\), but .* 99"):
        estimator.fit(X, y).predict(wrong)


@pytest.mark.parametrize("make", [MLPRegressor, lambda: SequentialRegressor(build)])
def test_targets_of_a_regression_that_are_text(make):
    with pytest.raises(TypeError, match="y must hold numbers, but it holds text, 'a' in row 0"):
        make().fit(X, np.array(["a", "b"] * 6))


def test_a_label_that_is_text_is_told_from_a_number():
    with pytest.raises(ValueError, match="y holds the label '1', which is none of the classes"):
        MLPClassifier(**SMALL).fit(X, LABELS, validation_data=(X, (LABELS + 1).astype(str)))


@pytest.mark.parametrize("make", [MLPRegressor, SequentialRegressor])
@pytest.mark.parametrize(
    ("y", "words"),
    [
        (pd.DataFrame({"t": [pd.NA, *range(N - 1)]}, dtype=object), "y holds <NA>, .*row 0, .*'t'"),
        ([*range(N - 1), None], f"y holds None, first in row {N - 1}"),
        (pd.Series([*range(N - 1), date(2020, 1, 1)]), f"y must .*row {N - 1} holds the date"),
        (["1.5"] * (N - 1) + ["?"], f"y must hold numbers, .*'\\?' in row {N - 1}"),
    ],
)
def test_a_target_that_is_no_number_is_named_by_its_row(make, y, words):
    estimator = make(build) if make is SequentialRegressor else make(**SMALL)
    with pytest.raises((ValueError, TypeError), match=words):
        estimator.fit(X, y)


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "dia", "dok", "lil"])
def test_every_form_of_a_sparse_matrix_is_read(form):
    y = X[:, 0] > 0
    found = MLPClassifier(max_iter=2, random_state=0).fit(
        scipy.sparse.csr_array(X).asformat(form), y
    )
    dense = MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), dense.predict_proba(X), rtol=1e-5)


def test_frames_with_sparse_columns_are_read():
    """scikit-learn leaves the dtype of sparse columns as it is, and makes them sparse in y, too."""
    pytest.importorskip("scipy", "1.14.1", reason="pandas asks for it")
    dummies = pd.get_dummies(pd.Series(list("abc") * 4))
    sparse = pd.get_dummies(pd.Series(list("abc") * 4), sparse=True)
    for estimator in (MLPClassifier(**SMALL), SequentialClassifier(build, epochs=1)):
        expected = sklearn.base.clone(estimator).set_params(random_state=0).fit(dummies, LABELS)
        found = sklearn.base.clone(estimator).set_params(random_state=0).fit(sparse, LABELS)
        assert np.allclose(found.predict_proba(sparse), expected.predict_proba(dummies), atol=1e-6)
    found, expected = (MLPRegressor(**SMALL).fit(X, y) for y in (sparse, dummies))
    assert np.array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize(("estimator", "y"), ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_frames_of_big_endian_columns_are_read(dtype, estimator, y):
    """As of a FITS file: NumPy said that "output array is not acceptable"."""
    native = X.astype(dtype).astype(dtype.replace(">", "="))
    expected = estimator().fit(native, y)
    frame = pd.DataFrame(X.astype(dtype))
    fitted = estimator().fit(frame, y, validation_data=(frame, y))
    np.testing.assert_allclose(fitted.predict(frame), expected.predict(native), rtol=1e-6)


def test_labels_of_several_kinds_are_both_named():
    y = np.array([0.0] * (N - 1) + [date(2020, 1, 1)], object)
    words = f"row 0 holds the float 0.0 and row {N - 1} holds the date"
    with pytest.raises(TypeError, match=words):
        MLPClassifier(**SMALL).fit(X, y)


@pytest.mark.parametrize("kind", [list, pd.DataFrame, pl.DataFrame, scipy.sparse.csr_array])
def test_several_labels_are_predicted_as_arrays_unless_they_were_sparse(kind):
    y = np.eye(3, dtype=int)[np.arange(N) % 3]
    for how in (MLPClassifier.fit, lambda e, X, y: e.partial_fit(X, y, classes=[0, 1, 2])):
        found = how(MLPClassifier(**SMALL), X, kind(y))
        expected = how(MLPClassifier(**SMALL), X, y).predict(X)
        assert scipy.sparse.issparse(found.predict(X)) == (kind is scipy.sparse.csr_array)
        assert np.array_equal(scipy.sparse.csr_array(found.predict(X)).toarray(), expected)


class Partitions:
    """What frames of Dask are like: columns can be chosen, rows cannot be cut."""

    def __init__(self, frame):
        self.frame, self.columns, self.dtypes, self.shape = frame, [*frame], None, (None, 2)
        self.iloc = self

    def __getitem__(self, which):
        if isinstance(which, slice):
            raise NotImplementedError("only selecting columns")
        return self.frame.iloc[which]

    def __len__(self):
        return len(self.frame)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.frame, dtype)


class Tracked:
    """What tensors of PyTorch that require a gradient are like."""

    def __init__(self, array):
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, "float32"

    def __getitem__(self, which):
        return self

    def __len__(self):
        return N

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("use detach().numpy()")


class Slices:
    """What arrays of PyTables are like."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, which):
        return self.array[which]

    def __len__(self):
        return len(self.array)


def test_what_other_libraries_give_is_read_or_named(estimator, y):
    weight = np.linspace(1, 2, N)
    expected = sklearn.base.clone(estimator).fit(X, y, weight).predict(X)
    parts = Partitions(pd.DataFrame(X))
    np.testing.assert_array_equal(estimator.fit(parts, y, weight).predict(parts), expected)
    stored = [Slices(each) for each in (X, y, weight)]
    np.testing.assert_array_equal(estimator.fit(*stored).predict(stored[0]), expected)
    assert estimator.score(*stored) == estimator.score(X, y, weight)
    for given, name in (
        ((Tracked(X), y), "X"),
        ((X, Tracked(y)), "y"),
        ((X, y, Tracked(weight)), "sample_weight"),
        (([Tracked(row) for row in X], y), "X"),
    ):
        with pytest.raises(TypeError, match=rf"^{name} .*, which NumPy cannot read \(use detach"):
            estimator.fit(*given)


def test_batches_are_for_the_verbs_of_a_sequential(estimator, y):
    estimator.fit(X, y)
    for batches in (lambda: iter([(X, y)]), Slices):
        for call in (lambda made: estimator.fit(made, None), estimator.predict):
            with pytest.raises(TypeError, match=r"alone to fit or evaluate of a Sequential\.$"):
                call(batches)


def test_validation_data_go_by_name(estimator, y):
    told = (
        r"^fit takes validation_data by name alone, as in validation_data=…; its arguments are X, y"
    )
    with pytest.raises(TypeError, match=told):
        estimator.fit(X, y, None, (X, y))


def test_images_are_told_how_they_become_rows_and_images_again():
    images = np.random.default_rng(0).random((N, 4, 4, 1))
    for plain in (MLPClassifier(**SMALL), MLPRegressor(**SMALL)):
        with pytest.raises(ValueError, match=r"pass X\.reshape\(len\(X\), -1\)\.$"):
            plain.fit(images, LABELS)

    def convolve(n_features, n_outputs):
        return bp.Sequential([Reshape((4, 4, 1)), Conv2D(2, 3), Flatten(), Dense(n_outputs)])

    def keep_axes(n_features, n_outputs):
        return bp.Sequential([Reshape((4, 4)), Dense(n_outputs)])

    with pytest.raises(ValueError, match=r"outputs is \(4, 2\): .* put Flatten\(\) in front"):
        SequentialClassifier(keep_axes).fit(images.reshape(len(images), -1), LABELS)
    classifier = SequentialClassifier(convolve, epochs=1, random_state=0)
    with pytest.raises(ValueError, match=r"begin with Reshape\(\(4, 4, 1\)\)\.$"):
        classifier.fit(images, LABELS)
    classifier.fit(images.reshape(len(images), -1), LABELS)
    with pytest.raises(ValueError, match=r"begin with Reshape\(\(4, 4, 1\)\)\.$"):
        classifier.predict(images)


def test_what_score_is_given_must_be_dense(estimator, y):
    estimator.fit(X, y)
    column = scipy.sparse.csr_matrix(np.ones((N, 1)))
    for given, name in (((X, column), "y"), ((X, y, column), "sample_weight")):
        with pytest.raises(TypeError, match=rf"^{name} is a sparse matrix.* {name}\.toarray\(\)"):
            estimator.score(*given)


def test_the_score_sees_all_digits_of_whole_numbers():
    y = 1_700_000_000 + np.arange(60)

    def constant(n_features, n_outputs):
        start = bp.initializers.Constant(1.7e9)
        return bp.Sequential([bp.layers.Dense(n_outputs, True, "zeros", bias_initializer=start)])

    X = np.random.default_rng(0).normal(size=(60, 4))
    model = SequentialRegressor(constant, epochs=1, optimizer=bp.optimizers.SGD(1e-30))
    with pytest.warns(RuntimeWarning, match="y varies by 59 around"):
        model.fit(X, y)
    expected = sklearn.metrics.r2_score(y.astype(float), model.predict(X).astype(float))
    assert model.score(X, y) == pytest.approx(expected)
    assert expected < 0
