"""The rarer arguments of ``fit``, ``evaluate`` and ``predict``, and inputs of every form."""

import inspect
import tracemalloc
import warnings
from ast import literal_eval

import numpy as np
import pytest
import scipy.sparse
from by_hand import assert_as_by_hand, train_by_hand
from scripts import Record
from small_models import ETA, assert_same_weights, built, classifier, regressor, shuffles

import backprop as bp
from backprop.callbacks import Callback
from backprop.core.errors import ShapeError
from backprop.data.samples import Data, split_validation
from backprop.experiments.many import fit_together
from backprop.layers import Dense, Dropout, ReLU, Sigmoid
from backprop.optimizers import SGD
from backprop.training.plan import plan_fit

N, SIZE = 13, 4


@pytest.fixture
def data(rng):
    return rng.normal(size=(N, 3)), rng.normal(size=(N, 2))


@pytest.fixture
def labelled(rng):
    return rng.normal(size=(N, 3)), np.arange(N) % 3


# ------------------------------------------------------------------------------ steps_per_epoch


@pytest.mark.parametrize("shuffle", [False, True])
def test_steps_per_epoch_takes_the_first_batches_of_each_epochs_order(data, shuffle):
    X, Y = data
    model = built(regressor())
    orders = shuffles(model, N, 3) if shuffle else [np.arange(N)] * 3
    weights, losses = model.get_weights(), []
    for order in orders:
        seen = order[:8]
        weights, loss = train_by_hand(
            weights, X[seen], Y[seen], [np.arange(8)], batch_size=SIZE, learning_rate=ETA
        )
        losses += loss
    history = model.fit(X, Y, SIZE, 3, 0, shuffle=shuffle, steps_per_epoch=2)
    assert_as_by_hand(history, weights, losses)
    assert history.params["steps"] == 2
    assert model.optimizer.iterations == 6


def test_more_steps_than_there_are_take_them_all(data):
    few, many = regressor(), regressor()
    few.fit(*data, SIZE, 2, 0)
    assert many.fit(*data, SIZE, 2, 0, steps_per_epoch=99).params["steps"] == 4
    assert_same_weights(few, many)


@pytest.mark.parametrize("name", ["steps_per_epoch", "validation_steps", "validation_batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
@pytest.mark.parametrize("held_out", [{}, {"validation_split": 0.5}, "validation_data"])
def test_numbers_of_steps_are_checked_before_training(data, name, value, held_out):
    held_out = {"validation_data": data} if isinstance(held_out, str) else held_out
    model = regressor()
    with pytest.raises(ValueError, match=f"{name} must be an integer of 1 or more, but it is"):
        model.fit(*data, verbose=0, **held_out, **{name: value})
    assert model.input_shape is None
    assert model.history is None


# ----------------------------------------------------------------------------------- validation


@pytest.mark.parametrize("held_out", [{"validation_split": 0.5}, "validation_data"])
def test_validation_steps_take_the_first_batches(data, held_out):
    X, Y = data
    if isinstance(held_out, str):
        held_out = {"validation_data": (X[6:], Y[6:])}  # as the split cuts: ⌊13 / 2⌋ = 6
    model, record = regressor(), Record()
    history = model.fit(
        X, Y, verbose=0, callbacks=[record], validation_steps=2, validation_batch_size=3, **held_out
    )
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[6:12], Y[6:12]))
    assert record.count("test_batch_end") == 2


@pytest.mark.parametrize(("size", "batches"), [(None, 1), (100, 1), (7, 1), (3, 3), (1, 7)])
@pytest.mark.parametrize("held_out", [{"validation_split": 0.5}, "validation_data"])
def test_validation_batch_size_changes_the_number_of_batches_alone(data, held_out, size, batches):
    X, Y = data
    if isinstance(held_out, str):
        held_out = {"validation_data": (X[6:], Y[6:])}
    model, record = regressor(metrics=["mae"]), Record()
    history = model.fit(
        X, Y, SIZE, 2, 0, callbacks=[record], validation_batch_size=size, **held_out
    ).history
    assert record.count("test_batch_begin") == record.count("test_batch_end") == 2 * batches
    loss, mae = model.evaluate(X[6:], Y[6:])
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-12)
    assert history["val_mae"][-1] == pytest.approx(mae, rel=1e-12)


