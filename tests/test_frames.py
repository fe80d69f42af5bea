"""A frame remembers its columns: other ones, or another order, are refused."""

import pickle
from collections import deque
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.base
import sklearn.exceptions
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

import backprop as bp
import backprop.estimators
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Normalization, Softmax

KINDS = [
    lambda f: f,
    pl.from_pandas,
    pa.Table.from_pandas,
    lambda f: f.to_records(index=False),
]


@pytest.fixture
def frame(rng):
    return pd.DataFrame(rng.standard_normal((20, 3)), columns=["a", "b", "c"])


@pytest.fixture
def model():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
def test_reordered_columns_are_refused_by_every_verb(kind, verb, frame, model):
    y = np.zeros(20)
    getattr(model, verb)(kind(frame), y)
    assert model.feature_names == ("a", "b", "c")
    other = kind(frame[["b", "a", "c"]])
    before = model.get_weights()
    for call in (
        lambda: model.predict(other),
        lambda: model.evaluate(other, y),
        lambda: model.fit(other, y),
        lambda: model.train_on_batch(other, y),
        lambda: model.fit([(other, y)]),
        lambda: model.evaluate(lambda: iter([(other, y)])),
        lambda: model.predict(lambda: iter([other])),
        lambda: model.predict([(other, y)]),
        lambda: model.activations(other),
        lambda: bp.learning_rate_range(model, other, y),
    ):
        with pytest.raises(
            ValueError, match=r"[xX] has the columns of another order.*'a', 'b', 'c'"
        ):
            call()
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    np.testing.assert_allclose(
        model.predict(kind(frame)), model.predict(frame.to_numpy()), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "row",
    [
        lambda f: f.iloc[0],
        lambda f: f.astype(object).iloc[0],
        lambda f: next(f.itertuples(index=False)),
        lambda f: f.to_records(index=False)[0],
    ],
)
def test_a_row_of_a_frame_has_the_order_of_its_columns(row, frame, model):
    """In another order each number would be multiplied by the weights of another column."""
    model.fit(frame, np.zeros(20), verbose=0)
    other = frame[["b", "a", "c"]]
    with pytest.raises(ValueError, match=r"^X has the columns of another order, .*'a', 'b', 'c'"):
        model.explain(row(other), [0.0])
    with pytest.raises(ValueError, match=r"^x has the columns of another order"):
        model.predict([row(other)])
    explained = str(model.explain(frame.to_numpy()[0], [0.0]))
    assert str(model.explain(row(frame), [0.0])) == explained
    numbered = pd.Series(list(row(frame)), index=[2, 0, 1])
    assert str(model.explain(numbered, [0.0])) == explained


def test_the_advice_on_a_row_of_another_order_is_code(frame, model):
    model.fit(frame, np.zeros(20), verbose=0)
    X = frame[["b", "a", "c"]].iloc[0]
    with pytest.raises(ValueError, match="another order") as error:
        model.explain(X, [0.0])
    advice = eval(str(error.value).rpartition("pass ")[2].rstrip("."))
    assert str(model.explain(advice, [0.0])) == str(model.explain(frame.iloc[0], [0.0]))


def test_the_index_of_a_column_of_vectors_names_no_columns(model):
    X = np.random.default_rng(0).standard_normal((3, 3))
    model.fit(pd.DataFrame(X), np.zeros(3), verbose=0)
    column = pd.Series(list(X), index=[2, 0, 1])
    assert np.array_equal(model.predict(column), model.predict(X))


