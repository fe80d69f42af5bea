"""One forward and backward pass laid open: ``model.explain`` and what it returns."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.explain.explanation import Explanation, explain
    from backprop.explain.paths import Factor, Path, Paths
    from backprop.explain.record import LayerRecord
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        explanation=["Explanation", "explain"],
        paths=["Factor", "Path", "Paths"],
        record=["LayerRecord"],
    )

__all__ = ["Explanation", "Factor", "LayerRecord", "Path", "Paths", "explain"]
