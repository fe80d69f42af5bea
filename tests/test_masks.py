"""Padded sequences in whole models: padding changes no output, loss, metric or gradient."""

import copy

import numpy as np
import pytest
from small_models import pass_of

import backprop as bp
from backprop.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Chain,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Layer,
    LayerNormalization,
    Masking,
    MultiHeadAttention,
    Parallel,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)

LENGTHS = [3, 5, 1, 4]
T = max(LENGTHS)

BODIES = {
    "lstm": lambda: [LSTM(4, return_sequences=True)],
    "gru": lambda: [Dense(4), Tanh(), GRU(4, return_sequences=True), Dropout(0.0)],
    "bidirectional": lambda: [Bidirectional(GRU(3, return_sequences=True))],
    "attention": lambda: [Residual([LayerNormalization(), MultiHeadAttention(2, 3)])],
    "branches": lambda: [Parallel([Dense(2), [LSTM(3, return_sequences=True)]])],
}


def tokens(rng):
    """Indices from 1, 0 where a sequence is padded, and targets for every step."""
    X = rng.integers(1, 7, (len(LENGTHS), T))
    for row, n in zip(X, LENGTHS, strict=True):
        row[n:] = 0
    return X, rng.integers(0, 3, X.shape)


def make(body, end, loss, **options):
    layers = [Embedding(7, 4, mask_zero=True), *BODIES[body](), *end]
    model = bp.Sequential(layers, seed=3, dtype="float64")
    model.compile(bp.optimizers.SGD(0.1), loss, metrics=["accuracy"], **options)
    model.build((None, T))
    return model


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("body", BODIES)
def test_a_padded_batch_is_the_mean_over_the_steps_of_each_sequence_alone(body, weighted, rng):
    X, y = tokens(rng)
    w = rng.uniform(0.5, 2, X.shape) if weighted else None
    end = [Dense(3), Softmax()]
    model = make(body, end, "sparse_categorical_crossentropy")
    A, loss, g = pass_of(model, X, y, w)
    losses, gradients = 0.0, 0.0
    for k, n in enumerate(LENGTHS):
        mine = None if w is None else w[k : k + 1, :n]
        alone = make(body, [Dense(3), Softmax()], "sparse_categorical_crossentropy")
        A_k, loss_k, g_k = pass_of(alone, X[k : k + 1, :n], y[k : k + 1, :n], mine)
        np.testing.assert_allclose(A[k, :n], A_k[0], rtol=1e-12, atol=1e-13)
        losses += n * loss_k
        gradients += n * g_k
    assert loss == pytest.approx(losses / sum(LENGTHS), rel=1e-12)
    np.testing.assert_allclose(g, gradients / sum(LENGTHS), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("body", BODIES)
def test_what_stands_in_the_padding_of_the_targets_changes_nothing(body, rng):
    X, y = tokens(rng)
    other = np.where(X == 0, (y + 1) % 3, y)
    logs = []
    for targets in (y, other):
        model = make(body, [Dense(3), Softmax()], "sparse_categorical_crossentropy")
        history = model.fit(X, targets, batch_size=3, epochs=4, verbose=0).history
        logs.append([*history["loss"], *history["accuracy"], *model.evaluate(X, targets)])
    assert logs[0] == logs[1]
    right = model.predict(X).argmax(axis=-1)[X > 0] == y[X > 0]
    assert model.evaluate(X, y)[1] == pytest.approx(right.mean(), rel=1e-12)


@pytest.mark.parametrize("body", BODIES)
def test_recorded_steps_have_the_bits_of_the_layers_steps(body, rng):
    X, y = tokens(rng)
    X, y = np.tile(X, (4, 1)), np.tile(y, (4, 1))
    thetas = []
    for eager in (False, True):
        end = [Dense(3), Softmax()]
        model = make(body, end, "sparse_categorical_crossentropy", run_eagerly=eager)
        model.fit(X, y, batch_size=4, epochs=5, verbose=0)
        thetas.append(model.parameters.values)
    np.testing.assert_array_equal(*thetas)


@pytest.mark.parametrize("pool", [GlobalAveragePooling1D, GlobalMaxPooling1D, lambda: LSTM(3)])
def test_one_prediction_for_each_padded_sequence(pool, rng):
    X, _ = tokens(rng)
    y = rng.integers(0, 2, len(X)).astype(float)
    model = make("lstm", [pool(), Dense(1)], "mse")
    A, loss, g = pass_of(model, X, y)
    longer = np.pad(X, ((0, 0), (0, 3)))
    other = make("lstm", [pool(), Dense(1)], "mse")
    A_l, loss_l, g_l = pass_of(other, longer, y)
    np.testing.assert_allclose(A_l, A, rtol=1e-12)
    assert loss_l == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(g_l, g, rtol=1e-9, atol=1e-13)


def test_masking_of_numbers(rng):
    X = rng.standard_normal((4, T, 2))
    for row, n in zip(X, LENGTHS, strict=True):
        row[n:] = -9.0
    y = rng.standard_normal((4, T, 1))
    model = bp.Sequential([Masking(-9.0), GRU(3, return_sequences=True), Dense(1)], seed=0)
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    model.fit(X, y, epochs=2, verbose=0, sample_weight=rng.uniform(0.5, 1, 4))
    mask = model.mask(X)
    assert mask.sum(axis=1).tolist() == LENGTHS
    error = np.abs(model.predict(X) - y)[mask].mean()
    assert model.evaluate(X, y)[1] == pytest.approx(error, rel=1e-5)
    assert bp.Sequential([Dense(2)]).mask(X) is None


@pytest.mark.parametrize("lengths", [LENGTHS, [0, 0, 0, 0]])
def test_a_step_on_a_batch_reports_the_metrics_of_an_evaluation(lengths, rng):
    X, y = tokens(rng)
    X[np.arange(T) >= np.array(lengths)[:, np.newaxis]] = 0
    w = rng.uniform(0.5, 2, X.shape)
    model = make("gru", [Dense(3), Softmax()], "sparse_categorical_crossentropy")
    model.compile(
        bp.optimizers.SGD(0.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    expected = model.test_on_batch(X, y, sample_weight=w)
    np.testing.assert_allclose(model.train_on_batch(X, y, sample_weight=w), expected, rtol=1e-12)
    right = model.predict(X).argmax(axis=-1)[X > 0] == y[X > 0]
    if right.size:
        assert expected[1] == pytest.approx(right.mean(), rel=1e-12)


def weighted_mask(seed=0, rate=1.0):
    """A model whose mask depends on its weights: a step is padded where all units are off."""
    layers = [bp.Input((5, 3)), Dense(2), ReLU(), Masking(), Dense(1)]
    model = bp.Sequential(layers, seed=seed, dtype="float64")
    model.compile(bp.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


def test_metrics_of_a_step_take_the_mask_that_its_loss_took(rng):
    X, y = rng.standard_normal((8, 5, 3)), rng.standard_normal((8, 5, 1))
    expected = weighted_mask().evaluate(X, y)
    assert 0 < weighted_mask().mask(X).sum() < 40
    assert weighted_mask().train_on_batch(X, y) == pytest.approx(expected, rel=1e-12)
    history = weighted_mask().fit(X, y, batch_size=8, verbose=0).history
    assert [history["loss"][0], history["mae"][0]] == pytest.approx(expected, rel=1e-12)


def test_models_with_masks_of_their_own_are_trained_together_as_each_alone(rng):
    X, y = rng.standard_normal((30, 5, 3)), rng.standard_normal((30, 5, 1))
    models = [weighted_mask(seed, 0.1) for seed in range(3)]
    histories = bp.fit_many(models, X, y, batch_size=10, epochs=3, verbose=0)
    for seed, history in enumerate(histories):
        alone = weighted_mask(seed, 0.1).fit(X, y, batch_size=10, epochs=3, verbose=0).history
        for name, values in alone.items():
            np.testing.assert_allclose(history.history[name], values, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("end", [[Dense, Softmax], [Dense]], ids=["joined", "logits"])
def test_ignored_targets_and_padded_steps_are_left_out_of_one_mean(end, weighted, rng):
    X, y = tokens(rng)
    y[rng.random(y.shape) < 0.3] = -1
    w = rng.uniform(0.5, 2, X.shape) if weighted else np.ones(X.shape)
    loss = bp.losses.SparseCategoricalCrossentropy(from_logits=len(end) == 1, ignore_class=-1)

    def model_of(**options):
        ends = [end[0](3), *(each() for each in end[1:])]
        model = make("gru", ends, loss, **options)
        model.compile(bp.optimizers.SGD(0.1), loss, **options)
        return model

    model, counted = model_of(), (X > 0) & (y >= 0)
    P = model.predict(X)
    P = P if len(end) > 1 else np.exp(P) / np.exp(P).sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(P, np.maximum(y, 0)[..., np.newaxis], -1)[..., 0]
    expected = (-np.log(chosen) * w)[counted].sum() / counted.sum()
    given = {"sample_weight": w} if weighted else {}
    assert model.evaluate(X, y, **given) == pytest.approx(expected, rel=1e-12)
    assert model.check_gradients(X, y, **given).ok
    assert model.explain(X, y, **given).loss == pytest.approx(expected, rel=1e-12)
    models = [model_of(), model_of(run_eagerly=True)]
    for each in models:
        history = each.fit(X, y, batch_size=4, epochs=4, shuffle=False, verbose=0, **given)
        assert history.history["loss"][0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(*(each.parameters.values for each in models))
    padded = [np.pad(each, ((0, 0), (0, 2))) for each in (X, y, w)]
    more = {"sample_weight": padded[2]} if weighted else {}
    assert model_of().evaluate(*padded[:2], **more) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_weights_of_samples_and_sentences_count_beside_the_mask_of_words(n_axes, rng):
    X, y = rng.standard_normal((2, 4, 3, 2, 5))
    X[1, 2] = X[0, :, 1] = X[3, 1, 0] = 0
    model = bp.Sequential([Masking(), Dense(5)], seed=0, dtype="float64")
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    w = rng.uniform(0.5, 2, X.shape[:n_axes])
    m, D = X.any(axis=-1), model.predict(X) - y
    v = m * w.reshape(*w.shape, *[1] * (3 - n_axes))
    mse, mae = (D * D).mean(axis=-1), abs(D).mean(axis=-1)
    expected = [(v * mse).sum() / m.sum(), (v * mae).sum() / v.sum()]
    assert model.evaluate(X, y, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    assert model.train_on_batch(X, y, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    assert model.check_gradients(X, y, w).ok


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize(("loss", "end"), [("mse", []), ("binary_crossentropy", [Sigmoid])])
def test_weights_of_outputs_count_beside_a_mask(loss, end, optimizer, rng):
    X, _ = tokens(rng)
    X = np.tile(X, (4, 1))
    y, w = rng.integers(0, 2, (*X.shape, 3)), rng.uniform(0, 2, (*X.shape, 3))
    model, eager = (
        bp.Sequential(
            [Embedding(7, 4, mask_zero=True), GRU(3, return_sequences=True), Dense(3)]
            + [layer() for layer in end],
            seed=3,
            dtype="float64",
        )
        for _ in range(2)
    )
    for each in (model, eager):
        each.compile(optimizer, loss, weighted_metrics=["mae"], run_eagerly=each is eager)
        each.build((None, T))

    def expected():
        m, P = (X > 0)[..., np.newaxis], model.predict(X)
        each = (P - y) ** 2 if loss == "mse" else -np.log(np.where(y, P, 1 - P))
        return [
            (m * w * each).sum() / m.sum() / 3,
            (m * w * abs(P - y)).sum() / (m * w).sum(),
        ]

    before = expected()
    assert model.test_on_batch(X, y, sample_weight=w) == pytest.approx(before, rel=1e-12)
    assert model.evaluate(X, y, sample_weight=w, batch_size=3) == pytest.approx(before, rel=1e-12)
    assert model.check_gradients(X[:4], y[:4], sample_weight=w[:4]).ok
    if optimizer == "adam":
        trained = copy.deepcopy(model)
        assert trained.train_on_batch(X, y, sample_weight=w) == pytest.approx(before, rel=1e-12)
    given = {"sample_weight": w, "batch_size": 4, "epochs": 3, "verbose": 0}
    history = model.fit(X, y, validation_data=(X, y, w), **given).history
    eager.fit(X, y, **given)
    np.testing.assert_array_equal(model.parameters.values, eager.parameters.values)
    found = [history["val_loss"][-1], history["val_mae"][-1]]
    assert found == pytest.approx(expected(), rel=1e-12)
    assert found[0] < before[0]


def test_a_mask_that_nobody_would_ask_for_is_refused(rng):
    class Padding(Layer):
        def forward(self, X, training=False):
            return X.copy()

        def output_mask(self, X, mask):
            return X[..., 0] != 0

    class EverySecond(Padding):
        def output_shape(self, input_shape):
            return (2, 4)

        def forward(self, X, training=False):
            return X[:, ::2]

        def output_mask(self, X, mask):
            return mask[:, ::2]

    steps = rng.standard_normal((6, 3, 4))
    steps[::2, 1:] = 0
    for body in ([Padding()], [Chain([Padding()])]):
        with pytest.raises(TypeError, match=r"Padding.*\.output_mask makes .* makes_mask = True"):
            bp.Sequential([*body, LSTM(2)], seed=0).predict(steps)
    bp.Sequential([EverySecond()]).predict(steps)
    Padding.makes_mask = True
    found, same = (
        bp.Sequential([layer, LSTM(2)], seed=0).predict(steps) for layer in (Padding(), Masking())
    )
    np.testing.assert_array_equal(found, same)
