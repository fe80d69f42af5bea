"""The layers that a ``Sequential`` model is made of."""

from backprop.layers.activations import (
    Identity,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.layers.base import Activation, Layer
from backprop.layers.chain import Chain
from backprop.layers.dense import Dense
from backprop.layers.input import Input
from backprop.layers.noise import Dropout, GaussianDropout, GaussianNoise
from backprop.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
)
from backprop.layers.rectifiers import ELU, SELU, HardSigmoid, LeakyReLU, PReLU
from backprop.layers.smooth import GELU, Exponential, Mish, SiLU, Softplus, Softsign

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "BatchNormalization",
    "Chain",
    "Dense",
    "Dropout",
    "Exponential",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "HardSigmoid",
    "Identity",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
]
