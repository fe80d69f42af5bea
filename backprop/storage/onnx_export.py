"""A model as a file that other runtimes compute: ONNX, the Open Neural Network Exchange format."""

from __future__ import annotations

import sys
from typing import Any

from backprop.core.checks import check_flag
from backprop.core.durable import FilePath, replacing
from backprop.core.errors import NotBuiltError
from backprop.layers import Sigmoid, Softmax
from backprop.layers.chain import unfold
from backprop.protocol import check_layers_alone
from backprop.storage.onnx_blocks import BLOCKS
from backprop.storage.onnx_graph import Graph, onnx_package
from backprop.storage.onnx_images import IMAGES
from backprop.storage.onnx_layers import LAYERS
from backprop.storage.onnx_recurrent import RECURRENT
from backprop.storage.onnx_sequences import SEQUENCES

OPSET, IR = 21, 10
"""The versions of the operators and of the file's form; newer ones not every runtime reads."""

TABLE = LAYERS | IMAGES | SEQUENCES | RECURRENT | BLOCKS
"""By class, how each layer of the package is expressed."""


def export_onnx(model: Any, path: FilePath, logits: bool = False) -> None:
    """Writes a model as an ONNX file, which computes what ``predict`` does, atomically.

    Args:
        model: A built ``Sequential``; whether it is compiled makes no difference.
        path: The file, for example ``"digits.onnx"``; one that is there is replaced.
        logits: Whether to leave out the last layer, a Softmax or Sigmoid.

    Raises:
        ImportError: The package ``onnx`` is not installed.
        NotBuiltError: The model has no layers or weights yet.
        TypeError: A layer of your own has no method ``onnx`` (see ``Graph``), or the model has a
            ``forward`` of its own.
        ValueError: Logits are asked for, but no Softmax or Sigmoid stands at the end.
        OSError: The file cannot be written.
    """
    onnx = onnx_package()
    check_layers_alone(model, "the file would hold", "forward")
    made = onnx_model(model, check_flag(logits, "logits"))
    onnx.checker.check_model(made, full_check=True)
    with replacing(path) as temporary:
        onnx.save_model(made, temporary)


def onnx_model(model: Any, logits: bool = False) -> Any:
    """The model as an object of the package ``onnx`` (see ``export_onnx``)."""
    helper = onnx_package().helper
    shape, layers = model.input_shape, list(model.layers)
    if not layers or shape is None:
        raise NotBuiltError(
            "the model has no layers, or is not built, so that there is nothing to export yet: "
            "call build((None, *X.shape[1:])), or fit it."
        )
    last = unfold(layers)[-1]
    ends = type(last) in (Softmax, Sigmoid)
    if logits:
        if not ends:
            raise ValueError(
                f"logits=True leaves out a Softmax or Sigmoid at the end, but the model ends with "
                f"{last}: export it without logits=True."
            )
        layers = unfold(layers)[:-1]
    graph = Graph(model.dtype, TABLE)
    x, y = graph.name("x"), "logits" if logits else "probabilities" if ends else "y"
    graph.taken.add(y)
    made, _ = graph.layers(layers, x)
    graph.nodes.append(helper.make_node("Identity", [made], [y], name=y))
    whole = graph.finish(
        type(model).__name__,
        [graph.value(x, ["N", *shape])],
        [graph.value(y, ["N", *model.output_shape])],
    )
    skip_identity(whole)
    version = sys.modules[__name__.partition(".")[0]].__version__
    found = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="backprop",
        producer_version=version,
    )
    helper.set_model_props(found, {"backprop": version})
    return found


def skip_identity(graph: Any) -> None:
    """Lets the node before the last Identity write the output itself."""
    *others, last = graph.node
    made, y = last.input[0], last.output[0]
    for node in others:
        if made in node.output:
            node.output[list(node.output).index(made)] = y
            graph.node.pop()
