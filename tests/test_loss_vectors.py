"""The losses against published numbers, at their kinks and at their extremes.

The vectors in ``data/`` come from PyTorch 2.13 and Keras 3.15 in float64. Where the two differ we
follow Keras.
"""

import math

import numpy as np
import pytest
from loss_cases import train
from published import published

from backprop import Sequential
from backprop.layers import Dense, Exponential, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    HalfSquaredError,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from backprop.optimizers import SGD

KERAS = [
    ("MeanAbsoluteError", MeanAbsoluteError()),
    ("MeanAbsoluteError_sw", MeanAbsoluteError()),
    ("Huber", Huber()),
    ("Huber_sw", Huber()),
    ("Huber_0.5", Huber(delta=0.5)),
    ("LogCosh", LogCosh()),
    ("LogCosh_sw", LogCosh()),
    ("CosineSimilarity", CosineSimilarity()),
    ("CosineSimilarity_sw", CosineSimilarity()),
    ("Poisson", Poisson()),
    ("KLDivergence", KLDivergence()),
    ("Hinge", Hinge()),
    ("Hinge_labels01", Hinge()),
    ("SquaredHinge", SquaredHinge()),
    ("CategoricalHinge", CategoricalHinge()),
    ("MeanSquaredError", MeanSquaredError()),
    ("MeanSquaredError_sw", MeanSquaredError()),
    ("BinaryCrossentropy", BinaryCrossentropy()),
    ("BinaryCrossentropy_logits", BinaryCrossentropy(from_logits=True)),
    ("CategoricalCrossentropy", CategoricalCrossentropy()),
    ("CategoricalCrossentropy_logits", CategoricalCrossentropy(from_logits=True)),
    ("CategoricalCrossentropy_sw", CategoricalCrossentropy()),
    ("SparseCategoricalCrossentropy", SparseCategoricalCrossentropy()),
    ("SparseCategoricalCrossentropy_logits", SparseCategoricalCrossentropy(from_logits=True)),
    ("BinaryCrossentropy_ls0.1", BinaryCrossentropy(label_smoothing=0.1)),
    ("CategoricalCrossentropy_ls0.1", CategoricalCrossentropy(label_smoothing=0.1)),
]

TORCH = [
    ("mse", MeanSquaredError()),
    ("mse_sample_weight", MeanSquaredError()),
    ("quadratic_half", HalfSquaredError()),
    ("bce_prob", BinaryCrossentropy()),
    ("bce_logits", BinaryCrossentropy(from_logits=True)),
    ("bce_logits_extreme", BinaryCrossentropy(from_logits=True)),
    ("cce_logits_onehot", CategoricalCrossentropy(from_logits=True)),
    ("cce_logits_soft", CategoricalCrossentropy(from_logits=True)),
    ("scce_logits", SparseCategoricalCrossentropy(from_logits=True)),
    ("scce_logits_extreme", SparseCategoricalCrossentropy(from_logits=True)),
    ("mae", MeanAbsoluteError()),
    ("mae_ties", MeanAbsoluteError()),
    ("rmse", RootMeanSquaredError()),
    ("huber_1.0", Huber()),
    ("huber_0.5", Huber(0.5)),
    ("logcosh", LogCosh()),
    ("cosine", CosineSimilarity()),
    ("kldiv", KLDivergence()),
    ("hinge", Hinge()),
    ("squared_hinge", SquaredHinge()),
    ("cce_logits_smooth", CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)),
]


@pytest.mark.parametrize(("name", "loss"), KERAS, ids=lambda x: str(x))
def test_values_and_gradients_of_keras(name, loss):
    v = published("keras_losses.npz", name)
    value, delta = train(loss, v["x"], v["t"], v.get("sample_weight"))
    assert value == pytest.approx(float(v["value"]), rel=1e-12)
    np.testing.assert_allclose(delta, v["grad"], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("name", "loss"), TORCH, ids=lambda x: str(x))
def test_values_and_gradients_of_torch(name, loss):
    v = published("losses.npz", name)
    value, delta = train(loss, v["x"], v["t"], v.get("sample_weight"))
    assert value == pytest.approx(float(v["value_mean"]), rel=1e-12)
    np.testing.assert_allclose(delta, v["grad_mean"], rtol=1e-12, atol=1e-16)


def test_poisson_of_torch():
    """PyTorch adds 1e-8 to the rate and Keras 1e-7, and this is all in which they differ."""
    v = published("losses.npz", "poisson")
    value, delta = train(Poisson(), v["x"], v["t"])
    ours, theirs = v["x"] + 1e-7, v["x"] + 1e-8
    value += np.mean(v["t"] * np.log(ours / theirs))
    delta += v["t"] * (1 / ours - 1 / theirs) / delta.size
    assert value == pytest.approx(float(v["value_mean"]), rel=1e-12)
    np.testing.assert_allclose(delta, v["grad_mean"], rtol=1e-12, atol=1e-12)


