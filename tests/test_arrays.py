"""What users pass: frames, columns, objects, gaps, masks, sparse matrices, and what is no array."""

import re
import types
import warnings
from array import array
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from mistakes import assert_speaks

import backprop as bp
from backprop import metrics
from backprop.core.arrays import as_numbers, to_array
from backprop.core.errors import ShapeError
from backprop.datasets import pad_sequences
from backprop.layers import (
    Conv2D,
    Dense,
    Flatten,
    Normalization,
    ReLU,
    Rescaling,
    Reshape,
    Softmax,
)

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

RNG = np.random.default_rng(0)
N = 24
X = RNG.normal(size=(N, 3)).astype("float32").astype("float64")
Y = RNG.integers(0, 3, N)
T = RNG.normal(size=(N, 2)).astype("float32")
FRAME = pd.DataFrame(X, columns=list("abc"))
MIXED = FRAME.assign(d=X[:, 0] > 0)
PLAIN = np.column_stack([X, X[:, 0] > 0])


def classifier(*first, loss="sparse_categorical_crossentropy"):
    model = bp.Sequential([*first, Dense(5), ReLU(), Dense(3), Softmax()], seed=1)
    model.compile("sgd", loss)
    return model


def regressor(k=2):
    model = bp.Sequential([Dense(5), ReLU(), Dense(k)], seed=1)
    model.compile("sgd", "mse")
    return model


def with_value(frame, row, column, value, dtype=None):
    changed = frame.astype(dtype) if dtype else frame.copy()
    changed.iloc[row, column] = value
    return changed


# --------------------------------------------------------------- what holds numbers, and trains


