import math

import numpy as np
import pytest
import scipy.sparse

import backprop as bp
from backprop.inspection import gradient_cost
from backprop.inspection.costs import show_seconds
from backprop.layers import Dense, Input, Sigmoid


def two_three_one() -> bp.Sequential:
    layers = [Dense(3, use_bias=False), Sigmoid(), Dense(1, use_bias=False)]
    model = bp.Sequential([Input(2), *layers], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    return model


class Counting(bp.losses.MeanSquaredError):
    """Counts its evaluations: one for each forward pass."""

    passes = 0

    def compute(self, *arguments: object) -> float:
        type(self).passes += 1
        return super().compute(*arguments)  # type: ignore[arg-type]


def test_nine_weights_need_ten_forward_passes_or_eighteen_or_one() -> None:
    cost = gradient_cost(two_three_one(), np.array([[1.0, 1.0]]), np.array([[0.0]]))
    assert cost.n_weights == 9
    assert [each.forward_passes for each in cost.methods] == [10, 18, 1]
    assert all(each.complete for each in cost.methods)


def test_the_passes_it_names_are_the_passes_it_makes() -> None:
    from backprop.inspection.costs import central_difference, forward_difference

    model = two_three_one()
    model.compile("sgd", Counting())
    X, y = np.array([[1.0, 1.0]]), np.array([[0.0]])

    def evaluate() -> float:
        return model.loss.forward(model.forward(X, training=True), y)

    for difference, passes in ((forward_difference, 10), (central_difference, 18)):
        Counting.passes = 0
        difference(evaluate, model.parameters.values, 9)
        assert Counting.passes == passes


def test_the_differences_agree_with_backpropagation() -> None:
    cost = gradient_cost(two_three_one(), np.array([[1.0, 1.0]]), np.array([[0.0]]))
    assert cost["forward differences"].error < 1e-5
    assert cost["central differences"].error < 1e-8


def test_targets_are_those_of_training_and_mistakes_are_named() -> None:
    model = bp.Sequential([Input(2), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile("sgd", bp.losses.BinaryCrossentropy(label_smoothing=0.2))
    X, y = [[1.0, 2.0], [3.0, 4.0]], [0, 1]
    gradient_cost(model, scipy.sparse.csr_array(X), y, max_passes=4)
    of_sparse = model.parameters.gradients.copy()
    gradient_cost(model, X, y, max_passes=4)
    model.loss.forward(model.forward(np.array(X), training=True), np.array(y))
    model.backward()
    np.testing.assert_allclose(of_sparse, model.parameters.gradients, rtol=1e-12)
    for wrong, words in ((5, "X must"), ([[math.inf, 0.0]] * 2, "X holds"), ([[1.0]] * 2, "X has")):
        with pytest.raises(ValueError, match=words):
            gradient_cost(model, wrong, y)
    with pytest.raises(ValueError, match="max_passes"):
        gradient_cost(model, X, y, max_passes=0)


def test_a_wrong_gradient_shows_as_an_error() -> None:
    class Doubled(bp.losses.MeanSquaredError):
        def gradient(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
            return 2 * super().gradient(prediction, target)

    model = two_three_one()
    model.compile("sgd", Doubled())
    cost = gradient_cost(model, np.array([[1.0, 1.0]]), np.array([[0.0]]))
    assert cost["central differences"].error == pytest.approx(0.5, rel=1e-6)


def test_many_weights_are_extrapolated_from_some_passes_and_left_as_they_were() -> None:
    model = bp.Sequential([Input(50), Dense(40), Sigmoid()], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    before = model.parameters.values.copy()
    rng = np.random.default_rng(0)
    cost = gradient_cost(model, rng.random((4, 50)), rng.random((4, 40)), max_passes=100)
    assert cost["forward differences"].forward_passes == 2041
    assert cost["central differences"].forward_passes == 4080
    assert not cost["forward differences"].complete
    assert np.isnan(cost["forward differences"].error)
    assert np.array_equal(model.parameters.values, before)
    assert cost["backpropagation"].seconds < cost["forward differences"].seconds / 20


def test_it_prints_as_a_table() -> None:
    cost = gradient_cost(two_three_one(), np.array([[1.0, 1.0]]), np.array([[0.0]]))
    text = str(cost)
    assert repr(cost) == text
    lines = text.splitlines()
    assert lines[0].startswith("The gradient of 9 weights; a forward pass takes ")
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "forward differences",
        "central differences",
        "backpropagation",
    ]
    assert "1 + 1 backward" in lines[4]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12e-6, "12 µs"), (3.4e-3, "3.4 ms"), (5.6, "5.6 s"), (90.0, "1.5 min"), (7560.0, "2.1 h")],
)
def test_seconds_are_shown_in_a_fitting_unit(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


def test_penalties_are_part_of_what_is_differentiated() -> None:
    layers = [Dense(3, kernel_regularizer="l2"), bp.layers.ActivityRegularization(l2=0.1)]
    model = bp.Sequential([Input(2), *layers, Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    cost = gradient_cost(model, np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[0.0], [1.0]]))
    assert cost["central differences"].error < 1e-8
