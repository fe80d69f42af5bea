"""Tools that look at a model from outside."""

from backprop.inspection.explanation import Explanation, explain
from backprop.inspection.explanation_paths import Factor, Path, Paths
from backprop.inspection.explanation_record import LayerRecord
from backprop.inspection.gradient_check import check_gradients
from backprop.inspection.gradient_cost import GradientCost, MethodCost, gradient_cost
from backprop.inspection.gradient_report import GradientReport, TensorReport
from backprop.inspection.learning_rate_range import LearningRateRange, learning_rate_range
from backprop.inspection.part_check import check_layer, check_loss
from backprop.inspection.recorder import Recorder
from backprop.inspection.summary import summary
from backprop.inspection.surface import LossSurface, loss_surface

__all__ = [
    "Explanation",
    "Factor",
    "GradientCost",
    "GradientReport",
    "LayerRecord",
    "LearningRateRange",
    "LossSurface",
    "MethodCost",
    "Path",
    "Paths",
    "Recorder",
    "TensorReport",
    "check_gradients",
    "check_layer",
    "check_loss",
    "explain",
    "gradient_cost",
    "learning_rate_range",
    "loss_surface",
    "summary",
]
