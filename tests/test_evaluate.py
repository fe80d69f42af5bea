"""``evaluate`` and ``predict``: the numbers, in batches, without a trace in the model."""

import threading

import numpy as np
import pytest
import scipy.sparse
from measuring import peak
from rows import each
from sharing import at_once

import backprop as bp
from backprop.data.inputs import MANY_NUMBERS, surely_finite
from backprop.layers import Dense, ReLU, Sigmoid, Softmax
from backprop.optimizers import SGD


def classifier(dtype="float64", metrics=("accuracy",), loss="sparse_categorical_crossentropy"):
    model = bp.Sequential([Dense(6), ReLU(), Dense(3), Softmax()], seed=0, dtype=dtype)
    model.compile(SGD(0.1), loss, metrics)
    return model


@pytest.fixture
def data(rng):
    return rng.normal(size=(50, 4)), rng.integers(0, 3, 50)


# -------------------------------------------------------------------------------- evaluate


def test_loss_alone_a_list_or_a_dict(data):
    X, y = data
    model = classifier()
    P = model.predict(X)
    loss, hits = -np.mean(np.log(P[range(50), y])), np.mean(P.argmax(axis=1) == y)
    assert model.evaluate(X, y) == [pytest.approx(loss, rel=1e-12), hits]
    assert model.evaluate(X, y, return_dict=True) == {
        "loss": pytest.approx(loss, rel=1e-12),
        "accuracy": hits,
    }
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.evaluate(X, y) == pytest.approx(loss, rel=1e-12)
    assert type(model.evaluate(X, y)) is float
    assert list(model.evaluate(X, y, return_dict=True)) == ["loss"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 49, 50, 1000, None])
def test_batch_size_does_not_change_the_result(data, batch_size, weighted):
    X, y = data
    model = classifier()
    w = np.linspace(0, 2, 50) if weighted else None
    P = model.predict(X)
    losses = -np.log(P[range(50), y]) * (1 if w is None else w)
    loss, accuracy = model.evaluate(X, y, batch_size, sample_weight=w)
    assert loss == pytest.approx(losses.sum() / 50, rel=1e-12)
    assert accuracy == np.mean(P.argmax(axis=1) == y)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
def test_nothing_of_the_last_training_step_is_changed(data, loss):
    X, y = data
    model = classifier(loss=loss)
    model.optimizer.learning_rate = 0.0
    targets = y if loss.startswith("sparse") else np.eye(3)[y]
    model.train_on_batch(X[:8], targets[:8])
    parts = [*model.layers, model.loss, model.metrics[0], model.parameters, model.optimizer]
    before = [snapshot(part) for part in parts]
    model.evaluate(X, targets)
    model.predict(X)
    for part, state in zip(parts, before, strict=True):
        after = snapshot(part)
        assert after.keys() == state.keys()
        for key in state:
            np.testing.assert_array_equal(after[key], state[key], err_msg=f"{part!r}.{key}")
    # so that a backward pass still belongs to that step
    g = model.parameters.gradients.copy()
    model.parameters.gradients[...] = 0
    model.backward()
    np.testing.assert_array_equal(model.parameters.gradients, g)


def snapshot(part):
    """All arrays and numbers that a part of the model holds."""
    state = {key: value for key, value in vars(part).items() if is_number(value)}
    state["delta"] = getattr(part, "delta", None)
    return {key: np.copy(value) for key, value in state.items() if value is not None}


def is_number(value):
    return isinstance(value, np.ndarray | int | float)


def test_metrics_count_the_given_data_alone(data):
    X, _ = data
    model = classifier()
    model.optimizer.learning_rate = 0.0
    right = model.predict(X).argmax(axis=1)
    assert model.train_on_batch(X, (right + 1) % 3)[1] == 0.0
    assert model.evaluate(X, right)[1] == 1.0
    history = model.fit(X, (right + 1) % 3, validation_data=(X, right), verbose=0).history
    assert (history["accuracy"], history["val_accuracy"]) == ([0.0], [1.0])


def test_evaluate_prints_only_when_asked(data, capsys):
    X, y = data
    model = classifier()
    loss, accuracy = model.evaluate(X, y)
    assert capsys.readouterr().out == ""
    model.evaluate(X, y, verbose=1)
    assert capsys.readouterr().out == f"loss: {loss:.4f}, accuracy: {accuracy:.4f}\n"


def test_evaluate_builds_a_model_that_is_not_built(data):
    model = classifier()
    model.evaluate(*data)
    assert model.input_shape == (4,)
    other = classifier()
    other.build((None, 4))
    np.testing.assert_array_equal(model.parameters.values, other.parameters.values)


