"""The training loop, its batches, its History and its progress bar."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names
from backprop.training.history import History

if TYPE_CHECKING:
    from backprop.training.cross_validation import CrossValidation, cross_validate
    from backprop.training.many import fit_many
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        cross_validation=["CrossValidation", "cross_validate"],
        many=["fit_many"],
    )

__all__ = ["CrossValidation", "History", "cross_validate", "fit_many"]
