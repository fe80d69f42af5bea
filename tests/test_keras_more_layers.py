"""Keras's numbers and derivatives of further layers and arguments, and what noise leaves as it was.

``data/keras_more_layers.npz`` is made by ``data/make_keras_more_layers.py`` with Keras 3.15.
"""

import numpy as np
import pytest
from published import arrays_of, published

from backprop.layers import (
    AlphaDropout,
    Conv1DTranspose,
    DepthwiseConv1D,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    MultiHeadAttention,
    Normalization,
    PReLU,
    RepeatVector,
    SeparableConv1D,
    Sparsemax,
    SparseSigmoid,
    SpatialDropout1D,
    SpatialDropout2D,
    Threshold,
    UnitNormalization,
)
from backprop.regularizers import L1, L2

VECTORS = arrays_of("keras_more_layers.npz")

STEPS = np.arange(6.0), np.arange(1.0, 7)
LAYERS = {
    "prelu_penalized": lambda: PReLU(alpha_regularizer=L2(0.3), shared_axes=[1]),
    "attention_penalized": lambda: MultiHeadAttention(
        2, 4, 3, kernel_regularizer=L2(0.3), bias_regularizer=L1(0.2)
    ),
    "attention_window": lambda: MultiHeadAttention(2, 4, sliding_window=2),
    "attention_causal_window": lambda: MultiHeadAttention(2, 4, causal=True, sliding_window=3),
    "normalization_inverted": lambda: Normalization(-1, *STEPS, invert=True),
    "normalization_of_steps_inverted": lambda: Normalization(1, *STEPS, invert=True),
    "repeat_vector": lambda: RepeatVector(3),
    "unit_normalization": UnitNormalization,
    "unit_normalization_axes_1_2": lambda: UnitNormalization([1, 2]),
    "sparse_sigmoid": SparseSigmoid,
    "threshold": lambda: Threshold(-0.5, 0.3),
    "depthwise_1d": lambda: DepthwiseConv1D(3, 2, "same", depth_multiplier=2),
    "depthwise_1d_dilated": lambda: DepthwiseConv1D(2, dilation_rate=2),
    "separable_1d": lambda: SeparableConv1D(3, 3, padding="same", depth_multiplier=2),
    "separable_1d_strided": lambda: SeparableConv1D(2, 3, strides=2, use_bias=False),
    "conv_1d_transpose": lambda: Conv1DTranspose(3, 2, 3),
    "conv_1d_transpose_same": lambda: Conv1DTranspose(3, 3, 2, "same", output_padding=0),
    "conv_1d_transpose_overlapping": lambda: Conv1DTranspose(2, 4, 3),
    "dropout": lambda: Dropout(0.4),
    "dropout_of_features": lambda: Dropout(0.4, (None, 1, 4)),
    "dropout_of_batch": lambda: Dropout(0.3, (1, 6, 1)),
    "spatial_dropout_1d": lambda: SpatialDropout1D(0.4),
    "spatial_dropout_2d": lambda: SpatialDropout2D(0.4),
    "gaussian_dropout": lambda: GaussianDropout(0.4),
    "gaussian_noise": lambda: GaussianNoise(0.7),
}


class Drawn:
    """A generator whose numbers are known; of a dropout 1 is a number that is kept."""

    def __init__(self, numbers):
        self.numbers = numbers

    def standard_normal(self, out, dtype):
        assert out.shape == self.numbers.shape
        out[...] = self.numbers

    random = standard_normal


@pytest.mark.parametrize("case", LAYERS)
def test_layers(case):
    v = published("keras_more_layers.npz", case)
    layer, near = LAYERS[case](), {"rtol": 1e-6, "atol": 1e-9}
    layer.build(v["x"].shape[1:], dtype="float64")
    learned = [p for p in layer.parameters if p.learned]
    for i, p in enumerate(learned):
        assert p.shape == v[f"w{i}"].shape
        p.value[...] = v[f"w{i}"]
    if "drawn" in v:
        layer._rng = Drawn(v["drawn"])
    else:
        np.testing.assert_allclose(layer.forward(v["x"]), v["y"], **near)
    np.testing.assert_allclose(layer.forward(v["x"], training=True), v["y"], **near)
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad"], **near)
    penalties = [(p, p.regularizer) for p in learned if p.regularizer]
    added = sum(regularizer.penalty(p.value) for p, regularizer in penalties)
    # Keras keeps the factors of penalties in float32
    assert added == pytest.approx(float(v["added"]), rel=1e-7)
    for p, regularizer in penalties:
        p.gradient += regularizer.gradient(p.value)
    for i, p in enumerate(learned):
        np.testing.assert_allclose(p.gradient, v[f"g{i}"], rtol=1e-6, atol=1e-7)
    assert f"w{len(learned)}" not in v


def test_every_case_of_the_file_is_looked_at():
    assert {key.split("/")[0] for key in VECTORS} - {"versions"} == LAYERS.keys()


# ------------------------------------------------------------------------------------ statistics

RATES = (0.05, 0.3, 0.8)
N = 200_000


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", [Dropout, GaussianDropout])
def test_factors_have_the_mean_1_and_the_variance_of_keras(kind, rate):
    """p / (1 − p) is the variance of both; 6 standard deviations of the estimates."""
    M = kind(rate, seed=3).forward(np.ones((N, 1)), training=True)
    variance = rate / (1 - rate)
    assert M.mean() == pytest.approx(1, abs=6 * np.sqrt(variance / N))
    spread = np.sqrt((np.mean((M - 1) ** 4) - variance**2) / N)
    assert M.var() == pytest.approx(variance, abs=6 * spread)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("noise_shape", [None, (None, 1)])
