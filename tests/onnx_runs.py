"""ONNX files, run by others: ONNX Runtime, and the ONNX package's own slow evaluation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from layer_cases import Case
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotImplemented_
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from backprop import Sequential
from backprop.layers import Layer, Masking

Array = np.ndarray[Any, Any]
onnxruntime.set_default_logger_severity(4)  # what it cannot run is an exception, too


def in_onnxruntime(path: Path, X: Array) -> Array:
    """The output of a file with one input, by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,), (made,) = session.get_inputs(), session.get_outputs()
    return session.run([made.name], {given.name: X})[0]


def in_reference(path: Path, X: Array) -> Array:
    """The same by the standard's own definitions in NumPy."""
    evaluator = ReferenceEvaluator(str(path))
    return evaluator.run(None, {evaluator.input_names[0]: X})[0]


def in_float64(path: Path, X: Array) -> Array:
    """By definition where ONNX Runtime has an operator in float32 alone."""
    try:
        return in_onnxruntime(path, X)
    except (NotImplemented_, RuntimeException):
        return in_reference(path, X)


def operators(path: Path) -> list[str]:
    """The operators of a file in order, those inside of nodes left out."""
    return [node.op_type for node in onnx.load(path).graph.node]


def model_of(layers: Iterable[Layer], shape: tuple[int, ...], dtype: str = "float32") -> Sequential:
    """A built model, no parameter of which is 0 or where its initializer begins."""
    model = Sequential(layers, seed=7, dtype=dtype)
    model.build((None, *shape))
    noise = np.random.default_rng(8)
    for p in model.parameters:  # larger, so that a variance stays positive
        p.value += 0.3 * np.abs(noise.standard_normal(p.shape))
    return model


def case_and_inputs(case: Case, dtype: str = "float32") -> tuple[Sequential, Array]:
    """A model of a row of the table, and inputs; a mask is made by ``Masking`` of steps of 0."""
    X = np.array(case.samples(6, dtype)[0])
    layers = [case.make()]
    if case.mask is not None:
        X[~case.mask(X)] = 0
        layers.insert(0, Masking())
    return model_of(layers, case.shape, dtype), X