INPUTS = {
    "bool beside float": (MIXED, PLAIN),
    "dummies": (
        pd.get_dummies(pd.DataFrame({"v": X[:, 0], "s": ["x", "y"] * (N // 2)})),
        np.column_stack([X[:, 0], [1, 0] * (N // 2), [0, 1] * (N // 2)]),
    ),
    "convert_dtypes": (MIXED.convert_dtypes(), PLAIN),
    "PyArrow inside": (MIXED.convert_dtypes(dtype_backend="pyarrow"), PLAIN),
    "objects": (FRAME.astype(object), X),
    "decimals": (FRAME.map(lambda v: Decimal(float(v))), X),
    "fractions": (FRAME.map(Fraction), X),
    "categories that are numbers": (FRAME.assign(a=pd.Categorical([1, 2] * (N // 2))),
                                    np.column_stack([[1, 2] * (N // 2), X[:, 1:]])),
    "sparse columns": (FRAME.astype(pd.SparseDtype("float64", 0.0)), X),
    "two columns of one name": (pd.concat([FRAME, FRAME], axis=1), np.column_stack([X, X])),
    "an Arrow table": (pa.Table.from_pandas(MIXED), PLAIN),
    "an Arrow batch": (pa.Table.from_pandas(MIXED).to_batches()[0], PLAIN),
    "records": (MIXED.to_records(index=False), PLAIN),
    "records of one dtype": (FRAME.to_records(index=False), X),
    "a column of vectors": (pd.Series(list(X)), X),
    "a column of lists": (pd.Series(X.tolist()), X),
    "an Arrow column of lists": (pa.array(X.tolist()), X),
    "objects that are vectors": (np.array([*X, None], dtype=object)[:-1], X),
    "objects in two axes": (X.astype(object), X),
    "a list of columns": ([FRAME.iloc[k] for k in range(N)], X),
    "lists with decimals": ([[Decimal(float(v)) for v in row] for row in X], X),
    "large integers": ([[10**25, 2, 3]] * N, np.full((N, 3), [1e25, 2, 3])),
    "a deque": (deque(X.tolist()), X),
    "nothing masked": (np.ma.masked_invalid(X), X),
    "a matrix": (np.asmatrix(X), X),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the loss of the first step")
@pytest.mark.parametrize(("given", "plain"), INPUTS.values(), ids=INPUTS)
def test_inputs_of_many_kinds_are_those_numbers(given, plain):
    model, other = classifier(), classifier()
    with np.errstate(over="ignore", invalid="ignore"):
        mine = model.fit(given, Y, epochs=2, verbose=0, shuffle=False).history
        assert mine == other.fit(plain, Y, epochs=2, verbose=0, shuffle=False).history
        np.testing.assert_array_equal(model.predict(given), other.predict(plain))
        assert model.evaluate(given, Y) == other.evaluate(plain, Y)
        assert model.train_on_batch(given, Y) == other.train_on_batch(plain, Y)


def test_frames_of_polars():
    pl = pytest.importorskip("polars")
    columns = {name: PLAIN[:, k] for k, name in enumerate("abcd")} | {"d": PLAIN[:, 3] > 0}
    frame = pl.DataFrame(columns)
    np.testing.assert_array_equal(classifier().predict(frame), classifier().predict(PLAIN))
    vectors = pl.Series(X.tolist())
    np.testing.assert_array_equal(classifier().predict(vectors), classifier().predict(X))
    gap = frame.with_columns(pl.Series("d", [None] + [True] * (N - 1)))
    with pytest.raises(ValueError, match="x holds None, first in row 0, column 'd'"):
        classifier().predict(gap)
    with pytest.raises(TypeError, match=r"it is a LazyFrame: pass x\.collect\(\)"):
        classifier().predict(frame.lazy())
    assert regressor(1).fit(X, pl.Series(T[:, 0]), verbose=0).history["loss"]


TARGETS = {
    "Int64": pd.Series(Y, dtype="Int64"),
    "Arrow": pd.Series(Y, dtype="int64[pyarrow]"),
    "an Arrow column": pa.chunked_array([Y]),
    "objects": Y.astype(object),
    "decimals": [Decimal(int(k)) for k in Y],
    "one column": pd.DataFrame({"y": Y}),
    "array": array("l", Y.tolist()),
}


@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
def test_targets_of_many_kinds_are_those_numbers(y):
    expected = classifier().fit(X, Y, verbose=0).history
    assert classifier().fit(X, y, verbose=0).history == expected
    assert classifier().fit(X, Y, verbose=0, validation_data=(FRAME, y)).history["val_loss"]


def test_targets_in_a_frame_of_several_dtypes():
    y = pd.DataFrame(T).assign(b=T[:, 0] > 0)
    plain = np.column_stack([T, T[:, 0] > 0]).astype("float32")
    expected = regressor(3).fit(X, plain, verbose=0).history
    for frame in (y, y.convert_dtypes(), y.astype(object)):
        assert regressor(3).fit(X, frame, verbose=0).history == expected


def test_weights_of_many_kinds_are_those_numbers():
    weight = RNG.uniform(size=N).astype("float32").astype("float64")
    expected = classifier().fit(X, Y, sample_weight=weight, verbose=0).history
    for given in (
        pd.Series(weight, dtype="Float64"),
        pd.DataFrame({"w": weight}),
        [Decimal(float(w)) for w in weight],
        weight[:, np.newaxis],
        np.ma.masked_less(weight, 0),
    ):
        assert classifier().fit(X, Y, sample_weight=given, verbose=0).history == expected


# -------------------------------------------------------------------- what is missing or no number


def masked(values, row):
    mask = np.zeros(np.shape(values), bool)
    mask[row] = True
    return np.ma.masked_array(values, mask)


class Variable:
    """What gives gaps as masked numbers, as a variable of netCDF4 does."""

    def __array__(self, dtype=None, copy=None):
        return masked(X, (6, 1))


def with_nan(values, *index):
    changed = values.copy()
    changed[index] = np.nan
    return changed


NO_NUMBERS = {
    "nan in a frame": (with_value(FRAME, 7, 1, np.nan), ValueError, ["nan", "row 7, column 'b'"]),
    "inf in a frame": (with_value(FRAME, 7, 1, np.inf), ValueError, ["infinite", "column 'b'"]),
    "NA": (with_value(MIXED.convert_dtypes(), 5, 3, pd.NA), ValueError, ["row 5, column 'd'"]),
    "NA in Float64": (with_value(MIXED.convert_dtypes(), 5, 2, pd.NA), ValueError, ["column 'c'"]),
    "NA in Arrow": (
        with_value(MIXED.convert_dtypes(dtype_backend="pyarrow"), 5, 3, None),
        ValueError,
        ["row 5, column 'd'", "remove or replace"],
    ),
    "None": (with_value(FRAME, 4, 2, None, object), ValueError, ["None", "row 4, column 'c'"]),
    "None in a list": ([[1.0, 2.0], [3.0, None]] * 12, ValueError, ["None", "row 1, column 1"]),
    "NaT": ([[1.0, pd.NaT]] * N, ValueError, ["NaT", "row 0, column 1"]),
    "None in Arrow": (pa.table({"u": [1, None] * 12}), ValueError, ["row 1, column 'u'"]),
    "nan in an array": (with_nan(X, 3, 1), ValueError, ["row 3, column 1"]),
    "text column": (FRAME.assign(s="red"), TypeError, ["column 's'", "text", "'red'", "encode"]),
    "numbers as text": (FRAME.assign(s="1.5"), TypeError, ["column 's'", "text", "'1.5'"]),
    "categories": (FRAME.assign(s=pd.Categorical(["u"] * N)), TypeError, ["column 's'", "'u'"]),
    "dates": (FRAME.assign(s=pd.Timestamp(0)), TypeError, ["column 's'", "datetime64", "date"]),
    "complex": (FRAME.assign(s=1j), TypeError, ["column 's'", "complex128", "imaginary"]),
    "vectors in a frame": (FRAME.assign(s=list(X)), ValueError, ["'s'", "np.stack(x['s'])"]),
    "ragged": (pd.Series([[1.0]] * 23 + [[1.0, 2.0]]), ValueError, ["x", "same length"]),
    "text": ([["a", "b"]] * N, TypeError, ["x must hold numbers", "'a' in row 0, column 0"]),
    "one object": ([[1.0, object()]] * N, TypeError, ["row 0, column 1", "object"]),
    "a Decimal that is no float": (
        FRAME.assign(s=[Decimal(1)] * 5 + [Decimal("sNaN")] * (N - 5)),
        ValueError,
        ["x holds what is no float", "column 's'"],
    ),
    "huge integers": ([[10**400, 1]] * N, ValueError, ["x overflows"]),
    "masked": (masked(X, (6, 1)), ValueError, ["x is masked", "row 6, column 1", "x.filled"]),
    "a variable with gaps": (Variable(), ValueError, ["x is masked", "row 6, column 1"]),
    "masked rows": ([masked(row, 0) for row in X], ValueError, ["x is masked", "row 0"]),
    "a masked number": ([[1, 2, 3], [1, 2, np.ma.masked]] * 12, ValueError, ["masked", "row 1"]),
    "a masked record": (
        np.ma.array([(1.0, 2.0)] * N, mask=[(0, 1)] * N, dtype=[("a", "f8"), ("b", "f8")]),
        ValueError,
        ["x is masked", "row 0"],
    ),
    "sparse rows": (list(scipy.sparse.csr_array(X)), TypeError, ["vstack(x)"]),
    "a dict": ({"a": X[:, 0]}, TypeError, ["x must hold numbers", "a dict", "column_stack"]),
    "a set": ({1, 2}, TypeError, ["x must hold numbers", "a set"]),
    "an iterator": (iter(X), TypeError, ["x must hold numbers", "pass an array"]),
}  # fmt: skip


@pytest.mark.parametrize(("x", "error", "words"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_inputs_that_are_no_numbers_are_named(x, error, words):
    model = classifier()
    calls = [
        lambda: model.fit(x, Y, verbose=0),
        lambda: model.evaluate(x, Y),
        lambda: model.train_on_batch(x, Y),
    ]
    if hasattr(x, "__len__") and not isinstance(x, dict | set):
        calls.append(lambda: model.fit(lambda: iter([(x, Y)]), verbose=0))
        calls.append(lambda: model.predict(x))
    for call in calls:
        with pytest.raises(error) as caught:
            call()
        assert_speaks(caught, words)
    assert model.input_shape is None


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (pd.Series([None, *Y[1:]], dtype="Int64"), ValueError, ["targets", "row 0"]),
        (pd.Series([None, *(Y[1:] > 1)], dtype="boolean"), ValueError, ["y holds", "NA", "row 0"]),
        ([None, *Y[1:]], ValueError, ["y holds None", "row 0"]),
        (np.ma.masked_equal(Y, Y[2]), ValueError, ["y is masked", "y.filled"]),
        (pd.Series(["a", "b", "c"] * 8), TypeError, ["class indices", "np.unique"]),
        (pd.DataFrame({"kind": ["a"] * N}), TypeError, ["y", "column 'kind'", "text"]),
        (scipy.sparse.csr_array(np.eye(3)[Y]), TypeError, ["y is a sparse matrix", "y.toarray()"]),
    ],
)  # fmt: skip
def test_targets_that_are_no_numbers_are_named(y, error, words):
    model = classifier()
    for call in (
        lambda: model.fit(X, y, verbose=0),
        lambda: model.evaluate(X, y),
        lambda: model.fit(lambda: iter([(X, y)]), verbose=0),
        lambda: model.fit(X, Y, validation_data=(X, y), verbose=0),
    ):
        with pytest.raises(error) as caught:
            call()
        assert_speaks(caught, words)
    assert model.input_shape is None


@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        (pd.Series([None] + [1.0] * 23, dtype="Float64"), ValueError, ["sample_weight", "row 0"]),
        ([None] + [1.0] * 23, ValueError, ["sample_weight holds None", "row 0"]),
        (masked(np.ones(N), 3), ValueError, ["sample_weight is masked", "row 3"]),
        (scipy.sparse.csr_array(np.ones((N, 1))), TypeError, ["sample_weight.toarray()"]),
        (["a"] * N, TypeError, ["sample_weight must hold numbers", "text"]),
    ],
)  # fmt: skip
def test_weights_that_are_no_numbers_are_named(weight, error, words):
    with pytest.raises(error) as caught:
        classifier().fit(X, Y, sample_weight=weight, verbose=0)
    assert_speaks(caught, words)


def test_set_weights_refuses_what_is_masked_or_overflows():
    model = classifier()
    model.build((None, 3))
    before = model.get_weights()
    for wrong, words in (
        (masked(before[0], (1, 2)), ["weights[0] is masked", "row 1, column 2"]),
        (before[0].astype("float64") * 1e300, ["weights[0]", "overflow", "float32"]),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked
            model.set_weights([wrong, *before[1:]])
        assert_speaks(caught, words)
        with pytest.raises(ValueError, match=r"the value of dense_1\.W .*(masked|overflow)"):
            model.layers[0].W = wrong
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)


class Endless:
    """Gives an item for every number, as a data set does that trusts its length."""

    def __len__(self):
        return 3

    def __getitem__(self, k):
        return np.ones(2)


def test_a_data_set_is_never_read_as_an_array():
    for x, y in ((Endless(), Y), ([Endless()], Y), (X, Endless()), (X, [Endless()])):
        with pytest.raises(TypeError, match="Endless"):
            classifier().fit(x, y, verbose=0)
    with pytest.raises(TypeError, match="Endless"):
        classifier().fit(X, Y, sample_weight=Endless(), verbose=0)
    with pytest.raises(TypeError, match="Endless"):
        bp.datasets.stratified_split(Endless(), Y)
    with pytest.raises(TypeError, match="Endless"):
        bp.datasets.standardize(Endless())


def test_splitting_keeps_masks_and_refuses_what_is_lost():
    (train, _), _ = bp.datasets.stratified_split(masked(X, (0, 0)), Y)
    assert isinstance(train, np.ma.MaskedArray)
    with pytest.raises(ValueError, match="X is masked"):
        bp.datasets.standardize(masked(X, (0, 0)))
    with pytest.raises(ValueError, match="y is masked"):
        bp.datasets.stratified_split(X, masked(Y, 0))
    np.testing.assert_allclose(bp.datasets.standardize(MIXED)[0], bp.datasets.standardize(PLAIN)[0])


def test_fit_many_and_explain_read_the_same():
    models = [classifier(), classifier()]
    histories = bp.experiments.fit_many(models, MIXED.convert_dtypes(), Y, verbose=0)
    assert histories[0].history == classifier().fit(PLAIN, Y, verbose=0).history
    with pytest.raises(ValueError, match="x is masked"):
        bp.experiments.fit_many(models, masked(PLAIN, (0, 0)), Y, verbose=0)
    model = classifier()
    model.fit(PLAIN, Y, verbose=0)
    given = model.explain(MIXED.convert_dtypes(), pd.Series(Y, dtype="Int64"))
    assert str(given) == str(model.explain(PLAIN, Y))


HOLES = np.ma.masked_greater(X[:, 0], 0)
NOWHERE = {
    "predictions": lambda: metrics.MeanSquaredError().update(HOLES, X[:, 0]),
    "targets": lambda: metrics.R2Score().update(X[:, 0], HOLES),
    "scores": lambda: metrics.AUC().update(HOLES, X[:, 0] > 0),
    "answers": lambda: metrics.Precision().update(X[:, 0] > 0, HOLES),
    "classes": lambda: metrics.Accuracy().update(np.eye(3)[Y], np.ma.masked_equal(Y, 1)),
    "a function": lambda: metrics.get(lambda t, p: 0.0).update(X[:, :1], HOLES),
    "confusion": lambda: metrics.confusion_matrix(Y, np.ma.masked_equal(Y, 1)),
    "sequences": lambda: bp.datasets.pad_sequences([[1], np.ma.masked_equal([1, 2], 2)]),
    "a series": lambda: bp.datasets.windows(HOLES, 3),
    "a constant": lambda: bp.initializers.Constant(HOLES),
    "a mean": lambda: Normalization(mean=HOLES, variance=1.0),
}  # fmt: skip


@pytest.mark.parametrize("call", NOWHERE.values(), ids=NOWHERE)
def test_what_is_masked_is_used_nowhere(call):
    with pytest.raises(ValueError, match="masked, first in row"):
        call()


def test_metrics_of_sparse_matrices_name_what_to_do():
    sparse = scipy.sparse.csr_array(np.eye(3)[Y])
    for kind in (metrics.Accuracy, metrics.AUC, metrics.MeanSquaredError):
        for given in ((sparse, Y), (np.eye(3)[Y], sparse)):
            with pytest.raises(TypeError, match=r"(prediction|target)\.toarray"):
                kind().update(*given)


def test_a_masked_object_in_a_table_of_objects_is_named_by_row_and_column():
    table = X.astype(object)
    table[5, 1] = np.ma.masked
    with pytest.raises(ValueError, match="x holds masked, first in row 5, column 1"):
        classifier().fit(table, Y, verbose=0)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (np.nan, "x holds nan, first in row 7"),
        (np.array(["a", "b", "c"]), r"x\[7\] holds text, 'a' in row 0"),
        (
            np.array(["2020-01-01"] * 3, "M8[D]"),
            r"x\[7\] has the dtype datetime64.*subtract a date",
        ),
        ([1.0, "a", 2.0], r"x\[7\] holds text, 'a' in row 1"),
        (deque((1.0, 2.0, "a")), r"x\[7\] holds text, 'a' in row 2"),
    ],
    ids=["missing", "text", "dates", "text beside numbers", "text in a deque"],
)
def test_what_is_no_vector_of_numbers_among_vectors_is_named_by_its_row(odd, words):
    rows = pd.Series([*X[:7], odd, *X[8:]])
    for call in (classifier().predict, lambda x: classifier().fit(x, Y, verbose=0)):
        with pytest.raises((TypeError, ValueError), match=words):
            call(rows)


@pytest.mark.parametrize("kind", [list, pd.Series])
def test_the_advice_on_sparse_rows_of_targets_and_weights_is_python(kind):
    """The joined matrix was refused again, as these must be dense."""
    dense = Y[:, None] + 1.0
    rows = kind([scipy.sparse.csr_array(row[None]) for row in dense])
    for name in ("y", "sample_weight"):
        given = {"y": Y, "sample_weight": None, name: rows}
        with pytest.raises(TypeError, match=f"^{name} .* sparse matrices: pass one, ") as caught:
            classifier().fit(X, verbose=0, **given)
        advice = str(caught.value).split("pass one, ")[1].removesuffix(".")
        found = eval(advice, {"scipy": scipy, name: rows})  # it is Python
        np.testing.assert_array_equal(found, dense)


def test_a_column_of_sparse_rows_is_told_what_to_do():
    rows = pd.Series([scipy.sparse.csr_matrix(row[None]) for row in X])
    with pytest.raises(TypeError, match=r"x holds sparse matrices: .*vstack\(list\(x\)\)"):
        classifier().fit(rows, Y, verbose=0)


@pytest.mark.parametrize("text", ["a", b"a", np.str_("a"), "1.5"], ids=repr)
def test_text_in_every_row_of_a_column_of_vectors_is_named_by_its_place(text):
    frame = pd.DataFrame({"v": [[1.5, text] for _ in X]})
    with pytest.raises(TypeError, match=r"its column 'v' holds text, .* in row 0, column 1 "):
        classifier().fit(frame, Y, verbose=0)


@pytest.mark.parametrize("text", ["a", b"a", np.str_("a"), "1.5"], ids=repr)
def test_text_in_a_list_of_numbers_is_named_by_its_place(text):
    """NumPy makes text of all numbers, so that the first one would be called text."""
    rows = X.tolist()
    rows[5][2] = text
    for call in (classifier().predict, lambda x: classifier().fit(x, Y, verbose=0)):
        with pytest.raises(
            TypeError, match=r"x must hold numbers, but it holds text, .*row 5, col"
        ):
            call(rows)
    weights = [1.0] * len(X)
    weights[3] = text
    with pytest.raises(TypeError, match=r"sample_weight must hold numbers, .* in row 3"):
        classifier().fit(X, Y, sample_weight=weights, verbose=0)


@pytest.mark.parametrize("kind", [lambda t: t, lambda t: t.encode("latin-1")])
def test_long_texts_and_files_are_shown_by_their_beginning(kind):
    """Images as text or as their files, and reviews, filled the screen."""
    for text in ("0 189 217 35 " * 500, "\x89PNG\r\n" * 500):
        rows = [kind(text)] * N
        for x in (rows, pd.Series(rows), pd.DataFrame({"a": rows})):
            with pytest.raises(TypeError, match=r"holds text, .*… in row 0 ") as caught:
                classifier().fit(x, Y, verbose=0)
            assert repr(kind(text[:60])) in str(caught.value)
            assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", [pd.Series, lambda images: np.array([*images, None], object)[:-1]])
def test_columns_of_images_of_pillow_are_read_as_lists_of_them_are(kind):
    pictures = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 200, (N, 4, 4), "uint8")
    images = [pictures.fromarray(each) for each in pixels]
    assert np.array_equal(to_array(kind(images), "x"), pixels)
    model = bp.Sequential([Flatten(), Rescaling(1 / 255), Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(kind(images), Y, verbose=0)
    assert np.array_equal(model.predict(kind(images)), model.predict(pixels))


IMAGES = RNG.normal(size=(N, 4, 5))
COLUMNS_OF_IMAGES = {
    "column": pd.Series(list(IMAGES)),
    "objects": np.array([*IMAGES, None], object)[:-1],
    "list": list(IMAGES),
    "array": IMAGES,
}


@pytest.mark.parametrize("x", COLUMNS_OF_IMAGES.values(), ids=COLUMNS_OF_IMAGES)
def test_the_advice_on_the_axes_of_images_is_code_for_columns_of_them_too(x):
    """An axis more than a column has made images of one row, whose pixels were the channels."""

    def images(*layers):
        model = bp.Sequential([*layers, Flatten(), Dense(3), Softmax()], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with pytest.raises(ShapeError, match=r"channels, by (.*) in front of it") as caught:
        images(Conv2D(2, 2, padding="same")).fit(x, Y, verbose=0)
    advice = eval(re.search(r"by (.*) in front", str(caught.value))[1], {"Reshape": Reshape})
    model = images(advice, Conv2D(2, 2, padding="same"))
    plain = images(Conv2D(2, 2, padding="same"))
    plain.fit(IMAGES[..., np.newaxis], Y, verbose=0)
    assert np.array_equal(model.fit(x, Y, verbose=0).history["loss"], plain.history.history["loss"])
    flat = classifier()
    flat.fit(IMAGES.reshape(N, -1), Y, verbose=0)
    for fitted, before in ((plain, r"channels, "), (flat, "pass ")):
        with pytest.raises(ShapeError, match=rf".*: .*{before}.*x") as caught:
            fitted.predict(x)
        code = str(caught.value).rpartition(before)[2].removesuffix(".")
        expected = IMAGES[..., np.newaxis] if fitted is plain else IMAGES.reshape(N, -1)
        assert np.array_equal(eval(code, {"np": np, "x": x}), expected)
    with pytest.raises(ShapeError, match=r"built for 20 features .*: pass ") as caught:
        flat.explain(x, Y)
    code = str(caught.value).rpartition("pass ")[2].removesuffix(".")
    assert np.array_equal(eval(code, {"np": np, "X": x}), IMAGES.reshape(N, -1))
    with pytest.raises(ShapeError, match=r"last axis .*Flatten\(\) .* begins with Dense"):
        classifier().fit(x, Y, verbose=0)
    model = classifier(Flatten())
    model.fit(x, Y, verbose=0)
    assert np.array_equal(model.predict(x), flat.predict(IMAGES.reshape(N, -1)))


@pytest.mark.parametrize("kind", [list, lambda rows: rows.tolist()])
@pytest.mark.parametrize("columns", [1, 3])
def test_the_advice_on_columns_of_vectors_of_one_array_is_code(kind, columns):
    """``frame[["a"]].to_numpy()``: np.stack leaves it as it is, a column of objects."""
    frame = pd.DataFrame({k: kind(X) for k in range(columns)})
    x, plain = frame.to_numpy(), np.concatenate([X] * columns, axis=-1)
    fitted = classifier()
    fitted.fit(plain, Y, verbose=0)
    with pytest.raises(ShapeError, match=r"was built for .*: pass ") as caught:
        fitted.predict(x)
    code = str(caught.value).rpartition("pass ")[2].removesuffix(".")
    assert np.array_equal(eval(code, {"np": np, "x": x}), plain)
    if columns == 1:
        rows, names = np.eye(3)[Y], {"np": np}
        names["y"] = pd.DataFrame({"y": kind(rows)}).to_numpy()
        with pytest.raises(ShapeError, match=r"that shape, (.*?)\. y is a column") as caught:
            classifier(loss="categorical_crossentropy").fit(X, names["y"], verbose=0)
        exec(re.search(r"begin with (.*)\.$", str(caught.value))[1], names)
        code = re.search(r"that shape, (.*?)\. ", str(caught.value))[1]
        assert np.array_equal(eval(code, names), rows)


@pytest.mark.parametrize("verb", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize("kind", [list, lambda rows: rows.tolist()])
def test_the_advice_on_one_hot_rows_in_a_column_is_code(kind, verb):
    y = pd.Series(kind(np.eye(3)[Y]))
    with pytest.raises(ShapeError, match=r"or (np\.argmax.*\))\. y is a column .* begin") as caught:
        getattr(classifier(), verb)(X, y)
    stacked = {"np": np, "y": y}
    exec(re.search(r"begin with (.*)\.$", str(caught.value))[1], stacked)
    classes = eval(re.search(r"or (np\.argmax.*?\))\.", str(caught.value))[1], stacked)
    assert np.array_equal(classes, Y)


def test_an_open_file_is_not_to_be_joined_with_its_targets(tmp_path):
    """All of its arrays side by side were advised: the targets among the inputs."""
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    with np.load(tmp_path / "data.npz") as x:
        for call in (lambda: classifier().fit(x, Y), lambda: classifier().predict(x)):
            with pytest.raises(TypeError, match="it is a NpzFile: pass one of") as caught:
                call()
            code = str(caught.value).partition("such as ")[2].removesuffix(".")
            assert np.array_equal(eval(code, {"x": x}), X)
    with pytest.raises(TypeError, match=r"such as one of its values, or .* if all belong there"):
        classifier().fit({"X": X, "y": Y}, Y)


def test_a_dict_in_a_file_of_one_array_is_told_what_it_becomes_one_by(tmp_path):
    """``np.save`` of a dict: the array around it has no ``values``."""
    np.save(tmp_path / "data.npy", {"a": X[:, 0], "b": X[:, 1]})
    x = np.load(tmp_path / "data.npy", allow_pickle=True)
    with pytest.raises(TypeError, match="it is a dict: pass one array") as caught:
        classifier().fit(x, Y, verbose=0)
    code = re.search(r"or (np.*) if all", str(caught.value))[1]
    assert np.array_equal(eval(code, {"np": np, "x": x}), X[:, :2])


def test_a_sparse_matrix_in_np_array_is_told_how_it_comes_out():
    """``list(x)`` was advised, of which NumPy said that it is "iteration over a 0-d array"."""
    x, y = np.array(scipy.sparse.csr_matrix(X)), np.array(scipy.sparse.csr_matrix(np.eye(3)[Y]))
    for call in (lambda: classifier().fit(x, Y), lambda: classifier().predict(x)):
        with pytest.raises(
            TypeError, match=r"^x is an array around a sparse .*: pass x\.item\(\)\.$"
        ):
            call()
    classifier().fit(x.item(), Y, verbose=0)
    with pytest.raises(TypeError, match=r"^y is an .*: pass y\.item\(\)\.toarray\(\)\.$"):
        classifier(loss="categorical_crossentropy").fit(X, y, verbose=0)


def test_none_in_np_array_is_no_array():
    for call in (
        lambda: classifier().fit(np.array(None), Y),
        lambda: classifier().fit(X, np.array(None)),
    ):
        with pytest.raises(
            TypeError, match=r"^[xy] must hold numbers, but it is None: pass an array\.$"
        ):
            call()


def test_a_column_of_vectors_beside_numbers_is_told_what_to_do():
    table = pd.DataFrame({"vector": list(X), "number": 1.0}).to_numpy()
    with pytest.raises(
        ValueError, match=r"beside vectors, first in row 0, column 1: .*column_stack"
    ):
        classifier().fit(table, Y, verbose=0)


def test_a_column_that_numpy_cannot_read_is_named():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame(X).with_columns(pl.Series("wide", [1] * len(X), dtype=pl.Int128))
    with pytest.raises(TypeError, match=r"^x, column 'wide', is a Series, which NumPy cannot read"):
        classifier().fit(table, Y, verbose=0)


class Tensor:
    """What PyTorch's tensors do: of some kinds they are no array, until one has called a way."""

    def __init__(self, rows, dtype="torch.float32", layout="torch.strided", missing=()):
        self.rows, self.dtype, self.layout, self.missing = rows, dtype, layout, missing

    def __len__(self):
        return len(self.rows)

    def __array__(self, dtype=None, copy=None):
        if self.missing:
            raise TypeError("Got unsupported ScalarType")
        return np.asarray(self.rows, dtype)

    def without(self, way):
        left = tuple(each for each in self.missing if each != way)
        return Tensor(self.rows, self.dtype, self.layout, left)

    def detach(self):
        return self.without("detach")

    def to_dense(self):
        return self.without("dense")

    def cpu(self):
        return self.without("cpu")

    def float(self):
        assert self.dtype == "torch.bfloat16", "digits of float64 would be lost"
        return self.without("float")

    def numpy(self):
        return np.asarray(self)


@pytest.mark.parametrize(
    "kind",
    [
        {"missing": ("detach",)},
        {"missing": ("detach",), "dtype": "torch.float64"},
        {"missing": ("float",), "dtype": "torch.bfloat16"},
        {"missing": ("cpu", "detach")},
        {"missing": ("dense",), "layout": "torch.sparse_csr"},
    ],
)
@pytest.mark.parametrize("form", ["alone", "list", "column"])
def test_tensors_that_are_no_array_are_told_how_they_become_one(kind, form):
    model = classifier()
    x = Tensor(X, **kind) if form == "alone" else [Tensor(row, **kind) for row in X]
    x = pd.Series(x) if form == "column" else x
    with pytest.raises(TypeError, match="which NumPy cannot read") as error:
        model.fit(x, Y, verbose=0)
    code = str(error.value).partition("): pass ")[2].removesuffix(".")
    np.testing.assert_array_equal(eval(code, {"x": x}), X)
    np.testing.assert_array_equal(model.predict(eval(code, {"x": x})), model.predict(X))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (Tensor(X, missing=("detach",)), r"pass value\.detach\(\)\.cpu\(\)\.numpy\(\)"),
        (np.ma.masked_equal(X, X[0, 0]), r"replace it by value\.filled"),
        ({"a": X[:, 0]}, r"np\.column_stack\(list\(value\.values\(\)\)\)"),
    ],
)
def test_the_advice_on_what_is_assigned_to_a_parameter_is_code(value, code):
    model = bp.Sequential([bp.Input(3), Dense(1)])
    with pytest.raises((TypeError, ValueError), match=rf"^the value of dense_1\.W .*{code}"):
        model.layers[0].W = value


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.uint8()], ids=str)
def test_gaps_in_chunks_of_dictionaries_are_no_numbers(kind):
    """PyArrow itself gives another entry of the dictionary in the place of what is missing."""

    def linear():
        model = bp.Sequential([Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model

    column = pa.array([1, 2, None, 3] * 10, type=kind).dictionary_encode()
    chunks = pa.chunked_array([column[:15], column[15:]])
    with pytest.raises(ValueError, match="x holds nan, first in row 2, column 'a'"):
        linear().fit(pa.table({"a": chunks}), np.ones(40))
    with pytest.raises(ValueError, match=r"the targets hold nan .*first in row 2"):
        linear().fit(np.ones((40, 1)), chunks)
    whole = pa.chunked_array([column[:2], column[3:6]])
    np.testing.assert_array_equal(to_array(whole, "x"), [1, 2, 3, 1, 2])


def test_unequal_lists_in_columns_are_padded_as_the_error_advises():
    lists = [[1, 2], [1], [3, 4, 5]]
    for column in (
        pa.array(lists),
        pa.chunked_array([lists[:1], lists[1:]]),
        pd.Series(lists),
    ):
        with pytest.raises(ShapeError, match=r"datasets\.pad_sequences\(x\)"):
            as_numbers(column, "x")
        np.testing.assert_array_equal(pad_sequences(column), pad_sequences(lists))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_unequal_vectors_in_a_column_of_a_frame_are_named_by_the_column(kind):
    module = pytest.importorskip(kind)
    make = module.table if kind == "pyarrow" else module.DataFrame
    frame = make({"n": [1.0, 2.0, 3.0], "words of it": [[1, 2], [3], [4]]})
    with pytest.raises(ValueError, match="holds rows of unequal length") as caught:
        classifier().fit(frame, [0, 1, 2], verbose=0)
    assert_speaks(caught, ["x['words of it']", "datasets.pad_sequences(x['words of it'])"])
    assert pad_sequences(frame["words of it"]).tolist() == [[1, 2], [0, 3], [0, 4]]


@pytest.mark.parametrize(
    ("y", "advice"),
    [
        (np.array([1, 2], "datetime64[D]"), "subtract a date and divide by a unit"),
        (np.array([1, 2], "timedelta64[s]"), "divide by a unit"),
        (np.array([1j, 2]), "the real and the imaginary parts"),
    ],
)
def test_targets_that_are_dates_or_complex_are_told_what_to_do(y, advice):
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    words = f"MeanSquaredError: targets must be numbers, but their dtype is .*: .*{advice}"
    with pytest.raises(TypeError, match=words):
        model.fit(np.ones((2, 1)), y, verbose=0)


def test_numbers_of_a_dtype_that_numpy_does_not_have_are_told_what_to_do():
    """Targets in bfloat16 were told to number their classes."""
    short = pytest.importorskip("ml_dtypes").bfloat16
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    x, words = np.ones((2, 1)), r"dtype (is )?bfloat16: convert it to .*astype\('float32'\)\.$"
    with pytest.raises(TypeError, match=words):
        model.fit(x, x.astype(short), verbose=0)
    with pytest.raises(TypeError, match=words):
        model.fit(x.astype(short), x, verbose=0)


@pytest.mark.parametrize("rows", [deque, lambda rows: [deque(row) for row in rows]])
def test_rows_in_a_deque_are_read_as_those_of_a_list(rows):
    masked = np.ma.masked_array(X, np.arange(X.size).reshape(X.shape) == 10)
    plain = np.asarray(classifier().predict(X))
    assert np.array_equal(classifier().predict(rows(list(X))), plain)
    for call in (classifier().predict, lambda x: classifier().fit(x, Y, verbose=0)):
        with pytest.raises(
            ValueError, match=r"x is masked, first in row 3|x holds masked, .*row 3"
        ):
            call(rows(list(masked)))


TEXT = X.astype(str)
VECTORS = [pd.Series(TEXT.tolist()), pd.Series(list(TEXT))]


@pytest.mark.parametrize("given", [TEXT, TEXT.tolist(), TEXT.astype("S"), *VECTORS])
def test_numbers_written_as_text_are_told_how_they_become_numbers(given):
    with pytest.raises(TypeError, match=r"numbers written as text: convert them, such") as error:
        classifier().fit(given, Y, verbose=0)
    code = str(error.value).partition("such as by ")[2].removesuffix(".").replace("…", "given")
    assert np.array_equal(eval(code, {"np": np, "given": given}), X)


def test_columns_of_numbers_written_as_text_are_told_likewise():
    with pytest.raises(TypeError, match=r"column 'a' .* as text: .*by np\.asarray\(…, float\)"):
        classifier().fit(FRAME.astype(str), Y, verbose=0)
    assert np.array_equal(np.asarray(FRAME.astype(str)["a"], float), FRAME["a"])


@pytest.mark.parametrize("given", [TEXT, TEXT.tolist(), FRAME.astype(str)])
def test_numbers_written_as_text_are_told_apart_from_words(given):
    changed = np.array(given, object)
    changed[5, 1] = "?"
    with pytest.raises(TypeError, match=r"'\?' in row 5, column 1 .*encode text"):
        classifier().fit(changed, Y, verbose=0)


def test_text_among_targets_that_are_no_classes_is_not_to_be_numbered():
    y = T[:, 0].astype(str)
    with pytest.raises(
        TypeError, match=r"targets must be numbers, but y .*np\.asarray\(…, float\)"
    ):
        regressor(1).fit(X, y, verbose=0)
    y[7] = "?"
    with pytest.raises(
        TypeError, match=r"targets must be numbers, but y holds text, '\?' in row 7"
    ):
        regressor(1).fit(X, list(y), verbose=0)


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="has no wider one")
def test_what_overflows_float64_is_not_to_be_computed_in_it():
    for value, advice in (
        (1e300, r'scale the numbers or .*"float64"\.'),
        ("1e4000", "numbers\\.$"),
    ):
        with pytest.raises(ValueError, match=f"an overflow in float32, .*{advice}"):
            classifier().fit(np.full(X.shape, np.longdouble(value)), Y, verbose=0)


def test_a_confusion_matrix_of_columns_of_vectors_has_a_row_for_each_of_their_classes():
    rows = np.eye(3)[[0, 1, 1]]
    expected = metrics.confusion_matrix(rows, rows)
    pl = pytest.importorskip("polars")
    for kind in (
        lambda a: pl.Series(a, dtype=pl.Array(pl.Float64, 3)),
        lambda a: pl.Series(a.tolist()),
        lambda a: pd.Series(list(a)),
        lambda a: pa.array(a.tolist()),
    ):
        for given in ((kind(rows), kind(rows)), (rows, kind(rows)), (kind(rows), [0, 1, 1])):
            np.testing.assert_array_equal(metrics.confusion_matrix(*given), expected)


class Closed:
    """What offers itself as an array and cannot be read."""

    def __array__(self, dtype=None, copy=None):
        raise ValueError("the file is closed")


RAGGED_WITHIN = {
    "a vector in a cell": (
        [[[1, 2], 3, 4]] * 3,
        "x[0] holds numbers beside vectors, first in row 1",
    ),
    "in one row": (
        [[1, 2, 3], [1, 2, [3, 4]]],
        "x[1] holds numbers beside vectors, first in row 0",
    ),
    "a gap beside it": ([[[1, 2], None]] * 3, "x[0] holds None, first in row 1"),
    "unequal lists": ([[[1.0], [1.0, 2.0]]] * 3, "x[0] holds rows of unequal length (1, 2)"),
    "unequal arrays": ([(np.ones(2), np.ones(3))] * 2, "x[0] holds rows of unequal length (2, 3)"),
    "deeper": ([[[1, 2], [1, 2]], [[1, 2], [1, [2]]]], "x[1][1] holds numbers beside vectors"),
    "rows of other axes": ([[[1, 2], [3, 4]], [1, 2]], "arrays of different shapes, (2, 2), (2,)"),
    "one that is closed": ([Closed()] * 2, "x[0] cannot be made an array"),
}


@pytest.mark.parametrize(("x", "words"), RAGGED_WITHIN.values(), ids=RAGGED_WITHIN)
def test_rows_of_one_length_that_are_no_array_are_named(x, words):
    """They were told to be of one length, which they are."""
    for call in (lambda: to_array(x, "x"), lambda: regressor().predict(x)):
        with pytest.raises(ValueError, match=re.escape(words)):
            call()
    with pytest.raises(TypeError, match=r"x is a Closed, .* \(the file is closed\)"):
        to_array(Closed(), "x")


class Rows:
    """What Astropy's tables are like: some names are pandas', and NumPy forgets their masks."""

    iloc = types.MappingProxyType({})  # which has no column by number

    def __init__(self, frame, mask=False):
        self.columns, self.records = dict(frame), np.ma.array(frame.to_records(index=False))
        self.records.mask["b"] = mask
        self.dtype, self.shape = self.records.dtype, self.records.shape

    def __array__(self, dtype=None, copy=None):
        return self.records.data

    def as_array(self):
        return self.records

    def __len__(self):
        return len(self.records)

    def __getitem__(self, which):
        return Rows(FRAME[which])


def test_tables_that_give_their_records_keep_their_masks_and_names():
    y, model, other = X[:, 0], regressor(1), regressor(1)
    history = model.fit(Rows(FRAME), y, verbose=0).history
    assert history == other.fit(FRAME, y, verbose=0).history
    assert model.feature_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="x has the columns of another order"):
        model.predict(Rows(FRAME[["b", "a", "c"]]))
    hidden = Rows(FRAME, X[:, 1] > 1)
    for call in (
        lambda: model.predict(hidden),
        lambda: model.fit([(hidden, y)], verbose=0),
        lambda: bp.datasets.standardize(hidden),
        lambda: Normalization().adapt(hidden),
        lambda: model.fit(bp.datasets.stratified_split(hidden, Y)[0][0], y[: N // 2], verbose=0),
    ):
        with pytest.raises(ValueError, match=r"[xX] is masked, first in row"):
            call()


def as_decimals(a):
    return [[Decimal(str(v)) for v in row] for row in a]


CONSTANTS = {
    "a frame": pd.DataFrame,
    "an Arrow table": lambda a: pa.table(dict(zip("ab", a.T, strict=True))),
    "a column of vectors": lambda a: pd.Series(list(a)),
    "decimals": as_decimals,
    "objects": lambda a: a.astype(object),
}


@pytest.mark.parametrize("kind", CONSTANTS.values(), ids=CONSTANTS)
def test_weights_that_start_as_a_frame_are_saved(kind, tmp_path):
    """As word vectors that stand in one: the model trained, and could not be written to a file."""
    W = RNG.normal(size=(3, 2)).astype("float32").astype("float64")
    model = bp.Sequential([bp.Input(3), Dense(2, True, bp.initializers.Constant(kind(W)))], seed=0)
    np.testing.assert_array_equal(model.layers[0].W, W)
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(
        bp.load_model(tmp_path / "model.npz").predict(X), model.predict(X)
    )


@pytest.mark.parametrize("kind", [pd.Series, pa.array])
def test_pictures_take_columns_of_vectors(kind):
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    points, rows = kind(X[:, :2].tolist()), kind([[3, 1], [0, 2]])
    model.fit(points, Y, verbose=0)
    bp.plotting.decision_regions(model, points, Y, resolution=5)
    bp.plotting.confusion_matrix(rows)
    for wrong in (kind([[3, 1], [2]]), kind([["a", "b"]])):
        with pytest.raises(ValueError, match="matrix must hold numbers, with 2 axes, but it is"):
            bp.plotting.confusion_matrix(wrong)


LETTERS = np.array(list("abc"), dtype=object)[Y]
GAP_AT_7 = [
    pytest.param(
        lambda gap: pd.Series(LETTERS, dtype="string").mask(np.arange(N) == 7), id="pandas"
    ),
    pytest.param(lambda gap: [gap if k == 7 else v for k, v in enumerate(LETTERS)], id="list"),
    pytest.param(
        lambda gap: pa.array([None if k == 7 else v for k, v in enumerate(LETTERS)]), id="pyarrow"
    ),
]


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA], ids=repr)
@pytest.mark.parametrize("column", GAP_AT_7)
def test_a_gap_in_a_column_of_text_labels_is_named_by_its_row(column, gap):
    labels = column(gap)
    sigmoid = bp.Sequential([Dense(1), bp.layers.Sigmoid()])
    sigmoid.compile("sgd", "binary_crossentropy")
    for call in (
        lambda: bp.datasets.stratified_split(X, labels),
        lambda: classifier().fit(X, labels, verbose=0),
        lambda: sigmoid.fit(X, labels, verbose=0),
        lambda: metrics.confusion_matrix(labels, Y),
        lambda: bp.plotting.decision_regions(lambda points: points[:, 0] > 0, X[:, :2], labels),
    ):
        with pytest.raises(ValueError, match=r"holds (None|nan|<NA>), first in row 7: remove or"):
            call()


def test_numbers_beside_text_labels_are_named_before_both_are_to_be_numbered():
    labels = [1, 2, "x"] * (N // 3)
    with pytest.raises(TypeError, match="row 2 holds the str 'x' and row 0 holds the int 1: pass"):
        classifier().fit(X, labels, verbose=0)
    numbers = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
    classifier().fit(X, numbers, verbose=0)


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist, pd.DataFrame])
def test_the_advice_of_a_confusion_matrix_is_code_for_lists_and_frames_too(kind):
    several = kind(np.array([[1, 1], [0, 1], [0, 0]]))
    signs = kind(np.array([[1], [-1], [1]]))
    for given, code, found in (
        (several, r"take (np\.asarray\(y_true\)\[:, k\]), one", [1, 1, 0]),
        (signs, r"pass (np\.asarray\(y_true\) > 0), and", [1, 0, 1]),
    ):
        with pytest.raises(ValueError, match=code) as caught:
            metrics.confusion_matrix(given, given)
        followed = re.search(code, str(caught.value))[1]
        classes = eval(followed, {"np": np, "y_true": given, "k": 1})
        counts = metrics.confusion_matrix(classes, classes)
        np.testing.assert_array_equal(counts, np.diag(np.bincount(found, minlength=2)))


@pytest.mark.parametrize(
    "kind", [pd.Series, lambda rows: np.array([None, *rows], object)[1:], list]
)
def test_the_advice_on_one_hot_rows_is_code_for_columns_of_vectors_too(kind):
    y, points = kind(list(np.eye(3)[[0, 2, 1, 0]])), np.ones((4, 2))
    for call in (
        lambda: bp.datasets.stratified_split(points, y),
        lambda: bp.plotting.decision_regions(lambda p: p, points, y),
    ):
        with pytest.raises(ValueError, match=r"np\.argmax") as error:
            call()
        advice = re.search(r"np\.argmax\(.*axis=1\)", str(error.value)).group()
        assert eval(advice).tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize("kind", ["ReLU", "Softmax", "Dense", "BatchNormalization", "Residual"])
def test_layers_by_hand_say_what_they_cannot_read(kind, rng):
    made = {"Dense": lambda: Dense(2), "Residual": lambda: bp.layers.Residual([Dense(4)])}
    layer, X = made.get(kind, getattr(bp.layers, kind))(), rng.normal(size=(5, 4)).astype("f4")
    layer.build((4,), rng, "float32")
    if not layer.accepts_sparse:
        with pytest.raises(TypeError, match=r"a sparse matrix came .*: pass its \.toarray\(\)"):
            layer.forward(scipy.sparse.csr_array(X))
    masked = np.ma.masked_array(X, X > 0)
    objects = np.empty(5, object)
    objects[:] = list(X)
    for given, words in ((masked, "that is masked: "), (objects, r"np\.stack\(x\) makes one")):
        with pytest.raises(ValueError, match=words):
            layer.forward(given)
    delta = np.ones_like(layer.forward(X, training=True))
    objects[:] = list(delta)
    with pytest.raises(TypeError, match=r"sparse matrix.*: pass its \.toarray\(\)"):
        layer.backward(scipy.sparse.csr_array(delta))
    masked = np.ma.masked_array(delta, delta > 0)
    for given, words in ((masked, "that is masked: "), (objects, r"np\.stack\(x\) makes one")):
        with pytest.raises(ValueError, match=words):
            layer.backward(given)


@pytest.mark.parametrize("name", ["y", "sample_weight"])
def test_a_sparse_row_is_told_how_it_becomes_a_vector(name):
    given = {"y": Y, "sample_weight": np.ones(N), name: scipy.sparse.csr_matrix(np.ones(N))}
    with pytest.raises(TypeError, match=rf"or {name}\.toarray\(\)\.ravel\(\) of numbers for e"):
        classifier().fit(X, **given)


@pytest.mark.parametrize("shape", [(1, -1), (-1, 1)])
def test_sparse_vectors_are_told_how_they_become_vectors(shape):
    """SciPy makes ``(1, N)`` of a vector."""
    y, P = scipy.sparse.csr_matrix(Y.reshape(shape)), np.eye(3)[Y]
    weight = scipy.sparse.csr_matrix(np.ones(N).reshape(shape))
    estimator = bp.estimators.MLPClassifier(max_iter=1)
    calls = {
        "sample_weight": [
            lambda w=weight: estimator.fit(X, Y, sample_weight=w),
            lambda w=weight: classifier().fit(X, Y, sample_weight=w, verbose=0),
        ],
        "target": [
            lambda y=y: metrics.SparseCategoricalAccuracy().update(P, y),
            lambda y=y: bp.losses.SparseCategoricalCrossentropy().forward(P, y),
        ],
        "y_pred": [lambda y=y: metrics.confusion_matrix(Y, y)],
        "y": [
            lambda y=y: classifier().fit(X, y, verbose=0),
            lambda y=y: bp.datasets.stratified_split(X, y, 0.25),
        ],
    }
    for name, each_call in calls.items():
        for call in each_call:
            with pytest.raises(TypeError, match=r"a sparse matrix, .*: pass .*, or (.*) of n") as e:
                call()
            advice = re.search("or (.*) of numbers", str(e.value))[1]
            given = call.__defaults__[0]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of one iteration
                call(eval(advice, {name: given}))


def test_the_code_for_a_column_of_images_beside_numbers_can_be_run():
    x = pd.DataFrame({"image": list(X.reshape(N, -1, 1)), "age": 1.0})
    with pytest.raises(ValueError, match="its column 'image' holds arrays of shape") as caught:
        classifier().fit(x, Y, verbose=0)
    code = re.findall(r"pass (.*) instead", str(caught.value))[0]
    np.testing.assert_array_equal(eval(code)[:, -1], 1.0)
    classifier().fit(eval(code), Y, verbose=0)
