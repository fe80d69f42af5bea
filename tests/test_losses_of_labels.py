"""Losses for labels some of which are wrong, and for pairs; Keras's numbers: test_more_losses."""

import math
import re

import numpy as np
import pytest
from derivatives import derivative, relative_error
from loss_cases import train

from backprop import Sequential, metrics
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Input, Sigmoid, Softmax, Tanh, UnitNormalization
from backprop.losses import (
    BinaryCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    Circle,
    SparseCategoricalCrossentropy,
)
from backprop.optimizers import Adam


def test_wrong_labels_pull_less_on_what_the_model_is_sure_of():
    """Where the cross-entropy's δ is near 1, the generalised one's is near 0."""
    model = Sequential([Input(2), Softmax()])
    model.compile("sgd", CategoricalGeneralizedCrossEntropy(0.7))
    Z, wrong = np.array([[8.0, 0.0]]), np.array([1])
    model.loss.forward(model.forward(Z, training=True), wrong)
    small = np.abs(model.loss.backward()).max()
    assert small == pytest.approx((1 / (1 + np.exp(8))) ** 0.7, rel=1e-3)
    loss = CategoricalGeneralizedCrossEntropy(0.7)
    assert loss.forward(np.array([[1.0, 0.0]]), wrong) == pytest.approx(1 / 0.7)
    assert np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("q", [0, 1, -0.5])
def test_q_lies_between_0_and_1(q):
    with pytest.raises(ValueError, match="q must lie between 0 and 1"):
        CategoricalGeneralizedCrossEntropy(q)


@pytest.mark.parametrize("length", [0.9, 1.4])  # of the longer ones some distances count as 0
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [(), (5.0,), (5.0, 0.4, False), (3.0, 0.0), (2.0, 1.5)])
def test_circle_is_its_formula_and_backward_the_derivative(options, weighted, length, rng):
    P, c = rng.normal(size=(9, 3)), np.array([0, 1, 0, 1, 2, 2, -5, 0, 1])
    P *= length / np.linalg.norm(P, axis=1, keepdims=True)
    w = rng.uniform(0.2, 3, 9) if weighted else None
    gamma, m, apart = (*options, *(80.0, 0.4, True)[len(options) :])

    def formula():
        each = []
        for i in range(9):
            d = [max(1 - P[i] @ P[j], 0) for j in range(9)]
            near = [math.exp(gamma * (d[j] ** 2 - m**2)) for j in range(9)
                    if c[j] == c[i] and not (apart and j == i)]  # fmt: skip
            far = [math.exp(gamma * max(1 + m - d[j], 0) * (1 - m - d[j])) for j in range(9)
                   if c[j] != c[i]]  # fmt: skip
            if near and far:
                each.append((1 if w is None else w[i]) * math.log1p(sum(near) * sum(far)))
        return sum(each) / len(each)

    value, delta = train(Circle(*options), P, c, w)
    assert value == pytest.approx(formula(), rel=1e-12)
    assert relative_error(delta, derivative(formula, P)) < 1e-7


def test_batches_without_pairs_cost_nothing():
    loss = Circle()
    for c in ([0, 1, 2], [4, 4, 4]):
        assert loss.forward(np.eye(3), np.array(c)) == 0
        np.testing.assert_array_equal(loss.backward(), 0)


