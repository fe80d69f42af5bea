"""The model that users compose, train and call."""

from backprop.sequential.model import Sequential

__all__ = ["Sequential"]
