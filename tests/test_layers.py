"""The contract of a layer: one table that puts every layer through the same checks.

A new layer is one line in ``CASES``. What is special about a layer stands in its own file.
"""

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from derivatives import derivative, relative_error

from backprop.core.errors import NoForwardError, ShapeError
from backprop.layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    Chain,
    Dense,
    Exponential,
    HardSigmoid,
    Identity,
    Layer,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)

Array = np.ndarray[Any, Any]


# --------------------------------------------------------------------------------- the table


class Cube(Activation):
    """An activation of the user's own."""

    def f(self, Z, out=None):
        return np.power(Z, 3, out=out)

    def f_prime(self, Z, A, out):
        np.multiply(Z, Z, out=out)
        out *= 3
        return out


class Scale(Layer):
    """The example in the docstring of ``Layer``, with the checks that it leaves out."""

    def build(self, input_shape, rng=None, dtype="float32"):
        super().build(input_shape, rng, dtype)
        self.X = None
        self.gamma = self.add_parameter("gamma", input_shape[-1:], "ones")

    def forward(self, X, training=False):
        if training:
            self.X = X
        return X * self.gamma.value

    def backward(self, delta):
        self.check_delta(delta, self.X)
        leading = tuple(range(delta.ndim - 1))
        self.gamma.gradient[...] = np.sum(delta * self.X, axis=leading)
        return delta * self.gamma.value


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape)


def away_from(*kinks: float) -> Callable[..., Array]:
    """Normal numbers that keep 0.1 away from where a layer has no derivative."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        X = rng.standard_normal(shape)
        for kink in kinks:
            near = np.abs(X - kink) < 0.1
            X[near] = kink + np.where(X[near] < kink, -0.1, 0.1)
        return X

    return draw


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Layer]
    shape: tuple[int, ...] = (4,)  # of one sample
    draw: Callable[..., Array] = normal
    leading: bool = True  # works along the last axis for any number of leading ones
    large: float = 1e4  # inputs of this size must neither overflow nor warn


CASES = [
    Case("dense", lambda: Dense(3)),
    Case("dense_one_to_one", lambda: Dense(1), shape=(1,)),
    Case("dense_without_bias", lambda: Dense(3, use_bias=False)),
    Case("identity", Identity),
    Case("sigmoid", Sigmoid),
    Case("tanh", Tanh),
    Case("relu", ReLU, draw=away_from(0.0)),
    Case("leaky_relu", LeakyReLU, draw=away_from(0.0)),
    Case("prelu", PReLU, draw=away_from(0.0), leading=False),
    Case("prelu_of_images", PReLU, shape=(3, 2, 4), draw=away_from(0.0), leading=False),
    Case("elu", ELU, draw=away_from(0.0)),
    Case("elu_with_a_kink", lambda: ELU(0.5), draw=away_from(0.0)),
    Case("selu", SELU, draw=away_from(0.0)),
    Case("hard_sigmoid", HardSigmoid, draw=away_from(-3.0, 3.0)),
    Case("softplus", Softplus),
    Case("softsign", Softsign, draw=away_from(0.0)),
    Case("silu", SiLU),
    Case("mish", Mish),
    Case("gelu", GELU),
    Case("gelu_approximate", lambda: GELU(approximate=True)),
    Case("exponential", Exponential, large=80),  # e^89 is infinite in float32
    Case("log_softmax", LogSoftmax),
    Case("softmax", Softmax),
    Case("softmax_of_one", Softmax, shape=(1,)),
    Case("chain", lambda: Chain([Dense(5), Tanh(), Dense(3), Softmax()])),
    Case("own_activation", Cube, large=1e2),
    Case("own_layer", Scale),
]
ALL = [*CASES, *(replace(c, name=f"{c.name}_3d", shape=(3, *c.shape)) for c in CASES if c.leading)]
DTYPES = ["float32", "float64"]

each_layer = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def built(case: Case, dtype: str = "float64") -> Layer:
    """The layer with parameters none of which is 0, so that none can be forgotten."""
    layer = case.make()
    layer.build(case.shape, np.random.default_rng(7), dtype)
    noise = np.random.default_rng(8)
    for p in layer.parameters:
        p.value += (0.3 * noise.standard_normal(p.shape)).astype(dtype)
    return layer


def samples(case: Case, n: int = 5, dtype: str = "float64", seed: int = 1) -> tuple[Array, Array]:
    """Inputs and a random upstream delta."""
    rng = np.random.default_rng(seed)
    shape = case.make().output_shape(case.shape)
    X = case.draw(rng, (n, *case.shape)).astype(dtype)
    return X, rng.standard_normal((n, *shape)).astype(dtype)


def train(layer: Layer, X: Array, delta: Array) -> list[Array]:
    """Copies of Y, ∂E/∂X and the parameters' gradients of a training pass."""
    Y = layer.forward(X, training=True).copy()
    return [Y, *backward(layer, delta)]


