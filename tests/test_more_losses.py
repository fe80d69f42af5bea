"""The less usual losses: Keras's numbers, their kinks and extremes, and what they refuse.

``data/keras_vocabulary.npz`` is made by ``data/make_keras_vocabulary.py`` with Keras 3.15.
"""

import math

import numpy as np
import pytest
from derivatives import derivative, relative_error
from loss_cases import train
from published import published
from scipy.stats import norm

from backprop import Sequential, load_model
from backprop.core.errors import ShapeError
from backprop.inspection import check_loss
from backprop.layers import Dense, Input, Sigmoid, Softmax
from backprop.losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    Circle,
    Dice,
    GaussianNegativeLogLikelihood,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Quantile,
    SparseCategoricalCrossentropy,
    Tversky,
)
from backprop.optimizers import Adam

FOCAL = BinaryFocalCrossentropy

KERAS = {
    "mape": MeanAbsolutePercentageError(),
    "msle": MeanSquaredLogarithmicError(),
    "binary_focal": FOCAL(),
    "binary_focal_soft": FOCAL(gamma=1.5),
    "binary_focal_balanced": FOCAL(True, 0.3, 3.0, label_smoothing=0.1),
    "binary_focal_logits": FOCAL(from_logits=True),
    "categorical_focal": CategoricalFocalCrossentropy(),
    "categorical_focal_smooth": CategoricalFocalCrossentropy(0.4, 1.5, label_smoothing=0.1),
    "categorical_focal_logits": CategoricalFocalCrossentropy(from_logits=True),
    "ignore": SparseCategoricalCrossentropy(ignore_class=-1),
    "ignore_logits": SparseCategoricalCrossentropy(True, ignore_class=-1),
    "dice": Dice(),
    "dice_images": Dice(),
    "tversky": Tversky(0.3, 0.8),
    "tversky_images": Tversky(0.7, 0.2),
    "generalized": CategoricalGeneralizedCrossEntropy(),
    "generalized_q": CategoricalGeneralizedCrossEntropy(0.7),
    "circle": Circle(),
    "circle_options": Circle(9.0, 0.25, remove_diagonal=False),
}


@pytest.mark.parametrize("weighted", ["", "_weighted"])
@pytest.mark.parametrize("name", KERAS)
def test_values_and_gradients_of_keras(name, weighted):
    """Its constants, such as its ε, are rounded to float32."""
    v = published("keras_vocabulary.npz", f"{name}{weighted}")
    value, delta = train(KERAS[name], v["x"], v["t"], v.get("w"))
    assert value == pytest.approx(float(v["value"]), rel=1e-7)
    np.testing.assert_allclose(delta, v["grad"], rtol=1e-6, atol=1e-8 * np.abs(v["grad"]).max())


# --------------------------------------------------------------------------------------- focal


