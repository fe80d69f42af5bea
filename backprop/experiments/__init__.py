"""Many fits: several models at once, cross-validation, a learning-rate range test."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.experiments.cross_validation import CrossValidation, cross_validate
    from backprop.experiments.many import fit_many
    from backprop.experiments.rate_range import LearningRateRange, learning_rate_range
    from backprop.experiments.searching import Search, search
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        cross_validation=["CrossValidation", "cross_validate"],
        many=["fit_many"],
        rate_range=["LearningRateRange", "learning_rate_range"],
        searching=["Search", "search"],
    )

__all__ = [
    "CrossValidation",
    "LearningRateRange",
    "Search",
    "cross_validate",
    "fit_many",
    "learning_rate_range",
    "search",
]
