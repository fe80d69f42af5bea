"""Convolution of each channel by itself, alone and before a product over channels."""

from typing import Any

import numpy as np
import pytest
from by_loops import assert_same_in_blocks, channelwise
from derivatives import assert_exact_gradients

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import Conv2D, DepthwiseConv2D, Input, SeparableConv2D

Array = np.ndarray[Any, Any]

CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "valid": ((4, 5, 2), {"kernel_size": (2, 3)}),
    "same": ((4, 5, 2), {"kernel_size": (3, 2), "padding": "same"}),
    "strides": ((6, 5, 2), {"kernel_size": 3, "strides": 2}),
    "strides, same": ((6, 5, 3), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "strides beyond the kernel": ((7, 8, 1), {"kernel_size": 2, "strides": (3, 1)}),
    "dilation": ((5, 6, 2), {"kernel_size": 2, "dilation_rate": (2, 3)}),
    "dilation, same": ((4, 4, 1), {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
    "multiplier": ((4, 4, 2), {"kernel_size": 2, "depth_multiplier": 2}),
    "multiplier, same": (
        (4, 4, 2),
        {"kernel_size": 3, "depth_multiplier": 3, "padding": "same", "strides": 2},
    ),
    "one pixel": ((1, 1, 3), {"kernel_size": 1}),
    "kernel as large as the image": ((3, 4, 2), {"kernel_size": (3, 4)}),
    "without bias": ((3, 3, 2), {"kernel_size": 2, "use_bias": False}),
}
KINDS = {"depthwise": DepthwiseConv2D, "separable": lambda **rest: SeparableConv2D(3, **rest)}

each_kind = pytest.mark.parametrize("kind", KINDS)
each_case = pytest.mark.parametrize("name", CASES)


def made(kind: str, name: str) -> tuple[Any, tuple[int, ...]]:
    """The layer with parameters none of which is 0, and the shape of a sample."""
    shape, arguments = CASES[name]
    layer = KINDS[kind](**arguments)
    layer.build(shape, np.random.default_rng(3), "float64")
    noise = np.random.default_rng(4)
    for p in layer.parameters:
        p.value = noise.standard_normal(p.shape)
    return layer, shape


def by_loops(layer: Any, X: Array) -> Array:
    window = layer.strides, layer.padding, layer.dilation_rate
    if isinstance(layer, DepthwiseConv2D):
        Z = channelwise(X, layer.W, *window)
    else:
        U = channelwise(X, layer.depthwise, *window)
        Z = np.einsum("nhwu,uo->nhwo", U, layer.pointwise[0, 0])
    return Z + layer.b if layer.use_bias else Z


@each_kind
@each_case
def test_outputs_are_those_of_the_formula(kind, name, rng) -> None:
    layer, shape = made(kind, name)
    X = rng.standard_normal((3, *shape))
    Z = layer.forward(X)
    assert Z.shape == (3, *layer.output_shape(shape))
    np.testing.assert_allclose(Z, by_loops(layer, X), rtol=1e-12, atol=1e-12)


@each_kind
@each_case
@pytest.mark.parametrize("n", [1, 3])
def test_backward_is_the_exact_derivative(kind, name, n, rng) -> None:
    layer, shape = made(kind, name)
    X = rng.standard_normal((n, *shape))
    assert_exact_gradients(layer, X, rng)


@each_kind
@each_case
@pytest.mark.parametrize("limit", [1, 500])
def test_blocks_of_any_size_give_the_same(kind, name, limit, rng, monkeypatch) -> None:
    X = rng.standard_normal((5, *CASES[name][0]))
    assert_same_in_blocks(lambda: made(kind, name)[0], X, limit, monkeypatch)


def test_depthwise_is_a_convolution_with_a_group_for_each_channel(rng) -> None:
    layer = DepthwiseConv2D(3, padding="same", depth_multiplier=2)
    other = Conv2D(6, 3, padding="same", groups=3)
    for each in (layer, other):
        each.build((5, 4, 3), rng, "float64")
    other.W = layer.W.reshape(3, 3, 1, 6)
    X = rng.standard_normal((2, 5, 4, 3))
    np.testing.assert_allclose(layer.forward(X), other.forward(X), rtol=1e-12, atol=1e-12)


def test_parameters_are_those_of_keras() -> None:
    for layer, names, shapes in [
        (DepthwiseConv2D((3, 5), depth_multiplier=2), ["W", "b"], [(3, 5, 4, 2), (8,)]),
        (
            SeparableConv2D(7, (3, 5), depth_multiplier=2),
            ["depthwise", "pointwise", "b"],
            [(3, 5, 4, 2), (1, 1, 8, 7), (7,)],
        ),
    ]:
        model = bp.Sequential([Input((9, 9, 4)), layer], seed=0)
        assert [p.name.split(".")[1] for p in model.parameters] == names
        assert [W.shape for W in model.get_weights()] == shapes


def test_regularizers_and_constraints_reach_their_parameters() -> None:
    layer = SeparableConv2D(
        2,
        2,
        depthwise_initializer="ones",
        depthwise_regularizer="l2",
        pointwise_regularizer="l1",
        bias_regularizer="l1",
        depthwise_constraint="max_norm",
        pointwise_constraint="non_neg",
        bias_constraint="non_neg",
    )
    layer.build((3, 3, 1))
    assert (layer.depthwise == 1).all()
    regularizers = [type(p.regularizer).__name__ for p in layer.parameters]
    assert regularizers == ["L2", "L1", "L1"]
    constraints = [type(p.constraint).__name__ for p in layer.parameters]
    assert constraints == ["MaxNorm", "NonNegative", "NonNegative"]
    single = DepthwiseConv2D(2, depthwise_regularizer="l2", depthwise_constraint="max_norm")
    single.build((3, 3, 1))
    assert type(single.parameters[0].regularizer).__name__ == "L2"
    assert type(single.parameters[0].constraint).__name__ == "MaxNorm"


@each_kind
def test_what_is_refused(kind) -> None:
    make = KINDS[kind]
    with pytest.raises(ValueError, match=r"Conv2D must be 'valid' or 'same'.*'causal'"):
        make(kernel_size=3, padding="causal")
    with pytest.raises(ValueError, match=r"depth_multiplier of \w+ must be an integer"):
        make(kernel_size=3, depth_multiplier=0)
    with pytest.raises(ValueError, match=r"strides or a dilation_rate"):
        make(kernel_size=3, strides=2, dilation_rate=2)
    with pytest.raises(TypeError, match=r"activation"):
        make(kernel_size=3, activation="relu")
    layer = make(kernel_size=3)
    with pytest.raises(ShapeError, match=r"X\[..., np.newaxis\] of an array"):
        layer.output_shape((8, 8))
    with pytest.raises(ShapeError, match=r"3 × 3.*\(2, 8, 1\)"):
        layer.output_shape((2, 8, 1))


@each_kind
def test_the_gradient_of_the_input_is_skipped_where_nobody_wants_it(kind, rng) -> None:
    layer, shape = made(kind, "valid")
    Z = layer.forward(rng.standard_normal((2, *shape)), training=True)
    layer.needs_input_gradient = False
    assert layer.backward(np.ones_like(Z)) is None
    assert all(p.gradient.any() for p in layer.parameters)
