"""Layers for images against the node cases of the ONNX standard."""

import functools

import numpy as np
import pytest
from onnx_cases import NodeCase, cases, pools_long
from onnx_image_cases import IMAGE_ADAPTERS, IMAGES_CANNOT_EXPRESS
from rows import each

from backprop.layers import Chain

BY_HAND = {"averagepool_2d_ceil_last_window_starts_on_pad"}


@functools.cache
def all_cases(op_type: str) -> list[NodeCase]:
    """Made when a test needs them, since the standard computes its cases when they are loaded."""
    return list(cases(op_type))


def in_training(case: NodeCase) -> bool:
    return bool(case.attributes.get("training_mode"))


def expressible(case: NodeCase) -> bool:
    return case.name not in IMAGES_CANNOT_EXPRESS and not in_training(case)


def built(case: NodeCase) -> tuple[Chain, np.ndarray, np.ndarray]:
    expressed = IMAGE_ADAPTERS[case.op_type](case)
    chain = Chain(expressed.layers)
    chain.build(expressed.X.shape[1:], np.random.default_rng(0), "float64")
    for parameter, weights in zip(chain.parameters, expressed.weights, strict=True):
        parameter.value = weights
    return chain, expressed.X.astype("float64"), expressed.Y


@pytest.mark.parametrize("op_type", pools_long(IMAGE_ADAPTERS))
def test_layers_compute_the_cases_of_the_standard(op_type: str) -> None:
    rows = [*filter(expressible, all_cases(op_type))]

    @each("case", rows, ids=lambda case: case.name)
    def compare(case: NodeCase) -> None:
        chain, X, Y = built(case)
        # the standard's outputs are rounded to float32, one by hand
        atol = 1e-4 if case.name in BY_HAND else 1e-6
        np.testing.assert_allclose(chain.forward(X), Y, rtol=1e-5, atol=atol)

    compare()


def test_batch_normalization_in_training() -> None:
    rows = [*filter(in_training, all_cases("BatchNormalization"))]

    @each("case", rows, ids=lambda case: case.name)
    def compare(case: NodeCase) -> None:
        chain, X, Y = built(case)
        np.testing.assert_allclose(chain.forward(X, training=True), Y, rtol=1e-5, atol=1e-6)
        for found, expected in zip(chain.parameters[2:], case.outputs[1:], strict=True):
            np.testing.assert_allclose(found.value, expected, rtol=1e-5, atol=1e-6)

    compare()


@pytest.mark.long
@each("name", IMAGES_CANNOT_EXPRESS)
def test_what_is_excused_cannot_be_expressed(name: str) -> None:
    (case,) = [c for op_type in IMAGE_ADAPTERS for c in all_cases(op_type) if c.name == name]
    with pytest.raises(AssertionError):
        IMAGE_ADAPTERS[case.op_type](case)


@pytest.mark.long
def test_how_many_there_are() -> None:
    found = [case for op_type in IMAGE_ADAPTERS for case in all_cases(op_type)]
    taken, training = [*filter(expressible, found)], [*filter(in_training, found)]
    assert len(taken) + len(training) + len(IMAGES_CANNOT_EXPRESS) == len(found)
    assert len(taken) > 70
