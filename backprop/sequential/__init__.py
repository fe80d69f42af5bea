"""The model that users compose, train and call."""

from backprop.sequential.loading import load_model
from backprop.sequential.model import Sequential

__all__ = ["Sequential", "load_model"]