def test_alpha_dropout_keeps_mean_and_variance(rate, noise_shape, rng):
    X = rng.standard_normal((N // 2, 2))
    Y = AlphaDropout(rate, noise_shape, seed=3).forward(X, training=True)
    assert Y.mean() == pytest.approx(0, abs=6 * np.sqrt(2 / N))
    spread = np.sqrt(2 * (np.mean(Y**4) - 1) / N)
    assert Y.var() == pytest.approx(1, abs=6 * spread)
    a = 1 / np.sqrt((1 - rate) * (1 + rate * 1.7580993408473766**2))
    dropped = np.isclose(Y, -1.7580993408473766 * a * (1 - rate), rtol=0, atol=1e-12)
    assert dropped.mean() == pytest.approx(rate, abs=6 * np.sqrt(rate * (1 - rate) * 2 / N))


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout, AlphaDropout, GaussianNoise])
def test_a_rate_of_0_changes_nothing(kind, rng):
    X = rng.standard_normal((4, 5))
    np.testing.assert_allclose(kind(0.0).forward(X, training=True), X, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(SpatialDropout1D, (N // 40, 3, 20)), (SpatialDropout2D, (N // 40, 2, 3, 20))],
)
def test_channels_are_dropped_as_wholes_and_independently(kind, shape):
    M = kind(0.3, seed=3).forward(np.ones(shape), training=True)
    first = M[(slice(None), *[0] * (len(shape) - 2))]  # (N, C)
    assert (np.expand_dims(first, tuple(range(1, len(shape) - 1))) == M).all()
    correlations = np.corrcoef(first.T) - np.eye(shape[-1])
    assert np.abs(correlations).max() < 6 / np.sqrt(len(first))
    assert first.var() == pytest.approx(0.3 / 0.7, rel=0.02)


def test_a_seed_determines_what_attention_drops(rng):
    X = rng.standard_normal((3, 5, 4))
    found = []
    for seed in (4, 4, 5):
        layer = MultiHeadAttention(2, 3, dropout=0.5, seed=seed)
        layer.build((5, 4), np.random.default_rng(1))
        found.append(layer.forward(X, training=True).copy())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("logits", "probabilities"),
    [
        ([0.0, 0.5, 1.0], [0, 0.25, 0.75]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], [0, 0.1, 0.2, 0.3, 0.4]),
        ([0.175, 0.0, -2.0], [0.5875, 0.4125, 0]),
        ([1e4, 0.0, 0.0], [1, 0, 0]),
        ([2.0, 2.0, 2.0, 2.0], [0.25] * 4),
    ],
)
def test_sparsemax_has_the_published_values(logits, probabilities):
    """The first three stand in https://github.com/keras-team/keras/issues/23425 and pull/23469, and
    in https://github.com/tensorflow/tensorflow/issues/127246.

    Keras 3.15.1 itself computes other ones, which do not sum to 1.
    """
    found = Sparsemax().forward(np.array([logits]))
    np.testing.assert_allclose(found, [probabilities], rtol=0, atol=1e-15)


@pytest.mark.parametrize("axis", [-1, 1])
def test_sparsemax_is_the_nearest_distribution(axis, rng):
    """What is taken away is τ of each class with a probability, and at least z of the others."""
    Z = rng.standard_normal((20, 6, 5))
    A = Sparsemax(axis).forward(Z)
    np.testing.assert_allclose(A.sum(axis=axis), 1, rtol=1e-14)
    tau = np.max(np.where(A > 0, Z - A, -np.inf), axis=axis, keepdims=True)
    np.testing.assert_allclose(np.where(A > 0, Z - A, tau), np.broadcast_to(tau, Z.shape))
    assert ((tau >= Z) | (A > 0)).all()
    assert 0.2 < (A == 0).mean() < 0.9


def test_a_sample_of_zeros_has_no_direction():
    layer = UnitNormalization()
    Y = layer.forward(np.array([[0.0, 0.0], [3.0, 4.0]]), training=True)
    np.testing.assert_allclose(Y, [[0, 0], [0.6, 0.8]], rtol=1e-15)
    np.testing.assert_allclose(layer.backward(np.ones((2, 2))), [[0, 0], [0.032, -0.024]])


@np.errstate(over="ignore", invalid="ignore")
def test_a_length_that_overflows_is_no_zero():
    """All of a sample became 0, without a word."""
    X = np.array([[3e20, 4e20], [3.0, 4.0]], "float32")
    for training in (False, True):
        Y = UnitNormalization().forward(X, training=training)
        assert np.isnan(Y[0]).all()
        np.testing.assert_allclose(Y[1], [0.6, 0.8], rtol=1e-6)


def test_kinks_of_the_sparse_sigmoid_and_the_threshold():
    for layer, at, slopes in (
        (SparseSigmoid(), [-1.0, 1.0], [0, 0]),
        (Threshold(0.5, 2.0), [0.5, 0.6], [0, 1]),
    ):
        layer.forward(np.array([at]), training=True)
        np.testing.assert_array_equal(layer.backward(np.ones((1, 2))), [slopes])


def test_the_length_of_a_single_number_is_told_of():
    """Only its sign would be left."""
    UnitNormalization().build((2,))
    UnitNormalization([1, 2]).build((1, 2))
    for layer, shape in [(UnitNormalization(), (3, 1)), (UnitNormalization([1, 2]), (1, 1))]:
        with pytest.warns(RuntimeWarning, match="divides single numbers .* nothing is learnt"):
            layer.build(shape)