# --------------------------------------------------------------------------------- predict


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_prediction_is_the_forward_pass_in_batches(data, batch_size, dtype):
    X, _ = data
    model = classifier(dtype=dtype)
    whole = model.forward(X)
    predictions = model.predict(X, batch_size)
    assert predictions.shape == (50, 3)
    assert predictions.dtype == dtype
    np.testing.assert_allclose(predictions, whole, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_predictions_of_many_rows_through_wide_layers():
    X = np.random.default_rng(0).standard_normal((17_000, 64))
    model = bp.Sequential([Dense(512, use_bias=False), Dense(1)], dtype="float64", seed=0)
    model.build((None, 64))
    first, second = (layer.W for layer in model.layers)
    np.testing.assert_allclose(model.predict(X), X @ (first @ second), rtol=1e-9, atol=1e-9)
    X[16_500, 3] = np.nan
    with pytest.raises(ValueError, match="row 16500, column 3"):
        model.predict(X)


def test_prediction_by_hand():
    model = bp.Sequential([Dense(1), Sigmoid()], dtype="float64")
    model.build((None, 2))
    model.set_weights([[[1.0], [-2.0]], [0.5]])
    # z = 1·3 − 2·1 + 0.5 and 1·0 − 2·0.25 + 0.5
    np.testing.assert_allclose(
        model.predict([[3, 1], [0, 0.25]]), [[1 / (1 + np.exp(-1.5))], [0.5]], rtol=1e-15
    )


@pytest.mark.parametrize("form", [np.ndarray.tolist, np.asfortranarray, np.float64])
def test_inputs_of_any_form(data, form):
    X = data[0].astype("float32")
    model = classifier(dtype="float32")
    np.testing.assert_array_equal(model.predict(form(X)), model.predict(X))


def on_disk(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 6, 7, 48])
@pytest.mark.parametrize("batch_size", [1, 7, None])
@each(
    "form",
    [np.float32, np.float16, np.asfortranarray, on_disk, scipy.sparse.csr_array, np.ndarray.tolist],
)
def test_first_row_that_is_no_number_is_named(data, bad, row, batch_size, form, tmp_path):
    X = data[0].copy()
    model = classifier()
    model.build((None, 4))
    X[row, 3] = X[49, 0] = bad
    X = form(X, tmp_path) if form is on_disk else form(X)
    with pytest.raises(ValueError, match=rf"^x holds nan or infinite numbers, .* row {row}\b"):
        model.predict(X, batch_size)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", [np.asarray, on_disk, scipy.sparse.csr_array])
def test_row_that_is_no_number_among_many(bad, dtype, form, tmp_path):
    model = bp.Sequential([Dense(1)], dtype=dtype)
    X = np.ones((1100, MANY_NUMBERS // 1024), dtype)
    assert surely_finite(X)
    assert model.predict(X).shape == (1100, 1)
    for row, column in ((1050, 3), (700, -1)):  # in the second batch; in the first, too
        X[row, column] = bad
        X[row, 0] = -bad
        assert not surely_finite(X)
        given = form(X, tmp_path) if form is on_disk else form(X)
        with pytest.raises(ValueError, match=rf"first in row {row}, column"):
            model.predict(given)


def test_nothing_is_built_for_inputs_that_are_refused():
    model = classifier()
    with pytest.raises(ValueError, match="row 1"):
        model.predict([[1, 2], [np.nan, 2]])
    assert model.input_shape is None


def test_numbers_whose_sum_is_infinite_are_finite():
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")])
    X = np.full((2, MANY_NUMBERS), 3e38, "float32")
    assert not surely_finite(X)
    np.testing.assert_array_equal(model.predict(X), [[0], [0]])
    X[1, 2] = -np.inf
    with pytest.raises(ValueError, match="row 1"):
        model.predict(X)


def test_no_rows_give_no_predictions(data):
    model = classifier()
    assert model.predict(np.empty((0, 4))).shape == (0, 3)
    assert model.predict(np.empty((0, 4))).dtype == np.float64


def test_prediction_is_silent_and_the_callers_own(data, capsys):
    X, _ = data
    model = classifier()
    first = model.predict(X)
    kept = first.copy()
    second = model.predict(-X)
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)
    first[...] = 0
    np.testing.assert_array_equal(model.predict(X), kept)
    assert capsys.readouterr() == ("", "")


def test_model_that_is_not_compiled_predicts(data):
    model = bp.Sequential([Dense(2)], seed=0)
    assert model.predict(data[0]).shape == (50, 2)


def test_memory_is_bounded_by_the_batch():
    model = bp.Sequential([Dense(500), ReLU(), Dense(1)], seed=0)
    X = np.ones((100_000, 4))  # float64, the model computes in float32
    hidden, prediction = 100_000 * 500 * 4, 100_000 * 4
    model.predict(X[:10])
    most = peak(lambda: model.predict(X))
    assert most < prediction + 3 * 1024 * 500 * 4 + 100_000  # 7 MB; one hidden layer has 200
    assert most < hidden / 20


def test_eight_threads_at_once_predict_the_same_bits(rng):
    model = bp.Sequential([Dense(40), ReLU(), Dense(30), Sigmoid(), Dense(3), Softmax()], seed=0)
    model.build((None, 10))
    inputs = [rng.normal(size=(200, 10)) for _ in range(8)]
    expected = [model.predict(X, 32) for X in inputs]
    wrong, barrier = [], threading.Barrier(8)

    def work(k):
        barrier.wait()
        for _ in range(20):
            if not np.array_equal(model.predict(inputs[k], 32), expected[k]):
                wrong.append(k)

    at_once(work, range(8))
    assert wrong == []
