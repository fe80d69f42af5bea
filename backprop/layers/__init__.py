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
from backprop.layers.bidirectional import Bidirectional
from backprop.layers.block import Block
from backprop.layers.chain import Chain
from backprop.layers.columns import Columns
from backprop.layers.dense import Dense
from backprop.layers.embedding import Embedding
from backprop.layers.formulas import Lambda
from backprop.layers.gru import GRU
from backprop.layers.input import Input
from backprop.layers.lstm import LSTM
from backprop.layers.masking import Masking
from backprop.layers.noise import Dropout, GaussianDropout, GaussianNoise
from backprop.layers.normalization import BatchNormalization, LayerNormalization
from backprop.layers.parallel import Parallel
from backprop.layers.rectifiers import ELU, SELU, HardSigmoid, LeakyReLU, PReLU
from backprop.layers.residual import Residual
from backprop.layers.simple_rnn import SimpleRNN
from backprop.layers.smooth import GELU, Exponential, Mish, SiLU, Softplus, Softsign
from backprop.layers.time_distributed import TimeDistributed

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "SELU",
    "Activation",
    "BatchNormalization",
    "Bidirectional",
    "Block",
    "Chain",
    "Columns",
    "Dense",
    "Dropout",
    "Embedding",
    "Exponential",
    "GaussianDropout",
    "GaussianNoise",
    "HardSigmoid",
    "Identity",
    "Input",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "LogSoftmax",
    "Masking",
    "Mish",
    "PReLU",
    "Parallel",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "SimpleRNN",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "TimeDistributed",
]