def test_batches_agree_on_their_columns(frame, model):
    """As chunks of several files, of which one has its columns in another order."""
    y, other = np.zeros(20), frame[["b", "a", "c"]]
    words = "^x has the columns of another order"
    with pytest.raises(ValueError, match=words):
        model.fit([(frame, y), (other, y)], verbose=0)
    model.reset()
    with pytest.raises(ValueError, match=words):
        model.evaluate([(frame, y), (other, y)])
    before = model.get_weights()
    for held_out in ([(other, y)], lambda: iter([(other, y)]), (other, y)):
        with pytest.raises(ValueError, match=f"{words[0]}validation {words[1:]}"):
            model.fit([(frame, y)], validation_data=held_out, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    model.fit([(frame, y), (frame.to_numpy(), y), (frame, y)], epochs=2, verbose=0)
    assert model.feature_names == ("a", "b", "c")


def test_columns_that_are_missing_or_new_are_named(frame, model):
    model.fit(frame, np.zeros(20), verbose=0)
    with pytest.raises(ValueError, match="x has no column 'b'"):
        model.predict(frame.rename(columns={"b": "d"}))
    with pytest.raises(ValueError, match="x has a new column 'd'"):
        model.predict(frame.assign(d=1.0))
    assert model.predict(frame[::-1].assign(d=1.0)[list(model.feature_names)]).shape == (20, 1)


def test_arrays_have_no_columns_and_a_new_beginning_forgets_them(frame, model):
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    assert model.feature_names is None
    model.predict(frame[["c", "b", "a"]])
    model.fit(frame, np.zeros(20), verbose=0)
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    assert model.feature_names == ("a", "b", "c")
    model.reset()
    assert model.feature_names is None


def test_every_verb_looks_at_the_columns(rng):
    X, y = rng.normal(size=(12, 3)), rng.integers(0, 3, 12)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    other = frame[["c", "b", "a"]]

    def model():
        made = bp.Sequential([Dense(3), Softmax()], seed=0)
        made.compile("sgd", "sparse_categorical_crossentropy")
        return made

    trained = model()
    bp.fit_many([trained, model()], frame, y, verbose=0)
    assert trained.feature_names == ("a", "b", "c")
    for verb in (trained.explain, trained.check_gradients, trained.evaluate, trained.fit):
        with pytest.raises(ValueError, match="columns of another order"):
            verb(other, y)
    for tool in (bp.explain.explain, bp.inspection.check_gradients, bp.inspection.gradient_cost,
                 bp.inspection.loss_surface):  # fmt: skip
        with pytest.raises(ValueError, match="columns of another order"):
            tool(trained, other, y)
    with pytest.raises(ValueError, match="columns of another order"):
        bp.inspection.layer_outputs(trained, other)
    for verb in (trained.activations, trained.predict, trained.forward):
        with pytest.raises(ValueError, match="columns of another order"):
            verb(other)
    held_out = {"validation_data": (other, y), "verbose": 0}
    for call in (lambda: model().fit(frame, y, **held_out),
                 lambda: bp.fit_many([model(), model()], frame, y, **held_out)):  # fmt: skip
        with pytest.raises(ValueError, match=r"validation(_data| x) has "):
            call()
    model().fit(frame, y, validation_data=(frame[:5], y[:5]), verbose=0)
    model().fit(frame, y, validation_data=(other.to_numpy(), y), verbose=0)


def test_validation_data_in_another_order_of_columns_are_refused():
    frame = pd.DataFrame(np.random.default_rng(0).random((40, 3)), columns=list("abc"))
    y = np.arange(40.0)
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="validation x has the columns of another order"):
        model.fit(frame, y, validation_data=(frame[["b", "a", "c"]], y), verbose=0)
    model.fit(frame, y, validation_data=(frame, y), verbose=0)


def through_a_file(model, path):
    model.save(path / "model.npz")
    return bp.load_model(path / "model.npz")


def through_a_pickle(model, path):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("again", [through_a_file, through_a_pickle])
def test_a_loaded_model_remembers_the_columns(again, frame, model, tmp_path):
    model.fit(frame, np.zeros(20), verbose=0)
    loaded = again(model, tmp_path)
    assert loaded.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="x has the columns of another order"):
        loaded.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("labels", [[0, 1, 2], [("a", 1), ("a", 2), ("b", 1)]])
