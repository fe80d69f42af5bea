"""The contract of a loss: every loss of ``loss_cases.py`` through the same checks.

What is special about the cross-entropies stands in ``test_cross_entropy.py``.
"""

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error
from loss_cases import CASES, batch, classes, train
from rows import each

import backprop as bp
from backprop import losses
from backprop.core.errors import NoForwardError, ShapeError
from backprop.losses import (
    BinaryCrossentropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
)

Array = np.ndarray[Any, Any]

each_loss = each("case", CASES, ids=lambda case: case.name)
each_size = each(
    "case, k", [(c, k) for c in CASES for k in c.sizes], ids=lambda x: getattr(x, "name", x)
)
each_n = pytest.mark.parametrize("n", [1, 7])
with_and_without_weights = pytest.mark.parametrize("weighted", [False, True])


# ------------------------------------------------------------------------------ the contract


@each_size
@each_n
@with_and_without_weights
def test_value_is_the_formula(case, k, n, weighted):
    prediction, target, weight = batch(case, n, k)
    w = weight if weighted else np.ones(n)
    each = [case.formula(p, y) for p, y in zip(prediction.tolist(), target.tolist(), strict=True)]
    value = case.make().forward(prediction, target, weight if weighted else None)
    assert isinstance(value, float)
    expected = case.of_mean(float(np.dot(w, each) / n))
    assert value == pytest.approx(expected, rel=1e-13, abs=1e-14)


@each_size
@each_n
@with_and_without_weights
def test_backward_is_the_exact_derivative_of_the_value(case, k, n, weighted):
    prediction, target, weight = batch(case, n, k)
    if not weighted:
        weight = None
    _, delta = train(case.make(), prediction, target, weight)
    expected = derivative(lambda: case.make().forward(prediction, target, weight), prediction)
    assert relative_error(delta, expected) <= 1e-7
    if k > 1 or case.name not in ("cce", "cce_logits"):  # of one class the probability is 1
        assert np.abs(delta[0]).max() > 0


@each_loss
@with_and_without_weights
def test_more_axes(case, weighted):
    """Predictions (N, T, K): the mean runs over N and T, a weight holds for all of a sample."""
    prediction, target, weight = batch(case, 4, 2, 3)
    given = weight if weighted else None
    value, delta = train(case.make(), prediction, target, given)
    n, k = (4, 6) if case.whole else (8, 3)
    rows = (
        prediction.reshape(n, k),
        target.reshape(n, k) if case.whole else target.reshape(n, *target.shape[2:]),
    )
    flat_value, flat_delta = train(
        case.make(), *rows, np.repeat(weight, n // 4) if weighted else None
    )
    assert value == pytest.approx(flat_value, rel=1e-13)
    np.testing.assert_allclose(delta.reshape(n, k), flat_delta, rtol=1e-13)
    if target.shape == prediction.shape:
        f = derivative(lambda: case.make().forward(prediction, target, given), prediction)
        assert relative_error(delta, f) <= 1e-7


@each_loss
@with_and_without_weights
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_of_the_prediction_is_kept(case, dtype, weighted):
    prediction, target, weight = batch(case, 7, 3)
    value, delta = train(
        case.make(), prediction.astype(dtype), target, weight if weighted else None
    )
    assert type(value) is float
    assert delta.dtype == dtype
    exact, exact_delta = train(case.make(), prediction, target, weight if weighted else None)
    assert value == pytest.approx(exact, rel=1e-6)
    assert relative_error(delta, exact_delta) < 1e-4  # of float32; float64 gives 0


@each_loss
def test_arrays_given_are_not_written_to(case):
    arrays = batch(case, 7, 3)
    before = copy.deepcopy(arrays)
    for array in arrays:
        array.setflags(write=False)
    loss = case.make()
    value, delta = train(loss, *arrays)
    again, delta_again = train(case.make(), *before)
    assert value == again
    np.testing.assert_array_equal(delta, delta_again)
    for one, other in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, other)


