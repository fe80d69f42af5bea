"""The chain rule written out: ``explanation.paths``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from explained import Array, classifier, compiled, one_hot

from backprop.explain import Explanation
from backprop.layers import (
    Dense,
    Dropout,
    Layer,
    ReLU,
    Sigmoid,
)

# ---------------------------------------------------------------------------------------- paths


def test_paths_from_a_hidden_unit_are_the_published_ones(example: Explanation) -> None:
    paths = example.paths("dense_1", unit=0)
    assert [f"{path.product:.9f}" for path in paths] == ["0.055399425", "-0.019049118"]
    assert f"{paths.total:.9f}" == "0.036350306"
    assert paths.backpropagated == example["sigmoid_1"].delta[0, 0]
    assert paths[1].units == ("a₁⁽¹⁾", "z₂⁽²⁾", "a₂⁽²⁾", "E")
    names = [(factor.name, factor.formula) for factor in paths[1].factors]
    assert names == [
        ("∂z₂⁽²⁾/∂a₁⁽¹⁾", "w₁₂⁽²⁾"),
        ("∂a₂⁽²⁾/∂z₂⁽²⁾", "σ′(z₂⁽²⁾)"),
        ("∂E/∂a₂⁽²⁾", "∂E/∂a₂⁽²⁾"),
    ]
    text = str(paths)
    assert "∂E/∂a₁⁽¹⁾ is the sum over 2 paths" in text
    assert "= 0.4 · 0.186815602 · 0.74136507 = 0.055399425" in text
    assert "sum: 0.036350306; backpropagation: 0.036350306" in text
    assert str(example.paths("sigmoid_1")) == str(example.paths(0)) == text


def test_paths_through_two_hidden_layers_sum_to_the_gradient() -> None:
    body = (Dense(2), Sigmoid(), Dense(2), Sigmoid(), Dense(1), Sigmoid())
    explanation = compiled(*body, loss="bce").explain([0.5, -0.8], [1.0])
    for source, count, gradients in (
        ("x", 4, explanation[0].delta_input),
        ("dense_1", 2, explanation["sigmoid_1"].delta),
        ("dense_2", 1, explanation["sigmoid_2"].delta),
        ("dense_3", 1, explanation["sigmoid_3"].delta),
    ):
        for unit, gradient in enumerate(gradients[0]):
            paths = explanation.paths(source, unit)
            assert len(paths) == count
            assert paths.total == pytest.approx(gradient, rel=1e-12)


class Affine(Layer):
    """Dense, written by a user."""

    linear = True

    def make_parameters(self, input_shape: Any) -> None:
        self.W = self.add_parameter("W", (input_shape[-1], 2))

    def output_shape(self, input_shape: Any) -> Any:
        return (2,)

    def forward(self, X: Array, training: bool = False) -> Array:
        if training:
            self.X = X
        return X @ self.W.value

    def backward(self, delta: Array) -> Array:
        self.W.gradient[...] = self.X.T @ delta
        return delta @ self.W.value.T


def test_weights_of_a_users_layer_are_named_and_drawn() -> None:
    explanation = compiled(Affine(), Sigmoid(), Affine()).explain([0.5, -0.8], [1.0, 0.0])
    paths = explanation.paths("x")
    assert [factor.formula for factor in paths[1].factors] == [
        *("w₁₁⁽¹⁾", "σ′(z₁⁽¹⁾)", "w₁₂⁽²⁾", "∂E/∂z₂⁽²⁾")
    ]
    assert paths.total == pytest.approx(paths.backpropagated)
    words = {text.get_text() for axes in explanation.plot().axes for text in axes.texts}
    assert {"x₁", "a₂⁽¹⁾ = σ(z⁽¹⁾)"} & words  # nodes and edges, not heat maps


@pytest.mark.parametrize("sample", [0, 2])
def test_paths_of_one_sample_of_a_batch(sample: int, rng: np.random.Generator) -> None:
    explanation = classifier().explain(rng.normal(size=(3, 4)), one_hot([0, 1, 2], 3))
    paths = explanation.paths("dense_1", 5, sample)
    assert len(paths) == 9  # three logits, and through the softmax each acts on three outputs
    assert paths.total == pytest.approx(explanation["tanh_1"].delta[sample, 5], rel=1e-12)
    p = explanation.prediction[sample]
    factor = paths[1].factors[1]
    assert (factor.name, factor.value) == ("∂a₂⁽²⁾/∂z₁⁽²⁾", pytest.approx(-p[0] * p[1]))
    assert "more" not in str(paths)


def test_dropped_units_have_no_path() -> None:
    model = compiled(Dense(6), Dropout(0.5, seed=1), Dense(1))
    explanation = model.explain([1.0, 2.0], [1.0])
    dropped = explanation["dropout_1"].Y[0] == 0
    assert 0 < dropped.sum() < 6
    counts = [len(explanation.paths("dense_1", unit)) for unit in range(6)]
    np.testing.assert_array_equal(counts, np.where(dropped, 0, 1))
    assert len(explanation.paths("x")) == 6 - dropped.sum()


def test_too_many_paths_are_refused_with_their_number(rng: np.random.Generator) -> None:
    body = [layer for _ in range(4) for layer in (Dense(20), ReLU())]
    model = compiled(*body, Dense(2), seed=0)
    explanation = model.explain(rng.normal(size=2), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"320,000 paths lead from x₁ to the loss.*10,000"):
        explanation.paths("x")
    late = explanation.paths("dense_3", 19)
    assert len(late) == 40
    assert "… and 20 more" in str(late)
    assert late[20].units[0] == "a₂₀⁽³⁾"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dense_1", 2), "unit must lie between 0 and 1, but it is 2"),
        (("dense_1", -1), "unit must lie between 0 and 1"),
        (("x", 0, 1), "sample must lie between 0 and 0, but it is 1"),
    ],
)
def test_units_and_samples_must_exist(
    example: Explanation, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        example.paths(*arguments)
