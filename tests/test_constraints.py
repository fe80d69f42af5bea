import copy
import pickle

import numpy as np
import pytest

import backprop as bp
from backprop.constraints import MaxNorm, MinMaxNorm, NonNegative, UnitNorm
from backprop.core.errors import ShapeError
from backprop.layers import Dense, Input
from backprop.losses import CosineSimilarity
from backprop.regularizers import OrthogonalRegularizer


def test_max_norm_shrinks_the_weights_into_a_unit_that_are_too_long() -> None:
    W = np.array([[3.0, 0.3], [4.0, 0.4]])
    MaxNorm(2).project(W)
    assert np.allclose(W, [[1.2, 0.3], [1.6, 0.4]], rtol=1e-15)


def test_max_norm_along_the_other_axis_and_of_zeros() -> None:
    W = np.array([[3.0, 4.0], [0.0, 0.0]])
    MaxNorm(1, axis=1).project(W)
    assert np.allclose(W, [[0.6, 0.8], [0, 0]], rtol=1e-15)


def test_non_negative_sets_what_is_negative_to_zero() -> None:
    W = np.array([-1.0, 0.0, 2.0], np.float32)
    NonNegative().project(W)
    assert np.array_equal(W, [0, 0, 2])


def test_constraints_hold_after_every_step(rng: np.random.Generator) -> None:
    layer = Dense(3, kernel_constraint="max_norm", bias_constraint=NonNegative())
    model = bp.Sequential([Input(4), layer], seed=0)
    model.compile(bp.optimizers.SGD(0.3), "mse")
    X, y = rng.standard_normal((20, 4)), 100 * np.ones((20, 3)) * rng.standard_normal((20, 1)) - 200
    model.fit(X, y, batch_size=5, epochs=2, verbose=0)
    norms = np.linalg.norm(layer.W, axis=0)
    assert (norms <= 2 + 1e-6).all()
    assert norms.max() == pytest.approx(2, rel=1e-5)  # it was needed
    assert np.array_equal(layer.b, [0, 0, 0])


def test_a_frozen_layer_is_not_projected() -> None:
    layer = Dense(1, kernel_constraint=NonNegative())
    model = bp.Sequential([Input(1), layer, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    layer.W = [[-3.0]]
    layer.trainable = False
    model.fit(np.ones((2, 1)), np.ones(2), epochs=1, verbose=0)
    assert np.array_equal(layer.W, [[-3.0]])


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="max_value must be above 0, but it is 0"):
        MaxNorm(0)
    with pytest.raises(ValueError, match="constraint 'unit' is not known"):
        Dense(2, kernel_constraint="unit")


@pytest.mark.parametrize(("constrained", "axis"), [("kernel", 2), ("kernel", -3), ("bias", 1)])
def test_an_axis_that_weights_do_not_have_is_found_before_training(constrained, axis) -> None:
    layer = Dense(3, **{f"{constrained}_constraint": MaxNorm(axis=axis)})
    with pytest.raises(ShapeError, match=rf"axis={axis}\) needs an axis {axis}, but"):
        bp.Sequential([Input(4), layer])


@pytest.mark.parametrize("made", [MaxNorm(), UnitNorm(), MinMaxNorm()])
def test_an_axis_that_weights_do_not_have_is_refused_later_too(made) -> None:
    """NumPy's error came out of a step, and a file that was saved could not be loaded."""
    Dense(3, kernel_constraint=made).build((4,))
    for axis in (2, (1, 2), [0, 0]):
        with pytest.raises(ShapeError, match=r"W has the shape \(4, 3\)"):
            made.axis = axis
    assert made.axis == 0
    made.axis = 1
    other = copy.deepcopy(made)
    other.axis = (0, 1, 2)  # for a convolution
    assert made.axis == 1


@pytest.mark.parametrize("axis", [[0, 0], [0, -2], (1, -1)])
def test_an_axis_that_is_named_twice_is_found_before_training(axis) -> None:
    """NumPy said "duplicate value in 'axis'" in the first step."""
    layer = Dense(3, kernel_constraint=MaxNorm(axis=axis))
    with pytest.raises(ShapeError, match=r"W has the shape \(4, 3\); choose each of its axes once"):
        bp.Sequential([Input(4), layer])


def project(W: np.ndarray) -> np.ndarray:
    MaxNorm(2).project(W)
    return W


def cosines(W: np.ndarray) -> np.ndarray:
    return CosineSimilarity().values(W, np.ones_like(W))


def penalty(W: np.ndarray) -> np.ndarray:
    return np.array(OrthogonalRegularizer(0.1).penalty(W))


@pytest.mark.parametrize("divided", [project, cosines, penalty])
def test_divided_by_a_length_that_overflows_nothing_becomes_0(divided) -> None:
    """With zeros a training would go on, and nobody would notice; nan ends it with a warning."""
    W = np.array([[3.0, 4.0], [4.0, 1.0]], np.float32) * np.float32(1e25)
    with np.errstate(all="ignore"):
        assert np.isnan(divided(W)).any()


def test_weights_whose_length_overflows_end_a_training() -> None:
    model = bp.Sequential([Dense(2, kernel_constraint="max_norm")], seed=0)
    model.compile(bp.optimizers.SGD(1e25), "mse")
    X = np.array([[1.0, 2.0]])
    with np.errstate(all="warn"), pytest.raises(bp.DivergenceError):
        model.fit(X, X, epochs=3, verbose=0, on_divergence="raise")
    assert 0 < np.abs(model.layers[0].W).max() < np.inf


@pytest.mark.parametrize("kind", [MaxNorm, UnitNorm])
@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), lambda model: model]
)
def test_a_copied_constraint_knows_the_weights_of_its_copied_layer(kind, twin):
    layer = Dense(2, kernel_constraint=kind())
    model = twin(bp.Sequential([bp.Input(4), layer], seed=0))
    for held in (model.layers[0].kernel_constraint, copy.deepcopy(layer).kernel_constraint):
        with pytest.raises(ShapeError, match=r"needs an axis 2, but W has the shape \(4, 2\)"):
            held.axis = [0, 1, 2]
        held.axis = 1
    alone = copy.copy(layer.kernel_constraint)
    alone.axis = [0, 1, 2]  # it may be meant for others