def test_columns_need_not_be_words(labels, frame, model, tmp_path):
    frame.columns = pd.MultiIndex.from_tuples(labels) if labels[0] else labels
    model.fit(frame, np.zeros(20), verbose=0)
    loaded = through_a_file(model, tmp_path)
    assert loaded.feature_names == tuple(labels)
    loaded.predict(frame)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("again", [through_a_file, through_a_pickle])
def test_a_column_labelled_nan_is_that_column_in_another_program_too(again, nested, tmp_path):
    """As ``get_dummies(…, dummy_na=True)`` names it; each file gives another nan."""
    letters = pd.Series(["u", None, "v", "u"])
    table = pd.get_dummies(letters, dummy_na=True, dtype=float)
    assert np.isnan(table.columns[-1])
    if nested:
        table.columns = pd.MultiIndex.from_product([["letter"], table.columns])

    def trained(epochs):
        scaling = Normalization()
        scaling.adapt(table)
        model = bp.Sequential([scaling, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        backup = bp.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        model.fit(table, np.zeros(4), epochs=epochs, verbose=0, callbacks=[backup])
        return model

    trained(1)
    model = trained(2)
    loaded = again(model, tmp_path)
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    with pytest.raises(ValueError, match="x has the columns of another order"):
        loaded.predict(table[table.columns[::-1]])


@pytest.mark.parametrize(
    "labels",
    [
        pd.date_range("2026-01-01", periods=3),
        pd.date_range("2026-01-01", periods=3, freq="h", tz="Europe/Vienna"),
        pd.Index([date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]),
        pd.MultiIndex.from_product([["sold"], pd.date_range("2026-01-01", periods=3)]),
    ],
    ids=["times", "times of a zone", "dates", "levels"],
)
def test_a_loaded_model_remembers_columns_that_are_dates(labels, frame, model, tmp_path):
    frame.columns = labels
    model.fit(frame, np.zeros(20), verbose=0)
    loaded = through_a_file(model, tmp_path)
    expected = loaded.predict(frame)
    turned = frame[frame.columns[::-1]]
    with pytest.raises(ValueError, match="x has the columns of another order"):
        loaded.predict(turned)
    chosen = turned[list(loaded.feature_names)]  # as the error advises
    np.testing.assert_array_equal(loaded.predict(chosen), expected)


@pytest.mark.parametrize(
    "labels", [pd.period_range("2026-01", periods=3, freq="M"), pd.to_datetime([1, 2, 3])]
)
def test_columns_that_a_file_cannot_hold_are_left_out(labels, frame, model, tmp_path):
    """Months, and nanoseconds."""
    frame.columns = labels
    model.fit(frame, np.zeros(20), verbose=0)
    assert through_a_file(model, tmp_path).feature_names is None


def test_a_resumed_training_wants_the_columns_of_the_backup(frame, model, tmp_path):
    def resumed(given, epochs):
        other = bp.Sequential([Dense(1)], seed=0)
        other.compile("sgd", "mse")
        backup = bp.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        other.fit(given, np.zeros(20), epochs=epochs, verbose=0, callbacks=[backup])
        return other

    resumed(frame, 1)
    model.fit(frame, np.zeros(20), epochs=3, verbose=0)
    with pytest.raises(ValueError, match=r"columns 'a', 'b', 'c', but the model on 'b', 'a', 'c'"):
        resumed(frame[["b", "a", "c"]], 3)
    other = resumed(frame.to_numpy(), 3)  # arrays have no columns: those of the backup are kept
    assert other.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(other.parameters.values, model.parameters.values)


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS[:2] + KINDS[3:])
def test_the_advice_on_columns_of_vectors_keeps_every_column(kind, n, frame, model):
    columns = {f"v{k}": frame[["a", "b"]].to_numpy().tolist() for k in range(2)}
    numbers = dict.fromkeys("cde"[:n], frame["c"])
    x = kind(pd.DataFrame(columns | numbers))
    with pytest.raises(ValueError, match="its column 'v0' holds arrays of shape") as caught:
        model.fit(frame.to_numpy(), np.zeros(20), validation_data=(x, np.zeros(20)), verbose=0)
    advice = str(caught.value).split(": pass ")[1].removesuffix(" instead.")
    found = eval(advice, {"np": np, "x": x})  # it is Python
    expected = frame[["a", "b", "a", "b"] + ["c"] * n].to_numpy()
    np.testing.assert_array_equal(found, expected)


def test_the_advice_on_sparse_validation_targets_is_python(frame, model):
    y = scipy.sparse.csr_array(np.zeros((20, 1)))
    with pytest.raises(TypeError, match=r"^validation y is a sparse .* pass y\.toarray\(\)"):
        model.fit(frame, np.zeros(20), validation_data=(frame, y), verbose=0)


def test_advice_about_an_argument_of_a_layer_is_code():
    hidden = np.ma.masked_less(np.arange(3.0), 1)
    with pytest.raises(ValueError, match=r"^mean of .* by mean\.filled\(…\)\.$"):
        bp.layers.Normalization(mean=hidden, variance=np.ones(3))


def test_folds_and_their_validation_data_have_the_columns(frame, model):
    """The models keep their names, and what they are evaluated on is compared with them."""
    y, other = np.zeros(20), frame[["b", "a", "c"]]

    def build(**settings):
        made = bp.Sequential([Dense(1)], seed=0)
        made.compile("sgd", "mse")
        return made

    for fold in bp.cross_validate(build, frame, y, folds=2).models:
        assert fold.feature_names == ("a", "b", "c")
        with pytest.raises(ValueError, match="x has the columns of another order"):
            fold.predict(other)
    assert bp.cross_validate(build, frame.to_numpy(), y, folds=2).models[0].feature_names is None
    many = build()
    for held_out in ((other, y), [(other, y)], lambda: iter([(other, y)])):
        more = {"validation_data": held_out, "verbose": 0}
        for call in (
            lambda more=more: bp.cross_validate(build, frame, y, folds=2, **more),
            lambda more=more: bp.search(build, {"units": [1]}, frame, y, folds=2, **more),
            lambda more=more: bp.fit_many([many], frame, y, **more),
        ):
            with pytest.raises(ValueError, match="validation x has the columns of another order"):
                call()
    assert many.feature_names is None
    bp.cross_validate(build, frame, y, folds=2, validation_data=(frame, y))


def test_a_source_that_has_columns_is_compared_with_what_was_trained_on(frame, model, tmp_path):
    y = np.zeros(20)
    frame.assign(y=y).to_parquet(tmp_path / "t.parquet")
    source = bp.datasets.from_parquet(tmp_path / "t.parquet", ["b", "a", "c"], "y")
    words = "^validation x has the columns of another order.*: pass these, in this order"
    with pytest.raises(ValueError, match=words):
        model.fit(frame, y, validation_data=source, verbose=0)
    with pytest.raises(ValueError, match=words):
        bp.fit_many([model], frame, y, validation_data=source, verbose=0)
    model.fit(frame[["b", "a", "c"]], y, validation_data=source, verbose=0)


def test_pictures_of_a_model_look_at_the_columns(frame, tmp_path):
    frame, y = frame[["a", "b"]], np.arange(20) % 2
    model = bp.Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    recorder = bp.inspection.Recorder()
    model.fit(frame, y, verbose=0, callbacks=[recorder])
    other = frame[["b", "a"]]
    for call in (
        lambda: bp.plotting.decision_regions(model, other, y),
        lambda: bp.plotting.decision_regions(model.predict, other, y),
        lambda: recorder.save(tmp_path / "page.html", other, y),
    ):
        with pytest.raises(ValueError, match="X has the columns of another order"):
            call()
    bp.plotting.decision_regions(model, frame, y, resolution=5)
    bp.plotting.decision_regions(model, other.to_numpy(), y, resolution=5)
    recorder.save(tmp_path / "page.html", frame, y)


def test_columns_may_be_assigned_as_a_list(frame, model, tmp_path):
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    model.feature_names = list("abc")
    for given in (frame, frame.to_numpy()):
        model.predict(given)
    assert through_a_file(model, tmp_path).feature_names == ("a", "b", "c")
    model.load_weights(tmp_path / "model.npz")
    model.fit([(frame, np.zeros(20))], verbose=0)
    assert model.feature_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="x has the columns of another order"):
        model.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("kind", [lambda f: f.iloc[0], lambda f: f["a"], lambda f: [1.0, 2.0, 3.0]])
