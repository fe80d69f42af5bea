"""Networks of the forms that one meets elsewhere, small: by name, with the shape of a sample."""

from backprop.layers import (
    ELU,
    GELU,
    GLU,
    GRU,
    LSTM,
    SELU,
    ActivityRegularization,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    HardSiLU,
    Identity,
    LayerNormalization,
    MaxPooling2D,
    Mish,
    MultiHeadAttention,
    Parallel,
    PositionalEncoding,
    PositionEmbedding,
    RandomErasing,
    RandomTranslation,
    ReLU,
    ReLU6,
    Reshape,
    Residual,
    Sigmoid,
    SiLU,
    SimpleRNN,
    Softmax,
    Softplus,
    SpatialDropout1D,
    Tanh,
    TimeDistributed,
    TransformerBlock,
    UpSampling2D,
)

IMAGE, WORDS, SERIES, ROW = (8, 8, 2), (7,), (6, 3), (6,)


def rectified(filters, size=3, strides=1):
    """A convolution as image networks have it: normalised, then rectified."""
    conv = Conv2D(filters, size, strides, "same", use_bias=False)
    return [conv, BatchNormalization(), ReLU()]


def inverted(filters, wide):
    """The block of MobileNetV2."""
    return Residual(
        [
            *(Conv2D(wide, 1, use_bias=False), BatchNormalization(), ReLU6()),
            *(DepthwiseConv2D(3, padding="same"), BatchNormalization(), ReLU6()),
            *(Conv2D(filters, 1), BatchNormalization()),
        ]
    )


def level(inner, filters):
    """A level of a U: a smaller image goes through the inner layers and comes back beside this."""
    return Parallel(
        [
            [Identity()],
            [MaxPooling2D(), *inner, Conv2DTranspose(filters, 2, 2), ReLU()],
        ]
    )


def gated(dilation):
    """The residual block of WaveNet, its two halves gating each other."""
    return Residual([Conv1D(8, 2, padding="causal", dilation_rate=dilation), GLU(), Conv1D(4, 1)])