@pytest.mark.parametrize(
    ("frequency", "validated"),
    [
        (1, [0, 1, 2, 3, 4]),
        (2, [1, 3]),  # Keras: after the epochs 2 and 4, counted from 1
        (5, [4]),
        (6, []),
        (np.int64(3), [2]),
        ([1], [0]),
        ([2, 5], [1, 4]),
        ((5, 1, 1, 9), [0, 4]),
        (range(2, 4), [1, 2]),
        ({3}, [2]),
        ([], []),
    ],
)
def test_validation_freq(data, frequency, validated):
    X, Y = data
    model, record = regressor(metrics=["mae"]), Record()
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if "val_loss" in logs:
                seen.append(epoch)
                assert logs["val_loss"] == model.evaluate(X[:5], Y[:5])[0]

    history = model.fit(
        X, Y, SIZE, 5, 0, [Watch(), record], validation_data=(X[:5], Y[:5]),
        validation_freq=frequency,
    )  # fmt: skip
    assert seen == validated
    assert record.count("test_begin") == record.count("test_end") == len(validated)
    keys = ["loss", "mae"] + ["val_loss", "val_mae"] * bool(validated)
    assert sorted(history.history) == sorted(keys)
    for key, values in history.history.items():
        assert len(values) == (len(validated) if key.startswith("val_") else 5)
    assert history.epoch == [0, 1, 2, 3, 4]


def test_validation_freq_counts_from_the_first_epoch_of_all(data):
    X, Y = data
    history = regressor().fit(
        X, Y, epochs=6, initial_epoch=3, verbose=0, validation_data=data, validation_freq=2
    )
    assert (history.epoch, len(history.history["val_loss"])) == ([3, 4, 5], 2)  # 4 and 6 of 4, 5, 6


@pytest.mark.parametrize("frequency", [0, -2, 1.5, "2", [0, 1], [1.5], True, ["1"], np.array(2)])
def test_what_validation_freq_cannot_be(data, frequency):
    model = regressor()
    with pytest.raises(ValueError, match="validation_freq must be an integer of 1 or more"):
        model.fit(*data, verbose=0, validation_freq=frequency)
    assert model.input_shape is None


# ---------------------------------------------------------------------------- History and plots


@pytest.mark.parametrize(("first", "frequency"), [(0, 2), (0, [1, 5]), (3, 2), (0, [5])])
def test_plot_draws_each_validation_at_its_epoch(data, first, frequency):
    history = regressor(metrics=["mae"]).fit(
        *data, epochs=first + 5, initial_epoch=first, verbose=0, validation_data=data,
        validation_freq=frequency,
    )  # fmt: skip
    chosen = frequency if isinstance(frequency, list) else range(0, 99, frequency)
    at = [epoch for epoch in range(first + 1, first + 6) if epoch in chosen]
    figure = history.plot()
    assert [axes.get_title().split(" (")[0] for axes in figure.axes] == ["loss", "mae"]
    for axes, key in zip(figure.axes, ("loss", "mae"), strict=True):
        lines = {line.get_label().split(" ")[0]: line for line in axes.lines}
        np.testing.assert_array_equal(lines["training"].get_xdata(), range(first + 1, first + 6))
        np.testing.assert_array_equal(lines["training"].get_ydata(), history.history[key])
        drawn = {
            x: y for x, y in zip(*lines["validation"].get_data(), strict=True) if np.isfinite(y)
        }
        assert drawn == dict(zip(at, history.history[f"val_{key}"], strict=True))


def test_plot_leaves_the_history_as_it_was(data):
    history = regressor().fit(*data, epochs=4, verbose=0, validation_data=data, validation_freq=3)
    before = {key: list(values) for key, values in history.history.items()}
    history.plot()
    assert history.history == before
    assert len(before["val_loss"]) == 1


def test_plot_of_a_history_that_was_put_together_by_hand():
    history = bp.History()
    history.epoch, history.history = [0, 1, 2], {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0]}
    lines = history.plot().axes[0].lines
    by_label = {line.get_label().split(" ")[0]: line.get_ydata() for line in lines}
    np.testing.assert_array_equal(by_label["training"], [3, 2, 1])
    np.testing.assert_array_equal(by_label["validation"], [4, 3, np.nan])


