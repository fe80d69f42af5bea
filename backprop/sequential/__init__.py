"""The model that users compose, train and call."""

from backprop.sequential.loading import load_model, load_onnx
from backprop.sequential.model import Sequential

__all__ = ["Sequential", "load_model", "load_onnx"]
