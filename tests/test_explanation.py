"""``model.explain``: its numbers against published and independent ones."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from explained import Scale, classifier, compiled, mazur, network, one_hot

import backprop as bp
from backprop.explain import Explanation, explain
from backprop.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    LayerNormalization,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
)
from backprop.optimizers import SGD, Adam
from backprop.schedules import ExponentialDecay


@pytest.fixture
def example() -> Explanation:
    return mazur().explain([0.05, 0.10], [0.01, 0.99])


# ------------------------------------------------------------------------ the published example

MAZUR = {
    "z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾": ["0.3775"],
    "a⁽¹⁾ = σ(z⁽¹⁾)": ["0.593269992", "0.596884378"],
    "z⁽²⁾ = a⁽¹⁾ W⁽²⁾ + b⁽²⁾": ["1.105905967"],
    "a⁽²⁾ = σ(z⁽²⁾)": ["0.75136507", "0.772928465"],
    "E_k = ½ (ŷ_k − y_k)²": ["0.274811083", "0.023560026"],
    "E = Σ_k E_k": ["0.298371109"],
    "∂E/∂a⁽²⁾ = ŷ − y": ["0.74136507"],
    "δ⁽²⁾ = ∂E/∂z⁽²⁾ = ∂E/∂a⁽²⁾ ⊙ σ′(z⁽²⁾)": ["0.138498562"],
    "∂E/∂W⁽²⁾ = a⁽¹⁾ᵀ δ⁽²⁾": ["0.082167041"],
    "∂E/∂a⁽¹⁾ = δ⁽²⁾ W⁽²⁾ᵀ": ["0.036350306"],
    "∂E/∂W⁽¹⁾ = xᵀ δ⁽¹⁾": ["0.000438568"],
    "W⁽²⁾ ← W⁽²⁾ − 0.5 ∂E/∂W⁽²⁾": ["0.35891648", "0.408666186", "0.511301270", "0.561370121"],
    "W⁽¹⁾ ← W⁽¹⁾ − 0.5 ∂E/∂W⁽¹⁾": ["0.149780716", "0.19956143", "0.24975114", "0.29950229"],
}


def printed_under(text: str, formula: str) -> list[float]:
    """The numbers of the row that starts with the formula."""
    lines = text.split("\n")
    (start,) = [k for k, line in enumerate(lines) if line.strip().startswith(f"{formula}  ")]
    rows = [lines[start].split(formula)[1]]
    for line in lines[start + 1 :]:
        if not line.startswith(" " * 12):  # no formula on it: the matrix goes on
            break
        rows.append(line)
    block = re.sub(r"\(\d[\d, ]*\)", " ", "\n".join(rows))  # the shape
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", block)]


@pytest.mark.parametrize(("formula", "digits"), MAZUR.items(), ids=MAZUR)
def test_print_shows_published_digits_in_their_row(
    example: Explanation, formula: str, digits: list[str]
) -> None:
    numbers = printed_under(str(example), formula)
    for expected in digits:
        decimals = len(expected.partition(".")[2])
        assert expected in [f"{number:.{decimals}f}" for number in numbers]


def test_nine_decimals_stand_literally_in_the_print(example: Explanation) -> None:
    text = str(example)
    for digits in ("0.593269992", "1.105905967", "0.298371109", "0.000438568", "0.511301270"):
        assert digits in text


def test_published_numbers_as_arrays(example: Explanation) -> None:
    hidden, output = example["dense_1"], example["dense_2"]
    np.testing.assert_allclose(hidden.Z, [[0.3775, 0.3925]])
    np.testing.assert_allclose(hidden.A, [[0.593269992, 0.596884378]], atol=5e-10)
    np.testing.assert_allclose(output.delta[0, 0], 0.138498562, atol=5e-10)
    np.testing.assert_allclose(example["sigmoid_2"].delta[0, 0], 0.74136507, atol=5e-10)
    np.testing.assert_allclose(hidden.dW[0, 0], 0.000438568, atol=5e-10)
    np.testing.assert_allclose(output.W_new[0], [0.35891648, 0.511301270], atol=5e-10)
    np.testing.assert_allclose(example.loss_parts, [[0.274811083, 0.023560026]], atol=5e-10)
    np.testing.assert_allclose(example.loss, 0.298371109, atol=5e-10)
    np.testing.assert_array_equal(output.b_new, output.b)


def test_frozen_parameters_are_said_to_stay(example: Explanation) -> None:
    assert "b⁽¹⁾ is frozen" in str(example)
    assert printed_under(str(example), "b⁽¹⁾ ← b⁽¹⁾") == [0.35, 0.35]


# --------------------------------------------------------------------------------- the numbers


def test_arrays_equal_a_computation_by_hand(rng: np.random.Generator) -> None:
    model = classifier(SGD(0.1))
    X, Y = rng.normal(size=(5, 4)), one_hot([0, 1, 2, 0, 1], 3)
    w = rng.uniform(0.5, 2, size=5)
    W1, b1, W2, b2 = model.get_weights()
    explanation = model.explain(X, Y, w)

    A1 = np.tanh(X @ W1 + b1)
    exponentials = np.exp(A1 @ W2 + b2)
    P = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta2 = (P - Y) * w[:, None] / 5
    delta1 = (delta2 @ W2.T) * (1 - A1**2)
    first, second = explanation["dense_1"], explanation["dense_2"]
    for actual, expected in (
        (explanation.prediction, P),
        (explanation.loss, np.mean(w * -np.log(P[Y == 1]))),
        (explanation.loss_parts, -Y * np.log(P) * w[:, None] / 5),
        (first.X, X),
        (first.Z, X @ W1 + b1),
        (first.A, A1),
        (second.delta, delta2),
        (second.delta_input, delta2 @ W2.T),
        (second.dW, A1.T @ delta2),
        (second.db, delta2.sum(axis=0)),
        (first.delta, delta1),
        (first.dW, X.T @ delta1),
        (first.delta_input, delta1 @ W1.T),
        (first.W_new, W1 - 0.1 * X.T @ delta1),
        (explanation["softmax_1"].delta, (1 - Y / P) * w[:, None] / 5),
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-13)
    np.testing.assert_array_equal(first.W, W1)


def test_layers_are_found_by_name_and_position(example: Explanation) -> None:
    assert example["sigmoid_1"] is example[1] is example.layers[1]
    assert example[-1].name == "sigmoid_2"
    np.testing.assert_array_equal(example["sigmoid_1"].Z, example["dense_1"].Z)
    np.testing.assert_array_equal(example["sigmoid_1"].A, example["dense_1"].A)
    with pytest.raises(KeyError, match=r"dense_7.*dense_1, sigmoid_1, dense_2, sigmoid_2"):
        example["dense_7"]
    with pytest.raises(IndexError, match="4 layers"):
        example[4]
    with pytest.raises(AttributeError, match=r"no 'gamma'.* W, b"):
        _ = example["dense_1"].gamma


def test_single_sample_is_a_batch_of_one(example: Explanation) -> None:
    batch = mazur().explain([[0.05, 0.10]], [[0.01, 0.99]])
    assert str(batch) == str(example)
    assert example["dense_1"].Z.shape == (1, 2)
    weighted = mazur().explain([0.05, 0.10], [0.01, 0.99], 2.0)
    assert weighted.loss == pytest.approx(2 * example.loss)
    assert "E_k = w ½ (ŷ_k − y_k)²" in str(weighted)


def test_single_sample_of_class_indices() -> None:
    model = compiled(Dense(3), Softmax(), loss="sparse_categorical_crossentropy")
    explanation = model.explain([1.0, 2.0], 2)
    assert explanation.loss == pytest.approx(-np.log(explanation.prediction[0, 2]))
    np.testing.assert_allclose(explanation.loss_parts, [[0, 0, explanation.loss]])


def state_of(model: bp.Sequential) -> bytes:
    return pickle.dumps(
        [
            model.parameters.values,
            model.parameters.gradients,
            model.optimizer.state,
            model.optimizer.iterations,
            [vars(layer).get("A") for layer in model.layers],
            [layer.delta for layer in model.layers],
            [layer._rng.bit_generator.state for layer in model.layers],
            [layer.needs_input_gradient for layer in model.layers],
            model._shuffle_rng.bit_generator.state,
        ]
    )


def test_explaining_changes_nothing_in_the_model(rng: np.random.Generator) -> None:
    body = (Dense(6), BatchNormalization(), ReLU(), Dropout(0.5), Dense(3), Softmax())
    loss = "sparse_categorical_crossentropy"
    model = compiled(*body, loss=loss, optimizer=SGD(0.1, momentum=0.9), n_in=4)
    X, y = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    model.train_on_batch(X, y)
    before = state_of(model)
    inputs, targets = X.copy(), y.copy()
    explanation = model.explain(X, y)
    str(explanation), explanation.latex(), explanation.plot()
    assert state_of(model) == before
    np.testing.assert_array_equal(X, inputs)
    np.testing.assert_array_equal(y, targets)


def test_update_is_the_one_that_training_makes(rng: np.random.Generator) -> None:
    model = classifier(SGD(0.1, momentum=0.9))
    X, Y = rng.normal(size=(6, 4)), one_hot(rng.integers(0, 3, 6), 3)
    model.train_on_batch(X, Y)
    explanation = model.explain(X, Y)
    loss = model.train_on_batch(X, Y)
    assert explanation.loss == loss
    np.testing.assert_array_equal(explanation["dense_1"].W_new, model.layers[0].W)
    np.testing.assert_array_equal(explanation["dense_2"].b_new, model.layers[2].b)
    assert "W⁽¹⁾ ← W⁽¹⁾ + 0.9 v − 0.1 ∂E/∂W⁽¹⁾" in str(explanation)
    assert "v its velocity" in str(explanation)


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (SGD(ExponentialDecay(0.5, 1, 0.5)), "W⁽¹⁾ ← W⁽¹⁾ − 0.5 ∂E/∂W⁽¹⁾"),
        (SGD(0.5, weight_decay=0.25), "W⁽¹⁾ ← (1 − 0.5 · 0.25) W⁽¹⁾ − 0.5 ∂E/∂W⁽¹⁾"),
        (SGD(0.5, weight_decay=0.25), "b⁽¹⁾ ← b⁽¹⁾ − 0.5 ∂E/∂b⁽¹⁾"),
        (SGD(0.5, clipvalue=0.1), "W⁽¹⁾ ← W⁽¹⁾ − 0.5 clip(∂E/∂W⁽¹⁾)"),
        (SGD(0.5, momentum=0.9, nesterov=True), "W⁽¹⁾ ← W⁽¹⁾ + ΔW⁽¹⁾"),
        (Adam(), "W⁽¹⁾ ← W⁽¹⁾ + ΔW⁽¹⁾"),
    ],
    ids=["schedule", "decay", "no decay of biases", "clipping", "nesterov", "adam"],
)
def test_optimizers_formula_is_the_one_of_this_step(
    optimizer: Any, formula: str, rng: np.random.Generator
) -> None:
    model = compiled(Dense(3), optimizer=optimizer)
    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    explanation = model.explain(X, Y)
    assert f"  {formula}  " in str(explanation)
    dense = explanation["dense_1"]
    np.testing.assert_allclose(dense.dW, X.T @ dense.delta)  # not the clipped one
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(dense.W_new, model.layers[0].W)


def test_model_that_is_not_built_stays_so() -> None:
    model = bp.Sequential([Dense(2), Sigmoid()], seed=3)
    model.compile("sgd", "mse")
    explanation = model.explain([1.0, 2.0, 3.0], [0.0, 1.0])
    assert model.input_shape is None
    model.build((None, 3))
    np.testing.assert_array_equal(explanation["dense_1"].W, model.layers[0].W)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="not compiled"):
        network(Dense(1)).explain([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"built for 2 features but X has the shape \(1, 3\)"):
        compiled(Dense(1)).explain([1.0, 2.0, 3.0], [1.0])
    with pytest.raises(ValueError, match="targets have the shape"):
        compiled(Dense(1)).explain([1.0, 2.0], [1.0, 2.0])


def test_penalty_and_constraint_are_part_of_the_story(rng: np.random.Generator) -> None:
    dense = Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm")
    model = compiled(dense, Tanh(), Dense(1))
    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    W = model.layers[0].W.copy()
    explanation = model.explain(X, Y)
    first = explanation["dense_1"]
    np.testing.assert_allclose(first.dW, X.T @ first.delta + 0.02 * W)
    parts = explanation.loss_parts.sum()
    assert explanation.loss == pytest.approx(parts + 0.01 * np.sum(W**2))
    text = str(explanation)
    assert "∂E/∂W⁽¹⁾ = Xᵀ δ⁽¹⁾ + ∂Ω/∂W⁽¹⁾" in text
    assert "E = Σ_ik E_ik + Ω" in text
    assert "The penalty Ω is L2(l2=0.01) of W⁽¹⁾." in text
    assert "W⁽¹⁾ ← P(W⁽¹⁾ − 0.1 ∂E/∂W⁽¹⁾)" in text
    assert model.train_on_batch(X, Y) == pytest.approx(explanation.loss)


def test_layer_records_show_the_pass_and_not_the_update(rng: np.random.Generator) -> None:
    model = compiled(Dense(3), PReLU(), Scale(), LayerNormalization(), Dense(1))
    model.layers[1].parameters[0].value[...] = 0.25
    explanation = model.explain(rng.normal(size=2), [1.0])
    Z = explanation["prelu_1"].Z
    np.testing.assert_array_equal(explanation["prelu_1"].slope, np.where(Z > 0, 1, 0.25))
    for unit in (0, 1):
        paths = explanation.paths("x", unit)
        assert paths.total == pytest.approx(paths.backpropagated, abs=1e-12)


def test_moving_averages_are_not_shown_as_learnt(rng: np.random.Generator) -> None:
    model = compiled(Dense(3), BatchNormalization(), ReLU(), Dense(1))
    explanation = model.explain(rng.normal(size=(4, 2)), rng.normal(size=(4, 1)))
    text = str(explanation)
    assert "∂E/∂γ⁽¹⁾" in text
    assert "∂E/∂moving_mean" not in text
    assert "moving_mean⁽¹⁾ is not learnt" in text


# -------------------------------------------------------------------------------- both ways

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


def test_explain_is_the_function_behind_the_method() -> None:
    model = compiled(Dense(1), loss=MeanSquaredError())
    assert str(explain(model, [1.0, 2.0], 3.0)) == str(model.explain([1.0, 2.0], 3.0))


def test_unmatched_sigmoid_is_shown_one_way() -> None:
    text = str(compiled(Dense(1), Sigmoid()).explain([1.0, 2.0], [1.0]))
    assert "matched pair" not in text
    pair = compiled(Dense(1), Sigmoid(), loss=BinaryCrossentropy())
    assert "matched pair" in str(pair.explain([1.0, 2.0], [1.0]))