# -------------------------------------------------------------------- root mean squared error


def test_rmse_is_the_root_of_the_whole_batchs_mean():
    prediction = np.array([[0.0, 0.0], [3.0, 4.0]])
    value, delta = train(RootMeanSquaredError(), prediction, np.zeros((2, 2)))
    assert value == 2.5  # √((9 + 16) / 4), and not the mean of 0 and √(25 / 2)
    np.testing.assert_allclose(delta, prediction / (4 * 2.5), rtol=1e-15)


def test_rmse_weighs_inside_the_root(rng):
    prediction, target = rng.standard_normal((2, 6, 4))
    weight = np.array([0.0, 1, 2, 0.5, 3, 1])
    value, delta = train(RootMeanSquaredError(), prediction, target, weight)
    square = MeanSquaredError().forward(prediction, target, weight)
    assert value == pytest.approx(math.sqrt(square), rel=1e-15)
    expected = weight[:, np.newaxis] * (prediction - target) / (6 * 4 * value)
    np.testing.assert_allclose(delta, expected, rtol=1e-14)


def test_rmse_has_gradient_0_where_nothing_is_wrong():
    for weight in (None, np.ones(3)):
        value, delta = train(RootMeanSquaredError(), np.ones((3, 2)), np.ones((3, 2)), weight)
        assert value == 0
        np.testing.assert_array_equal(delta, 0)


# --------------------------------------------------------------------------- kinks and extremes


def test_mae_has_slope_0_at_0():
    value, delta = train(MeanAbsoluteError(), np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
    assert value == 1
    np.testing.assert_array_equal(delta, [[0, 0.5]])


def test_huber_on_both_sides_of_delta():
    errors = np.array([[-3.0, -2.0, 1.0, 2.0, 3.0, 0.0]])
    value, delta = train(Huber(2.0), errors, np.zeros((1, 6)))
    assert value == (4 + 2 + 0.5 + 2 + 4 + 0) / 6
    np.testing.assert_allclose(delta, np.array([[-2, -2, 1, 2, 2, 0]]) / 6, rtol=1e-15)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "1"])
def test_huber_needs_a_positive_delta(bad):
    rule = r"Huber\(delta\) must be (above 0|a number).* but it is"
    with pytest.raises((ValueError, TypeError), match=rule):
        Huber(bad)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "value", "slope"),
    [
        (RootMeanSquaredError(), 1e4, 1),
        (MeanAbsoluteError(), 1e4, 1),
        (Huber(), 1e4 - 0.5, 1),
        (LogCosh(), 1e4 - math.log(2), 1),
        (CosineSimilarity(), -1, 0),
        (Hinge(), 0, 0),
        (SquaredHinge(), 0, 0),
    ],
    ids=lambda x: str(x),
)
def test_errors_of_ten_thousand(loss, value, slope, dtype):
    """Floating-point errors raise in tests, so that this also says: without a warning."""
    target = 1.0 if isinstance(loss, CosineSimilarity | Hinge) else 0.0
    n = 2 if isinstance(loss, CosineSimilarity) else 1
    for sign in (1, -1):
        arrays = np.full((1, n), sign * 1e4, dtype), np.full((1, n), sign * target, dtype)
        found, delta = train(loss, *arrays)
        assert found == pytest.approx(value, rel=1e-6 if dtype == "float32" else 1e-14)
        assert delta == pytest.approx(np.full((1, n), sign * slope), rel=1e-6, abs=1e-10)


def test_log_cosh_keeps_the_digits_of_small_errors():
    d = 1e-6
    value = LogCosh().forward(np.array([[d]]), np.zeros((1, 1)))
    assert value == pytest.approx(d**2 / 2 - d**4 / 12, rel=1e-9)
    small = LogCosh().forward(np.array([[1e-3]], np.float32), np.zeros((1, 1)))
    assert small == pytest.approx(0.5e-6, rel=1e-3)


def test_cosine_of_opposite_and_of_equal_directions():
    target = np.array([[3.0, 4.0]])
    assert CosineSimilarity().forward(5 * target, target) == pytest.approx(-1, rel=1e-15)
    assert CosineSimilarity().forward(-target, target) == pytest.approx(1, rel=1e-15)
    assert CosineSimilarity().forward(np.array([[-4.0, 3.0]]), target) == 0


