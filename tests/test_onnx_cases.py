"""Layers against the node cases of the ONNX standard."""

import numpy as np
from onnx_cases import ADAPTERS, CANNOT_EXPRESS, NodeCase, cases
from rows import each

from backprop.layers import Chain

CASES = [case for op_type in ADAPTERS for case in cases(op_type)]
EXPRESSIBLE = [case for case in CASES if case.name not in CANNOT_EXPRESS]


@each("case", EXPRESSIBLE, ids=lambda case: case.name)
def test_layers_compute_the_cases_of_the_standard(case: NodeCase) -> None:
    expressed = ADAPTERS[case.op_type](case)
    chain = Chain(expressed.layers)
    chain.build(expressed.X.shape[1:], np.random.default_rng(0), "float64")
    for parameter, weights in zip(chain.parameters, expressed.weights, strict=True):
        parameter.value = weights
    Y = chain.forward(expressed.X.astype("float64"))
    # the standard's outputs are rounded to float32
    np.testing.assert_allclose(Y, expressed.Y, rtol=1e-5, atol=1e-6)


def test_no_case_is_excused_that_there_is_not() -> None:
    assert CANNOT_EXPRESS.keys() <= {case.name for case in CASES}