def test_circle_takes_rows_and_numbers_of_classes():
    with pytest.raises(ShapeError, match=r"Circle compares samples .*Flatten\(\)"):
        Circle().forward(np.ones((4, 2, 3)), np.ones((4, 2)))
    with pytest.raises(ShapeError, match=r"shape is \(4, 3\): of one-hot rows pass np\.argmax"):
        Circle().forward(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(ValueError, match="whole numbers"):
        Circle().forward(np.ones((2, 3)), np.array([0.5, 1]))


def test_classes_are_brought_together(rng):
    """Afterwards the nearest other sample of a point is one of its own class."""
    X, c = rng.normal(size=(60, 2)), np.arange(60) % 3
    X += 2.0 * np.array([[1, 0], [-1, 1], [0, -2]])[c]
    model = Sequential([Dense(16), Tanh(), Dense(4)], seed=0)
    model.compile(Adam(0.01), Circle(8.0))
    history = model.fit(X, c, epochs=30, batch_size=30, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    P = model.predict(X)
    D = np.linalg.norm(P[:, None] - P, axis=-1) + 1e9 * np.eye(60)
    assert (c[D.argmin(axis=1)] == c).mean() > 0.9


@pytest.mark.parametrize("kind", ["int64", "uint64", "float64"])
def test_large_numbers_of_classes_stay_apart(kind):
    """Of 2⁶² and 2⁶² + 1 float64 makes one; 2⁶³ and more are no int64."""
    P = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    first = {"int64": 2**62, "uint64": 2**63 + 2**62, "float64": 2**53 - 1}[kind]
    targets = np.array([first, first, first + 1], kind)
    assert Circle().forward(P, targets) == Circle().forward(P, [7, 7, 5]) > 1
    if kind == "float64":
        for wrong in (1e300, -1e18, 2.0**53 + 2):
            with pytest.raises(ValueError, match="whole numbers up to 2⁵³"):
                Circle().forward(P, np.array([wrong, 0, 1]))


@pytest.mark.parametrize("weighted", [False, True])
def test_as_a_metric_it_leaves_out_the_samples_that_the_loss_does(weighted, rng):
    P, c = rng.normal(size=(7, 3)), np.array([0, 1, 0, 1, 2, -5, 0])  # of two no other comes
    P /= np.linalg.norm(P, axis=1, keepdims=True)
    w = rng.uniform(0.5, 2, 7) if weighted else None
    metric = metrics.LossMetric(Circle(3.0))
    metric.update(P, c, w)
    expected = Circle(3.0).forward(P, c, w)
    if weighted:  # the loss divides by how many there are, the metric by their weights
        expected *= 5 / w[[0, 1, 2, 3, 6]].sum()
    assert metric.result() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("targets", ["one_class", "no_class_twice", "batches_of_1"])
def test_batches_in_which_nothing_is_compared_are_told_of(targets, rng):
    X = rng.normal(size=(12, 4))
    y = {"one_class": np.zeros(12, int), "no_class_twice": np.arange(12)}.get(
        targets, np.arange(12) % 2
    )
    model = Sequential([Dense(3), UnitNormalization()], seed=0)
    model.compile("sgd", Circle())
    with pytest.warns(RuntimeWarning, match="Circle learns from batches that hold several") as told:
        model.fit(X, y, batch_size=1 if "of_1" in targets else 6, epochs=3, verbose=0)
    assert len(told) == 1


@pytest.mark.parametrize("ending", [[], [Softmax]])
@pytest.mark.parametrize("q", [1e-6, 1e-4, 0.01])
def test_a_small_q_is_near_the_cross_entropy_in_float32_too(q, ending):
    """1 − p^q loses its digits there."""
    P = np.array([[0.25, 0.75], [1.0, 0.0], [0.6, 0.4]], "float32")
    c = np.array([0, 0, 1])
    loss = CategoricalGeneralizedCrossEntropy(q)
    if ending:
        model = Sequential([Input(2), Softmax()])
        model.compile("sgd", loss)
        with np.errstate(divide="ignore"):
            Z = np.maximum(np.log(P), -1e4)
        found = model.loss.forward(model.forward(Z, training=True), c)
    else:
        found = loss.forward(P, c)
    exact = [-math.expm1(q * math.log(p)) / q for p in (0.25, 1.0, 0.4)]
    assert found == pytest.approx(sum(exact) / 3, rel=2e-6)


def test_circle_of_large_exponents_in_float32():
    P = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], "float32")
    loss = Circle(100.0, 0.4)  # of the first: 100 (2² − 0.4²) + 100 · 1.4 · 0.6
    value, delta = train(loss, P, [0, 0, 1])
    assert value == pytest.approx((384 + 84 + 384 - 0 * 84) / 2, rel=1e-5)
    assert np.isfinite(delta).all()