# ----------------------------------------------------- classes that only the validation has seen


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([0, 0, 1, 1, 0, 1, 2, 2], "class 2, which"),
        ([0, 1, 0, 1, 0, 1, 3, 2], "class 2, 3, which"),
        ([0, 0, 0, 0, 0, 0, 1, 0], "class 1, which"),
        ([0, 0, 0, 0, 0, 0, 7, 6], "class 6, 7, which"),
    ],
)
@pytest.mark.parametrize("one_hot", [False, True])
def test_a_class_in_the_last_rows_alone_is_warned_of(rng, y, classes, one_hot):
    X, y = rng.normal(size=(8, 3)), np.array(y)
    model = classifier(n_out=8)
    if one_hot:
        y = np.eye(8)[y]
        model.compile("sgd", "categorical_crossentropy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, verbose=0, validation_split=0.25)
    (warning,) = caught
    assert warning.category is RuntimeWarning
    assert warning.filename == __file__  # the line that called fit
    for words in ("the last 2 samples", classes, "never trained on", "shuffle x and y together"):
        assert words in str(warning.message)


def test_long_lists_of_classes_are_cut_short(rng):
    X, y = rng.normal(size=(20, 3)), np.r_[np.zeros(10, int), np.arange(10)]
    with pytest.warns(RuntimeWarning, match=r"class 1, 2, 3, 4, 5, …, which"):
        classifier(n_out=10).fit(X, y, verbose=0, validation_split=0.5)


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        ([0, 1, 2, 0, 1, 2, 2, 0], "sparse_categorical_crossentropy"),  # all classes are in both
        ([0, 1, 2, 0, 1, 2, 0, 0], "sparse_categorical_crossentropy"),  # the last rows lack some
    ],
)
def test_no_warning_where_no_class_is_new(rng, y, loss):
    model = classifier()
    model.compile("sgd", loss)
    history = model.fit(rng.normal(size=(8, 3)), y, verbose=0, validation_split=0.25)
    assert "val_loss" in history.history  # and warnings are errors here


@pytest.mark.parametrize(
    ("y", "loss", "last"),
    [
        (np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 4, axis=0), "mse", ReLU),
        (np.arange(8.0), "mse", ReLU),
        (np.arange(8), "mse", ReLU),
        (np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 4, axis=0), "binary_crossentropy", Sigmoid),
    ],
)
def test_no_warning_where_targets_are_no_classes(rng, y, loss, last):
    model = bp.Sequential([Dense(3 if np.ndim(y) == 2 else 1), last()], seed=0)
    model.compile(SGD(0.001), loss)
    assert "val_loss" in model.fit(
        rng.normal(size=(8, 3)), y, verbose=0, validation_split=0.5
    ).history  # fmt: skip


def test_warning_where_all_of_the_last_rows_are_of_the_second_of_two_classes(rng):
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(0.001), "binary_crossentropy")
    X = rng.normal(size=(8, 3))
    with pytest.warns(RuntimeWarning, match="only they are of class 1, which"):
        model.fit(X, [0, 0, 0, 0, 0, 0, 1, 1], verbose=0, validation_split=0.25)
    model.fit(X, [0, 1, 0, 0, 0, 0, 1, 1], verbose=0, validation_split=0.25)


def test_soft_labels_are_classes_wherever_they_are_not_zero():
    soft = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.3, 0.7, 0], [0.9, 0.1, 0]])
    first, last = split_validation(Data(np.zeros((4, 1)), soft), 0.5, categorical=True)
    assert (len(first), len(last)) == (2, 2)
    soft[3] = [0.9, 0.0, 0.1]
    with pytest.warns(RuntimeWarning, match="class 2, which"):
        split_validation(Data(np.zeros((4, 1)), soft), 0.5, categorical=True)
    split_validation(Data(np.zeros((4, 1)), soft), 0.5)  # these might be any numbers


# ------------------------------------------------------------------------- evaluate and predict


def test_evaluate_takes_the_first_steps(data):
    X, Y = data
    model = regressor(metrics=["mae"])
    assert model.evaluate(X, Y, SIZE, steps=2) == pytest.approx(model.evaluate(X[:8], Y[:8]))
    assert model.evaluate(X, Y, SIZE, steps=99) == pytest.approx(model.evaluate(X, Y))
    with pytest.raises(ValueError, match="steps must be an integer of 1 or more, but it is 0"):
        model.evaluate(X, Y, steps=0)


