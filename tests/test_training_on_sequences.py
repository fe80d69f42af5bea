"""All that trains and evaluates takes padded sequences: weights, metrics, streams, files, folds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import assert_same_weights

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.datasets import pad_sequences
from backprop.inspection import Recorder
from backprop.layers import LSTM, Dense, Embedding, Masking, Softmax
from backprop.optimizers import SGD

Array = np.ndarray[Any, Any]
N, T, CLASSES = 24, 6, 3
PADDING = -9.0


def model_of(kind: str, seed: int = 0, each_step: bool = True, **options: Any) -> bp.Sequential:
    """A compiled model that takes sequences, and says a class of each step or of each sequence."""
    first = Embedding(9, 4, mask_zero=True) if kind == "words" else Masking(PADDING)
    layers = [first, LSTM(5, return_sequences=each_step), Dense(CLASSES), Softmax()]
    model = bp.Sequential(layers, seed=seed, dtype="float64")
    options = {"metrics": ["accuracy"]} | options
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", **options)
    return model


def sequences_of(kind: str, rng: np.random.Generator) -> list[Array]:
    """Sequences of unequal length, of words or of numbers."""
    lengths = rng.permutation([T, *rng.integers(1, T + 1, N - 1)])
    if kind == "words":
        return [rng.integers(1, 9, n) for n in lengths]
    return [rng.standard_normal((n, 2)) for n in lengths]


def padded(kind: str, sequences: list[Array]) -> Array:
    if kind == "words":
        return pad_sequences(sequences, padding="post")
    return pad_sequences(sequences, padding="post", dtype="float64", value=PADDING)


@pytest.fixture(params=["words", "numbers"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def data_of(kind: str, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Padded sequences, a class for each step, and which steps are there."""
    sequences = sequences_of(kind, rng)
    there = np.arange(T) < np.array([len(each) for each in sequences])[:, np.newaxis]
    return padded(kind, sequences), rng.integers(0, CLASSES, (N, T)), there


def fit(model: bp.Sequential, *data: Any, **options: Any) -> dict[str, list[float]]:
    arguments = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0} | options
    return model.fit(*data, **arguments).history


def losses_of(model: bp.Sequential, X: Array, y: Array) -> Array:
    """−ln ŷ of the right class in every step, ``(N, T)``."""
    found: Array = -np.log(np.take_along_axis(model.predict(X), y[..., np.newaxis], -1)[..., 0])
    return found


# --------------------------------------------------------------------------- unequal lengths

VERBS = {
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "fit on a stream": lambda model, x, y: model.fit([(x, y)], verbose=0),
    "evaluate": lambda model, x, y: model.evaluate(x, y),
    "predict": lambda model, x, y: model.predict(x),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "test_on_batch": lambda model, x, y: model.test_on_batch(x, y),
    "explain": lambda model, x, y: model.explain(x, y),
    "fit_many": lambda model, x, y: bp.experiments.fit_many([model], x, y, verbose=0),
}


def as_objects(sequences: list[Array]) -> Array:
    found = np.empty(len(sequences), object)
    found[:] = sequences
    return found