LABELS = np.arange(12) % 3
CODE = re.compile(r"np\.eye\(\d\)\[(?:[^\[\]]|\[1\])*\]")


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mse"])
@pytest.mark.parametrize(
    ("labels", "outputs"),
    [
        (LABELS, 3),
        (LABELS + 1, 3),
        ((LABELS + 1)[:, np.newaxis], 3),
        (LABELS - 1, 3),
        (LABELS % 2 * 2 - 1, 2),
        (LABELS % 2 + 1, 2),
        (LABELS % 2 == 1, 2),
        ((LABELS % 2 == 1)[:, np.newaxis], 2),
        (LABELS * 10, 3),
    ],
)
def test_the_rows_that_are_advised_are_those_of_the_classes(loss, labels, outputs, rng):
    """``np.eye(2)[y]`` of −1 and 1 would be the same row for both, of 1 and 2 an IndexError."""
    model = Sequential([Dense(outputs), Softmax()], seed=0)
    model.compile("sgd", loss)
    X = rng.normal(size=(12, 4))
    with pytest.raises(ShapeError, match=r"np\.eye") as caught:
        model.fit(X, labels, verbose=0)
    rows = eval(CODE.search(str(caught.value))[0], {"np": np, "y": labels})
    numbers = np.unique(labels, return_inverse=True)[1].ravel()
    np.testing.assert_array_equal(rows, np.eye(outputs)[numbers])
    model.fit(X, rows, verbose=0)


@pytest.mark.parametrize("labels", [LABELS, LABELS - 1, LABELS + 4.0])
def test_no_rows_are_advised_of_more_classes_than_outputs(labels, rng):
    for loss, words in (("categorical_crossentropy", "more than 2 classes"), ("mse", "number of")):
        model = Sequential([Dense(2), Softmax()], seed=0)
        model.compile("sgd", loss)
        with pytest.raises(ShapeError, match=words) as caught:
            model.fit(rng.normal(size=(12, 4)), labels, verbose=0)
        assert "np.eye" not in str(caught.value)


def test_more_outputs_are_no_advice_for_a_negative_class(rng):
    X = rng.normal(size=(12, 4))
    model = Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"from 0, or if .* pass ignore_class=-1 to") as caught:
        model.fit(X, LABELS - 1, verbose=0)
    assert "more units" not in str(caught.value)
    model.compile("sgd", SparseCategoricalCrossentropy(ignore_class=-1))
    model.fit(X, LABELS - 1, verbose=0)


def test_a_mark_far_above_the_classes_is_told_how_it_is_ignored(rng):
    X, y = rng.normal(size=(12, 4)), np.where(LABELS == 2, 255, LABELS)
    model = Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"from 0, or if .* pass ignore_class=255 to") as caught:
        model.fit(X, y, verbose=0)
    assert "more units" not in str(caught.value)
    model.compile("sgd", SparseCategoricalCrossentropy(ignore_class=255))
    model.fit(X, y, verbose=0)
    for classes in (LABELS, np.arange(12)):  # no marks: more classes than outputs
        with pytest.raises(ValueError, match="give the last layer more units"):
            model.fit(X, classes, verbose=0)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "binary_focal_crossentropy"])