@pytest.mark.parametrize("scale", [0.0, 1e-9])
def test_cosine_of_a_vanishing_prediction_is_linear(scale):
    """As Keras: a norm below 1e-7 counts as 1e-7. The gradient is that of this very value."""
    prediction, target = scale * np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]])
    value, delta = train(CosineSimilarity(), prediction, target)
    assert value == pytest.approx(-scale * 0.6 / 1e-7, rel=1e-14, abs=0)
    np.testing.assert_allclose(delta, [[-0.6e7, -0.8e7]], rtol=1e-14)


def test_cosine_of_a_short_prediction_is_a_cosine():
    value, delta = train(CosineSimilarity(), np.array([[1e-6, 0.0]]), np.array([[3.0, 4.0]]))
    assert value == pytest.approx(-0.6, rel=1e-14)
    np.testing.assert_allclose(delta, [[0, -0.8e6]], rtol=1e-14, atol=1e-6)


def test_cosine_of_a_vanishing_target():
    value, delta = train(CosineSimilarity(), np.array([[1.0, 2.0]]), np.zeros((1, 2)))
    assert value == 0
    np.testing.assert_array_equal(delta, 0)


def test_poisson_at_rate_0_is_finite():
    value, delta = train(Poisson(), np.zeros((1, 1)), np.full((1, 1), 2.0))
    assert value == pytest.approx(-2 * math.log(1e-7), rel=1e-14)
    assert delta == pytest.approx(np.array([[1 - 2e7]]), rel=1e-14)


def test_poisson_refuses_negative_rates_and_counts():
    with pytest.raises(ValueError, match=r"predictions must be numbers from 0 on.*-0\.5 to 1: end"):
        Poisson().forward(np.array([[-0.5, 1]]), np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"targets are counts, but one is -1"):
        Poisson().forward(np.ones((1, 2)), np.array([[-1.0, 1]]))


def test_poisson_regression_finds_the_rates(rng):
    """log λ = 0.5 + x: exponential outputs and Poisson loss are a generalised linear model."""
    X = rng.uniform(-1, 1, (4000, 1))
    y = rng.poisson(np.exp(0.5 + X))
    model = Sequential([Dense(1), Exponential()], seed=0, dtype="float64")
    model.compile(SGD(0.3), "poisson")
    model.fit(X, y, epochs=150, batch_size=4000, verbose=0)
    assert model.parameters["dense_1.W"].value == pytest.approx(1, abs=0.05)
    assert model.parameters["dense_1.b"].value == pytest.approx(0.5, abs=0.05)


def test_kl_divergence_is_0_for_equal_distributions(rng):
    P = rng.dirichlet(np.ones(4), 5)
    assert KLDivergence().forward(P, P) == pytest.approx(0, abs=1e-15)


def test_kl_divergence_of_a_wrong_certainty():
    """Keras's value at p = 0, but not its slope of 0: the mistake can be unlearnt."""
    value, delta = train(KLDivergence(), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    keras = 1e-7 * math.log(1e-7) + math.log(1 / 1e-7)
    assert value == pytest.approx(keras, rel=1e-14)
    assert delta == pytest.approx(np.array([[-1e-7, -1 / (math.e * 1e-7)]]), rel=1e-14)


def test_kl_divergence_refuses_what_is_no_probability():
    P = np.full((1, 2), 0.5)
    with pytest.raises(ValueError, match=r"predictions must be probabilities.*-1 to 2.*Softmax"):
        KLDivergence().forward(np.array([[-1.0, 2.0]]), P)
    for bad in ([[-0.5, 1.0]], [[0.5, 1.5]]):
        with pytest.raises(ValueError, match=r"targets are probabilities"):
            KLDivergence().forward(P, np.array(bad))


@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge()])
def test_hinge_takes_labels_of_both_kinds(loss, rng):
    prediction = rng.standard_normal((8, 1))
    labels = rng.integers(0, 2, 8)
    value, delta = train(loss, prediction, labels)
    same, same_delta = train(loss, prediction, 2 * labels - 1)
    assert value == same
    np.testing.assert_array_equal(delta, same_delta)
    # a batch of one kind of labels only
    np.testing.assert_allclose(
        loss.forward(prediction, np.zeros(8)), loss.forward(prediction, -np.ones(8))
    )


@pytest.mark.parametrize("loss", [Hinge(), SquaredHinge()])
@pytest.mark.parametrize("bad", [[0, 2], [-1, 0], [0.5, 1], [1, 2]])
def test_hinge_refuses_other_labels(loss, bad):
    with pytest.raises(ValueError, match="targets must be -1 and 1, or 0 and 1"):
        loss.forward(np.zeros((2, 1)), np.array(bad))