def test_hooks_of_evaluate(data):
    record, model = Record(), regressor(metrics=["mae"])
    logs = model.evaluate(*data, SIZE, callbacks=[record], return_dict=True)
    assert record.calls == ["test_begin", *["test_batch_begin", "test_batch_end"] * 4, "test_end"]
    assert record.logs["on_test_end"] == record.logs["on_test_batch_end"] == logs
    assert (record.model, record.params) == (model, {"epochs": 1, "steps": 4, "verbose": 0})


def test_hooks_of_predict(data):
    record, model = Record(), built(regressor())
    X = data[0]
    expected = model.predict(X)
    np.testing.assert_allclose(model.predict(X, SIZE, callbacks=[record]), expected, rtol=1e-12)
    assert record.calls == [
        "predict_begin", *["predict_batch_begin", "predict_batch_end"] * 4, "predict_end"
    ]  # fmt: skip
    np.testing.assert_allclose(
        record.logs["on_predict_batch_end"]["outputs"], expected[12:], rtol=1e-12
    )
    assert (record.model, record.params) == (model, {"epochs": 1, "steps": 4, "verbose": 0})
    record.calls.clear()
    model.predict(X, callbacks=[record])  # in one batch
    assert record.calls == [
        "predict_begin", "predict_batch_begin", "predict_batch_end", "predict_end"
    ]  # fmt: skip


def test_metrics_by_output_are_told_the_list_that_is_taken():
    given = {"out": ["mae", "mse"], "other": "r2"}
    model = bp.Sequential([Dense(1)])
    with pytest.raises(TypeError, match=r"write metrics=(\['mae', 'mse', 'r2'\])\.$") as caught:
        model.compile("sgd", "mse", metrics=given)
    model.compile("sgd", "mse", metrics=literal_eval(str(caught.value).split("=")[1][:-1]))
    assert len(model.metrics) == 3


@pytest.mark.parametrize("verb", ["evaluate", "predict", "fit"])
@pytest.mark.parametrize(
    ("callbacks", "words"),
    [(Callback(), "callbacks must be a list"), ([Callback], "add the parentheses")],
)
def test_wrong_callbacks_are_found_before_the_model_is_built(data, verb, callbacks, words):
    model = regressor()
    arguments = data[:1] if verb == "predict" else data
    with pytest.raises(TypeError, match=words):
        getattr(model, verb)(*arguments, callbacks=callbacks)
    assert model.input_shape is None


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_predict_is_silent_whatever_verbose_says(data, capsys, verbose):
    regressor().predict(data[0], verbose=verbose)
    assert capsys.readouterr() == ("", "")


def test_evaluate_checks_verbose_before_it_begins(data):
    record = Record()
    with pytest.raises(ValueError, match="verbose must be 0, 1, 2 or 'auto'"):
        regressor().evaluate(*data, verbose=7, callbacks=[record])
    assert record.calls == []


def test_predict_on_batch_is_one_forward_pass(data):
    X = np.tile(data[0], (300, 1))  # more than predict computes at once
    model = built(regressor())
    np.testing.assert_array_equal(model.predict_on_batch(X), model.forward(X))
    np.testing.assert_array_equal(model.predict_on_batch(X.tolist()), model.forward(X))
    assert model.predict_on_batch(X[:0]).shape == (0, 2)
    for wrong in (5.0, X[0], [[1.0], [1.0, 2.0]]):
        with pytest.raises(ShapeError, match="x "):
            model.predict_on_batch(wrong)


