"""Convolutions against PyTorch: outputs and all gradients, in float64.

PyTorch has channels first and the kernels' axes in another order; where it pads differently from
Keras, layers that pad or cut stand beside the convolution.
"""

from typing import Any

import numpy as np
import pytest
from published import arrays_of, channels_last

from backprop.layers import (
    Chain,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    DepthwiseConv2D,
    Layer,
    ZeroPadding2D,
)

Array = np.ndarray[Any, Any]
VECTORS = arrays_of("convolutions.npz")

CASES = {
    "conv2d_valid": lambda: [Conv2D(6, 3)],
    "conv2d_pad1": lambda: [Conv2D(6, 3, padding="same")],
    "conv2d_stride2": lambda: [Conv2D(6, 3, 2)],
    "conv2d_stride2_pad1": lambda: [ZeroPadding2D(1), Conv2D(6, 3, 2)],
    "conv2d_dil2": lambda: [Conv2D(6, 3, dilation_rate=2)],
    "conv2d_groups2": lambda: [Conv2D(6, 3, groups=2)],
    "conv2d_depthwise": lambda: [DepthwiseConv2D(3)],
    "conv2d_tf_same_stride2": lambda: [Conv2D(4, 3, 2, "same")],
    "conv2d_asym_kernel": lambda: [ZeroPadding2D((1, 2)), Conv2D(3, (2, 5), (1, 2))],
    "conv1d": lambda: [Conv1D(4, 3, padding="same")],
    "conv1d_causal_dil2": lambda: [Conv1D(4, 3, 1, "causal", 2)],
    "convtranspose2d": lambda: [Conv2DTranspose(4, 3, 2), Cropping2D(((1, 0), (1, 0)))],
}
"""The layers that compute each case: see the calls in the vectors' index."""


def as_kernel(W: Array, layer: Layer) -> Array:
    """PyTorch's (filters, channels, …) as (…, channels, filters); for each channel the reverse."""
    order = (0, 1) if isinstance(layer, DepthwiseConv2D) else (1, 0)
    return np.moveaxis(W, order, (-2, -1))


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_those_of_pytorch(case: str) -> None:
    X, Y, delta, dX = (
        channels_last(VECTORS[f"{case}/{name}"]) for name in ("in_x", "y", "upstream", "grad_in_x")
    )
    chain = Chain(CASES[case]())
    chain.build(X.shape[1:], np.random.default_rng(0), "float64")
    layer = next(layer for layer in chain.layers if layer.parameters)
    layer.W = as_kernel(VECTORS[f"{case}/param_weight"], layer)
    layer.b = VECTORS[f"{case}/param_bias"]
    dW = as_kernel(VECTORS[f"{case}/grad_param_weight"], layer)

    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(chain.forward(X), Y, **close)
    np.testing.assert_allclose(chain.forward(X, training=True), Y, **close)
    np.testing.assert_allclose(chain.backward(delta), dX, **close)
    np.testing.assert_allclose(layer.dW, dW, **close)
    np.testing.assert_allclose(layer.db, VECTORS[f"{case}/grad_param_bias"], **close)


def test_no_case_is_left_out() -> None:
    assert {key.split("/")[0] for key in VECTORS} == CASES.keys()
