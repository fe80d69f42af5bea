"""Pictures from plain arrays: each function returns a matplotlib ``Figure`` and can save it."""

from backprop.plotting.costs import gradient_costs
from backprop.plotting.curves import loss_curves
from backprop.plotting.distributions import histograms
from backprop.plotting.landscape import loss_surface
from backprop.plotting.learning_rates import learning_rates
from backprop.plotting.predictions import confusion_matrix, predictions_grid
from backprop.plotting.regions import decision_regions

__all__ = [
    "confusion_matrix",
    "decision_regions",
    "gradient_costs",
    "histograms",
    "learning_rates",
    "loss_curves",
    "loss_surface",
    "predictions_grid",
]
