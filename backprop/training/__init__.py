"""The training loop, its batches, its History and its progress bar."""

from backprop.training.cross_validation import CrossValidation, cross_validate
from backprop.training.history import History
from backprop.training.many import fit_many

__all__ = ["CrossValidation", "History", "cross_validate", "fit_many"]
