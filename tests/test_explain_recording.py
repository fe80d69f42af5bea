"""The numbers of ``model.explain``: those of the step that training would make."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from explained import Array, Scale, classifier, compiled, mazur, network, one_hot

import backprop as bp
from backprop.explain import Explanation
from backprop.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.optimizers import SGD, Adam
from backprop.schedules import ExponentialDecay


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


@pytest.mark.parametrize("optimizer", [Adam(), SGD(0.1, momentum=0.9, nesterov=True)])
def test_no_symbol_is_explained_that_no_formula_has(rng: np.random.Generator, optimizer) -> None:
    explanation = classifier(optimizer).explain(rng.normal(size=(2, 4)), np.eye(3)[:2])
    assert "W⁽¹⁾ ← W⁽¹⁾ + ΔW⁽¹⁾" in str(explanation)
    assert "velocity" not in str(explanation)


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


def test_chain_that_ends_in_a_matched_pair_is_unfolded(rng: np.random.Generator) -> None:
    loss = "sparse_categorical_crossentropy"
    flat = compiled(Dense(3), Tanh(), Dense(2), Softmax(), loss=loss)
    nested = compiled(Dense(3), Chain([Tanh(), Chain([Dense(2), Softmax()])]), loss=loss)
    nested.set_weights(flat.get_weights())
    X, y = rng.normal(size=(4, 2)), [0, 1, 1, 0]
    expected, explanation = flat.explain(X, y), nested.explain(X, y)
    names = ["dense_1", "chain_1.tanh_1", "chain_1.chain_1.dense_1", "chain_1.chain_1.softmax_1"]
    assert [layer.name for layer in explanation.layers] == names
    np.testing.assert_array_equal(explanation[names[2]].W_new, expected["dense_2"].W_new)
    text = str(explanation)
    for name, other in zip(names, ("dense_1", "tanh_1", "dense_2", "softmax_1"), strict=True):
        text = text.replace(f"{name} ", f"{other} ")
    assert text == str(expected)
    assert explanation.paths("x").total == pytest.approx(expected.paths("x").total)


class NotNegative(Layer):
    """A layer of the user's own whose mask leaves out the steps that begin below 0."""

    makes_mask = True

    def forward(self, X: Array, training: bool = False) -> Array:
        return X.copy()

    def backward(self, delta: Array) -> Array:
        return delta.copy()

    def output_mask(self, X: Array, mask: Array | None) -> Array:
        return X[..., 0] >= 0


class SumOfSteps(Layer):
    """The sum over the steps that a mask leaves."""

    takes_mask = True

    def output_shape(self, input_shape: Any) -> Any:
        return input_shape[1:]

    def output_mask(self, X: Array, mask: Array | None) -> None:
        return None

    def forward(self, X: Array, training: bool = False, mask: Array | None = None) -> Array:
        kept = np.ones(X.shape[:2]) if mask is None else mask
        if training:
            self.kept = kept
        return np.einsum("nt,ntk->nk", kept, X)

    def backward(self, delta: Array) -> Array:
        return self.kept[..., np.newaxis] * delta[:, np.newaxis]


def test_masks_go_through_the_layers_as_in_training(rng: np.random.Generator) -> None:
    layers = [bp.Input((5, 2)), NotNegative(), Dense(3), SumOfSteps(), Dense(1)]
    model = bp.Sequential(layers, seed=0, dtype="float64")
    model.compile("sgd", "mse")
    X, y = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 1))
    explanation = model.explain(X, y)
    kept = (X[..., :1] >= 0) * explanation["dense_1"].Y
    np.testing.assert_allclose(explanation["sum_of_steps_1"].Y, kept.sum(axis=1))
    assert model.train_on_batch(X, y) == explanation.loss


def test_padded_steps_count_for_nothing(rng: np.random.Generator) -> None:
    model = bp.Sequential([bp.Input((5, 2)), NotNegative(), Dense(3)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    X, y = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 3))
    explanation = model.explain(X, y)
    padded = X[..., 0] < 0
    assert 0 < padded.sum() < padded.size
    assert explanation.loss_parts.shape == (4, 5, 3)
    assert not explanation.loss_parts[padded].any()
    assert not explanation["dense_1"].delta[padded].any()
    assert explanation.loss_parts.sum() == pytest.approx(explanation.loss)
    assert "  E_ik = (w_it/N) (1/K) " in str(explanation)
    assert model.train_on_batch(X, y) == explanation.loss


@pytest.mark.parametrize(
    "body",
    [[bp.layers.LSTM(2), Dense(1)], [bp.layers.Conv1D(2, 2), bp.layers.Flatten(), Dense(1)]],
    ids=["lstm", "conv1d"],
)
def test_a_single_sequence_needs_no_built_model(body: Any, rng: np.random.Generator) -> None:
    model = bp.Sequential(body, seed=0)
    model.compile("sgd", "mse")
    X = rng.random((4, 3))
    assert model.explain(X, [1.0]).X.shape == (1, 4, 3)
    assert model.explain(X[np.newaxis].repeat(2, axis=0), np.ones((2, 1))).X.shape == (2, 4, 3)
    assert model.input_shape is None


def test_a_single_image_is_told_by_its_target(rng: np.random.Generator) -> None:
    """``Flatten`` takes an image of 4 × 3 and rows of 3 alike: it was taken for 4 samples."""
    model = bp.Sequential([bp.layers.Flatten(), Dense(3), bp.layers.Softmax()], seed=0)
    X = rng.random((4, 3))
    for loss, y in (
        ("sparse_categorical_crossentropy", 2),
        ("categorical_crossentropy", [0, 0, 1]),
    ):
        model.compile("sgd", loss)
        assert model.explain(X, y).X.shape == (1, 4, 3)
        assert model.explain(X[:3], np.eye(3) if y != 2 else [0, 1, 2]).X.shape == (3, 3)
        with pytest.raises(ValueError, match="x has 4 samples, but y has the shape"):
            model.explain(X, np.ones(2))


def test_places_that_are_none_are_named(example: Explanation) -> None:
    for place in (None, 0.5):
        with pytest.raises(TypeError, match=f"by its name or its position, not by {place}"):
            example[place]  # type: ignore[index]
    with pytest.raises(ValueError, match="sample must lie between 0 and 0, but it is 'a'"):
        example.plot(sample="a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="row must lie between 0 and 0, but it is 9"):
        example["dense_1"].jacobian(9)
    model = bp.Sequential([bp.Input((4, 3)), bp.layers.Conv1D(2, 2)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="mixes the steps or pixels of a sample"):
        model.explain(np.ones((1, 4, 3)), np.ones((1, 3, 2)))[0].jacobian(0)
