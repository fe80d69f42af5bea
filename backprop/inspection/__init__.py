"""Tools that look at a model from outside."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.inspection.costs import GradientCost as GradientCost
    from backprop.inspection.costs import MethodCost as MethodCost
    from backprop.inspection.costs import gradient_cost as gradient_cost
    from backprop.inspection.gradient_check import check_gradients as check_gradients
    from backprop.inspection.gradient_report import GradientReport as GradientReport
    from backprop.inspection.gradient_report import TensorReport as TensorReport
    from backprop.inspection.layer_table import summary as summary
    from backprop.inspection.outputs import layer_outputs as layer_outputs
    from backprop.inspection.part_check import check_layer as check_layer
    from backprop.inspection.part_check import check_loss as check_loss
    from backprop.inspection.recorder import Recorder as Recorder
    from backprop.inspection.surface import LossSurface as LossSurface
    from backprop.inspection.surface import loss_surface as loss_surface
else:
    __getattr__, __dir__, __all__ = lazy_names(
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
