"""The training step, the loop around it, its History and its progress bar."""

from backprop.training.history import History

__all__ = ["History"]
