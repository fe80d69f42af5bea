"""The contract of a layer: every row of ``layer_cases`` goes through the same checks."""

import copy
import inspect
import pickle
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from derivatives import derivative, derivative_of_samples, relative_error
from layer_cases import ALL, CASES
from rows import each

import backprop as bp
from backprop.core.errors import NoForwardError, ShapeError
from backprop.inspection.copies import generators
from backprop.layers import Activation, Block, Layer
from backprop.layers.block import activity_penalty

Array = np.ndarray[Any, Any]
DTYPES = ["float32", "float64"]

each_layer = each("case", ALL)
each_leading = each("case", [c for c in CASES if c.leading])
each_dtype = pytest.mark.parametrize("dtype", DTYPES)

pytestmark = pytest.mark.filterwarnings("ignore:.*batch of one")


def equal(one: list[Array], other: list[Array]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def close(one: list[Array], other: list[Array]) -> None:
    """The same but for the order in which BLAS adds."""
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


def layouts(X: Array) -> dict[str, Array]:
    """The same numbers, otherwise laid out in memory."""
    strided = np.zeros((2 * len(X), *X.shape[1:-1], 3 * X.shape[-1]), X.dtype)[::2, ..., ::3]
    strided[...] = X
    return {
        "transposed": np.ascontiguousarray(X.T).T,
        "strided": strided,
        "reversed": X[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
    }


def test_every_layer_of_the_package_has_a_row():
    public = {getattr(bp.layers, name) for name in bp.layers.__all__}
    layers = {kind for kind in public if inspect.isclass(kind) and issubclass(kind, Layer)}
    missing = layers - {Layer, Activation, Block} - {type(case.make()) for case in CASES}
    assert not missing, f"{missing}: add a row to CASES in layer_cases.py"
    assert len({case.name for case in ALL}) == len(ALL)


@each_layer
@each_dtype
def test_shapes_and_dtype(case, dtype):
    layer = case.built(dtype)
    X, delta = case.samples(dtype=dtype)
    expected = (len(X), *layer.output_shape(case.shape))
    for training in (False, True):
        Y = case.forward(layer, X, training)
        assert Y.shape == expected
        assert Y.dtype == dtype
    dX = layer.backward(delta)
    if not case.integers:
        assert dX.shape == X.shape
        assert dX.dtype == dtype
    for p in layer.parameters:
        assert p.value.dtype == p.gradient.dtype == dtype
        assert p.gradient.shape == p.shape


@pytest.mark.parametrize("most", [150, pytest.param(2000, marks=pytest.mark.long)])
@each_layer
def test_backward_is_the_exact_derivative(case, most):
    """Of a larger array every ninth element is moved alone, which meet each channel."""
    layer = case.built()
    X, delta = case.samples()
    _, *gradients = case.train(layer, X, delta)
    training, drawing = case.penalizes or not case.same_in_training, generators(layer)

    def E() -> float:
        Y = case.forward(layer, X, training, drawing)
        return float(np.sum(delta * Y)) + activity_penalty([layer])

    if not case.integers:
        if case.same_in_training and not case.penalizes:
            dX = derivative_of_samples(partial(case.forward, layer), X, delta)
        else:
            every = 1 if X.size <= most else 9
            gradients[0] = gradients[0].reshape(-1)[::every]
            dX = derivative(E, X.reshape(-1)[::every])
        assert relative_error(gradients.pop(0), dX) <= 1e-7
    learned = [p for p in layer.parameters if p.learned]
    for p, gradient in zip(learned, gradients, strict=True):
        weights = p.value
        if weights.size > most:
            weights, gradient = weights.reshape(-1)[::9], gradient.reshape(-1)[::9]
        slope = derivative(E, weights)
        if p.name.endswith(case.idle):
            assert np.abs(gradient).max() <= 1e-13, p.name
            assert np.abs(slope).max() <= 1e-10, p.name
            continue
        assert relative_error(gradient, slope) <= 1e-7, p.name


@each_layer
def test_training_returns_what_inference_does_but_for_noise_and_what_the_batch_decides(case):
    layer = case.built()
    X, _ = case.samples()
    inference = case.forward(layer, X)
    Y = case.forward(layer, X, training=True)
    assert np.allclose(Y, inference) == case.same_in_training
    if case.same_in_training:
        np.testing.assert_array_equal(Y, inference)


@each_layer
def test_noise_is_new_in_every_step_and_the_same_from_the_same_seed(case):
    X, _ = case.samples()
    mask = {} if case.mask is None else {"mask": case.mask(X)}

    def two_steps() -> list[Array]:
        layer = case.built()
        return [layer.forward(X, training=True, **mask).copy() for _ in range(2)]

    first, second = two_steps()
    assert np.array_equal(first, second) != case.random
    equal(two_steps(), [first, second])


@each_layer
def test_samples_do_not_mix_unless_the_row_says_so(case):
    X, delta = case.samples()
    layer = case.built()
    close([case.forward(layer, X)[1:2]], [case.forward(layer, X[1:2])])
    if not case.random:
        Y, *rest = case.train(layer, X, delta)
        alone, *others = case.train(layer, X[1:2], delta[1:2])
        assert np.allclose(Y[1:2], alone, rtol=1e-12) != case.mixes
        if not (case.mixes or case.integers or case.penalizes):
            close([rest[0][1:2]], others[:1])


@each_layer
@each_dtype
def test_arrays_given_are_not_written_to(case, dtype):
    X, delta = case.samples(dtype=dtype)
    inference = case.forward(case.built(dtype), X)
    expected = case.train(case.built(dtype), X, delta)
    X_before, delta_before = X.copy(), delta.copy()
    X.setflags(write=False)
    delta.setflags(write=False)
    layer = case.built(dtype)
    equal([case.forward(layer, X)], [inference])
    equal(case.train(layer, X, delta), expected)
    equal([X, delta], [X_before, delta_before])


@each_layer
@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed"])
def test_any_memory_layout_gives_the_same(case, layout):
    X, delta = case.samples()
    layer = case.built()
    Xl, deltal = layouts(X)[layout], layouts(delta)[layout]
    close([case.forward(layer, Xl)], [case.forward(case.built(), X)])
    close(case.train(layer, Xl, deltal), case.train(case.built(), X, delta))


@each_layer
def test_inference_leaves_no_trace(case):
    layer = case.built()
    X, delta = case.samples()
    other, _ = case.samples(n=7, seed=2)
    for trained in (False, True):
        if trained:
            Y = case.forward(layer, X, training=True)
            layer.backward(delta)
        before = pickle.dumps(layer)
        first, second = case.forward(layer, other), case.forward(layer, other)
        assert pickle.dumps(layer) == before
        np.testing.assert_array_equal(first, second)
        arrays = [other, second, *(p.value for p in layer.parameters), *([Y] if trained else [])]
        assert not any(np.shares_memory(first, array) for array in arrays)


@each_layer
def test_inference_in_between_does_not_disturb_backward(case):
    layer = case.built()
    X, delta = case.samples()
    _, *expected = case.train(layer, X, delta)
    case.forward(layer, X, training=True)
    case.forward(layer, case.samples(seed=2)[0])
    equal(case.backward(layer, delta), expected)


@each_layer
def test_second_backward_gives_the_same_and_leaves_the_outputs(case):
    layer = case.built()
    X, delta = case.samples()
    Y = case.forward(layer, X, training=True)
    before = Y.copy()
    first = case.backward(layer, delta)
    np.testing.assert_array_equal(Y, before)
    equal(case.backward(layer, delta), first)


@each_layer
def test_backward_needs_a_training_forward(case):
    layer = case.built()
    X, delta = case.samples()
    with pytest.raises(NoForwardError, match=r"training"):
        layer.backward(delta)
    case.forward(layer, X)
    with pytest.raises(NoForwardError, match=r"training"):
        layer.backward(delta)


@each_layer
def test_delta_of_another_shape_is_not_broadcast(case):
    layer = case.built()
    X, delta = case.samples()
    case.forward(layer, X, training=True)
    wider = np.concatenate([delta, delta], axis=-1)
    for wrong in (delta[:-1], delta[:1], delta[np.newaxis], delta[..., np.newaxis], wider):
        with pytest.raises(ShapeError, match=r"delta"):
            layer.backward(wrong)
    if delta.shape[-1] > 1:
        with pytest.raises(ShapeError, match=r"delta"):
            layer.backward(delta[..., :1])


@pytest.mark.parametrize(
    "sizes",
    [
        [6, 4, 9, 8, 1, 12, 6],
        pytest.param([6, 4, 6, 9, *range(8, 0, -1), 9, 1, 12, 6], marks=pytest.mark.long),
    ],
    ids=["seven", "sixteen"],
)
@each_layer
def test_batches_of_changing_size(case, sizes):
    layer = case.built()
    for k, n in enumerate(sizes):
        X, delta = case.samples(n, seed=k)
        equal(case.train(layer, X, delta), case.train(case.built(), X, delta))


@each_leading
def test_sequences_of_changing_length(case):
    """A buffer for other sequences must not be used again."""
    layer = case.built()
    for k, (n, length) in enumerate([(6, 4), (5, 3), (5, 5), (6, 4), (2, 6), (1, 1), (6, 4)]):
        X, delta = replace(case, shape=(length, *case.shape)).samples(n, seed=k)
        equal(case.train(layer, X, delta), case.train(case.built(), X, delta))


@each_layer
def test_dtype_of_the_batches_may_change(case):
    """A buffer of the dtype before must not be used again."""
    for first, then in (DTYPES, DTYPES[::-1]):
        if case.built().parameters:
            layer = case.built(then)
        else:
            layer = case.built()
            case.train(layer, *case.samples(dtype=first))
        X, delta = case.samples(dtype=then)
        results = case.train(layer, X, delta)
        assert {array.dtype for array in results} == {np.dtype(then)}
        equal(results, case.train(case.built(then), X, delta))


@each_layer
@each_dtype
def test_large_inputs_stay_finite(case, dtype):
    layer = case.built(dtype)
    X, delta = case.samples(dtype=dtype)
    if not case.integers:
        X = (case.large * np.sign(X)).astype(dtype)
    assert np.isfinite(case.forward(layer, X)).all()
    for array in case.train(layer, X, delta):
        assert np.isfinite(array).all()


def pickled(layer: Layer) -> Layer:
    return pickle.loads(pickle.dumps(layer))


@each_layer
@pytest.mark.parametrize("clone", [copy.deepcopy, pickled], ids=["copy", "pickle"])
def test_copies_are_whole_and_independent(case, clone):
    layer = case.built()
    X, delta = case.samples()
    _, *expected = case.train(layer, X, delta)
    inference = case.forward(layer, X)
    twin = clone(layer)
    equal(case.backward(twin, delta), expected)
    equal([case.forward(twin, X)], [inference])
    for p in twin.parameters:
        p.value[...] = 0
        p.gradient[...] = -1
    case.train(twin, *case.samples(seed=3))
    equal(case.backward(layer, delta), expected)
    equal([case.forward(layer, X)], [inference])


@each_leading
def test_leading_axes_count_as_samples(case):
    X, delta = replace(case, shape=(3, *case.shape)).samples()  # (N, T, F)
    sequence = case.train(case.built(), X, delta)
    rows = X.reshape(-1, *case.shape), delta.reshape(-1, *delta.shape[2:])
    found = case.train(case.built(), *rows)
    close([array.ravel() for array in sequence], [array.ravel() for array in found])