def test_advice_about_what_is_no_array_can_be_followed(kind, frame, model):
    row = kind(frame)
    for _ in range(2):  # before it is built, and then
        with pytest.raises(ValueError, match=r"use np\.asarray\(x\)\.reshape\(-1, 1\) .* or np"):
            model.predict(row)
        model.fit(frame, np.zeros(20), verbose=0)
    grids = bp.Sequential([bp.Input((3, 1)), bp.layers.Flatten(), Dense(1)], seed=0)
    with pytest.raises(ValueError, match=r" np\.asarray\(x\)\[\.\.\., np\.newaxis\]"):
        grids.predict(frame)


def test_a_table_without_columns(frame, model):
    with pytest.raises(
        ValueError, match=r"without numbers .* \(20, 0\)\. Pass at least one number"
    ):
        model.fit(frame[[]], np.zeros(20), verbose=0)


def test_columns_that_are_missing_are_not_called_another_order():
    """Numbers as names become text in a file, and a frame without them cannot be indexed."""
    X = np.random.default_rng(0).random((20, 2))
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(pd.DataFrame(X), X[:, 0], verbose=0)
    for names in (["0", "1"], ["a", "b"], [1, "0"]):
        words = "^x has no column 0, but .* the columns 0, 1: pass these, in this order"
        with pytest.raises(ValueError, match=words):
            model.predict(pd.DataFrame(X, columns=names))
    with pytest.raises(
        ValueError, match=r"another order.*: pass x\[list\(model\.feature_names\)\]"
    ):
        model.predict(pd.DataFrame(X, columns=[1, 0]))