def backward(layer: Layer, delta: Array) -> list[Array]:
    return [layer.backward(delta).copy(), *(p.gradient.copy() for p in layer.parameters)]


def layouts(X: Array) -> dict[str, Array]:
    """The same numbers, otherwise laid out in memory."""
    strided = np.zeros((2 * len(X), *X.shape[1:-1], 3 * X.shape[-1]), X.dtype)[::2, ..., ::3]
    strided[...] = X
    return {
        "transposed": np.ascontiguousarray(X.T).T,
        "strided": strided,
        "reversed": X[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
    }


# ------------------------------------------------------------------------------ the contract


@each_layer
@each_dtype
def test_shapes_and_dtype(case, dtype):
    layer = built(case, dtype)
    X, delta = samples(case, dtype=dtype)
    expected = (len(X), *layer.output_shape(case.shape))
    for Y in (layer.forward(X), layer.forward(X, training=True)):
        assert Y.shape == expected
        assert Y.dtype == dtype
    dX = layer.backward(delta)
    assert dX.shape == X.shape
    assert dX.dtype == dtype
    for p in layer.parameters:
        assert p.value.dtype == p.gradient.dtype == dtype
        assert p.gradient.shape == p.shape


@each_layer
def test_backward_is_the_exact_derivative(case):
    layer = built(case)
    X, delta = samples(case)
    _, dX, *gradients = train(layer, X, delta)

    def E() -> float:
        return float(np.sum(delta * layer.forward(X)))

    assert relative_error(dX, derivative(E, X)) <= 1e-7
    assert len(gradients) == len(layer.parameters)
    for p, gradient in zip(layer.parameters, gradients, strict=True):
        assert relative_error(gradient, derivative(E, p.value)) <= 1e-7, p.name


@each_layer
def test_training_forward_equals_inference(case):
    layer = built(case)
    X, _ = samples(case)
    np.testing.assert_array_equal(layer.forward(X, training=True), layer.forward(X))


@each_layer
@each_dtype
def test_arrays_given_are_not_written_to(case, dtype):
    layer = built(case, dtype)
    X, delta = samples(case, dtype=dtype)
    expected = train(layer, X, delta)
    X_before, delta_before = X.copy(), delta.copy()
    X.setflags(write=False)
    delta.setflags(write=False)
    fresh = built(case, dtype)
    np.testing.assert_array_equal(fresh.forward(X), expected[0])
    for one, other in zip(train(fresh, X, delta), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(delta, delta_before)


@each_layer
@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed"])
def test_any_memory_layout_gives_the_same(case, layout):
    X, delta = samples(case)
    expected = train(built(case), X, delta)
    layer = built(case)
    Xl, deltal = layouts(X)[layout], layouts(delta)[layout]
    # BLAS may add in another order
    np.testing.assert_allclose(layer.forward(Xl), expected[0], rtol=1e-13, atol=1e-14)
    for one, other in zip(train(layer, Xl, deltal), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


@each_layer
def test_inference_leaves_no_trace(case):
    layer = built(case)
    X, delta = samples(case)
    other, _ = samples(case, n=7, seed=2)
    for trained in (False, True):
        if trained:
            Y = layer.forward(X, training=True)
            layer.backward(delta)
        before = pickle.dumps(layer)
        first, second = layer.forward(other), layer.forward(other)
        assert pickle.dumps(layer) == before
        arrays = [other, second, *(p.value for p in layer.parameters), *([Y] if trained else [])]
        assert not any(np.shares_memory(first, array) for array in arrays)


@each_layer
def test_inference_in_between_does_not_disturb_backward(case):
    layer = built(case)
    X, delta = samples(case)
    expected = train(layer, X, delta)
    layer.forward(X, training=True)
    layer.forward(samples(case, seed=2)[0])
    for one, other in zip(backward(layer, delta), expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@each_layer
def test_second_backward_gives_the_same(case):
    layer = built(case)
    X, delta = samples(case)
    _, *expected = train(layer, X, delta)
    for one, other in zip(backward(layer, delta), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@each_layer
def test_backward_needs_a_training_forward(case):
    layer = built(case)
    X, delta = samples(case)
    with pytest.raises(NoForwardError, match=r"training"):
        layer.backward(delta)
    layer.forward(X)
    with pytest.raises(NoForwardError, match=r"training"):
        layer.backward(delta)


@each_layer
def test_delta_of_another_shape_is_not_broadcast(case):
    layer = built(case)
    X, delta = samples(case)
    layer.forward(X, training=True)
    wider = np.concatenate([delta, delta], axis=-1)
    for wrong in (delta[:-1], delta[:1], delta[np.newaxis], delta[..., np.newaxis], wider):
        with pytest.raises(ShapeError, match=r"delta"):
            layer.backward(wrong)
    if delta.shape[-1] > 1:
        with pytest.raises(ShapeError, match=r"delta"):
            layer.backward(delta[..., :1])


@each_layer
def test_batches_of_changing_size(case):
    layer = built(case)
    for k, n in enumerate([6, 4, 6, 9, *range(8, 0, -1), 9, 1, 12, 6]):
        X, delta = samples(case, n, seed=k)
        fresh = train(built(case), X, delta)
        for one, other in zip(train(layer, X, delta), fresh, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", [c for c in CASES if c.leading], ids=lambda case: case.name)
def test_sequences_of_changing_length(case):
    """A buffer for other sequences must not be used again."""
    layer = built(case)
    for k, (n, length) in enumerate([(6, 4), (5, 3), (5, 5), (6, 4), (2, 6), (1, 1), (6, 4)]):
        X, delta = samples(replace(case, shape=(length, *case.shape)), n, seed=k)
        fresh = train(built(case), X, delta)
        for one, other in zip(train(layer, X, delta), fresh, strict=True):
            np.testing.assert_array_equal(one, other)


@each_layer
def test_dtype_of_the_batches_may_change(case):
    """A buffer of the dtype before must not be used again."""
    for first, then in (DTYPES, DTYPES[::-1]):
        if built(case).parameters:
            layer = built(case, then)
        else:
            layer = built(case)
            train(layer, *samples(case, dtype=first))
        X, delta = samples(case, dtype=then)
        results = train(layer, X, delta)
        assert {array.dtype for array in results} == {np.dtype(then)}
        for one, other in zip(results, train(built(case, then), X, delta), strict=True):
            np.testing.assert_array_equal(one, other)


@each_layer
@each_dtype
def test_large_inputs_stay_finite(case, dtype):
    layer = built(case, dtype)
    X, delta = samples(case, dtype=dtype)
    X = (case.large * np.sign(X)).astype(dtype)
    assert np.isfinite(layer.forward(X)).all()
    for array in train(layer, X, delta):
        assert np.isfinite(array).all()


def pickled(layer: Layer) -> Layer:
    return pickle.loads(pickle.dumps(layer))


@each_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, pickled], ids=["copy", "pickle"])
def test_copies_are_whole_and_independent(case, clone):
    layer = built(case)
    X, delta = samples(case)
    expected = train(layer, X, delta)
    twin = clone(layer)
    for one, other in zip(backward(twin, delta), expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    for p in twin.parameters:
        p.value[...] = 0
        p.gradient[...] = -1
    train(twin, *samples(case, seed=3))
    for one, other in zip(backward(layer, delta), expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(layer.forward(X), expected[0])


@pytest.mark.parametrize("case", [c for c in CASES if c.leading], ids=lambda case: case.name)
def test_leading_axes_count_as_samples(case):
    X, delta = samples(replace(case, shape=(3, *case.shape)))  # (N, T, F)
    sequence = train(built(case), X, delta)
    rows = train(built(case), X.reshape(-1, X.shape[-1]), delta.reshape(-1, delta.shape[-1]))
    for one, other in zip(sequence, rows, strict=True):
        np.testing.assert_allclose(one.ravel(), other.ravel(), rtol=1e-13, atol=1e-14)
