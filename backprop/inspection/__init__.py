"""Tools that look at a model from outside."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.inspection.costs import GradientCost, MethodCost, gradient_cost
    from backprop.inspection.gradient_check import check_gradients
    from backprop.inspection.gradient_report import GradientReport, TensorReport
    from backprop.inspection.layer_table import summary
    from backprop.inspection.outputs import layer_outputs
    from backprop.inspection.part_check import check_layer, check_loss
    from backprop.inspection.recorder import Recorder
    from backprop.inspection.surface import LossSurface, loss_surface
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        costs=["GradientCost", "MethodCost", "gradient_cost"],
        gradient_check=["check_gradients"],
        gradient_report=["GradientReport", "TensorReport"],
        layer_table=["summary"],
        outputs=["layer_outputs"],
        part_check=["check_layer", "check_loss"],
        recorder=["Recorder"],
        surface=["LossSurface", "loss_surface"],
    )

__all__ = [
    "GradientCost",
    "GradientReport",
    "LossSurface",
    "MethodCost",
    "Recorder",
    "TensorReport",
    "check_gradients",
    "check_layer",
    "check_loss",
    "gradient_cost",
    "layer_outputs",
    "loss_surface",
    "summary",
]
