"""Pictures from plain arrays: each function returns a matplotlib ``Figure``.

With ``path`` it is saved as well, in the format of the path's ending: a format that matplotlib does
not know is a ``ValueError``, a folder that does not exist a ``FileNotFoundError``.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.plotting.attention_maps import attention
    from backprop.plotting.costs import gradient_costs
    from backprop.plotting.curves import loss_curves
    from backprop.plotting.distributions import histograms
    from backprop.plotting.images import feature_maps, filters, saliency
    from backprop.plotting.landscape import loss_surface
    from backprop.plotting.predictions import confusion_matrix, predictions_grid
    from backprop.plotting.rate_range import learning_rates
    from backprop.plotting.regions import decision_regions
    from backprop.plotting.searches import setting_scores
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        attention_maps=["attention"],
        costs=["gradient_costs"],
        curves=["loss_curves"],
        distributions=["histograms"],
        images=["feature_maps", "filters", "saliency"],
        landscape=["loss_surface"],
        predictions=["confusion_matrix", "predictions_grid"],
        rate_range=["learning_rates"],
        regions=["decision_regions"],
        searches=["setting_scores"],
    )

__all__ = [
    "attention",
    "confusion_matrix",
    "decision_regions",
    "feature_maps",
    "filters",
    "gradient_costs",
    "histograms",
    "learning_rates",
    "loss_curves",
    "loss_surface",
    "predictions_grid",
    "saliency",
    "setting_scores",
]
