"""Pictures from plain arrays: each function returns a matplotlib ``Figure``.

With ``path`` it is saved as well, in the format of the path's ending: a format that matplotlib does
not know is a ``ValueError``, a folder that does not exist a ``FileNotFoundError``. A notebook shows
it where it is the last in a cell; it belongs to no window, so that ``plt.show()`` and
``plt.savefig`` do not know it.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.plotting.attention_maps import attention as attention
    from backprop.plotting.costs import gradient_costs as gradient_costs
    from backprop.plotting.curves import loss_curves as loss_curves
    from backprop.plotting.distributions import histograms as histograms
    from backprop.plotting.images import feature_maps as feature_maps
    from backprop.plotting.images import filters as filters
    from backprop.plotting.images import saliency as saliency
    from backprop.plotting.landscape import loss_surface as loss_surface
    from backprop.plotting.predictions import confusion_matrix as confusion_matrix
    from backprop.plotting.predictions import predictions_grid as predictions_grid
    from backprop.plotting.rate_range import learning_rates as learning_rates
    from backprop.plotting.regions import decision_regions as decision_regions
    from backprop.plotting.searches import setting_scores as setting_scores
else:
    __getattr__, __dir__, __all__ = lazy_names(
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