def test_hinges_have_slope_0_at_the_margin():
    at_margin = np.array([[1.0, -1.0]])
    for loss in (Hinge(), SquaredHinge()):
        value, delta = train(loss, at_margin, at_margin)
        assert value == 0
        np.testing.assert_array_equal(delta, 0)
    value, delta = train(CategoricalHinge(), np.array([[2.0, 1.0]]), np.array([[1.0, 0.0]]))
    assert value == 0
    np.testing.assert_array_equal(delta, 0)


def test_categorical_hinge_by_hand():
    target = np.array([[1.0, 0, 0], [1, 0, 0], [1, 0, 0]])
    prediction = np.array([[0.5, 0.25, 0.75], [0.5, -2, -1], [0.5, 0.25, 0.25]])
    value, delta = train(CategoricalHinge(), prediction, target)
    assert value == (1.25 + 0.5 + 0.75) / 3
    # in row 2 the largest (1 − y) ŷ is the true class's 0; in row 3 the first of equals counts
    np.testing.assert_allclose(3 * delta, [[-1, 0, 1], [-1, 0, 0], [-1, 1, 0]], rtol=1e-15)


# --------------------------------------------------------------------------- label smoothing


def test_label_smoothing_is_cross_entropy_with_smoothed_targets(rng):
    P = rng.dirichlet(np.ones(4), 6)
    Y = np.eye(4)[rng.integers(0, 4, 6)]
    for from_logits in (False, True):
        for kind, smoothed in (
            (CategoricalCrossentropy, Y * 0.7 + 0.3 / 4),
            (BinaryCrossentropy, Y * 0.7 + 0.15),
        ):
            before = Y.copy()
            value, delta = train(kind(from_logits, 0.3), P, Y)
            expected, expected_delta = train(kind(from_logits), P, smoothed)
            assert value == pytest.approx(expected, rel=1e-14)
            np.testing.assert_allclose(delta, expected_delta, rtol=1e-12, atol=1e-15)
            np.testing.assert_array_equal(Y, before)


def test_smoothing_of_binary_logits_agrees_with_keras_on_probabilities():
    v = published("keras_losses.npz", "BinaryCrossentropy_ls0.1")
    logits = np.log(v["x"] / (1 - v["x"]))
    value, delta = train(BinaryCrossentropy(True, 0.1), logits, v["t"])
    assert value == pytest.approx(float(v["value"]), rel=1e-12)
    np.testing.assert_allclose(delta, v["grad"] * v["x"] * (1 - v["x"]), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("end", "loss", "k"),
    [
        (Sigmoid, BinaryCrossentropy(label_smoothing=0.2), 1),
        (Sigmoid, BinaryFocalCrossentropy(True, label_smoothing=0.2), 1),
        (Softmax, CategoricalCrossentropy(label_smoothing=0.2), 3),
        (Softmax, CategoricalFocalCrossentropy(), 3),
    ],
)
def test_matched_pair_equals_the_unmatched_way(end, loss, k, rng):
    X = rng.standard_normal((8, 2))
    y = rng.integers(0, 2, (8, 1)) if k == 1 else np.eye(k)[rng.integers(0, k, 8)]
    model = Sequential([Dense(k), end()], seed=1, dtype="float64")
    model.compile("sgd", loss)
    value = model.evaluate(X, y, verbose=0)
    prediction = model.predict(X)
    assert value == pytest.approx(loss.forward(prediction, y), rel=1e-13)
    W = model.parameters["dense_1.W"].value.copy()
    model.train_on_batch(X, y)
    # the unmatched way: ∂E/∂prediction, through the activation, through the Dense layer
    activation = end()
    loss.forward(activation.forward(X @ W, training=True), y)
    dZ = activation.backward(loss.backward())
    np.testing.assert_allclose(model.parameters["dense_1.W"].gradient, X.T @ dZ, rtol=1e-10)


@pytest.mark.parametrize("kind", [BinaryCrossentropy, CategoricalCrossentropy])
@pytest.mark.parametrize("bad", [-0.1, 1.0, 2, math.nan, None, "0.1"])
def test_label_smoothing_below_0_or_from_1_on(kind, bad):
    rule = "label_smoothing must be (0 or more and below 1|a number), but it is"
    with pytest.raises((ValueError, TypeError), match=rule):
        kind(label_smoothing=bad)


def test_sparse_targets_have_no_label_smoothing():
    with pytest.raises(TypeError, match="label_smoothing"):
        SparseCategoricalCrossentropy(label_smoothing=0.1)
