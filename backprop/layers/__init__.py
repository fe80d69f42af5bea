"""The layers that a ``Sequential`` model is made of."""

from backprop.layers.activations import Activation, Identity, ReLU, Sigmoid, Softmax, Tanh
from backprop.layers.base import Layer
from backprop.layers.chain import Chain
from backprop.layers.dense import Dense
from backprop.layers.input import Input

__all__ = [
    "Activation",
    "Chain",
    "Dense",
    "Identity",
    "Input",
    "Layer",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