FORMS = {
    "lists": lambda sequences: [each.tolist() for each in sequences],
    "arrays": list,
    "tuple": lambda sequences: tuple(tuple(each.tolist()) for each in sequences),
    "objects": as_objects,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_sequences_of_unequal_length_are_refused_with_what_to_do(
    kind: str, verb: Any, form: Any, rng: np.random.Generator
) -> None:
    longest = max(sequences_of(kind, rng), key=len)
    sequences = [longest[:n] for n in (3, 5, 2, 4, 3)]
    model, y = model_of(kind, each_step=False), np.zeros(5, int)
    model.build((None, T) if kind == "words" else (None, T, 2))
    before = model.parameters.values.copy()
    words = r"^[xX] holds rows of unequal length \(3, 5, 2, …\).*datasets.pad_sequences\([xX][,)]"
    with pytest.raises(ShapeError, match=words):
        verb(model, form(sequences), y)
    np.testing.assert_array_equal(model.parameters.values, before)


def test_unequal_validation_sequences_are_called_by_their_name(rng: np.random.Generator) -> None:
    X, y, _ = data_of("words", rng)
    with pytest.raises(ShapeError, match=r"^validation x holds .*datasets.pad_sequences\(x\)"):
        fit(model_of("words"), X, y, validation_data=([[1, 2], [3]], y[:2]))


# ------------------------------------------------------------------------- weights and metrics


def test_the_weights_of_steps_are_those_of_a_mean_by_hand(
    kind: str, rng: np.random.Generator
) -> None:
    X, y, there = data_of(kind, rng)
    w = rng.uniform(0, 2, (N, T))
    model = model_of(kind, weighted_metrics=["accuracy"], metrics=[])
    loss, accuracy = model.evaluate(X, y, sample_weight=w)
    losses, right = losses_of(model, X, y), model.predict(X).argmax(axis=-1) == y
    assert loss == pytest.approx((w * losses)[there].mean(), rel=1e-12)
    assert accuracy == pytest.approx(np.average(right[there], weights=w[there]), rel=1e-12)


def test_a_step_of_weight_two_learns_as_if_it_were_there_twice(
    kind: str, rng: np.random.Generator
) -> None:
    X, y, there = data_of(kind, rng)
    w = np.where(rng.random(N) < 0.5, 2.0, 1.0)
    thetas = []
    for weight in (w, np.repeat(w[:, np.newaxis], T, axis=1)):
        model = model_of(kind)
        fit(model, X, y, sample_weight=weight, batch_size=N)
        thetas.append(model.parameters.values)
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-12)
    # the sum over twice as many steps, the mean over those that are counted once
    rows = np.repeat(np.arange(N), w.astype(int))
    model = model_of(kind)
    model.compile(SGD(0.5 * there[rows].sum() / there.sum()), "sparse_categorical_crossentropy")
    fit(model, X[rows], y[rows], batch_size=len(rows))
    np.testing.assert_allclose(model.parameters.values, thetas[0], rtol=1e-9, atol=1e-12)


def test_the_weights_of_classes_are_those_of_the_steps(kind: str, rng: np.random.Generator) -> None:
    X, y, _ = data_of(kind, rng)
    of_classes = {0: 0.5, 2: 3.0}
    weights = np.array([0.5, 1.0, 3.0])[y]
    models = [model_of(kind), model_of(kind)]
    logs = [fit(models[0], X, y, class_weight=of_classes, shuffle=True)]
    logs += [fit(models[1], X, y, sample_weight=weights, shuffle=True)]
    assert_same_weights(*models)
    assert logs[0] == logs[1]
    batches = [(X[k : k + 8], y[k : k + 8]) for k in range(0, N, 8)]
    streamed, whole = model_of(kind), model_of(kind)
    fit(streamed, batches, batch_size=None, class_weight=of_classes)
    fit(whole, X, y, class_weight=of_classes)
    assert_same_weights(streamed, whole)


@pytest.mark.parametrize("k", [1, 2])
def test_metrics_count_the_steps_that_are_there(
    kind: str, k: int, rng: np.random.Generator
) -> None:
    X, y, there = data_of(kind, rng)
    model = model_of(kind, metrics=[bp.metrics.SparseTopKCategoricalAccuracy(k)])
    logs = fit(model, X, y, validation_data=(X, y), epochs=2)
    guesses = np.argsort(-model.predict(X), axis=-1)[..., :k]
    right = (guesses == y[..., np.newaxis]).any(axis=-1)[there].mean()
    assert logs[f"val_{model.metrics[0].name}"][-1] == pytest.approx(right, rel=1e-12)


def test_metrics_of_training_are_those_of_the_weights_before_each_step(
    kind: str, rng: np.random.Generator
) -> None:
    X, y, there = data_of(kind, rng)
    model = model_of(kind)
    model.build((None, *X.shape[1:]))
    right = (model.predict(X).argmax(axis=-1) == y)[there].mean()
    losses = losses_of(model, X, y)[there].mean()
    logs = fit(model, X, y, epochs=1, batch_size=N)
    assert logs["accuracy"] == [pytest.approx(right, rel=1e-12)]
    assert logs["loss"] == [pytest.approx(losses, rel=1e-12)]


# ------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("form", [list, lambda batches: lambda: iter(batches)])
def test_a_stream_of_padded_batches_trains_as_the_arrays(
    kind: str, form: Any, rng: np.random.Generator
) -> None:
    X, y, _ = data_of(kind, rng)
    w = rng.uniform(0, 2, (N, T))
    batches = [(X[k : k + 8], y[k : k + 8], w[k : k + 8]) for k in range(0, N, 8)]
    whole, streamed = (model_of(kind, weighted_metrics=["accuracy"]) for _ in range(2))
    logs = fit(whole, X, y, sample_weight=w, validation_data=(X, y, w), validation_batch_size=8)
    own = fit(streamed, form(batches), batch_size=None, validation_data=form(batches))
    assert_same_weights(streamed, whole)
    assert own == logs
    assert streamed.evaluate(form(batches)) == whole.evaluate(X, y, sample_weight=w, batch_size=8)