def test_answers_that_are_not_known_are_told_to_weigh_nothing(loss, rng):
    X, known = rng.normal(size=(12, 4)), rng.random((12, 3)) < 0.7
    y = np.where(known, rng.integers(0, 2, (12, 3)), -1)
    model = Sequential([Dense(3), Sigmoid()], seed=0)
    model.compile("sgd", loss, weighted_metrics=["binary_accuracy"])
    advice = r"write 0 and give it the weight 0, .* with sample_weight=np\.greater_equal\(y, 0\)\.$"
    with pytest.raises(ValueError, match=advice) as caught:
        model.fit(X, y, verbose=0)
    assert "mse" not in str(caught.value)
    model.fit(X, np.maximum(y, 0), sample_weight=np.greater_equal(y, 0), verbose=0)
    _, found = model.evaluate(X, np.maximum(y, 0), sample_weight=np.greater_equal(y, 0))
    hits = (model.predict(X) > 0.5) == y
    assert found == pytest.approx(hits[known].mean())
    with pytest.raises(ValueError, match="a factor for each sample goes into sample_weight"):
        model.fit(X, np.eye(3)[LABELS] * rng.choice([-1, 1], (12, 1)), verbose=0)


@pytest.mark.parametrize("axis", [(), (1,)], ids=["(N, T)", "(N, T, 1)"])
def test_steps_without_an_answer_are_told_to_weigh_nothing(axis, rng):
    X, y = rng.normal(size=(12, 5, 2)), rng.integers(-1, 2, (12, 5, *axis))
    model = Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy", weighted_metrics=["accuracy"])
    with pytest.raises(ValueError, match=r"np\.maximum\(y, 0\) with sample_weight=np\.great"):
        model.fit(X, y, verbose=0)
    model.fit(X, np.maximum(y, 0), sample_weight=np.greater_equal(y, 0), verbose=0)
    _, found = model.evaluate(X, np.maximum(y, 0), sample_weight=np.greater_equal(y, 0))
    known = y.reshape(12, 5) >= 0
    hits = (model.predict(X)[..., 0] > 0.5) == y.reshape(12, 5)
    assert found == pytest.approx(hits[known].mean())


def test_a_loss_that_ignores_no_class_names_weights_for_a_negative_one(rng):
    X, y = rng.normal(size=(12, 4)), np.where(LABELS == 2, -1, LABELS)
    model = Sequential([Dense(2), Softmax()], seed=0)
    model.compile("sgd", "categorical_generalized_cross_entropy")
    with pytest.raises(
        ValueError, match=r"not to count, write 0 and the sample_weight 0"
    ) as caught:
        model.fit(X, y, verbose=0)
    assert "ignore_class" not in str(caught.value)
    model.fit(X, np.maximum(y, 0), sample_weight=np.greater_equal(y, 0), verbose=0)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.eye(3)[LABELS], r"one-hot targets need .*np\.argmax"),
        (2 * np.eye(3)[LABELS] - 1, r"one-hot targets need .*np\.argmax"),
        (np.tri(12, 3), r"several classes at once, or none, take Sigmoid\(\)"),
        (np.tri(12, 3) > 0, r"several classes at once, or none, take Sigmoid\(\)"),
        (np.linspace(-1, 1, 36).reshape(12, 3), "numbers to be predicted as such"),
    ],
)
def test_the_largest_of_a_row_is_its_class_in_one_hot_rows_alone(targets, words, rng):
    model = Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=words) as caught:
        model.fit(rng.normal(size=(12, 4)), targets, verbose=0)
    assert ("argmax" in str(caught.value)) == ("one-hot" in words)


def test_more_weight_for_the_yes_of_each_output_is_a_weight_of_samples(rng):
    """What PyTorch calls pos_weight; what is advised gives its formula."""
    with pytest.raises(TypeError, match=r"several sample_weight=np\.where\(y, …, 1\)"):
        BinaryCrossentropy(pos_weight=[2.0, 3.0, 4.0])
    X, y, weights = rng.normal(size=(12, 4)), rng.integers(0, 2, (12, 3)), [2.0, 3.0, 4.0]
    model = Sequential([Input(4), Dense(3), Sigmoid()], seed=0, dtype="float64")
    model.compile("sgd", "binary_crossentropy")
    P = model.predict(X)
    right = -np.mean(weights * y * np.log(P) + (1 - y) * np.log(1 - P))
    found = model.evaluate(X, y, sample_weight=np.where(y, weights, 1))
    assert found == pytest.approx(right)