def test_test_on_batch_is_evaluate_at_once(data, rng):
    X, Y = np.tile(data[0], (300, 1)), np.tile(data[1], (300, 1))
    w = rng.uniform(0, 2, len(X))
    model = built(regressor(metrics=["mae"]))
    before = model.get_weights()
    loss, mae = model.test_on_batch(X, Y, w)
    error = model.forward(X) - Y
    assert loss == pytest.approx(np.mean(w * np.mean(error**2, axis=1)), rel=1e-12)
    assert mae == pytest.approx(np.mean(np.abs(error)), rel=1e-12)
    assert model.test_on_batch(X, Y, w, return_dict=True) == {"loss": loss, "mae": mae}
    assert regressor().test_on_batch(X.tolist(), Y.tolist()) == pytest.approx(
        regressor().evaluate(X, Y), rel=1e-12
    )
    assert_same_weights(model, before)
    for wrong in (5.0, [[1.0], [1.0, 2.0]]):
        with pytest.raises(ShapeError, match="x "):
            model.test_on_batch(wrong, Y)


def test_train_on_batch_returns_a_number_a_list_or_a_dict(labelled):
    X, y = labelled
    plain, listed, named = classifier(), classifier(metrics=["accuracy"]), classifier(
        metrics=["accuracy"]
    )  # fmt: skip
    loss = plain.train_on_batch(X, y)
    assert isinstance(loss, float)
    values = listed.train_on_batch(X, y)
    logs = named.train_on_batch(X, y, return_dict=True)
    assert values == [loss, logs["accuracy"]]
    assert logs == {"loss": loss, "accuracy": logs["accuracy"]}
    assert classifier().train_on_batch(X, y, return_dict=True) == {"loss": loss}
    assert_same_weights(plain, named)


def test_train_on_batch_weights_classes(labelled):
    X, y = labelled
    by_class, by_sample, plain = classifier(), classifier(), classifier()
    one = by_class.train_on_batch(X, y, class_weight={1: 2.5, 2: 0.0})
    two = by_sample.train_on_batch(X, y, sample_weight=np.array([1.0, 2.5, 0.0])[y])
    assert one == two != plain.train_on_batch(X, y)
    assert_same_weights(by_class, by_sample)
    with pytest.raises(ValueError, match="sample_weight or class_weight, not both"):
        plain.train_on_batch(X, y, np.ones(N), {1: 2.0})


def test_get_layer():
    first, last = Dense(5, name="hidden"), Dense(2)
    model = bp.Sequential([first, Dropout(0.5), last])
    assert model.get_layer("hidden") is first
    assert model.get_layer("dense_1") is last
    with pytest.raises(ValueError, match=r"no layer is called 'dense': .* hidden, dropout_1, de"):
        model.get_layer("dense")


# -------------------------------------------------------------------------------- forms of inputs