@each_loss
@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed"])
def test_any_memory_layout_gives_the_same(case, layout):
    """Column-major predictions once lost the −1 at the class in the sparse gradient."""
    arrays = batch(case, 7, 3)
    value, delta = train(case.make(), *arrays)
    relaid = []
    for array in arrays:
        if layout == "transposed":
            view = np.ascontiguousarray(array.T).T
        elif layout == "strided":
            view = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
            view[...] = array
        else:
            view = array[::-1, ..., ::-1].copy() if array.ndim > 1 else array[::-1].copy()
            view = view[::-1, ..., ::-1] if array.ndim > 1 else view[::-1]
        relaid.append(view)
    other_value, other_delta = train(case.make(), *relaid)
    assert other_value == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(other_delta, delta, rtol=1e-13, atol=1e-15)


@each_loss
def test_second_backward_gives_the_same(case):
    loss = case.make()
    _, delta = train(loss, *batch(case, 7, 3))
    np.testing.assert_array_equal(loss.backward(), delta)


@each_loss
def test_batches_of_changing_size_and_dtype(case):
    loss = case.make()
    for dtype in ("float64", "float32", "float64"):
        for k, shape in enumerate([(5, 3), (3, 3), (8, 3), (1, 3), (2, 4, 3), (8, 2), (5, 3)]):
            prediction, target, weight = batch(case, *shape, seed=k)
            prediction = prediction.astype(dtype)
            given = weight if k % 2 else None
            value, delta = train(loss, prediction, target, given)
            fresh_value, fresh_delta = train(case.make(), prediction, target, given)
            assert value == fresh_value
            assert delta.dtype == dtype
            np.testing.assert_array_equal(delta, fresh_delta)


@each_loss
def test_backward_needs_a_forward(case):
    with pytest.raises(NoForwardError, match=r"call forward\(prediction, target\)"):
        case.make().backward()


def pickled(loss: Loss) -> Loss:
    return pickle.loads(pickle.dumps(loss))


@each_loss
@pytest.mark.parametrize("clone", [copy.deepcopy, pickled], ids=["copy", "pickle"])
def test_copies_are_whole_and_independent(case, clone):
    loss = case.make()
    _, delta = train(loss, *batch(case, 7, 3))
    twin = clone(loss)
    np.testing.assert_array_equal(twin.backward(), delta)
    train(twin, *batch(case, 7, 3, seed=2))
    np.testing.assert_array_equal(loss.backward(), delta)
    assert repr(twin) == repr(loss)


@each_loss
def test_integer_predictions_count_as_float64(case):
    _, target, _ = batch(case, 2, 3)
    prediction = np.array([[1, 1, 0], [1, 0, 1]])
    value, delta = train(case.make(), prediction, target)
    assert value == case.make().forward(prediction.astype(float), target)
    assert delta.dtype == np.float64


# ------------------------------------------------------------------------------ wrong shapes

DENSE = [case for case in CASES if case.target is not classes]
each_dense_loss = each("case", DENSE, ids=lambda case: case.name)


@each_dense_loss
@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        *[((5, 3), t) for t in [(5, 1), (5,), (1, 3), (3,), (15,), (5, 3, 1), (5, 4), (4, 3), ()]],
        *[((5, 1), t) for t in [(5, 3), (1,), (1, 1), (5, 5), (5, 1, 1), (1, 5), (6,)]],
        *[((1, 3), t) for t in [(5, 3), (3,), (3, 1), (1, 1), ()]],
        *[((4, 2, 3), t) for t in [(4, 3), (4, 2), (4, 1, 3), (2, 3), (4, 2, 1), (1, 2, 3)]],
    ],
)
def test_targets_of_another_shape_are_not_broadcast(case, prediction, target):
    message = rf"targets have the shape {re.escape(str(target))}|predictions but \d targets"
    if 1 not in case.sizes:
        message += "|one output, but it needs two"
    with pytest.raises(ShapeError, match=message):
        case.make().forward(np.full(prediction, 0.5), np.ones(target))


@each_loss
def test_one_output_where_several_are_compared(case):
    """Such a loss was always 0, or had no slope, and the model never learnt."""
    prediction, target = np.full((7, 1), 0.5), np.ones((7, 1))
    if 1 in case.sizes:
        case.make().forward(prediction, target)
        return
    with pytest.raises(ShapeError, match=f"{case.make()}: the model has one output, but it needs"):
        case.make().forward(prediction, target)


