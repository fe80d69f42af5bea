"""Many fits: several models at once, cross-validation, a learning-rate range test."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.experiments.cross_validation import CrossValidation as CrossValidation
    from backprop.experiments.cross_validation import cross_validate as cross_validate
    from backprop.experiments.many import fit_many as fit_many
    from backprop.experiments.rate_range import LearningRateRange as LearningRateRange
    from backprop.experiments.rate_range import learning_rate_range as learning_rate_range
    from backprop.experiments.searching import Search as Search
    from backprop.experiments.searching import search as search
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        cross_validation=["CrossValidation", "cross_validate"],
        many=["fit_many"],
        rate_range=["LearningRateRange", "learning_rate_range"],
        searching=["Search", "search"],
    )