class Framed:
    """What is no array but can be made one, as a DataFrame can."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


@pytest.mark.parametrize("form", [Framed, list, tuple, lambda a: a.tolist(), memoryview])
def test_what_can_be_made_an_array_trains_as_the_array(data, rng, form):
    X, Y = data
    w = rng.uniform(0, 2, N)
    expected, model = regressor(metrics=["mae"]), regressor(metrics=["mae"])
    options = {"batch_size": SIZE, "epochs": 2, "verbose": 0}
    one = expected.fit(X, Y, sample_weight=w, validation_data=(X, Y, w), **options)
    two = model.fit(
        *(form(X), form(Y)),
        sample_weight=form(w),
        validation_data=(form(X), form(Y), form(w)),
        **options,
    )
    assert_same_weights(model, expected)
    assert one.history == two.history
    assert model.evaluate(form(X), form(Y)) == expected.evaluate(X, Y)
    np.testing.assert_array_equal(model.predict(form(X)), expected.predict(X))


def test_what_can_be_made_an_array_still_needs_targets(data):
    with pytest.raises(ValueError, match="y is missing: pass the targets"):
        regressor().fit(Framed(data[0]), verbose=0)


@pytest.fixture(params=[0, 1 << 26], ids=["large", "small"])
def mapped(request, rng, tmp_path, monkeypatch):
    """A file of 4 MB: 10,000 samples of 100 features."""
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", request.param)
    X = rng.normal(size=(10_000, 100)).astype(np.float32)
    X.tofile(tmp_path / "X.bin")
    X_file = np.memmap(tmp_path / "X.bin", np.float32, "r", shape=X.shape)
    return X_file, X, np.arange(len(X)) % 3


@pytest.mark.parametrize("shuffle", [True, False])
def test_memory_map_trains_as_the_array(mapped, shuffle):
    X_file, X, y = mapped
    on_file, on_array = classifier(dtype="float32"), classifier(dtype="float32")
    options = {"batch_size": 500, "shuffle": shuffle, "verbose": 0, "validation_split": 0.1}
    one = on_file.fit(X_file, y, **options)
    two = on_array.fit(X, y, **options)
    assert_same_weights(on_file, on_array)
    assert one.history == two.history
    assert on_file.evaluate(X_file, y) == on_array.evaluate(X, y)
    np.testing.assert_array_equal(on_file.predict(X_file), on_array.predict(X))


@pytest.mark.parametrize("shuffle", [True, False])
def test_memory_map_is_never_loaded_whole(mapped, shuffle):
    X_file, _, y = mapped
    model = classifier(dtype="float32")
    tracemalloc.start()
    model.fit(X_file, y, 32, 1, 0, shuffle=shuffle, validation_split=0.1, validation_batch_size=32)
    model.evaluate(X_file, y, 32)
    model.predict(X_file, 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X_file.nbytes / 5


def test_labels_may_be_mapped_too(mapped, tmp_path):
    _, X, y = mapped
    y.astype(np.int32).tofile(tmp_path / "y.bin")
    y_file = np.memmap(tmp_path / "y.bin", np.int32, "r")
    on_file, on_array = classifier(), classifier()
    on_file.fit(X, y_file, 1000, verbose=0)
    on_array.fit(X, y, 1000, verbose=0)
    assert_same_weights(on_file, on_array)


def test_sparse_matrices_on_single_batches(data):
    X = np.where(data[0] > 0, data[0], 0.0)
    S = scipy.sparse.csr_matrix(X)
    sparse, dense = regressor(), regressor()
    assert sparse.train_on_batch(S, data[1]) == pytest.approx(dense.train_on_batch(X, data[1]))
    assert sparse.test_on_batch(S, data[1]) == pytest.approx(dense.test_on_batch(X, data[1]))
    np.testing.assert_allclose(sparse.predict_on_batch(S), dense.predict_on_batch(X), rtol=1e-10)


@pytest.mark.parametrize("function", [plan_fit, fit_together])
def test_what_takes_the_arguments_of_fit_has_its_defaults(function):
    theirs = inspect.signature(bp.Sequential.fit).parameters
    mine = inspect.signature(function).parameters
    shared = [name for name, p in mine.items() if p.default is not p.empty and name in theirs]
    assert [mine[name].default for name in shared] == [theirs[name].default for name in shared]
    if function is plan_fit:
        others = [name for name in theirs if name not in ("self", "workers")]
        assert [name for name in mine if name in theirs] == others


def wrong(values, bad):
    changed = values.astype(float)
    changed[7] = bad
    return changed


@pytest.mark.parametrize(("y", "weight", "words"), [
    (None, wrong(np.ones(N), -1), r"sample_weight must hold .* holds -1 in row 7\.$"),
    (None, wrong(np.ones(N), np.nan), "sample_weight must hold .* holds nan .* in row 7"),
    (None, np.ones(N - 1), r"sample_weight must .* but its shape is \(12,\)"),
    (wrong(np.arange(N) % 3, np.nan), None, "SparseCategoricalCrossentropy: the targets hold nan"),
    (np.arange(N), None, "SparseCategoricalCrossentropy: class indices run from 0 to 2"),
    (np.array(["a"] * N), None, "SparseCategoricalCrossentropy: .* their dtype is"),
])  # fmt: skip
@pytest.mark.parametrize("batches", [True, False])
def test_mistakes_in_validation_data_are_said_to_be_there(labelled, y, weight, words, batches):
    X, right = labelled
    held_out = (X, right if y is None else y, np.ones(N) if weight is None else weight)
    with pytest.raises((TypeError, ValueError), match=f"^validation data: {words}"):
        classifier().fit(X, right, validation_data=[held_out] if batches else held_out, verbose=0)
    with pytest.raises((TypeError, ValueError), match=f"^{words}"):
        classifier().evaluate(*held_out[:2], sample_weight=weight)


def test_weights_of_classes_in_the_place_of_those_of_samples(labelled):
    with pytest.raises(TypeError, match=r"sample_weight .* is a dict: .* class_weight=\{…\}"):
        classifier().fit(*labelled, sample_weight={0: 1.0, 1: 2.0, 2: 1.0}, verbose=0)
