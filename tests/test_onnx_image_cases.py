"""Layers for images against the node cases of the ONNX standard."""

import numpy as np
import pytest
from onnx_cases import NodeCase, cases
from onnx_image_cases import IMAGE_ADAPTERS, IMAGES_CANNOT_EXPRESS

from backprop.layers import Chain

CASES = [case for op_type in IMAGE_ADAPTERS for case in cases(op_type)]
TRAINING = [case for case in CASES if case.attributes.get("training_mode")]
EXCUSED = {*IMAGES_CANNOT_EXPRESS, *(case.name for case in TRAINING)}
BY_HAND = {"averagepool_2d_ceil_last_window_starts_on_pad"}
EXPRESSIBLE = [case for case in CASES if case.name not in EXCUSED]


def built(case: NodeCase) -> tuple[Chain, np.ndarray, np.ndarray]:
    expressed = IMAGE_ADAPTERS[case.op_type](case)
    chain = Chain(expressed.layers)
    chain.build(expressed.X.shape[1:], np.random.default_rng(0), "float64")
    for parameter, weights in zip(chain.parameters, expressed.weights, strict=True):
        parameter.value = weights
    return chain, expressed.X.astype("float64"), expressed.Y


@pytest.mark.parametrize("case", EXPRESSIBLE, ids=lambda case: case.name)
def test_layers_compute_the_cases_of_the_standard(case: NodeCase) -> None:
    chain, X, Y = built(case)
    # the standard's outputs are rounded to float32, one by hand
    atol = 1e-4 if case.name in BY_HAND else 1e-6
    np.testing.assert_allclose(chain.forward(X), Y, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("case", TRAINING, ids=lambda case: case.name)
def test_batch_normalization_in_training(case: NodeCase) -> None:
    chain, X, Y = built(case)
    np.testing.assert_allclose(chain.forward(X, training=True), Y, rtol=1e-5, atol=1e-6)
    for found, expected in zip(chain.parameters[2:], case.outputs[1:], strict=True):
        np.testing.assert_allclose(found.value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", IMAGES_CANNOT_EXPRESS)
def test_what_is_excused_cannot_be_expressed(name: str) -> None:
    (case,) = [case for case in CASES if case.name == name]
    with pytest.raises(AssertionError):
        IMAGE_ADAPTERS[case.op_type](case)


def test_how_many_there_are() -> None:
    assert len(EXPRESSIBLE) + len(TRAINING) + len(IMAGES_CANNOT_EXPRESS) == len(CASES)
    assert len(EXPRESSIBLE) > 70