@each_dense_loss
def test_flat_targets_do_for_one_output(case):
    """(N,) against (N, 1) would broadcast to (N, N)."""
    if 1 not in case.sizes:
        return
    prediction, target, weight = batch(case, 7, 1)
    value, delta = train(case.make(), prediction, target, weight)
    flat_value, flat_delta = train(case.make(), prediction, target[:, 0], weight)
    assert flat_value == value
    np.testing.assert_array_equal(flat_delta, delta)


@each_loss
@pytest.mark.parametrize("shape", [(), (3,)])
def test_predictions_need_a_row_for_each_sample(case, shape):
    """A vector of predictions once met an IndexError."""
    with pytest.raises(ShapeError, match=r"predictions must have.*shape \(N, K\)"):
        case.make().forward(np.full(shape, 0.5), np.zeros(shape, int))


@each_loss
def test_no_samples(case):
    """No samples once met a ZeroDivisionError."""
    prediction, target, _ = batch(case, 0, 3)
    with pytest.raises(ShapeError, match="no samples"):
        case.make().forward(prediction, target)


@each_loss
@pytest.mark.parametrize("shape", [(), (1,), (6,), (7, 2), (1, 7), (7, 4), (7, 3, 1, 1)])
def test_sample_weights_of_another_shape(case, shape):
    prediction, target, _ = batch(case, 7, 3)
    message = rf"one number for each of the 7 samples.*{re.escape(str(shape))}"
    with pytest.raises(ShapeError, match=message):
        case.make().forward(prediction, target, np.ones(shape))


@each_loss
@pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf])
def test_sample_weights_must_be_finite_and_not_negative(case, bad):
    prediction, target, weight = batch(case, 7, 3)
    weight[2] = bad
    with pytest.raises(ValueError, match="sample_weight must hold finite numbers"):
        case.make().forward(prediction, target, weight)


@each_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_targets_must_be_finite(case, bad):
    prediction, target, _ = batch(case, 7, 3)
    target = target.astype(float)
    target[2] = bad
    with pytest.raises(ValueError, match=r"nan or infinite|whole numbers|indices run"):
        case.make().forward(prediction, target)


@each_loss
@pytest.mark.parametrize("kind", [str, complex])
def test_targets_must_be_numbers(case, kind):
    prediction, target, _ = batch(case, 7, 3)
    with pytest.raises(TypeError, match=r"targets must be .*, but (their dtype is|y holds text)"):
        case.make().forward(prediction, target.astype(kind))


@each_loss
def test_targets_may_be_objects_that_are_numbers(case):
    prediction, target, _ = batch(case, 7, 3)
    expected = case.make().forward(prediction, target)
    assert case.make().forward(prediction, target.astype(object)) == expected


def test_half_squared_error_is_mse_times_half_the_outputs():
    for k in (1, 2, 3):
        prediction, target, weight = batch(CASES[0], 7, k)
        half = HalfSquaredError().forward(prediction, target, weight)
        mse = MeanSquaredError().forward(prediction, target, weight)
        assert half == pytest.approx(mse * k / 2, rel=1e-14)
        assert (half == pytest.approx(mse, rel=1e-3)) == (k == 2)


# ------------------------------------------------------------------------------------- names


NAMES = {
    "MeanSquaredError": ["mse", "mean_squared_error", "MSE"],
    "HalfSquaredError": ["half_squared_error"],
    "RootMeanSquaredError": ["rmse", "root_mean_squared_error"],
    "MeanAbsoluteError": ["mae", "mean_absolute_error"],
    "MeanAbsolutePercentageError": ["mape"],
    "MeanSquaredLogarithmicError": ["MSLE"],
    "Huber": ["huber"],
    "LogCosh": ["log_cosh", "logcosh"],
    "CosineSimilarity": ["cosine_similarity"],
    "Poisson": ["poisson"],
    "KLDivergence": ["kld", "kl_divergence", "KLD"],
    "Hinge": ["hinge"],
    "SquaredHinge": ["squared_hinge"],
    "CategoricalHinge": ["categorical_hinge"],
    "BinaryCrossentropy": ["bce", "binary_crossentropy"],
    "CategoricalCrossentropy": ["categorical_crossentropy"],
    "CategoricalFocalCrossentropy": ["categorical_focal_crossentropy"],
    "SparseCategoricalCrossentropy": ["sparse_categorical_crossentropy"],
    "Dice": ["dice"],
}