ARCHITECTURES = {
    "vgg": (
        IMAGE,
        lambda: [
            *(Conv2D(4, 3, padding="same"), ReLU(), Conv2D(4, 3, padding="same"), ReLU()),
            *(MaxPooling2D(), Conv2D(6, 3, padding="same"), ReLU(), MaxPooling2D()),
            *(Flatten(), Dense(12), ReLU(), Dropout(0.5), LayerNormalization(), Dense(5)),
            Softmax(),
        ],
    ),
    "all_convolutional": (
        IMAGE,
        lambda: [
            *(Conv2D(4, 3, 2), ELU(), Conv2D(6, 2, dilation_rate=2), ELU()),
            *(Conv2D(5, 1), GlobalMaxPooling2D(), Softmax()),
        ],
    ),
    "residual_tower": (
        IMAGE,
        lambda: [
            *rectified(4),
            *(Residual([*rectified(4), *rectified(4)]) for _ in range(3)),
            Residual(rectified(6, 3, 2), shortcut=rectified(6, 1, 2)),
            *(GlobalAveragePooling2D(), LayerNormalization(), Dense(5), Softmax()),
        ],
    ),
    "mobile": (
        IMAGE,
        lambda: [
            *(RandomTranslation(0.1, 0.1), RandomErasing(), *rectified(4, 3, 2)),
            *(inverted(4, 8), inverted(4, 8), GlobalAveragePooling2D(), Dense(5), HardSiLU()),
        ],
    ),
    "densely_connected": (
        IMAGE,
        lambda: [
            Parallel([[Identity()], rectified(3)]),
            Parallel([[Identity()], rectified(3)]),
            *(AveragePooling2D(), Flatten(), Dense(5), Softmax()),
        ],
    ),
    "split_transformed_merged": (
        IMAGE,
        lambda: [
            Conv2D(6, 1),
            Residual([Conv2D(6, 3, padding="same", groups=3), GroupNormalization(3), Mish()]),
            Parallel([[Conv2D(3, 3)], [Conv2D(3, (3, 1)), Conv2D(3, (1, 3))]], "maximum"),
            *(GlobalAveragePooling2D(), Dense(2)),
        ],
    ),
    "u_shaped": (
        IMAGE,
        lambda: [
            *rectified(3),
            level([*rectified(4), level(rectified(5), 4), *rectified(4)], 3),
            *(GroupNormalization(1), Conv2D(2, 1), Softmax()),
        ],
    ),
    "denoising_autoencoder": (
        IMAGE,
        lambda: [
            *(GaussianNoise(0.3), Conv2D(4, 3, 2, "same"), ReLU(), Flatten(), Dense(6)),
            *(ActivityRegularization(0.1), Dense(32), ReLU(), Reshape((4, 4, 2))),
            *(UpSampling2D(), GroupNormalization(2), Conv2D(2, 3, padding="same"), Sigmoid()),
        ],
    ),
    "self_normalizing": (
        ROW,
        lambda: [
            *(Dense(8), SELU(), AlphaDropout(0.1), Dense(8), SELU(), AlphaDropout(0.1), Dense(3))
        ],
    ),
    "wide_and_deep": (
        ROW,
        lambda: [
            Parallel([[Dense(1)], [Dense(8), SiLU(), Dense(8), SiLU(), Dense(1)]], "add"),
            Sigmoid(),
        ],
    ),
    "residual_rows": (
        ROW,
        lambda: [
            Dense(8),
            *(Residual([LayerNormalization(), Dense(16), GELU(), Dense(8)]) for _ in range(3)),
            *(LayerNormalization(), GaussianDropout(0.2), Dense(2), Softplus()),
        ],
    ),
    "lstm_stack": (
        SERIES,
        lambda: [
            *(LSTM(5, return_sequences=True, dropout=0.2), LayerNormalization()),
            *(LSTM(4, return_sequences=True, unit_forget_bias=False), LSTM(3), Dense(2)),
        ],
    ),
    "gru_stack": (
        SERIES,
        lambda: [
            *(GRU(5, return_sequences=True), GRU(4, return_sequences=True, reset_after=False)),
            *(GRU(3, use_bias=False), Dense(2), Tanh()),
        ],
    ),
    "both_ways_stack": (
        SERIES,
        lambda: [
            Bidirectional(LSTM(4, return_sequences=True), "sum"),
            Bidirectional(SimpleRNN(3, return_sequences=True), "mul"),
            *(TimeDistributed(Dense(4)), GlobalMaxPooling1D(), Dense(2)),
        ],
    ),
    "waves": (
        SERIES,
        lambda: [Conv1D(4, 1), gated(1), gated(2), gated(4), ReLU(), Conv1D(2, 1), Softmax()],
    ),
    "convolved_then_read": (
        SERIES,
        lambda: [Conv1D(6, 3, padding="same", groups=3), ReLU(), SpatialDropout1D(0.2), LSTM(4)],
    ),
    "tagger": (
        WORDS,
        lambda: [
            *(Embedding(9, 6, mask_zero=True), Dropout(0.2)),
            Bidirectional(LSTM(4, return_sequences=True)),
            TimeDistributed([Dense(6), ReLU(), Dense(3), Softmax()]),
        ],
    ),
    "kinds_of_text": (
        WORDS,
        lambda: [
            *(Embedding(9, 6, mask_zero=True), SpatialDropout1D(0.2)),
            *(Conv1D(8, 3, padding="same"), ReLU(), GlobalMaxPooling1D()),
            *(Dense(6), ReLU(), Dropout(0.5), Dense(4), Softmax()),
        ],
    ),
    "attention_over_readings": (
        WORDS,
        lambda: [
            *(Embedding(9, 6, mask_zero=True), GRU(6, return_sequences=True)),
            Residual([MultiHeadAttention(2, 3)]),
            *(LayerNormalization(), GlobalAveragePooling1D(), Dense(3), Softmax()),
        ],
    ),
    "encoder": (
        WORDS,
        lambda: [
            *(Embedding(9, 6, mask_zero=True), PositionalEncoding()),
            *(TransformerBlock(2, 12), TransformerBlock(3, 12)),
            *(LayerNormalization(), GlobalAveragePooling1D(), Dense(4), Softmax()),
        ],
    ),
    "vision_transformer": (
        IMAGE,
        lambda: [
            *(Conv2D(6, 4, 4), Reshape((-1, 6)), PositionEmbedding(4)),
            *(TransformerBlock(2, 12), LayerNormalization(), GlobalAveragePooling1D(), Dense(5)),
        ],
    ),
    "mixer": (
        IMAGE,
        lambda: [
            *(Conv2D(6, 4, 4), Reshape((4, 6))),
            Residual([LayerNormalization(), TimeDistributed([Dense(8), GELU(), Dense(6)])]),
            *(LayerNormalization(axis=[1, 2]), Flatten(), Dense(5), Softmax()),
        ],
    ),
}
"""The shape of a sample, and what makes the layers."""
