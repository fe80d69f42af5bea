"""Files: weights, snapshots of a training, whole models, and models for other runtimes."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.storage.onnx_export import export_onnx as export_onnx
    from backprop.storage.onnx_import import import_onnx as import_onnx
    from backprop.storage.weights import load_weights as load_weights
    from backprop.storage.weights import save_weights as save_weights
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        files=[],
        models=[],
        snapshot=[],
        onnx_export=["export_onnx"],
        onnx_import=["import_onnx"],
        weights=["load_weights", "save_weights"],
    )
