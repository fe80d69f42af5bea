"""Whole networks over all kinds of layers, and inputs for them."""

import numpy as np
from onnx_architectures import ARCHITECTURES

from backprop.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Chain,
    Columns,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GroupNormalization,
    Identity,
    LayerNormalization,
    LeakyReLU,
    LogSoftmax,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    Parallel,
    Permute,
    PositionalEncoding,
    PositionEmbedding,
    PReLU,
    RandomCrop,
    RandomFlip,
    ReLU,
    Rescaling,
    Reshape,
    Residual,
    RMSNormalization,
    SeparableConv2D,
    Sigmoid,
    SiLU,
    SimpleRNN,
    Softmax,
    SpatialDropout2D,
    Tanh,
    TimeDistributed,
    TransformerBlock,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

DIGITS, WORDS, SERIES = (8, 8, 1), (7,), (6, 3)

NETWORKS = {
    "regression": ((5,), lambda: [Normalization(), Dense(8), Tanh(), Dense(1)]),
    "mlp": ((64,), lambda: [Dense(32), ReLU(), Dropout(0.3), Dense(10), Softmax()]),
    "mlp_normalized": (
        (64,),
        lambda: [Dense(16), BatchNormalization(), ELU(0.7), Dense(4), LogSoftmax()],
    ),
    "binary": ((6,), lambda: [Dense(8), SiLU(), Dense(1), Sigmoid()]),
    "table": (
        (4,),
        lambda: [
            Parallel([[Columns([0]), Embedding(9, 3), Flatten()], [Columns([1, 2]), Dense(3)]]),
            Dense(2),
        ],
    ),
    "lenet": (
        DIGITS,
        lambda: [
            Rescaling(1 / 16),
            *(Conv2D(4, 3, padding="same"), ReLU(), MaxPooling2D()),
            *(Conv2D(6, 3), LeakyReLU(), AveragePooling2D(2, 1, "same")),
            *(Flatten(), Dense(10), Softmax()),
        ],
    ),
    "convolutions_with_norms": (
        DIGITS,
        lambda: [
            *(RandomFlip(), Conv2D(8, 3, 2, use_bias=False), BatchNormalization(), PReLU()),
            *(DepthwiseConv2D(2), GroupNormalization(4), SpatialDropout2D(0.2)),
            *(SeparableConv2D(5, 2), GlobalAveragePooling2D(), Dense(3)),
        ],
    ),
    "residual_images": (
        DIGITS,
        lambda: [
            Residual([Conv2D(4, 3, 2, "same"), ReLU()], shortcut=[Conv2D(4, 1, 2)]),
            Residual([Conv2D(4, 3, padding="same", groups=2), BatchNormalization(), ReLU()]),
            *(Flatten(), Dense(10), Softmax()),
        ],
    ),
    "autoencoder": (
        DIGITS,
        lambda: [
            *(Conv2D(3, 3, 2, "same"), ReLU(), Conv2DTranspose(2, 3, 2, "same"), GELU()),
            *(ZeroPadding2D(1), Conv2D(1, 3), Sigmoid()),
        ],
    ),
    "resized": (
        DIGITS,
        lambda: [RandomCrop(6, 5), UpSampling2D(2), Cropping2D(2), Permute((3, 1, 2)), Flatten()],
    ),
    "inception": (
        DIGITS,
        lambda: [
            Parallel([Conv2D(2, 1), Conv2D(3, 3, padding="same"), MaxPooling2D(3, 1, "same")]),
            *(Reshape((8, -1)), LSTM(3)),
        ],
    ),
    "series": (SERIES, lambda: [LSTM(5, return_sequences=True), GRU(4), Dense(1)]),
    "series_of_windows": (
        SERIES,
        lambda: [Conv1D(4, 2, padding="causal"), MaxPooling1D(), SimpleRNN(3), Dense(2)],
    ),
    "masked_series": (
        SERIES,
        lambda: [Masking(), LSTM(4, return_sequences=True, go_backwards=True), GRU(3), Dense(2)],
    ),
    "words": (
        WORDS,
        lambda: [Embedding(9, 5, mask_zero=True), LSTM(4), Dense(2), Softmax()],
    ),
    "words_both_ways": (
        WORDS,
        lambda: [
            Embedding(9, 5, mask_zero=True),
            Bidirectional(GRU(3, return_sequences=True)),
            Bidirectional(LSTM(4), "ave"),
            Dense(2),
        ],
    ),
    "words_averaged": (
        WORDS,
        lambda: [Embedding(9, 5, mask_zero=True), GlobalAveragePooling1D(), Dense(2), Softmax()],
    ),
    "words_in_branches": (
        WORDS,
        lambda: [
            Embedding(9, 4, mask_zero=True),
            Parallel([GRU(4, return_sequences=True), [Dense(4), Masking(0.5)]], "multiply"),
            Residual([LSTM(4, return_sequences=True)]),
            SimpleRNN(3),
        ],
    ),
    "words_with_attention": (
        WORDS,
        lambda: [
            *(Embedding(9, 6, mask_zero=True), PositionalEncoding(), TransformerBlock(2, 8)),
            *(MultiHeadAttention(3, 2, causal=True), GlobalAveragePooling1D(), Dense(2)),
        ],
    ),
    "language_model": (
        WORDS,
        lambda: [
            *(Embedding(9, 6), PositionEmbedding(8), TransformerBlock(2, 12, causal=True)),
            Residual([RMSNormalization(), MultiHeadAttention(2, 3, 4, causal=True)]),
            *(LayerNormalization(), Dense(9), Softmax()),
        ],
    ),
    "words_without_a_mask_behind": (
        WORDS,
        lambda: [
            Embedding(9, 4, mask_zero=True),
            Parallel([GRU(4, return_sequences=True), MaxPooling1D(1)], "add"),
            SimpleRNN(3),
        ],
    ),
    "words_without_a_mask_behind_a_sum": (
        WORDS,
        lambda: [Embedding(9, 4, mask_zero=True), Residual([MaxPooling1D(1)]), GRU(3)],
    ),
    "words_in_windows": (
        WORDS,
        lambda: [
            *(Embedding(9, 4, mask_zero=True), Conv1D(5, 3, padding="same"), BatchNormalization()),
            *(UpSampling1D(2), ZeroPadding1D((2, 1)), Cropping1D((1, 2)), MaxPooling1D(2)),
            *(Conv1D(4, 2), GlobalMaxPooling1D(), Dense(2)),
        ],
    ),
    "words_in_causal_windows": (
        WORDS,
        lambda: [
            *(Embedding(9, 4, mask_zero=True), Conv1D(5, 3, 2, padding="causal")),
            *(AveragePooling1D(2, 1), LSTM(3, return_sequences=True), Dense(2)),
        ],
    ),
    "words_reshaped": (WORDS, lambda: [Embedding(9, 4, mask_zero=True), Reshape((7, 4)), GRU(3)]),
    "painted_with_gaps": (
        DIGITS,
        lambda: [Conv2DTranspose(2, 2, 3), Conv2DTranspose(1, 3, 2, "same", output_padding=1)],
    ),
    "film": (
        (3, *DIGITS),
        lambda: [
            TimeDistributed([Conv2D(2, 3, 2), ReLU(), Flatten(), BatchNormalization()]),
            *(GRU(4, return_sequences=True), GlobalMaxPooling1D()),
        ],
    ),
    "nested": ((5,), lambda: [Chain([Chain([Dense(4), Tanh()]), Chain([Dense(3), Softmax()])])]),
    "nothing": ((5,), lambda: [Dropout(0.5), Identity()]),
    **ARCHITECTURES,
}
"""Whole networks, by name: the shape of a sample, and what makes the layers."""


def inputs_for(shape, n, dtype="float32"):
    """Words or other inputs; of words and series some steps are 0, of one sample all of them."""
    rng = np.random.default_rng(3)
    if shape in (WORDS, (4,)):
        X = rng.integers(0, 9, (n, *shape)).astype(dtype)
        X[n - 1] = 0
        return X
    X = rng.standard_normal((n, *shape)).astype(dtype)
    if shape == SERIES:
        X[1 : n // 2, 2:] = 0
        X[n // 2 :, ::2] = 0
    return X
