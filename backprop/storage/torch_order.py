"""In which order PyTorch has the numbers that a layer is given: there channels stand first.

Images are (C, H, W) in PyTorch and (H, W, C) here; sequences that a convolution reads are (C, T),
and those of recurrent layers (T, C) as here. As long as the axes stay apart that changes nothing
but the axes of kernels. A ``Flatten`` mixes them: the rows of the layer behind it have another
order. Where nothing tells which order PyTorch's model has, ``doubt`` says which layer is to blame.
"""

from __future__ import annotations

import math

import numpy as np

from backprop.core.types import Array, Shape
from backprop.layers import (
    BatchNormalization,
    Bidirectional,
    Columns,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Embedding,
    GroupNormalization,
    Lambda,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    Permute,
    PReLU,
    Reshape,
    RMSNormalization,
    SeparableConv2D,
    TimeDistributed,
    UpSampling2D,
    ZeroPadding2D,
)
from backprop.layers.global_pooling import GlobalPooling
from backprop.layers.pooling import Pooling
from backprop.layers.random_layer import RandomLayer
from backprop.layers.recurrent import Recurrent

FREE, FIRST, LAST, UNCLEAR, RESHAPED = range(5)
"""Where the channels stand in PyTorch's arrays: not said so far, first, last, not to be known, or
last because a flat sample was given axes."""

MAKE_FIRST = (Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D)
MAKE_LAST = (Recurrent, Bidirectional, Embedding, MultiHeadAttention, TimeDistributed)
"""Layers behind which it is clear where the channels stand, whatever came before."""

KEEP_FIRST = (Pooling, ZeroPadding2D, Cropping2D, UpSampling2D, BatchNormalization)
KEEP_LAST = (Dense, LayerNormalization, RMSNormalization)
"""Layers that work along the first or last axis there; some may have turned the axes for them."""

BY_FEATURE = (
    Dense,
    PReLU,
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
"""Layers with a weight, or a row of weights, for each number of a flat sample."""


class Order:
    """The order of the numbers at one place of a chain of layers.

    Attributes:
        layout: Where PyTorch has the channels there.
        rows: Which of PyTorch's numbers each of a flat sample is; None if they are in its order.
        doubt: The layer behind which the order cannot be known; None if it is known.
    """

    def __init__(self) -> None:
        self.layout = FREE
        self.rows: Array | None = None
        self.doubt: Layer | None = None

    def enter(self, layer: Layer) -> None:
        """Before a layer with weights."""
        reshaped = self.layout == RESHAPED and isinstance(layer, MAKE_FIRST)
        if reshaped and not one_order(layer.input_shape or ()):
            self.doubt = self.doubt or layer

    def through(self, layer: Layer) -> None:
        """Goes on behind a layer that holds no others."""
        shape = layer.input_shape or ()
        if isinstance(layer, Reshape):
            self.reshape(layer, shape, layer.output_shape(shape))
        elif isinstance(layer, Permute):
            self.permute(layer)
        elif self.rows is not None:
            self.flat(layer)
        elif len(shape) > 1 or isinstance(layer, Embedding):
            self.with_axes(layer)

    def flat(self, layer: Layer) -> None:
        """Behind a layer that takes flat samples in another order than PyTorch's."""
        if isinstance(layer, Dense):
            self.rows = None
        elif not (layer.is_activation or isinstance(layer, (*BY_FEATURE, RandomLayer))):
            self.doubt = self.doubt or layer

    def with_axes(self, layer: Layer) -> None:
        """Behind a layer that takes images or sequences."""
        if isinstance(layer, MAKE_FIRST):
            self.layout = FIRST
        elif isinstance(layer, MAKE_LAST):
            self.layout = LAST
        elif isinstance(layer, LayerNormalization | RMSNormalization) and not layer.is_last:
            self.layout = FIRST if self.layout in (FREE, FIRST) else self.layout
        elif isinstance(layer, KEEP_FIRST):
            self.layout = FIRST if self.layout in (FREE, FIRST) else UNCLEAR
        elif isinstance(layer, KEEP_LAST):
            self.layout = UNCLEAR if self.layout in (FIRST, UNCLEAR) else LAST
        elif isinstance(layer, GlobalPooling):
            self.layout = FREE
        elif isinstance(layer, Lambda | Columns):
            self.layout = UNCLEAR

    def reshape(self, layer: Layer, shape: Shape, made: Shape) -> None:
        """Behind a layer that gives samples other axes."""
        if shape == made:
            return
        if len(made) == 1:
            self.rows = self.flattened(layer, shape)
            self.layout = FREE
        elif self.rows is None and len(shape) == 1 and (len(made) == 2 or one_order(made)):
            self.layout = RESHAPED if len(made) == 2 else FREE
        elif self.rows is None and len(shape) > 1 and made[-1] == shape[-1]:
            self.layout = UNCLEAR  # the axes of the places are joined or split
        else:
            self.doubt = self.doubt or layer

    def permute(self, layer: Permute) -> None:
        """Behind a layer that turns the axes: known only where it gives us channels last."""
        if layer.dims == (2, 3, 1) and self.layout == FREE and self.rows is None:
            self.layout = FIRST
        else:
            self.doubt = self.doubt or layer

    def flattened(self, layer: Layer, shape: Shape) -> Array | None:
        """The order of samples of that shape when they are flat."""
        if one_order(shape) or self.layout in (LAST, RESHAPED):
            return None
        if self.layout == FREE and len(shape) == 2:
            return None  # a table, the same in both
        if self.layout != FIRST:
            self.doubt = self.doubt or layer
            return None
        n = math.prod(shape)
        return np.moveaxis(np.arange(n).reshape(shape[-1], *shape[:-1]), 0, -1).reshape(-1)


def one_order(shape: Shape) -> bool:
    """Whether a sample has the same numbers one behind the other with channels first and last."""
    return math.prod(shape[:-1]) == 1 or shape[-1] == 1