# ----------------------------------------------------------------------- files, copies, folds


def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(
    kind: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y, _ = data_of(kind, rng)
    model = model_of(kind)
    fit(model, X, y)
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, y) == model.evaluate(X, y)
    assert fit(loaded, X, y) == fit(model, X, y)
    assert_same_weights(loaded, model)
    other = model_of(kind, seed=5)
    other.build((None, *X.shape[1:]))
    model.save_weights(tmp_path / "weights.npz")
    other.load_weights(tmp_path / "weights.npz")
    assert_same_weights(other, model)


@pytest.mark.parametrize("each_step", [True, False])
def test_many_models_are_trained_as_each_alone(
    kind: str, each_step: bool, rng: np.random.Generator
) -> None:
    X, y, _ = data_of(kind, rng)
    y, w = (y, rng.uniform(0, 2, (N, T))) if each_step else (y[:, 0], rng.uniform(0, 2, N))
    rows = [rng.permutation(N)[:16] for _ in range(3)]
    many = [model_of(kind, seed, each_step) for seed in range(3)]
    histories = bp.experiments.fit_many(
        many, X, y, rows=rows, validation_rows=rows, sample_weight=w, epochs=2, batch_size=8,
        verbose=0,
    )  # fmt: skip
    for seed, (model, history) in enumerate(zip(many, histories, strict=True)):
        alone, own = model_of(kind, seed, each_step), rows[seed]
        validation = (X[own], y[own])
        logs = fit(
            alone, X[own], y[own], sample_weight=w[own], epochs=2, shuffle=True,
            validation_data=validation,
        )  # fmt: skip
        for name, values in logs.items():
            np.testing.assert_allclose(history.history[name], values, rtol=1e-9)
        np.testing.assert_allclose(
            model.parameters.values, alone.parameters.values, rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("each_step", [True, False])
def test_cross_validation_holds_out_whole_sequences(
    kind: str, each_step: bool, rng: np.random.Generator
) -> None:
    X, y, there = data_of(kind, rng)
    y = y if each_step else y[:, 0]
    found = bp.experiments.cross_validate(
        lambda: model_of(kind, 1, each_step), X, y, folds=3, epochs=2, batch_size=8
    )
    assert sorted(np.concatenate(found.held_out)) == list(range(N))
    for k, rows in enumerate(found.held_out):
        right = found.models[k].predict(X[rows]).argmax(axis=-1) == y[rows]
        right = right[there[rows]] if each_step else right
        assert found.scores["accuracy"][k] == pytest.approx(right.mean(), rel=1e-12)
        assert found.histories[k].history["val_accuracy"][-1] == pytest.approx(right.mean())


def test_the_recorder_keeps_no_delta_of_a_padded_step(kind: str, rng: np.random.Generator) -> None:
    X, y, there = data_of(kind, rng)
    recorder = Recorder()
    model = model_of(kind)
    logs = fit(model, X, y, callbacks=[recorder], batch_size=N)
    names = ["embedding_1"] if kind == "words" else []
    assert list(recorder.weights) == [*names, "lstm_1", "dense_1"]
    assert recorder.losses == logs["loss"]
    deltas = recorder.deltas["lstm_1"][-1].reshape(N, T, 5)
    assert not deltas[~there].any()
    assert deltas[there].any(axis=1).all()
    np.testing.assert_array_equal(recorder.thetas[-1], model.parameters.values)


def test_a_memory_map_of_sequences_is_trained_on_as_an_array(
    kind: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    X, y, _ = data_of(kind, rng)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    models = [model_of(kind), model_of(kind)]
    logs = [fit(models[0], X, y, shuffle=True), fit(models[1], mapped, y, shuffle=True)]
    assert logs[0] == logs[1]
    assert_same_weights(*models)


def test_targets_of_windows_with_an_axis_of_features_are_told_how_they_fit():
    series = np.sin(np.arange(40.0))[:, np.newaxis]
    X, y = bp.datasets.windows(series, 8, horizon=2)
    model = bp.Sequential([LSTM(4), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(
        ValueError, match=r"have the shape \(31, 2, 1\).*: .* np\.asarray\(y\)\.reshape\(-1, 2\)\."
    ):
        model.fit(X, y, verbose=0)
    model.fit(X, y.reshape(-1, 2), verbose=0)