def test_losses_by_their_names():
    others = {"Loss", "CrossEntropy", "Formula", "get"}
    for kind in set(losses.__all__) - others:
        for name in (kind, *NAMES.get(kind, ())):
            assert type(losses.get(name)).__name__ == kind
    assert losses.get("mse") is not losses.get("mse")
    given = MeanSquaredError()
    assert losses.get(given) is given
    with pytest.raises(ValueError, match="loss 'msee' is not known"):
        losses.get("msee")


def test_representations():
    assert repr(MeanSquaredError()) == "MeanSquaredError()"
    assert repr(BinaryCrossentropy(from_logits=True)).startswith("BinaryCrossentropy(from_logits=")
    assert str(BinaryCrossentropy()) == "BinaryCrossentropy"


def test_a_loss_of_the_users_own():
    class Quartic(Loss):
        def values(self, prediction, target):
            return np.sum((prediction - target) ** 4, axis=-1)

        def gradient(self, prediction, target):
            return 4 * (prediction - target) ** 3

    prediction, target, weight = batch(CASES[0], 7, 3)
    _, delta = train(Quartic(), prediction, target, weight)
    f = derivative(lambda: Quartic().forward(prediction, target, weight), prediction)
    assert relative_error(delta, f) <= 1e-7
    with pytest.raises(NotImplementedError, match="Loss must define values"):
        Loss().forward(prediction, target)


# ------------------------------------------------------------------------------- parts of the loss


@each_loss
@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3)])
def test_parts_of_the_outputs_sum_to_the_values(case, shape):
    prediction, target, _ = batch(case, *shape)
    loss = case.make()
    if loss.formula.per == "output":
        target = loss.check_target(target, shape[1:], np.dtype("float64"))
        parts = loss.parts(prediction, target).copy()
        assert parts.shape == prediction.shape
        values = case.make().sample_losses(prediction, target)
        np.testing.assert_allclose(parts.sum(axis=-1), values, rtol=1e-12)


WRONG = {
    "a sum over outputs": ("gradient", lambda g: g.sum(-1), "∂ℓ/∂prediction"),
    "a column": ("gradient", lambda g: g[:, :1], r"returned shape \(\d+, 1\)"),
    "a list": ("gradient", lambda g: g.tolist(), "returned \\[\\["),
    "no gradient": ("gradient", lambda g: None, "returned None"),
    "a mean": ("values", np.mean, r"a loss for each sample, shape \(\d+,\)"),
    "a float": ("values", lambda v: float(v.mean()), "a loss for each sample"),
    "some": ("values", lambda v: v[:3], r"returned shape \(3,\)"),
    "no values": ("values", lambda v: None, "returned None"),
}


@pytest.mark.parametrize("call", ["fit", "train_on_batch", "forward"])
@pytest.mark.parametrize(("method", "change", "words"), WRONG.values(), ids=WRONG)
def test_what_a_loss_of_ones_own_returns_is_looked_at(method, change, words, call):
    """Else it is broadcast: E and g then belong to different functions, and no one is told."""

    class Square(Loss):
        def values(self, prediction, target):
            v = np.sum((prediction - target) ** 2, axis=-1)
            return change(v) if method == "values" else v

        def gradient(self, prediction, target):
            g = 2 * (prediction - target)
            return change(g) if method == "gradient" else g

    model = bp.Sequential([bp.Input(3), bp.layers.Dense(2)], seed=0)
    model.compile("sgd", Square())
    X, y, before = np.ones((8, 3)), np.zeros((8, 2)), model.get_weights()

    def forward_and_backward(X, y):
        model.loss.forward(X[:, :2], y)
        model.loss.backward()

    used = forward_and_backward if call == "forward" else getattr(model, call)
    with pytest.raises((TypeError, ShapeError), match=rf"^Square\.{method} must return .*{words}"):
        used(X, y)
    for mine, its in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, its)