def test_without_a_focus_it_is_the_cross_entropy(rng):
    P, y = rng.uniform(0.05, 0.95, (2, 5, 3))
    one_hot = np.eye(3)[[0, 2, 1, 0, 0]]
    for from_logits in (False, True):
        pairs = [
            (FOCAL(gamma=0, from_logits=from_logits), BinaryCrossentropy(from_logits), y),
            (
                CategoricalFocalCrossentropy(1.0, 0.0, from_logits),
                CategoricalCrossentropy(from_logits),
                one_hot,
            ),
        ]
        for focal, plain, target in pairs:
            value, delta = train(focal, P, target)
            expected, expected_delta = train(plain, P, target)
            assert value == pytest.approx(expected, rel=1e-14)
            np.testing.assert_allclose(delta, expected_delta, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_logits_of_ten_thousand(gamma, dtype):
    """Without a warning, as floating-point errors raise in tests."""
    Z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    y = np.array([[1, 0], [1, 0]])
    value, delta = train(FOCAL(gamma=gamma, from_logits=True), Z, y)
    assert value == pytest.approx(1e4 / 2)
    np.testing.assert_allclose(delta, [[0, 0], [-0.25, 0.25]], atol=1e-6)
    value, delta = train(CategoricalFocalCrossentropy(1.0, gamma, True), Z, y)
    assert value == pytest.approx(2e4 / 2)
    np.testing.assert_allclose(delta, [[0, 0], [-0.5, 0.5]], atol=1e-6)


# --------------------------------------------------------------------------------- ignored class


@pytest.mark.parametrize("end", [[], [Softmax]])
def test_ignored_targets_count_for_nothing(end, rng):
    X, y = rng.standard_normal((9, 2)), np.array([0, 1, 255, 2, 255, 0, 1, 255, 2])
    loss = SparseCategoricalCrossentropy(from_logits=not end, ignore_class=255)
    model = Sequential([Dense(3), *(kind() for kind in end)], seed=1, dtype="float64")
    model.compile("sgd", loss)
    value = model.train_on_batch(X, y)
    gradient = model.parameters.gradients.copy()
    plain = Sequential([Dense(3), *(kind() for kind in end)], seed=1, dtype="float64")
    plain.compile("sgd", SparseCategoricalCrossentropy(from_logits=not end))
    assert value == pytest.approx(plain.train_on_batch(X[y < 3], y[y < 3]), rel=1e-14)
    np.testing.assert_allclose(gradient, plain.parameters.gradients, rtol=1e-13, atol=1e-16)
    assert model.train_on_batch(X, np.full(9, 255)) == 0
    assert not model.parameters.gradients.any()


def test_images_with_ignored_pixels(rng):
    P, y = rng.uniform(0.05, 0.95, (2, 3, 4, 5)), rng.integers(-1, 5, (2, 3, 4))
    loss, weight = SparseCategoricalCrossentropy(ignore_class=-1), rng.uniform(0.5, 2, (2, 3, 4))
    for w in (None, weight[:, 0, 0], weight[..., 0], weight):
        value, delta = train(loss, P, y, w)
        each = (
            np.ones(y.shape)
            if w is None
            else np.broadcast_to(w.reshape(w.shape + (1,) * (3 - w.ndim)), y.shape)
        )
        q = np.take_along_axis(P, np.maximum(y, 0)[..., None], -1)[..., 0] / P.sum(-1)
        assert value == pytest.approx((-np.log(q) * each)[y >= 0].sum() / (y >= 0).sum())
        expected = derivative(lambda: loss.forward(P, y, w), P)  # noqa: B023
        assert relative_error(delta, expected) < 1e-7


def test_other_unknown_classes_are_refused():
    loss = SparseCategoricalCrossentropy(ignore_class=-1)
    with pytest.raises(ValueError, match=r"run from 0 to 2 for 3 outputs.*hold -2"):
        loss.forward(np.full((2, 3), 0.3), np.array([-1, -2]))
    with pytest.raises(ValueError, match="ignore_class must be an integer"):
        SparseCategoricalCrossentropy(ignore_class=0.5)


# ------------------------------------------------------------------------------------- overlap


def test_overlap_is_a_number_of_the_sample():
    with pytest.raises(TypeError, match="the sums run over all outputs of a sample"):
        Dice(axis=None)
    with pytest.raises(ShapeError, match="one number for all outputs"):
        Dice().forward(np.full((2, 3), 0.5), np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ShapeError, match="sample_weight must hold one number for each"):
        Tversky().forward(np.full((2, 3, 2), 0.5), np.ones((2, 3, 2)), np.ones((2, 3)))
    with pytest.raises(ShapeError, match="none of them can be left out"):
        Dice().compute(np.full((2, 3, 2), 0.5), np.ones((2, 3, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"predictions must be probabilities.*Sigmoid"):
        Dice().forward(np.full((2, 3), 2.0), np.ones((2, 3)))
    assert Dice().forward(np.zeros((1, 3)), np.zeros((1, 3))) == 1
    assert Dice().forward(np.ones((1, 3)), np.ones((1, 3))) == pytest.approx(0, abs=1e-7)


# ------------------------------------------------------------------------------- with uncertainty


def test_percentages_and_logarithms_of_what_is_small():
    value, delta = train(MeanAbsolutePercentageError(), np.array([[1.0, 3.0]]), np.array([[0, 4]]))
    assert value == pytest.approx((100 / 1e-7 + 25) / 2)
    np.testing.assert_allclose(delta, [[50 / 1e-7, -12.5]])
    value, delta = train(MeanSquaredLogarithmicError(), np.array([[-3.0, 1.0]]), np.zeros((1, 2)))
    assert value == pytest.approx(math.log(2) ** 2 / 2)
    np.testing.assert_allclose(delta, [[0, math.log(2) / 2]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"targets must not be negative, but one is -1"):
        MeanSquaredLogarithmicError().forward(np.ones((1, 2)), np.array([[-1.0, 0]]))


def test_quantile_of_one_half_is_half_the_absolute_error(rng):
    P, y = rng.standard_normal((2, 5, 3))
    value, delta = train(Quantile(), P, y)
    expected, expected_delta = train(MeanAbsoluteError(), P, y)
    assert value == pytest.approx(expected / 2)
    np.testing.assert_allclose(delta, expected_delta / 2)


@pytest.mark.parametrize("weighted", [False, True])
def test_several_quantiles_of_one_target(weighted, rng):
    q = [0.1, 0.5, 0.75]
    P, y, w = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    w = w if weighted else None
    loss = Quantile(q)
    value, delta = train(loss, P, y, w)
    D, factor = y[:, None] - P, 1 if w is None else w[:, None]
    assert value == pytest.approx(
        (np.maximum(np.array(q) * D, (np.array(q) - 1) * D) * factor).mean()
    )
    each = ((y[:, None] < P) - np.array(q)) * factor
    np.testing.assert_allclose(delta, each / 18, rtol=1e-13)
    assert loss.forward(P, y[:, None], w) == value
    with pytest.raises(ShapeError, match=r"3 quantiles, but the model 2 outputs.*Dense\(3\)"):
        loss.forward(P[:, :2], y)


def test_quantile_regression_finds_the_quantiles(rng):
    y = rng.normal(size=4000)
    model = Sequential([Dense(3)], seed=0, dtype="float64")
    model.compile(Adam(0.02), Quantile([0.05, 0.5, 0.95]))
    model.fit(np.zeros((4000, 1)), y, epochs=60, batch_size=400, verbose=0)
    found = model.predict(np.zeros((1, 1)))[0]
    np.testing.assert_allclose(found, np.quantile(y, [0.05, 0.5, 0.95]), atol=0.05)


@pytest.mark.parametrize("bad", [0, 1, -0.1, [], [0.5, 2], "0.5", None])
def test_quantiles_lie_between_0_and_1(bad):
    with pytest.raises((ValueError, TypeError), match=r"Quantile\(q\) must"):
        Quantile(bad)


@pytest.mark.parametrize("shape", [(6, 2), (6, 4), (3, 2, 6)])
def test_gaussian_likelihood_is_scipys(shape, rng):
    P, K = rng.standard_normal(shape), shape[-1] // 2
    y, w = rng.standard_normal((*shape[:-1], K)), rng.uniform(0.5, 2, shape[0])
    loss = GaussianNegativeLogLikelihood()
    value, delta = train(loss, P, y)
    logs = norm.logpdf(y, P[..., :K], np.exp(P[..., K:] / 2))
    assert value == pytest.approx(-logs.mean() - math.log(2 * math.pi) / 2, rel=1e-12)
    for weight in (None, w):
        _, delta = train(loss, P, y, weight)
        expected = derivative(lambda: loss.forward(P, y, weight), P)  # noqa: B023
        assert relative_error(delta, expected) < 1e-7


def test_gaussian_regression_finds_mean_and_deviation(rng):
    X = rng.uniform(-1, 1, (4000, 1))
    y = 1 + 2 * X[:, 0] + np.exp(0.5 * X[:, 0]) * rng.normal(size=4000)
    model = Sequential([Input((1,)), Dense(2)], seed=0, dtype="float64")
    model.compile(Adam(0.02), GaussianNegativeLogLikelihood())
    model.fit(X, y, epochs=40, batch_size=200, verbose=0)
    W, b = model.get_weights()
    np.testing.assert_allclose(W, [[2, 1]], atol=0.1)
    np.testing.assert_allclose(b, [1, 0], atol=0.1)
    explanation = model.explain(X[:3], y[:3])
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    assert "½ mean(" in str(explanation)
    assert explanation.latex()


@pytest.mark.parametrize(
    ("options", "expected", "of_logits"),
    [
        (
            {"alpha": [0.25, 0.5, 0.75]},
            [0.08664339756999316, 0.7725301979683683],
            [0.024502093694956106, 1.6735401783978803],
        ),
        (
            {"alpha": (1, 2, 4.0), "gamma": 1.5, "label_smoothing": 0.1},
            [0.5898572868334542, 4.432400456568908],
            [0.34794159926380197, 8.91599191830452],
        ),
    ],
)
def test_every_class_may_have_an_alpha_of_its_own(options, expected, of_logits):
    """The numbers are those of Keras 3.15, in float64."""
    p = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
    y = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = CategoricalFocalCrossentropy(**options).values(p, y)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    loss = CategoricalFocalCrossentropy(**options, from_logits=True)
    assert loss.forward(2 * np.log(p) + 1, y) == pytest.approx(np.mean(of_logits), rel=1e-12)


def test_alphas_fit_the_classes_and_are_explained():
    X, y = np.eye(3), np.eye(3)[[2, 0, 1]]
    model = Sequential([Input(3), Dense(3), Softmax()], seed=0)
    loss = CategoricalFocalCrossentropy([1.0, 2.0])
    model.compile("sgd", loss)
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"\(alpha\) must be one .* of the 3 classes, .* has 2\."):
        model.fit(X, y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    loss.alpha = [1.0, 2.0, 0.5]
    explanation = model.explain(X, y)
    assert "α = (1, 2, 0.5), γ = 2" in str(explanation)
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    assert model.check_gradients(X, y).ok
    assert check_loss(loss, (3,)).ok
    with pytest.raises(ValueError, match=r"alpha must be 0 or more, but it is -1"):
        CategoricalFocalCrossentropy([1.0, -1.0])
    with pytest.raises(TypeError, match=r"alpha must be a number"):
        loss.alpha = [1.0, "2", 3.0]


@pytest.mark.parametrize(("n_out", "target"), [(3, (5,)), (4, (5,)), (4, (5, 4)), (2, (5, 2))])
def test_gaussian_targets_are_half_as_many(n_out, target):
    with pytest.raises(ShapeError, match="must have half as many columns"):
        GaussianNegativeLogLikelihood().forward(np.ones((5, n_out)), np.ones(target))


# ------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize(
    "loss",
    [
        FOCAL(True, 0.3, 1.5, True),
        SparseCategoricalCrossentropy(True, 255),
        Tversky(0.3, 0.8),
        Dice(),
        Quantile([0.2, 0.8]),
        CategoricalFocalCrossentropy([0.5, 2.0], from_logits=True),
        CategoricalGeneralizedCrossEntropy(0.7),
        Circle(8.0, 0.2, False),
        GaussianNegativeLogLikelihood(),
    ],
    ids=str,
)
def test_a_saved_model_has_its_loss(loss, tmp_path):
    shares = isinstance(loss, Tversky | CategoricalGeneralizedCrossEntropy)
    end = [Sigmoid()] if shares else []
    model = Sequential([Input((2,)), Dense(2), *end], seed=0)
    model.compile("sgd", loss)
    model.save(tmp_path / "model")
    assert repr(load_model(tmp_path / "model").loss) == repr(loss)