def test_a_column_that_is_there_twice_is_named():
    """As of frames that were joined; taking the columns by their labels would keep both."""
    X = np.random.default_rng(0).random((20, 2))
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(pd.DataFrame(X, columns=["a", "b"]), X[:, 0], verbose=0)
    twice = pd.DataFrame(X[:, [0, 1, 1]], columns=["a", "b", "b"])
    with pytest.raises(ValueError, match=r"^x has more than one column 'b', .*: pass these"):
        model.predict(twice)
    model.fit(twice.set_axis(list("abc"), axis=1)[["a", "b"]], X[:, 0], verbose=0)


def test_columns_of_a_table_of_arrow_are_chosen_by_its_method():
    table = pa.table({"a": np.arange(20.0), "b": np.ones(20)})
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(table, np.ones(20), verbose=0)
    x = table.select(["b", "a"])
    with pytest.raises(ValueError, match="another order") as error:
        model.predict(x)
    advice = str(error.value).rpartition("pass ")[2].rstrip(".")
    assert model.predict(eval(advice)).shape == (20, 1)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["b", "a"], "others.0. has the columns of another order, .* of X, .*: 'a', 'b'"),
        (["a", "c"], "others.0. has no column 'b'"),
        (["a", "b", "c"], "others.0. has a new column 'c'"),
    ],
)
def test_frames_are_standardized_column_by_column(columns, words):
    """In another order each would be scaled by another one's mean, into an array without names."""
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3) ** 2, columns=["a", "b", "c"])
    X, other = frame[["a", "b"]], frame[columns]
    for given in (other, pa.table(dict(other))):
        with pytest.raises(ValueError, match=words):
            bp.datasets.standardize(X, given)
    same = bp.datasets.standardize(X, X[:2], X.to_numpy())
    np.testing.assert_array_equal(same[1], same[0][:2])
    np.testing.assert_array_equal(same[2], same[0])


