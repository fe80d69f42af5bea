"""Masks of padded sequences in layers that move windows over the steps, or change their number."""

import numpy as np
import pytest
from rows import thirds
from small_models import pass_of

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    GRU,
    LSTM,
    ActivityRegularization,
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
    Layer,
    LayerNormalization,
    Masking,
    MaxPooling1D,
    Normalization,
    Permute,
    Reshape,
    Residual,
    RMSNormalization,
    Softmax,
    Tanh,
    TimeDistributed,
    UpSampling1D,
    ZeroPadding1D,
)
from backprop.layers.block import walk

T, LENGTHS = 9, [9, 5, 7, 6]

# For each body what the numbers of steps are that a sequence with n steps has behind it.
BODIES = {
    "valid": (lambda: [Conv1D(3, 3)], lambda n: n - 2),
    "dilated": (lambda: [Conv1D(3, 2, dilation_rate=3)], lambda n: n - 3),
    "strides": (lambda: [Conv1D(3, 3, strides=2)], lambda n: (n - 3) // 2 + 1),
    "same": (lambda: [Conv1D(3, 4, padding="same")], lambda n: n),
    "causal": (lambda: [Conv1D(3, 3, padding="causal")], lambda n: n),
    "causal strides": (lambda: [Conv1D(3, 3, 2, padding="causal")], lambda n: (n + 1) // 2),
    "two": (
        lambda: [Conv1D(4, 3, padding="same"), Tanh(), Conv1D(3, 2, padding="same")],
        lambda n: n,
    ),
    "residual": (lambda: [Residual([Conv1D(4, 3, padding="same"), Tanh()])], lambda n: n),
    "max": (lambda: [MaxPooling1D(2)], lambda n: n // 2),
    "max overlapping": (lambda: [Conv1D(3, 2), MaxPooling1D(3, 1)], lambda n: n - 3),
    "average": (lambda: [AveragePooling1D(3)], lambda n: n // 3),
    "zeros in front": (lambda: [ZeroPadding1D((2, 0)), Conv1D(3, 3)], lambda n: n),
    "zeros for a state": (lambda: [ZeroPadding1D((1, 2)), GRU(3)], None),
    "cropped": (lambda: [Cropping1D((2, 0))], lambda n: n - 2),
    "repeated": (lambda: [UpSampling1D(2), LSTM(3, return_sequences=True)], lambda n: 2 * n),
    "reshaped": (
        lambda: [
            *(Reshape((-1, 2, 2)), TimeDistributed([Conv1D(3, 2), Flatten()])),
            *(Reshape((-1, 3, 1)), Permute((1, 3, 2)), TimeDistributed(Flatten()), GRU(2)),
        ],
        None,
    ),
    "largest": (lambda: [Conv1D(3, 3), GlobalMaxPooling1D()], None),
    "mean": (lambda: [MaxPooling1D(2), Dense(3), GlobalAveragePooling1D()], None),
}

ALONE = [*BODIES]
BODIES["batch"] = (lambda: [BatchNormalization(), GRU(3, return_sequences=True)], lambda n: n)


def model_of(body, steps=T, **options):
    layers = [Embedding(7, 4, mask_zero=True), *BODIES[body][0](), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=3, dtype="float64")
    loss = "sparse_categorical_crossentropy"
    model.compile(bp.optimizers.SGD(0.1), loss, metrics=["accuracy"], **options)
    model.build((None, steps))
    return model


def tokens(rng):
    X = rng.integers(1, 7, (len(LENGTHS), T))
    X[np.arange(T) >= np.array(LENGTHS)[:, np.newaxis]] = 0
    return X


@pytest.mark.parametrize("body", thirds(ALONE))
def test_a_padded_batch_is_the_mean_over_each_sequence_alone(body, rng):
    X, counts = tokens(rng), BODIES[body][1]
    model = model_of(body)
    y = rng.integers(0, 3, model.predict(X).shape[:-1])
    A, loss, g = pass_of(model, X, y)
    losses, gradients, seen = 0.0, 0.0, 0
    for k, n in enumerate(LENGTHS):
        m = 1 if counts is None else counts(n)
        rows = slice(k, k + 1)
        alone = model_of(body, n)
        alone.set_weights(model.get_weights())
        at = rows if counts is None else (rows, slice(m))
        A_k, loss_k, g_k = pass_of(alone, X[rows, :n], y[at])
        np.testing.assert_allclose(A[at], A_k, rtol=1e-12, atol=1e-14)
        losses, gradients, seen = losses + m * loss_k, gradients + m * g_k, seen + m
    assert loss == pytest.approx(losses / seen, rel=1e-12)
    np.testing.assert_allclose(g, gradients / seen, rtol=1e-9, atol=1e-13)
    assert model.check_gradients(X, y).ok
    if counts is not None:
        np.testing.assert_array_equal(model.mask(X).sum(axis=1), [counts(n) for n in LENGTHS])


def test_more_padding_changes_nothing_of_batch_normalization(rng):
    X = tokens(rng)
    longer = np.pad(X, ((0, 0), (0, 3)))
    y = rng.integers(0, 3, longer.shape)
    model, other = model_of("batch"), model_of("batch", T + 3)
    for _ in range(3):
        its = other.train_on_batch(longer, y)
        np.testing.assert_allclose(model.train_on_batch(X, y[:, :T]), its, rtol=1e-12)
    np.testing.assert_allclose(model.parameters.values, other.parameters.values, rtol=1e-11)


@pytest.mark.parametrize("body", thirds(BODIES, 1))
def test_recorded_steps_and_models_trained_together(body, rng):
    X = np.tile(tokens(rng), (4, 1))
    y = rng.integers(0, 3, model_of(body).predict(X).shape[:-1])
    trained = [model_of(body), model_of(body, run_eagerly=True)]
    for model in trained:
        model.fit(X, y, batch_size=4, epochs=4, verbose=0)
    np.testing.assert_array_equal(*(model.parameters.values for model in trained))
    together = [model_of(body), model_of(body)]
    bp.fit_many(together, X, y, batch_size=4, epochs=4, verbose=0)
    for model in together:
        theta = trained[0].parameters.values
        np.testing.assert_allclose(model.parameters.values, theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        MaxPooling1D(2, padding="same"),
        AveragePooling1D(3, 1, "same"),
        Conv1D(2, 3, strides=2, padding="same"),
        GroupNormalization(2),
        LayerNormalization([-2, -1]),
        *(RMSNormalization([1, 2]), LayerNormalization(1), BatchNormalization(1), Softmax(1)),
        TimeDistributed(BatchNormalization()),
        TimeDistributed([Dense(4), Residual([BatchNormalization()])]),
        TimeDistributed(ActivityRegularization(0.1)),
    ],
    ids=str,
)
def test_a_layer_that_would_count_padded_steps_says_so_before_training(layer, rng):
    ends = [GlobalAveragePooling1D(), Dense(1)]
    model = bp.Sequential([Embedding(7, 4, mask_zero=True), layer, *ends], seed=0)
    model.compile("sgd", "mse")
    model.build((None, T))
    before = model.get_weights()
    inside = [type(each).__name__ for _, each in walk([layer])][-1]
    with pytest.raises(ValueError, match=f"{inside} .* padded steps would change"):
        model.fit(tokens(rng), np.zeros(len(LENGTHS)), verbose=0)
    with pytest.raises(ValueError, match="mask_zero=False"):
        model.predict(tokens(rng))
    for mine, its in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


class LastStep(Layer):
    def output_shape(self, input_shape):
        return input_shape[1:]

    def forward(self, X, training=False):
        self.shape = X.shape
        return X[:, -1]

    def backward(self, delta):
        dX = np.zeros(self.shape)
        dX[:, -1] = delta
        return dX


def test_an_own_layer_that_changes_the_steps_must_say_what_the_mask_is(rng):
    model = bp.Sequential([Embedding(7, 4, mask_zero=True), LastStep(), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=r"LastStep .* define output_mask\(X, mask\)"):
        model.predict(tokens(rng))


@pytest.mark.parametrize("kept", [False, True])
def test_padded_words_of_padded_sentences_change_nothing(kept, rng):
    X = rng.integers(1, 7, (2, 3, 4))
    X[0, 1, 2:] = X[1, 2] = X[1, 0, 1:] = 0

    def model_of(shape):
        reader = [Embedding(7, 4, mask_zero=True)]
        reader.append(TimeDistributed([GRU(3, return_sequences=kept), Dense(2)]))
        reader += [] if kept else [LSTM(3, return_sequences=True)]
        model = bp.Sequential([*reader, Dense(3), Softmax()], seed=0, dtype="float64")
        model.compile(bp.optimizers.SGD(0.1), "sparse_categorical_crossentropy", ["accuracy"])
        model.build((None, *shape))
        return model

    model, longer = model_of((3, 4)), model_of((4, 6))
    X_longer = np.pad(X, ((0, 0), (0, 1), (0, 2)))
    y = rng.integers(0, 3, (2, 4, 6) if kept else (2, 4))
    y_short = y[:, :3, :4] if kept else y[:, :3]
    assert model.mask(X).tolist() == (X > 0 if kept else (X > 0).any(axis=-1)).tolist()
    inside = (slice(None), slice(3), slice(4)) if kept else (slice(None), slice(3))
    found, expected = longer.predict(X_longer)[inside], model.predict(X)
    np.testing.assert_allclose(found[model.mask(X)], expected[model.mask(X)], rtol=1e-12)
    for _ in range(4):
        np.testing.assert_allclose(
            longer.train_on_batch(X_longer, y), model.train_on_batch(X, y_short), rtol=1e-12
        )
    np.testing.assert_allclose(longer.parameters.values, model.parameters.values, rtol=1e-11)
    assert model.check_gradients(X, y_short).ok


def test_batch_normalization_takes_padded_steps_for_no_samples(rng):
    X, mask = rng.standard_normal((5, 6, 3)), rng.random((5, 6)) < 0.6
    layer, alone = BatchNormalization(momentum=0.9), BatchNormalization(momentum=0.9)
    layer.build((6, 3), dtype="float64")
    alone.build((3,), dtype="float64")
    for each in (layer, alone):
        each.gamma[...], each.beta[...] = [1.5, 0.5, -2.0], [0.1, 0.2, 0.3]
    delta = rng.standard_normal(X.shape) * mask[..., np.newaxis]
    Y, Y_alone = layer.forward(X, True, mask=mask), alone.forward(X[mask], True)
    np.testing.assert_allclose(Y[mask], Y_alone, rtol=1e-12)
    assert (Y[~mask] == layer.beta).all()  # X̂ is 0
    np.testing.assert_allclose(layer.moving_mean, alone.moving_mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance, alone.moving_variance, rtol=1e-12)
    dX, dX_alone = layer.backward(delta), alone.backward(delta[mask])
    np.testing.assert_allclose(dX[mask], dX_alone, rtol=1e-9, atol=1e-14)
    assert not dX[~mask].any()
    np.testing.assert_allclose(layer.dgamma, alone.dgamma, rtol=1e-12)
    np.testing.assert_allclose(layer.dbeta, alone.dbeta, rtol=1e-12)
    averages = layer.moving_mean.copy(), layer.moving_variance.copy()
    layer.forward(X, True, mask=np.zeros_like(mask))  # of nothing there is nothing new
    np.testing.assert_array_equal((layer.moving_mean, layer.moving_variance), averages)
    layer.forward(X, True)
    unmasked = layer.moving_mean.copy()
    layer.build((6, 3), dtype="float64")
    layer.moving_mean[...], layer.moving_variance[...] = averages
    layer.forward(X, True, mask=np.ones_like(mask))
    np.testing.assert_allclose(layer.moving_mean, unmasked, rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (BatchNormalization(synchronized=True), "cannot leave padded steps out"),
        (BatchNormalization(1), "takes steps for channels"),
    ],
    ids=str,
)
def test_batch_normalization_that_takes_no_mask(layer, words):
    layer.build((6, 3))
    with pytest.raises(ValueError, match=rf"BatchNormalization.* {words}"):
        layer.forward(np.ones((2, 6, 3)), True, mask=np.ones((2, 6), bool))


def test_normalization_takes_padded_steps_for_no_samples(rng):
    X = 2 + 3 * rng.standard_normal((40, T, 2))
    mask = np.arange(T) < rng.integers(0, T + 1, 40)[:, np.newaxis]
    X[~mask] = 0
    model = bp.Sequential([Masking(), Normalization(), LSTM(2)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((40, 2)), verbose=0)
    np.testing.assert_allclose(model.layers[1].mean_, X[mask].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.layers[1].variance_, X[mask].var(axis=0), rtol=1e-12)
    assert model.layers[1].count_ == mask.sum()
