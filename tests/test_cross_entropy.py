"""The cross-entropies at their limits, on wrong targets, and against published numbers.

The vectors in ``data/`` come from PyTorch 2.13 and Keras 3.15 in float64.
"""

import math
import re

import numpy as np
import pytest
from derivatives import derivative, relative_error
from loss_cases import train
from published import published

from backprop.core.errors import ShapeError
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)

WORST = -math.log(1e-7)  # Keras's loss of a probability of 0: 16.118…
FLOOR = math.e * 1e-7  # below it the logarithm goes on as a straight line

ALL = [BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy]


# -------------------------------------------------------------------- certainty, right or wrong


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_certainties(dtype):
    loss = BinaryCrossentropy()
    for p, y, value, slope in [
        (0.0, 0.0, 0.0, 1.0),
        (1.0, 1.0, 0.0, -1.0),
        (0.0, 1.0, WORST, -1 / FLOOR),  # a clipped logarithm would have slope 0
        (1.0, 0.0, WORST, 1 / FLOOR),
    ]:
        found, delta = train(loss, np.array([[p]], dtype), np.array([[y]]))
        assert found == pytest.approx(value, rel=1e-6 if dtype == "float32" else 1e-14, abs=0)
        np.testing.assert_allclose(delta, [[slope]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [False, True])
def test_categorical_certainties(dtype, sparse):
    loss = SparseCategoricalCrossentropy() if sparse else CategoricalCrossentropy()
    target = np.array([0]) if sparse else np.array([[1.0, 0.0, 0.0]])
    value, delta = train(loss, np.array([[1, 0, 0]], dtype), target)
    assert value == 0
    np.testing.assert_array_equal(delta, [[0, 1, 1]])
    value, delta = train(loss, np.array([[0, 0.5, 0.5]], dtype), target)
    assert value == pytest.approx(WORST, rel=1e-6 if dtype == "float32" else 1e-14)
    np.testing.assert_allclose(delta, [[-1 / FLOOR, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize("p", [1e-9, 1e-8, 2e-7, 0.9 * FLOOR, 1.1 * FLOOR, 1e-6])
def test_gradient_is_exact_on_both_sides_of_the_floor(p):
    """The step of the finite differences is made small against p by measuring in units of p."""
    unit = np.ones((1, 1))
    for y in (0.0, 0.3, 1.0):
        target = np.array([[y]])
        for scale, shift in ((p, 0.0), (-p, 1.0)):  # near 0 and near 1

            def E(scale=scale, shift=shift, target=target):
                return BinaryCrossentropy().forward(shift + scale * unit, target)

            _, delta = train(BinaryCrossentropy(), shift + scale * unit, target)
            # 1 − p has lost some 1e-16/p of p
            assert relative_error(scale * delta, derivative(E, unit)) <= 1e-7 + 1e-13 / p


def test_loss_falls_without_a_jump_as_the_probability_rises():
    p = np.concatenate([np.linspace(0, 2 * FLOOR, 2001), np.geomspace(2 * FLOOR, 1, 500)[1:]])
    value = np.array([BinaryCrossentropy().forward([[v]], [[1.0]]) for v in p])
    assert (np.diff(value) < 0).all()
    assert np.abs(np.diff(value[:2001])).max() <= 1.01 * (p[1] - p[0]) / FLOOR


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_ten_thousand(make, dtype):
    Z = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4]], dtype)
    y = np.array([1, 0, 2]) if make is SparseCategoricalCrossentropy else np.eye(3)[[1, 0, 2]]
    value, delta = train(make(from_logits=True), Z, y)
    assert np.isfinite(delta).all()
    if make is BinaryCrossentropy:  # Σ of 2 wrong outputs and log 2; 3 wrong; 2 wrong
        assert value == pytest.approx((2e4 + math.log(2) + 3e4 + 2e4) / 9, rel=1e-6)
        A = np.array([[1, 0, 0.5], [0, 1, 1], [1, 1, 1]])
        np.testing.assert_allclose(delta, (A - y) / 9, rtol=1e-6)
    else:  # 2e4 wrong; 2e4 + log 2 wrong; log 3
        assert value == pytest.approx((4e4 + math.log(2) + math.log(3)) / 3, rel=1e-6)
        A = np.array([[1, 0, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
        np.testing.assert_allclose(delta, (A - np.eye(3)[[1, 0, 2]]) / 3, rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------ sparse equals categorical


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("weight", [None, np.array([0.5, 0.0, 2.0, 1.0, 3.0])])
@pytest.mark.parametrize("kind", ["int64", "uint8", "float32", "bool", "column"])
def test_sparse_equals_categorical_on_one_hot_targets(rng, from_logits, weight, kind):
    prediction = rng.uniform(0.05, 1, (5, 3))
    c = np.array([0, 1, 1, 0, 1])
    value, delta = train(CategoricalCrossentropy(from_logits), prediction, np.eye(3)[c], weight)
    given = c[:, np.newaxis] if kind == "column" else c.astype(kind)
    sparse_value, sparse_delta = train(
        SparseCategoricalCrossentropy(from_logits), prediction, given, weight
    )
    assert sparse_value == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(sparse_delta, delta, rtol=1e-12, atol=1e-16)


# --------------------------------------------------------------------------- users' mistakes


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("bad", [-1e-6, 1.1, -3.0, 10.0])
def test_predictions_that_are_no_probabilities(make, bad):
    prediction = np.full((2, 3), 0.5)
    prediction[1, 2] = bad
    target = np.array([0, 1]) if make is SparseCategoricalCrossentropy else np.eye(3)[:2]
    layer = "Sigmoid" if make is BinaryCrossentropy else "Softmax"
    with pytest.raises(ValueError, match=rf"must be probabilities.*{layer}\(\).*from_logits=True"):
        make().forward(prediction, target)
    make(from_logits=True).forward(prediction, target)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ([0, 1, 3], ValueError, r"from 0 to 2 for 3 outputs, but the targets hold 3"),
        ([0, -1, 2], ValueError, r"the targets hold -1"),
        ([0.0, 1.5, 2.0], ValueError, r"whole numbers"),
        (np.eye(3), ShapeError, r"one-hot targets need loss='categorical_crossentropy'"),
        (np.ones((3, 2)), ShapeError, r"one for each sample, but their shape is \(3, 2\)"),
        (np.eye(2)[[0, 1, 0]], ShapeError, r"an output for each of their 2 classes"),
        (np.ones((3, 2)), ShapeError, r"for the 2 steps of each sequence, .*return_sequences=True"),
        ([0, 1.5, 2], ValueError, r"must be whole numbers, but the targets hold 1\.5: .*'mse'"),
        (np.ones((3, 1, 1)), ShapeError, r"their shape is \(3, 1, 1\)"),
        ([0, 1], ShapeError, r"3 predictions but 2 targets"),
        (1, ShapeError, r"one for each sample, but their shape is \(\)"),
        (["a", "b", "c"], TypeError, r"return_inverse=True"),
    ],
)
def test_wrong_class_indices(from_logits, target, error, message):
    loss = SparseCategoricalCrossentropy(from_logits)
    with pytest.raises(error, match=message):
        loss.forward(np.full((3, 3), 1 / 3), np.asarray(target))


@pytest.mark.parametrize("from_logits", [False, True])
def test_one_output_has_no_classes(from_logits):
    with pytest.raises(ShapeError, match=r"one output.*two outputs.*binary_crossentropy"):
        SparseCategoricalCrossentropy(from_logits).forward(np.full((3, 1), 0.5), [0, 1, 0])


@pytest.mark.parametrize("target", [np.array([0, 1, 2]), np.array([[0], [1], [2]])])
def test_class_indices_given_to_the_categorical_loss(target):
    with pytest.raises(ShapeError, match="need loss='sparse_categorical_crossentropy'"):
        CategoricalCrossentropy().forward(np.full((3, 3), 1 / 3), target)


# ------------------------------------------------------------------------- published numbers


def test_pytorch_does_not_normalise_probabilities():
    """So its gradient by p lacks the constant Σ_k y_k of each row, here 1/N; the value is ours."""
    v = published("losses.npz", "cce_prob")
    value, delta = train(CategoricalCrossentropy(), v["x"], v["t"])
    assert value == pytest.approx(float(v["value_mean"]), rel=1e-12)
    np.testing.assert_allclose(delta - 1 / 6, v["grad_mean"], rtol=1e-12, atol=1e-15)


def test_class_weights_divide_by_the_number_of_samples():
    """As in Keras; PyTorch divides by the sum of the weights."""
    v = published("losses.npz", "cce_classweight")
    weight = v["class_weight"][v["t"]]
    value, delta = train(SparseCategoricalCrossentropy(from_logits=True), v["x"], v["t"], weight)
    assert value == pytest.approx(float(v["value_sum"]) / 6, rel=1e-12)
    np.testing.assert_allclose(delta, v["grad_sum"] / 6, rtol=1e-12, atol=1e-16)
    assert value * 6 / weight.sum() == pytest.approx(float(v["value_mean"]), rel=1e-12)


def test_loss_of_a_probability_of_88_percent():
    v = published("losses.npz", "seed003_cce")
    p = float(v["p"])
    value = CategoricalCrossentropy().forward([[p, 1 - p]], [[1.0, 0.0]])
    assert value == pytest.approx(float(v["value"]), rel=1e-12)


def test_rows_are_normalised_as_in_keras():
    """Keras's rows sum to 1.7 and reach 1.67, which we refuse; half of them is the same loss."""
    v = published("keras_losses.npz", "CategoricalCrossentropy_unnormalised")
    with pytest.raises(ValueError, match="must be probabilities"):
        CategoricalCrossentropy().forward(v["x"], v["t"])
    for loss, t in (
        (CategoricalCrossentropy(), v["t"]),
        (SparseCategoricalCrossentropy(), v["t"].argmax(axis=1)),
    ):
        value, delta = train(loss, v["x"] / 2, t)
        assert value == pytest.approx(float(v["value"]), rel=1e-12)
        np.testing.assert_allclose(delta / 2, v["grad"], rtol=1e-12)


def test_where_the_categorical_loss_differs_from_keras():
    """Keras clips p to [1e-7, 1 − 1e-7]: we say 0 at p = 1, and keep a gradient at p = 0."""
    v = published("keras_losses.npz", "CategoricalCrossentropy_zero")
    loss = CategoricalCrossentropy()
    each = [train(loss, x[None], t[None]) for x, t in zip(v["x"], v["t"], strict=True)]
    (at_0, delta_at_0), (at_1, delta_at_1), (inside, delta_inside) = each
    assert at_0 == pytest.approx(v["value"][0], rel=1e-12)
    assert (at_1, v["value"][1]) == (0, pytest.approx(1e-7))
    assert inside == pytest.approx(v["value"][2], rel=1e-12)
    np.testing.assert_allclose(delta_inside[0], v["grad"][2], rtol=1e-12)
    assert not v["grad"][:2].any()
    assert delta_at_0[0, 0] < 0
    # p = (0, 1 + ε, 0) is the same after normalising; the others take from the 1
    np.testing.assert_array_equal(delta_at_1, [[1, 0, 1]])


def test_where_the_binary_loss_differs_from_keras():
    """Below e·1e-7 our logarithm is a line: the same at 0, less at 1e-8, and never flat."""
    v = published("keras_losses.npz", "BinaryCrossentropy_extreme")
    (first, delta), (second, other) = (
        train(BinaryCrossentropy(), x[None], t[None]) for x, t in zip(v["x"], v["t"], strict=True)
    )
    # p = (0, 1, 1e-8, 1 − 1e-8) for y = (0, 1, 1, 0): two certainties, two nearly
    nearly = WORST - 1e-8 / FLOOR
    assert first == pytest.approx(2 * nearly / 4, rel=1e-8)
    assert v["value"][0] == pytest.approx((2 * WORST + 2e-7) / 4, rel=1e-8)
    # p = (1, 0, ½, ½) for y = (0, 1, 1, 0); Keras's 1 − (1 − 1e-7) is 1e-7 to nine digits only
    assert second == pytest.approx(v["value"][1], rel=1e-9)
    assert second == pytest.approx((2 * WORST + 2 * math.log(2)) / 4, rel=1e-14)
    np.testing.assert_allclose(other[0, 2:], v["grad"][1, 2:], rtol=1e-12)
    assert not v["grad"][0].any()
    np.testing.assert_array_equal(np.sign(delta[0]), [1, -1, -1, 1])
    np.testing.assert_allclose(other[0, :2], [1 / FLOOR / 4, -1 / FLOOR / 4], rtol=1e-12)


@pytest.mark.parametrize("z", [3.0, 12.0, 15.0])
def test_float32_keeps_the_digits_of_a_small_loss(z):
    """log(1 + eᶻ) − z would lose what is small beside z."""
    exact = math.log1p(math.exp(-z))
    loss = BinaryCrossentropy(from_logits=True)
    Z = np.array([[z]], np.float32)
    assert loss.forward(Z, np.array([[1.0]])) == pytest.approx(exact, rel=3e-7)
    pair = np.array([[z, 0.0]], np.float32) + np.float32(4096)
    sparse = SparseCategoricalCrossentropy(from_logits=True)
    expected = float(np.log(np.float32(1) + np.exp(np.float32(-z))))
    assert sparse.forward(pair, np.array([0])) == expected
    dense = CategoricalCrossentropy(from_logits=True)
    assert dense.forward(pair, np.array([[1.0, 0.0]])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("loss", [BinaryCrossentropy, CategoricalCrossentropy])
@pytest.mark.parametrize("wrong", [-1.0, 2.0])
def test_targets_that_are_no_probabilities_are_refused(loss, wrong):
    with pytest.raises(ValueError, match="targets are probabilities or 0 and 1, but they run from"):
        loss().forward(np.array([[0.5, 0.5]]), np.array([[wrong, 1.0]]))


@pytest.mark.parametrize("loss", [BinaryCrossentropy, CategoricalCrossentropy])
@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ([-1.0, 1.0], "write 0 for -1"),
        ([-2.0, 0.0], "factor for each sample goes into sample_weight, which must not be negative"),
        ([0.3, -0.7], "factor for each sample goes into sample_weight, which must not be negative"),
    ],
)
def test_what_to_do_about_negative_targets(loss, row, advice):
    with pytest.raises(ValueError, match=advice) as caught:
        loss().forward(np.array([[0.5, 0.5]]), np.array([row]))
    assert ("write 0" in str(caught.value)) == (-1 in row)


@pytest.mark.parametrize(
    ("targets", "advice"),
    [
        ([1, 2, 2], "write 0 for 1 and 1 for 2."),
        ([-1, -1, -1], "write 0 for -1."),
        ([0, 255, 255], "write 1 for 255."),
        (
            [0, 1, 2],
            "for classes take an output for each, Softmax() and loss='sparse_categorical",
        ),
        (
            [-1, 0, 1],
            "for classes take an output for each, Softmax() and loss='sparse_categorical",
        ),
        ([0.5, 3.7, -2.0], "numbers to be predicted as such take loss='mse'."),
    ],
)
def test_what_to_do_about_targets_of_one_output(targets, advice):
    with pytest.raises(ValueError, match=re.escape(f": {advice}")):
        BinaryCrossentropy().forward(np.full((3, 1), 0.5), np.array(targets))