def test_one_record_or_number_is_no_batch():
    records = np.rec.fromarrays([np.arange(3.0), np.ones(3)], names="a,b")
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(records, np.ones(3), verbose=0)
    with pytest.raises(ShapeError, match=r"x must have a row for each sample, .* \(2,\): use"):
        model.predict(records[0])
    for call in (model, model.forward):
        with pytest.raises(ShapeError, match=r"X must have a row for each sample, .* \(\): use"):
            call(0.5)


@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
def test_what_a_first_layer_was_adapted_to(verb, frame):
    """Each column was scaled by the mean and variance of another one, without a word."""
    scaling = Normalization()
    scaling.adapt(frame)
    model = bp.Sequential([scaling, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    told = (
        "x has the columns of another order, but Normalization .* was adapted to .* 'a', 'b', 'c'"
    )
    with pytest.raises(ValueError, match=told):
        getattr(model, verb)(frame[["c", "a", "b"]], np.zeros(20))
    getattr(model, verb)(frame, np.zeros(20))
    scaling.adapt(frame.to_numpy())  # which has no columns
    model = bp.Sequential([scaling.copy(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    getattr(model, verb)(frame[["c", "a", "b"]], np.zeros(20))


@pytest.mark.parametrize("again", [through_a_file, through_a_pickle])
def test_a_loaded_model_knows_what_its_first_layer_was_adapted_to(again, frame, tmp_path):
    """Trained on an array, it forgot the columns in the file: others were scaled in silence."""
    scaling = Normalization()
    scaling.adapt(frame)
    model = bp.Sequential([scaling, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    loaded = again(model, tmp_path)
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="x has the columns of another order"):
        loaded.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("kind", KINDS)
def test_batches_that_a_layer_is_adapted_to_agree_on_their_columns(kind, frame):
    """As chunks of several files: the columns of one were averaged with other columns."""
    parts, other = [kind(frame[:8]), kind(frame[8:])], kind(frame[8:][["b", "a", "c"]])
    scaling = Normalization()
    words = "^X has the columns of another order, but the batches before have .*'a', 'b', 'c'"
    for batches in ([parts[0], other], [parts[0], frame[8:].to_numpy(), other]):
        with pytest.raises(ValueError, match=words):
            scaling.adapt(iter(batches))
    scaling.adapt(iter(parts))
    np.testing.assert_allclose(scaling.mean, frame.mean(), atol=1e-12)
    model = bp.Sequential([scaling, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="x has the columns of another order, but Normalization"):
        model.fit(other, np.zeros(12), verbose=0)
    model.fit(parts[1], np.zeros(12), verbose=0)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_frames_that_are_samples_agree_on_their_columns(kind, frame):
    """As a file for each series: features were taken for one another, without a word."""
    parts = [kind(frame[:10]), kind(frame[10:])]
    wrong = [parts[0], kind(frame[10:][["b", "a", "c"]])]
    model = bp.Sequential([bp.layers.Flatten(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(parts, np.zeros(2), verbose=0)
    padded = bp.datasets.pad_sequences(parts, dtype="float64")
    np.testing.assert_array_equal(padded, frame.to_numpy().reshape(2, 10, 3))
    told = r"^{0}\[1\] has the columns of another order, but must have those of {0}\[0\]"
    for given in (wrong, pd.Series(wrong)):
        with pytest.raises(ValueError, match=told.format("x")):
            model.predict(given)
    with pytest.raises(ValueError, match=told.format("sequences")):
        bp.datasets.pad_sequences(iter(wrong), dtype="float64")


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_list_of_frames_has_their_columns(kind, frame, tmp_path):
    """As a file for each series, read by another program: features were exchanged in silence."""
    y = np.zeros(2)

    def parts(labels):
        return [kind(frame[rows][labels]) for rows in (slice(0, 10), slice(10, 20))]

    model = bp.Sequential([bp.layers.Flatten(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    given, other = parts(["a", "b", "c"]), parts(["b", "a", "c"])
    model.fit(given, y, verbose=0)
    assert model.feature_names == ("a", "b", "c")
    loaded = through_a_file(model, tmp_path)
    expected = model.predict(frame.to_numpy().reshape(2, 10, 3))
    for known in (model, loaded):
        np.testing.assert_array_equal(known.predict(given), expected)
        np.testing.assert_array_equal(known.predict(tuple(given)), expected)
        for call in (
            lambda known=known: known.predict(other),
            lambda known=known: known.predict(deque(other)),
            lambda known=known: known.evaluate(other, y),
            lambda known=known: known.fit(other, y, verbose=0),
            lambda known=known: known.fit(given, y, validation_data=(other, y), verbose=0),
            lambda known=known: known.explain(other, y),
        ):
            with pytest.raises(
                ValueError, match=r"[xX] has the columns of another order.*: pass these, in"
            ):
                call()


def test_several_inputs_in_frames_are_told_that_a_model_has_one(frame):
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    x, y = [frame[["a"]], frame[["b"]]], np.zeros(20)
    with pytest.raises(ValueError, match=r"several inputs: .* np\.concatenate\(x, axis=-1\)"):
        model.fit(x, y, verbose=0)
    model.fit(np.concatenate(x, axis=-1), y, verbose=0)


@pytest.mark.parametrize("kind", KINDS)
def test_validation_targets_have_the_order_of_those_that_are_trained_on(kind, frame):
    """Each output was compared with the targets of another one, without a word."""
    X, y, other = frame.to_numpy(), kind(frame), kind(frame[["b", "a", "c"]])
    told = r"^validation y has the columns of another order, but must have those of y, in their"

    def model():
        made = bp.Sequential([Dense(3)], seed=0)
        made.compile("sgd", "mse")
        return made

    fits = [model().fit, lambda *given, **more: bp.fit_many([model(), model()], *given, **more)]
    for fit in fits:
        for held_out in ((X, other), (X, other, np.ones(20))):
            with pytest.raises(ValueError, match=told):
                fit(X, y, validation_data=held_out, verbose=0)
        fit(X, y, validation_data=(X, y), verbose=0)
        fit(X, y, validation_data=(X, kind(frame.set_axis([*"xyz"], axis=1))), verbose=0)
        fit(X, y, validation_data=(X, frame.to_numpy()), verbose=0)
    if kind is not KINDS[3]:
        for estimator in (
            bp.estimators.MLPRegressor(max_iter=1),
            bp.estimators.SequentialRegressor(lambda n, k: bp.Sequential([Dense(k)]), epochs=1),
        ):
            with pytest.raises(ValueError, match=told):
                estimator.fit(X, y, validation_data=(X, other))


def test_every_verb_looks_at_the_columns_that_the_first_layer_was_adapted_to(frame):
    """Also where the model itself was trained on arrays, or on batches."""
    y, other = np.zeros(20), frame[["c", "a", "b"]]
    scaling = Normalization()
    scaling.adapt(frame)
    model = bp.Sequential([scaling, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(frame.to_numpy(), y, verbose=0)
    before = model.get_weights()
    for call in (
        lambda: model.predict(other),
        lambda: model(other),
        lambda: model.predict(lambda: iter([other])),
        lambda: model.evaluate(other, y),
        lambda: model.evaluate([(other, y)]),
        lambda: model.fit([(other, y)], verbose=0),
        lambda: model.fit(frame.to_numpy(), y, validation_data=[(other, y)], verbose=0),
        lambda: model.fit(frame.to_numpy(), y, validation_data=(other, y), verbose=0),
        lambda: bp.fit_many([model], other, y, verbose=0),
        lambda: model.activations(other),
        lambda: model.explain(other, y),
        lambda: bp.learning_rate_range(model, other, y),
    ):
        with pytest.raises(ValueError, match=r"[xX] has the columns of another order"):
            call()
    np.testing.assert_array_equal(before[-2], model.get_weights()[-2])
    model.predict(frame)
    model.fit([(frame, y)], verbose=0)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_regions_of_an_estimator_have_the_columns_that_it_was_fitted_to(kind, frame):
    frame, y = frame[["a", "b"]], np.arange(20) % 2
    if kind == "polars":
        frame = pl.from_pandas(frame)
    alone = bp.estimators.MLPClassifier((2,), max_iter=1, random_state=0)
    by_name = make_column_transformer(("passthrough", ["b", "a"]))
    pipeline = make_pipeline(by_name, sklearn.base.clone(alone))
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        estimators = [alone.fit(frame, y), pipeline.fit(frame, y)]
    for estimator in estimators:
        for predict in (estimator, estimator.predict_proba):
            bp.plotting.decision_regions(predict, frame, y, resolution=5)
            with pytest.raises(ValueError, match=r"^X has the columns of another order.*in this"):
                bp.plotting.decision_regions(predict, frame[["b", "a"]], y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        bp.plotting.decision_regions(alone, frame.to_numpy(), y, resolution=5)


@pytest.mark.parametrize("layer", [bp.layers.GRU, bp.layers.LSTM])
@pytest.mark.parametrize("kind", KINDS[:3])
def test_the_advice_on_a_missing_axis_is_code_for_frames_too(kind, layer, frame):
    model = bp.Sequential([layer(2), Dense(1)])
    model.compile("sgd", "mse")
    X = kind(frame)
    with pytest.raises(ShapeError, match=r"by Reshape\(\(3, 1\)\) in front of it"):
        model.fit(X, np.zeros(20), verbose=0)
    model = bp.Sequential([bp.layers.Reshape((3, 1)), layer(2), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros(20), verbose=0)


@pytest.mark.parametrize(
    "kind",
    [
        lambda f: [f["a"], f["b"], f["c"]],
        lambda f: (f["a"].tolist(), f["b"].tolist(), f["c"].tolist()),
        lambda f: f.T,
        lambda f: pl.from_pandas(f).transpose(),
        lambda f: pa.Table.from_pandas(f.T.rename(columns=str), preserve_index=False),
    ],
    ids=["list", "tuple", "pandas", "polars", "pyarrow"],
)
def test_the_advice_on_samples_in_columns_is_code(kind, frame, model):
    x, y = kind(frame), frame["a"]
    with pytest.raises(ShapeError, match=r"are its columns: pass np\.transpose\(x\)\.$"):
        model.fit(x, y)
    model.fit(np.transpose(x), y, verbose=0)
    np.testing.assert_allclose(model.predict(np.transpose(x)), model.predict(frame.to_numpy()))


@pytest.mark.parametrize("labels", [("v", "v"), ("v", "a", "v")])
def test_the_advice_on_columns_of_vectors_with_one_name_is_code(labels, rng):
    columns = [list(rng.random((20, 2))) if label == "v" else rng.random(20) for label in labels]
    x = pd.concat([pd.Series(c, name=n) for n, c in zip(labels, columns, strict=True)], axis=1)
    model = bp.Sequential([bp.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match="instead") as caught:
        model.fit(x, np.zeros(20))
    code = str(caught.value).partition(": pass ")[2].removesuffix(" instead.")
    assert eval(code, {"np": np, "x": x}).shape == (20, 2 + len(labels))


@pytest.mark.parametrize("kind", [pd.Index, np.array, list, tuple])
def test_names_of_columns_are_kept_as_a_tuple(kind, tmp_path):
    model = bp.Sequential([bp.Input(3), bp.layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.feature_names = kind(list("abc"))
    assert model.feature_names == ("a", "b", "c")
    model.save(tmp_path / "model.bp")
    assert bp.load_model(tmp_path / "model.bp").feature_names == ("a", "b", "c")
    for wrong in (3, "abc"):
        with pytest.raises(TypeError, match="feature_names must be a list of the names of columns"):
            model.feature_names = wrong
    assert bp.Sequential.feature_names is None
