"""One forward and backward pass laid open: ``model.explain`` and what it returns."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.explain.explanation import Explanation as Explanation
    from backprop.explain.explanation import explain as explain
    from backprop.explain.paths import Factor as Factor
    from backprop.explain.paths import Path as Path
    from backprop.explain.paths import Paths as Paths
    from backprop.explain.record import LayerRecord as LayerRecord
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        explanation=["Explanation", "explain"],
        paths=["Factor", "Path", "Paths"],
        record=["LayerRecord"],
    )
