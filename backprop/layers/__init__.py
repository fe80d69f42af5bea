"""The layers that a ``Sequential`` model is made of.

Inputs have the samples in front and the features or channels last: ``(N, n)``, images
``(N, H, W, C)``, sequences ``(N, T, C)``. Where a class names no shapes, Y has the shape of X, and
that may be any; so it is with all activation functions, whose formulas are for single numbers.

What these arguments mean is the same for all:

- ``name`` is what the layer is called; a model numbers layers without a name: ``dense_1``,
- ``seed`` determines what a layer draws; None takes that from the model's seed,
- ``use_bias`` says whether b is there,
- ``kernel_initializer`` says how the kernel W starts, ``kernel_regularizer`` is the penalty on it,
  added to the loss, and ``kernel_constraint`` the condition on it that is restored after every
  step; likewise for b, γ and all other parameters.

Of every layer

- the constructor raises ``ValueError`` or ``TypeError`` for an argument that cannot be used,
- ``build`` and ``forward`` raise ``ShapeError``, a ``ValueError``, for inputs that do not fit,
- ``forward`` raises ``NotBuiltError``, a ``ValueError``, if there are parameters and no ``build``
  came before; a model builds its layers by itself,
- ``backward`` raises ``NoForwardError``, a ``ValueError``, if no ``forward(X, training=True)`` came
  before, and ``ShapeError`` for a δ that has not the shape of Y.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names
from backprop.layers.base import Activation, Layer
from backprop.layers.chain import Chain
from backprop.layers.input import Input

if TYPE_CHECKING:
    from backprop.layers.activations import (
        Identity,
        LogSoftmax,
        ReLU,
        Sigmoid,
        Softmax,
        Tanh,
    )
    from backprop.layers.attention import MultiHeadAttention
    from backprop.layers.augmentation import (
        RandomCrop,
        RandomErasing,
        RandomFlip,
        RandomRotation,
        RandomTranslation,
    )
    from backprop.layers.bidirectional import Bidirectional
    from backprop.layers.block import Block
    from backprop.layers.borders import (
        Cropping1D,
        Cropping2D,
        UpSampling1D,
        UpSampling2D,
        ZeroPadding1D,
        ZeroPadding2D,
    )
    from backprop.layers.clipped import (
        HardShrink,
        HardSiLU,
        HardTanh,
        ReLU6,
        SoftShrink,
        SparsePlus,
        SparseSigmoid,
        TanhShrink,
        Threshold,
    )
    from backprop.layers.columns import Columns
    from backprop.layers.convolution import Conv1D, Conv2D
    from backprop.layers.dense import Dense
    from backprop.layers.depthwise import DepthwiseConv1D, DepthwiseConv2D
    from backprop.layers.embedding import Embedding
    from backprop.layers.formulas import Lambda
    from backprop.layers.gated import GLU
    from backprop.layers.global_pooling import (
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
    )
    from backprop.layers.group_normalization import GroupNormalization
    from backprop.layers.gru import GRU
    from backprop.layers.lstm import LSTM
    from backprop.layers.masking import Masking
    from backprop.layers.noise import (
        AlphaDropout,
        Dropout,
        GaussianDropout,
        GaussianNoise,
        SpatialDropout1D,
        SpatialDropout2D,
    )
    from backprop.layers.normalization import BatchNormalization, LayerNormalization
    from backprop.layers.parallel import Parallel
    from backprop.layers.pooling import (
        AveragePooling1D,
        AveragePooling2D,
        MaxPooling1D,
        MaxPooling2D,
    )
    from backprop.layers.positions import PositionalEncoding, PositionEmbedding
    from backprop.layers.rectifiers import CELU, ELU, SELU, HardSigmoid, LeakyReLU, PReLU
    from backprop.layers.regularization import ActivityRegularization
    from backprop.layers.residual import Residual
    from backprop.layers.rms_normalization import RMSNormalization
    from backprop.layers.scaling import Normalization, Rescaling
    from backprop.layers.separable import SeparableConv1D, SeparableConv2D
    from backprop.layers.shape import Flatten, Permute, RepeatVector, Reshape
    from backprop.layers.simple_rnn import SimpleRNN
    from backprop.layers.smooth import (
        GELU,
        Exponential,
        LogSigmoid,
        Mish,
        SiLU,
        Softplus,
        Softsign,
        Squareplus,
    )
    from backprop.layers.sparsemax import Sparsemax
    from backprop.layers.time_distributed import TimeDistributed
    from backprop.layers.transformer import TransformerBlock
    from backprop.layers.transposed import Conv1DTranspose, Conv2DTranspose
    from backprop.layers.unit_normalization import UnitNormalization
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        activations=["Identity", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"],
        attention=["MultiHeadAttention"],
        augmentation=[
            "RandomCrop",
            "RandomErasing",
            "RandomFlip",
            "RandomRotation",
            "RandomTranslation",
        ],
        bidirectional=["Bidirectional"],
        block=["Block"],
        borders=[
            "Cropping1D",
            "Cropping2D",
            "UpSampling1D",
            "UpSampling2D",
            "ZeroPadding1D",
            "ZeroPadding2D",
        ],
        clipped=[
            "HardShrink",
            "HardSiLU",
            "HardTanh",
            "ReLU6",
            "SoftShrink",
            "SparsePlus",
            "SparseSigmoid",
            "TanhShrink",
            "Threshold",
        ],
        columns=["Columns"],
        convolution=["Conv1D", "Conv2D"],
        dense=["Dense"],
        depthwise=["DepthwiseConv1D", "DepthwiseConv2D"],
        embedding=["Embedding"],
        formulas=["Lambda"],
        gated=["GLU"],
        global_pooling=[
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
            "GlobalMaxPooling1D",
            "GlobalMaxPooling2D",
        ],
        group_normalization=["GroupNormalization"],
        gru=["GRU"],
        lstm=["LSTM"],
        masking=["Masking"],
        noise=[
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "SpatialDropout1D",
            "SpatialDropout2D",
        ],
        normalization=["BatchNormalization", "LayerNormalization"],
        parallel=["Parallel"],
        pooling=["AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D"],
        positions=["PositionalEncoding", "PositionEmbedding"],
        rectifiers=["CELU", "ELU", "SELU", "HardSigmoid", "LeakyReLU", "PReLU"],
        regularization=["ActivityRegularization"],
        residual=["Residual"],
        rms_normalization=["RMSNormalization"],
        scaling=["Normalization", "Rescaling"],
        separable=["SeparableConv1D", "SeparableConv2D"],
        shape=["Flatten", "Permute", "RepeatVector", "Reshape"],
        simple_rnn=["SimpleRNN"],
        smooth=[
            "GELU",
            "Exponential",
            "LogSigmoid",
            "Mish",
            "SiLU",
            "Softplus",
            "Softsign",
            "Squareplus",
        ],
        sparsemax=["Sparsemax"],
        time_distributed=["TimeDistributed"],
        transformer=["TransformerBlock"],
        transposed=["Conv1DTranspose", "Conv2DTranspose"],
        unit_normalization=["UnitNormalization"],
    )

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "SELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Block",
    "Chain",
    "Columns",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Exponential",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "HardShrink",
    "HardSiLU",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "Input",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "Mish",
    "MultiHeadAttention",
    "Normalization",
    "PReLU",
    "Parallel",
    "Permute",
    "PositionEmbedding",
    "PositionalEncoding",
    "RMSNormalization",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "ReLU",
    "ReLU6",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Residual",
    "SeparableConv1D",
    "SeparableConv2D",
    "SiLU",
    "Sigmoid",
    "SimpleRNN",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Squareplus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "TimeDistributed",
    "TransformerBlock",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]
