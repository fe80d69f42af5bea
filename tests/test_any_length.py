"""Sequences of other lengths than those that a model was built for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_cases import PACKAGE, Case
from rows import each
from small_models import assert_same_weights

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.datasets import pad_sequences
from backprop.layers import (
    GRU,
    LSTM,
    AveragePooling1D,
    BatchNormalization,
    Conv1D,
    Cropping1D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    GroupNormalization,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    MultiHeadAttention,
    PositionEmbedding,
    PReLU,
    Reshape,
    Residual,
    Softmax,
    TransformerBlock,
    UpSampling1D,
)
from backprop.layers.sliding import OverSteps
from backprop.optimizers import SGD

Array = np.ndarray[Any, Any]


def as_sequences(case: Case) -> Case:
    """The case on sequences, for a layer that works along the last axis."""
    if case.leading and len(case.shape) == 1 and case.make().any_length == 2:
        return replace(case, shape=(5, *case.shape))
    return case


LONG = [case for case in map(as_sequences, PACKAGE) if case.make().any_length == len(case.shape)]


def test_most_layers_of_sequences_take_any_length() -> None:
    taking = {type(case.make()).__name__ for case in LONG}
    assert {"LSTM", "GRU", "SimpleRNN", "Bidirectional", "TimeDistributed", "Residual"} <= taking
    assert {"Embedding", "Masking", "MultiHeadAttention", "GlobalAveragePooling1D"} <= taking
    assert {"Dense", "Softmax", "Dropout", "LayerNormalization", "Tanh"} <= taking
    assert {"Conv1D", "MaxPooling1D", "AveragePooling1D", "BatchNormalization"} <= taking
    assert {"ZeroPadding1D", "Cropping1D", "UpSampling1D", "SpatialDropout1D"} <= taking
    assert {"GaussianNoise", "GroupNormalization", "Normalization"} <= taking
    assert not {"Flatten", "PReLU", "Permute", "Reshape"} & taking


@each("steps", [1, 2, 9])
@each("case", LONG, ids=str)
def test_the_layer_is_the_one_that_would_have_been_built_for_the_length(
    case: Case, steps: int
) -> None:
    if steps == 1:  # a mask would leave none
        case = replace(case, mask=None)
    layer, other = case.built(), replace(case, shape=(steps, *case.shape[1:]))
    if steps > getattr(layer, "sequence_length", steps):
        return
    if steps < 4 and isinstance(layer, OverSteps | MaxPooling1D | AveragePooling1D | Cropping1D):
        other = replace(case, shape=(4, *case.shape[1:]))  # as many as a window needs
    case.train(layer, *case.samples())  # leaves its buffers
    twin = other.built()
    for mine, its in zip(layer.parameters, twin.parameters, strict=True):
        its.value[...] = mine.value
    X, delta = other.samples(3)
    assert layer.output_shape(other.shape) == twin.output_shape(other.shape)
    np.testing.assert_array_equal(other.forward(layer, X), other.forward(twin, X))
    trained = zip(other.train(layer, X, delta), other.train(twin, X, delta), strict=True)
    for found, expected in trained:
        np.testing.assert_array_equal(found, expected)


# ------------------------------------------------------------------------------- whole models

N, LONGEST, CLASSES, PADDING = 24, 7, 3, -9.0


def model_of(kind: str, every: bool = True, **options: Any) -> bp.Sequential:
    if kind in ("words", "windows"):
        first = Embedding(9, 4, mask_zero=True)
    elif kind == "unmasked":
        first = Embedding(9, 4)
    else:
        first = Masking(PADDING)
    body = {
        "words": [LSTM(5, return_sequences=every)],
        "windows": [
            *(Conv1D(5, 3, padding="same"), LayerNormalization()),
            *[MaxPooling1D(2), UpSampling1D(3), GlobalMaxPooling1D()] * (not every),
        ],
        "unmasked": [GRU(5, return_sequences=every)],
        "numbers": [TransformerBlock(2, 6), *[GlobalAveragePooling1D()] * (not every)],
    }[kind]
    layers = [first, *body, Dense(CLASSES), Softmax()]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile(SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def sequences_of(kind: str, rng: np.random.Generator) -> list[Array]:
    lengths = np.sort([LONGEST, *rng.integers(1, LONGEST + 1, N - 1)])
    if kind == "numbers":
        return [rng.standard_normal((n, 2)) for n in lengths]
    return [rng.integers(1, 9, n) for n in lengths]


def padded(kind: str, sequences: list[Array]) -> Array:
    if kind == "numbers":
        return pad_sequences(sequences, padding="post", dtype="float64", value=PADDING)
    return pad_sequences(sequences, padding="post")


@pytest.mark.parametrize("kind", ["words", "numbers"])
def test_batches_padded_to_their_own_lengths_train_as_one_padded_array(
    kind: str, rng: np.random.Generator
) -> None:
    sequences, w = sequences_of(kind, rng), rng.uniform(0, 2, (N, LONGEST))
    X, y = padded(kind, sequences), rng.integers(0, CLASSES, (N, LONGEST))
    batches = []
    for rows in (slice(k, k + 8) for k in range(0, N, 8)):
        own = padded(kind, sequences[rows])
        batches.append((own, y[rows, : own.shape[1]], w[rows, : own.shape[1]]))
    assert len({own.shape[1] for own, *_ in batches}) > 1
    whole, streamed = model_of(kind), model_of(kind)
    logs = [
        whole.fit(
            X, y, sample_weight=w, batch_size=8, epochs=3, shuffle=False, verbose=0,
            validation_data=(X, y, w), validation_batch_size=8,
        ).history,
        streamed.fit(lambda: iter(batches), epochs=3, verbose=0, validation_data=batches).history,
    ]  # fmt: skip
    for name, values in logs[0].items():
        np.testing.assert_allclose(logs[1][name], values, rtol=1e-9, err_msg=name)
    theta = whole.parameters.values
    np.testing.assert_allclose(streamed.parameters.values, theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "every"),
    [
        *(("words", True), ("windows", False)),
        pytest.param("unmasked", False, marks=pytest.mark.long),
        pytest.param("numbers", True, marks=pytest.mark.long),
        pytest.param("words", False, marks=pytest.mark.long),
        pytest.param("unmasked", True, marks=pytest.mark.long),
        pytest.param("windows", True, marks=pytest.mark.long),
        pytest.param("numbers", False, marks=pytest.mark.long),
    ],
)
def test_each_verb_takes_longer_and_shorter_sequences(
    kind: str, every: bool, rng: np.random.Generator, tmp_path: Path
) -> None:
    X = padded(kind, sequences_of(kind, rng))
    y = rng.integers(0, CLASSES, (N, LONGEST) if every else N)
    model = model_of(kind, every)
    model.fit(X, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz")
    for steps in (2, 5, 11):
        shape = (40, steps, *X.shape[2:])
        more = rng.standard_normal(shape) if kind == "numbers" else rng.integers(1, 9, shape)
        targets = rng.integers(0, CLASSES, (40, steps) if every else 40)
        fresh = model_of(kind, every)
        fresh.build((None, *more.shape[1:]))
        fresh.set_weights(model.get_weights())
        loaded.set_weights(model.get_weights())
        P = model.predict(more)
        np.testing.assert_array_equal(P, fresh.predict(more))
        np.testing.assert_array_equal(P, model.predict(more, batch_size=16))
        np.testing.assert_array_equal(P, loaded.predict(more))
        assert model.evaluate(more, targets) == fresh.evaluate(more, targets)
        explained = model.explain(more[:2], targets[:2])
        assert explained.loss == pytest.approx(fresh.test_on_batch(more[:2], targets[:2])[0])
        # the directions over whole tensors show errors in entries that are not checked alone
        assert model.check_gradients(more[:3], targets[:3], max_entries=12).ok
        inside, its = model.activations(more), fresh.activations(more)
        assert all(np.array_equal(inside[name], its[name]) for name in its)
        logs = [
            each.fit(more, targets, epochs=3, batch_size=8, shuffle=False, verbose=0).history
            for each in (model, fresh)
        ]
        assert logs[0] == logs[1]
        assert_same_weights(model, fresh)
        model.train_on_batch(more[:4], targets[:4])
    assert model.input_shape == X.shape[1:]


def test_accuracies_of_batches_of_two_lengths(rng: np.random.Generator) -> None:
    model = model_of("unmasked")
    data = [(rng.integers(1, 9, (4, T)), rng.integers(0, CLASSES, (4, T))) for T in (3, 5, 3, 2)]
    model.build((None, 3))
    model.optimizer.learning_rate = 0.0
    right = [(model.predict(X).argmax(-1) == y).ravel() for X, y in data]
    logs = model.fit(data, verbose=0).history
    assert logs["accuracy"] == [pytest.approx(np.concatenate(right).mean(), rel=1e-12)]


REFUSED = {
    "flatten": [Embedding(9, 4), Flatten(), Dense(1)],
    "reshape": [Embedding(9, 4), Reshape((10, 2)), Dense(1)],
    "prelu": [Embedding(9, 4), PReLU(), GlobalAveragePooling1D(), Dense(1)],
    "within a block": [Embedding(9, 4), Residual([PReLU()]), GlobalAveragePooling1D(), Dense(1)],
    "channels first": [Embedding(9, 4), BatchNormalization(1), GlobalAveragePooling1D(), Dense(1)],
    "groups": [Embedding(9, 4), GroupNormalization(5, 1), GlobalAveragePooling1D(), Dense(1)],
    "axes": [Embedding(9, 4), LayerNormalization([1, 2]), GlobalAveragePooling1D(), Dense(1)],
}


@pytest.mark.parametrize("layers", REFUSED.values(), ids=REFUSED)
def test_where_the_length_counts_another_one_is_refused(layers: list[Any]) -> None:
    model = bp.Sequential(layers)
    model.compile("sgd", "mse")
    model.build((None, 5))
    for verb in (model.predict, lambda x: model.fit(x, np.ones(3), verbose=0)):
        with pytest.raises(
            ShapeError, match=r"was built for 5 features but x has the shape \(3, 6"
        ):
            verb(np.ones((3, 6), int))


def test_the_number_of_features_counts_always() -> None:
    model = bp.Sequential([LSTM(3), Dense(1)])
    model.build((None, 5, 2))
    assert model.predict(np.ones((3, 8, 2))).shape == (3, 1)
    for shape in ((3, 5, 3), (3, 8, 3), (3, 2), (3, 0, 2), (3, 5, 2, 1)):
        with pytest.raises(ShapeError):
            model.predict(np.ones(shape))
    with pytest.raises(ShapeError, match="built for samples of shape"):
        model.build((None, 8, 3))
    dense = bp.Sequential([Dense(1)])
    dense.build((None, 5))
    with pytest.raises(ShapeError, match="was built for 5 features"):
        dense.predict(np.ones((3, 6)))


def test_a_table_of_positions_says_how_far_it_goes() -> None:
    layers = [Embedding(9, 4), PositionEmbedding(6), MultiHeadAttention(1, 4), Dense(1)]
    model = bp.Sequential(layers)
    model.build((None, 5))
    assert model.predict(np.ones((2, 6))).shape == (2, 6, 1)
    with pytest.raises(ShapeError, match="at most 6 steps but received one of 7"):
        model.predict(np.ones((2, 7)))


def test_outputs_of_different_lengths_are_no_array() -> None:
    batches = [np.ones((2, 3), int), np.ones((2, 5), int)]
    last = model_of("words", every=False)
    last.build((None, 3))
    assert last.predict(lambda: iter(batches)).shape == (4, CLASSES)
    model = model_of("words")
    model.build((None, 3))
    with pytest.raises(ShapeError, match=r"\(3, 3\), \(5, 3\), make no one array"):
        model.predict(lambda: iter(batches))


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_batches_of_another_length_is_predicted_batch_by_batch(
    kind: type, rng: np.random.Generator
) -> None:
    """Batches of a built model, as those of one that is not, and of a generator."""
    tokens = [rng.integers(0, 5, shape) for shape in ((4, 6), (3, 6), (2, 7))]
    X = [rng.normal(size=(n, T, 2)).astype("f4") for n, T in ((4, 5), (3, 5), (2, 3))]
    for layers, shape, batches in (
        ([bp.layers.LSTM(3)], (3, 2), X),
        ([bp.layers.LSTM(3)], (3, 2), X[:1] * 2),
        ([bp.layers.Embedding(5, 2), bp.layers.GlobalAveragePooling1D()], (5,), tokens),
    ):
        model = bp.Sequential(layers, seed=0)
        model.build((None, *shape))
        expected = np.concatenate([model.predict(each) for each in batches])
        np.testing.assert_array_equal(model.predict(kind(batches)), expected)
        np.testing.assert_array_equal(model.predict(iter(batches)), expected)
    model = bp.Sequential([bp.layers.LSTM(3)], seed=0)
    model.build((None, 3, 2))
    assert model.predict([X[0][0], X[1][0]]).shape == (2, 3)  # samples, and not batches
    for shape in ((4, 5, 3), (3, 5, 3)):
        with pytest.raises(ShapeError, match="LSTM 'lstm_1' was built for"):
            model.predict([np.ones((4, 5, 3)), np.ones(shape)])


def test_a_layer_of_ones_own_that_goes_by_the_length_is_named() -> None:
    class Same(bp.layers.Layer):
        def forward(self, X: Array, training: bool = False) -> Array:
            return X.copy()

        def backward(self, delta: Array) -> Array:
            return delta.copy()

    class Longer(Same):
        any_length = 2

    for own in (Same(), Longer()):
        model = bp.Sequential([Embedding(5, 3), own, GlobalAveragePooling1D()], seed=0)
        model.build((None, 4))
        tokens = np.ones((2, 6), int)
        if own.any_length:
            assert model.predict(tokens).shape == (2, 3)
            continue
        with pytest.raises(ShapeError, match=r"If Same 'same_1' can .* write any_length = 2 in"):
            model.predict(tokens)
        with pytest.raises(ShapeError, match=r"4 columns\.$"):
            bp.Sequential([bp.Input(4), Dense(3), Same()]).predict(np.ones((2, 6)))
