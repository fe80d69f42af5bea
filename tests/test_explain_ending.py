"""The rows of an explanation about the loss, matched pairs among them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from explained import Array, assert_sound_latex, compiled, one_hot

from backprop import losses
from backprop.layers import Dense, Sigmoid, Softmax
from backprop.losses import BinaryCrossentropy, CategoricalCrossentropy, RootMeanSquaredError

PAIRS = {
    "categorical": (3, Softmax, "categorical_crossentropy", lambda c: one_hot(c, 3)),
    "sparse": (3, Softmax, "sparse_categorical_crossentropy", lambda c: c),
    "binary": (3, Sigmoid, "binary_crossentropy", lambda c: one_hot(c, 3)),
}


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(("units", "end", "loss", "target"), PAIRS.values(), ids=PAIRS)
def test_matched_pair_is_shown_both_ways(
    units: int, end: Any, loss: str, target: Any, n: int, rng: np.random.Generator
) -> None:
    X, classes = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    explanation = compiled(Dense(units), end(), loss=loss).explain(X, target(classes))
    text = str(explanation)
    joined = explanation["dense_1"].delta
    P, Y = explanation.prediction, one_hot(classes, 3)
    mean = n * 3 if end is Sigmoid else n
    np.testing.assert_allclose(joined, (P - Y) / mean, atol=1e-15)
    last = explanation[-1]
    if end is Sigmoid:
        chained = last.delta * P * (1 - P)
        np.testing.assert_allclose(last.delta, (-Y / P + (1 - Y) / (1 - P)) / mean)
        assert "σ′" in text
    else:
        chained = np.stack(
            [d @ (np.diag(p) - np.outer(p, p)) for d, p in zip(last.delta, P, strict=True)]
        )
        np.testing.assert_allclose(last.delta, (1 - Y / P) / mean)
        assert "divides each row" in text
        assert "diag(" in text
    np.testing.assert_allclose(chained, joined, atol=1e-15)
    (said,) = re.findall(r"same δ: the largest difference is (\S+)\.\n", text)
    assert float(said) < 1e-15


def test_ways_that_differ_by_rounding_are_not_called_equal() -> None:
    model = compiled(Dense(2), Softmax(), loss="categorical_crossentropy", dtype="float32")
    model.set_weights([np.array([[60.0, -60.0], [0, 0]]), np.zeros(2)])
    text = str(model.explain([1.0, 0.0], [0.0, 1.0]))
    assert "The two ways differ by up to" in text


def test_smoothed_labels_are_shown(rng: np.random.Generator) -> None:
    model = compiled(Dense(3), Softmax(), loss=CategoricalCrossentropy(label_smoothing=0.3))
    explanation = model.explain(rng.normal(size=(4, 2)), one_hot([0, 1, 2, 0], 3))
    text = str(explanation)
    assert "Ỹ = (1 − a) Y + a/3" in text
    assert "a = 0.3" in text
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    assert explanation.loss_parts.shape == (4, 3)


def test_rows_that_do_not_sum_to_one_get_the_general_formula(rng: np.random.Generator) -> None:
    model = compiled(Dense(3), Sigmoid(), loss="categorical_crossentropy")
    text = str(model.explain(rng.normal(size=(4, 2)), one_hot([0, 1, 2, 0], 3)))
    assert "(1/N) ((Σ_j Y_j − Y_k/q_k) / Σ_j Ŷ_j)" in text


def test_unmatched_sigmoid_is_shown_one_way() -> None:
    text = str(compiled(Dense(1), Sigmoid()).explain([1.0, 2.0], [1.0]))
    assert "matched pair" not in text
    pair = compiled(Dense(1), Sigmoid(), loss=BinaryCrossentropy())
    assert "matched pair" in str(pair.explain([1.0, 2.0], [1.0]))


def test_root_mean_squared_error_has_its_formula(rng: np.random.Generator) -> None:
    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    explanation = compiled(Dense(3), loss=RootMeanSquaredError()).explain(X, Y)
    text = str(explanation)
    assert "E = √(Σ_ik (Ŷ_ik − Y_ik)² / (N K))" in text
    assert "= (Ŷ − Y) / (N K E)" in text
    np.testing.assert_allclose(
        explanation[-1].delta, (explanation.prediction - Y) / (12 * explanation.loss)
    )
    np.testing.assert_allclose(explanation.loss_parts, [explanation.loss])


def test_loss_of_a_user_is_shown_sample_by_sample(rng: np.random.Generator) -> None:
    class Cubic(losses.Loss):
        def values(self, prediction: Array, target: Array) -> Array:
            return np.sum(np.abs(prediction - target) ** 3, axis=-1)

        def gradient(self, prediction: Array, target: Array) -> Array:
            D = prediction - target
            return 3 * D * np.abs(D)

    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    explanation = compiled(Dense(3), loss=Cubic()).explain(X, Y)
    assert_sound_latex(explanation.latex())
    expected = np.sum(np.abs(explanation.prediction - Y) ** 3, axis=1) / 4
    np.testing.assert_allclose(explanation.loss_parts, expected)
    assert "E_i = (1/N) Cubic(Ŷ_i, Y_i)" in str(explanation)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0]])
def test_targets_that_are_ignored_weigh_nothing_in_the_formulas(weights: Any) -> None:
    """The mean is over the two others: 1/N of all samples was printed beside halves."""
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model = compiled(Dense(3), Softmax(), loss=loss)
    X, c = np.eye(3)[:, :2] + 1, np.array([0, -1, 2])
    explanation = model.explain(X, c, weights)
    w = np.array([1.5, 0, 1.5]) * (1 if weights is None else weights)
    text = str(explanation)
    assert "E_ik = (w_i/N) (−[k = c] ln Ŷ_ik)" in text
    assert "δ⁽¹⁾ = ∂E/∂Z⁽¹⁾ = (w_i/N) (Ŷ_k − [k = c])" in text
    Y = explanation.prediction
    delta = w[:, np.newaxis] / 3 * (Y - np.eye(3)[c])
    np.testing.assert_allclose(explanation["dense_1"].delta, delta, rtol=1e-12)
    parts = w[:, np.newaxis] / 3 * -np.log(Y) * np.eye(3)[c]
    np.testing.assert_allclose(explanation.loss_parts, parts, atol=1e-15)
    assert explanation.loss == pytest.approx(model.evaluate(X, c, sample_weight=weights))
