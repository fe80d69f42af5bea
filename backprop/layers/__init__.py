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

- the parameters are attributes such as ``W`` and ``b``, views of the model's θ, so that assigning
  writes into them; ``dW`` and ``db`` are their gradients of the last backward pass,
- the constructor raises ``ValueError`` or ``TypeError`` for an argument that cannot be used,
- ``build`` and ``forward`` raise ``ShapeError``, a ``ValueError``, for inputs that do not fit,
- ``forward`` raises ``NotBuiltError``, a ``ValueError``, if there are parameters and no ``build``
  came before; a model builds its layers by itself,
- ``backward`` raises ``NoForwardError``, a ``ValueError``, if no ``forward(X, training=True)`` came
  before, and ``ShapeError`` for a δ that has not the shape of Y.
"""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.layers.activations import Identity as Identity
    from backprop.layers.activations import LogSoftmax as LogSoftmax
    from backprop.layers.activations import ReLU as ReLU
    from backprop.layers.activations import Sigmoid as Sigmoid
    from backprop.layers.activations import Softmax as Softmax
    from backprop.layers.activations import Tanh as Tanh
    from backprop.layers.attention import MultiHeadAttention as MultiHeadAttention
    from backprop.layers.augmentation import RandomCrop as RandomCrop
    from backprop.layers.augmentation import RandomErasing as RandomErasing
    from backprop.layers.augmentation import RandomFlip as RandomFlip
    from backprop.layers.augmentation import RandomRotation as RandomRotation
    from backprop.layers.augmentation import RandomTranslation as RandomTranslation
    from backprop.layers.base import Activation as Activation
    from backprop.layers.base import Layer as Layer
    from backprop.layers.bidirectional import Bidirectional as Bidirectional
    from backprop.layers.block import Block as Block
    from backprop.layers.borders import Cropping1D as Cropping1D
    from backprop.layers.borders import Cropping2D as Cropping2D
    from backprop.layers.borders import UpSampling1D as UpSampling1D
    from backprop.layers.borders import UpSampling2D as UpSampling2D
    from backprop.layers.borders import ZeroPadding1D as ZeroPadding1D
    from backprop.layers.borders import ZeroPadding2D as ZeroPadding2D
    from backprop.layers.chain import Chain as Chain
    from backprop.layers.clipped import HardShrink as HardShrink
    from backprop.layers.clipped import HardSiLU as HardSiLU
    from backprop.layers.clipped import HardTanh as HardTanh
    from backprop.layers.clipped import ReLU6 as ReLU6
    from backprop.layers.clipped import SoftShrink as SoftShrink
    from backprop.layers.clipped import SparsePlus as SparsePlus
    from backprop.layers.clipped import SparseSigmoid as SparseSigmoid
    from backprop.layers.clipped import TanhShrink as TanhShrink
    from backprop.layers.clipped import Threshold as Threshold
    from backprop.layers.columns import Columns as Columns
    from backprop.layers.convolution import Conv1D as Conv1D
    from backprop.layers.convolution import Conv2D as Conv2D
    from backprop.layers.dense import Dense as Dense
    from backprop.layers.depthwise import DepthwiseConv1D as DepthwiseConv1D
    from backprop.layers.depthwise import DepthwiseConv2D as DepthwiseConv2D
    from backprop.layers.embedding import Embedding as Embedding
    from backprop.layers.formulas import Lambda as Lambda
    from backprop.layers.gated import GLU as GLU
    from backprop.layers.global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
    from backprop.layers.global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
    from backprop.layers.global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
    from backprop.layers.global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
    from backprop.layers.group_normalization import GroupNormalization as GroupNormalization
    from backprop.layers.gru import GRU as GRU
    from backprop.layers.input import Input as Input
    from backprop.layers.lstm import LSTM as LSTM
    from backprop.layers.masking import Masking as Masking
    from backprop.layers.noise import AlphaDropout as AlphaDropout
    from backprop.layers.noise import Dropout as Dropout
    from backprop.layers.noise import GaussianDropout as GaussianDropout
    from backprop.layers.noise import GaussianNoise as GaussianNoise
    from backprop.layers.noise import SpatialDropout1D as SpatialDropout1D
    from backprop.layers.noise import SpatialDropout2D as SpatialDropout2D
    from backprop.layers.normalization import BatchNormalization as BatchNormalization
    from backprop.layers.normalization import LayerNormalization as LayerNormalization
    from backprop.layers.parallel import Parallel as Parallel
    from backprop.layers.pooling import AveragePooling1D as AveragePooling1D
    from backprop.layers.pooling import AveragePooling2D as AveragePooling2D
    from backprop.layers.pooling import MaxPooling1D as MaxPooling1D
    from backprop.layers.pooling import MaxPooling2D as MaxPooling2D
    from backprop.layers.positions import PositionalEncoding as PositionalEncoding
    from backprop.layers.positions import PositionEmbedding as PositionEmbedding
    from backprop.layers.rectifiers import CELU as CELU
    from backprop.layers.rectifiers import ELU as ELU
    from backprop.layers.rectifiers import SELU as SELU
    from backprop.layers.rectifiers import HardSigmoid as HardSigmoid
    from backprop.layers.rectifiers import LeakyReLU as LeakyReLU
    from backprop.layers.rectifiers import PReLU as PReLU
    from backprop.layers.regularization import ActivityRegularization as ActivityRegularization
    from backprop.layers.residual import Residual as Residual
    from backprop.layers.rms_normalization import RMSNormalization as RMSNormalization
    from backprop.layers.scaling import Normalization as Normalization
    from backprop.layers.scaling import Rescaling as Rescaling
    from backprop.layers.separable import SeparableConv1D as SeparableConv1D
    from backprop.layers.separable import SeparableConv2D as SeparableConv2D
    from backprop.layers.shape import Flatten as Flatten
    from backprop.layers.shape import Permute as Permute
    from backprop.layers.shape import RepeatVector as RepeatVector
    from backprop.layers.shape import Reshape as Reshape
    from backprop.layers.simple_rnn import SimpleRNN as SimpleRNN
    from backprop.layers.smooth import GELU as GELU
    from backprop.layers.smooth import Exponential as Exponential
    from backprop.layers.smooth import LogSigmoid as LogSigmoid
    from backprop.layers.smooth import Mish as Mish
    from backprop.layers.smooth import SiLU as SiLU
    from backprop.layers.smooth import Softplus as Softplus
    from backprop.layers.smooth import Softsign as Softsign
    from backprop.layers.smooth import Squareplus as Squareplus
    from backprop.layers.sparsemax import Sparsemax as Sparsemax
    from backprop.layers.time_distributed import TimeDistributed as TimeDistributed
    from backprop.layers.transformer import TransformerBlock as TransformerBlock
    from backprop.layers.transposed import Conv1DTranspose as Conv1DTranspose
    from backprop.layers.transposed import Conv2DTranspose as Conv2DTranspose
    from backprop.layers.unit_normalization import UnitNormalization as UnitNormalization
else:
    __getattr__, __dir__, __all__ = lazy_names(
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
        base=["Activation", "Layer"],
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
        chain=["Chain"],
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
        input=["Input"],
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
