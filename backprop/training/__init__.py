"""The training loop, its batches, its History and its progress bar."""

from backprop.training.history import History

__all__ = ["History"]
