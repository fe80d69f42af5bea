"""Writes ``keras_layers.npz``: weights of Keras's layers, inputs, and what Keras makes of them.

    KERAS_BACKEND=tensorflow python tests/data/make_keras_layers.py

needs Keras and TensorFlow, which the tests themselves do not (on its other backends Keras computes
parts of some layers in float32). For each case the file has ``<case>/x``,
``<case>/y`` and, in the order of ``get_weights()``, ``<case>/w0``, ``<case>/w1``, …; those of batch
normalisation also have the output of a training pass, ``<case>/trained_y``, and the weights after
it, ``<case>/trained_w0``, …. All is in float64.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers as k

IMAGE, SERIES, ROW = (6, 5, 4), (5, 3), (4,)


def attention() -> keras.Model:
    """Self-attention: its queries, keys and values are made of the same steps.

    Keras computes 1/√key_dim in float32, which is exact for 4.
    """
    X = keras.Input(SERIES)
    return keras.Model(X, k.MultiHeadAttention(2, 4, value_dim=5)(X, X))


def causal_attention() -> keras.Model:
    X = keras.Input(SERIES)
    Y = k.MultiHeadAttention(2, 4, use_bias=False)(X, X, use_causal_mask=True)
    return keras.Model(X, Y)


CASES = {
    "dense": (ROW, lambda: k.Dense(3)),
    "dense_on_images": (IMAGE, lambda: k.Dense(3)),
    "dense_without_bias": (ROW, lambda: k.Dense(3, use_bias=False)),
    "conv1d": (SERIES, lambda: k.Conv1D(4, 2)),
    "conv1d_causal": (SERIES, lambda: k.Conv1D(4, 2, padding="causal", dilation_rate=2)),
    "conv2d": (IMAGE, lambda: k.Conv2D(3, (2, 3))),
    "conv2d_strided": (IMAGE, lambda: k.Conv2D(3, 3, strides=2, padding="same")),
    "conv2d_strided_oblong": (IMAGE, lambda: k.Conv2D(3, (2, 4), strides=(3, 2), padding="same")),
    "conv2d_dilated": (IMAGE, lambda: k.Conv2D(3, 2, dilation_rate=(2, 3), use_bias=False)),
    "conv2d_groups": (IMAGE, lambda: k.Conv2D(6, 3, groups=2)),
    "depthwise": (IMAGE, lambda: k.DepthwiseConv2D(3)),
    "depthwise_twice": (
        IMAGE,
        lambda: k.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
    ),
    "separable": (IMAGE, lambda: k.SeparableConv2D(3, (3, 2))),
    "separable_twice": (
        IMAGE,
        lambda: k.SeparableConv2D(3, 3, strides=2, padding="same", depth_multiplier=2),
    ),
    "transposed": (IMAGE, lambda: k.Conv2DTranspose(3, (2, 3))),
    "transposed_strided": (IMAGE, lambda: k.Conv2DTranspose(3, 3, strides=2, padding="same")),
    "transposed_overlapping": (IMAGE, lambda: k.Conv2DTranspose(3, 4, strides=(3, 2))),
    "batch_normalization": (IMAGE, lambda: k.BatchNormalization()),
    "batch_normalization_of_rows": (ROW, lambda: k.BatchNormalization(epsilon=0.1)),
    "batch_normalization_without_scale": (ROW, lambda: k.BatchNormalization(scale=False)),
    "batch_normalization_without_center": (ROW, lambda: k.BatchNormalization(center=False)),
    "normalization": (IMAGE, lambda: k.Normalization()),
    "normalization_by_position": (SERIES, lambda: k.Normalization(axis=(1, 2))),
    "layer_normalization": (IMAGE, lambda: k.LayerNormalization()),
    "layer_normalization_of_two_axes": (SERIES, lambda: k.LayerNormalization(axis=[1, 2])),
    "layer_normalization_without_scale": (ROW, lambda: k.LayerNormalization(scale=False)),
    "group_normalization": (IMAGE, lambda: k.GroupNormalization(2)),
    "group_normalization_by_channel": (IMAGE, lambda: k.GroupNormalization(-1, center=False)),
    "rms_normalization": (IMAGE, lambda: k.RMSNormalization()),
    "prelu": (IMAGE, lambda: k.PReLU()),
    "embedding": ((5,), lambda: k.Embedding(7, 3)),
    "simple_rnn": (SERIES, lambda: k.SimpleRNN(4)),
    "lstm": (SERIES, lambda: k.LSTM(4, return_sequences=True)),
    "lstm_without_bias": (SERIES, lambda: k.LSTM(4, use_bias=False)),
    "gru": (SERIES, lambda: k.GRU(4, return_sequences=True)),
    "gru_reset_before": (SERIES, lambda: k.GRU(4, reset_after=False)),
    "gru_backwards": (SERIES, lambda: k.GRU(4, go_backwards=True, return_sequences=True)),
    "bidirectional_lstm": (SERIES, lambda: k.Bidirectional(k.LSTM(4, return_sequences=True))),
    "bidirectional_gru": (SERIES, lambda: k.Bidirectional(k.GRU(4), merge_mode="sum")),
    "time_distributed": (SERIES, lambda: k.TimeDistributed(k.Dense(2))),
    "attention": (SERIES, attention),
    "attention_causal": (SERIES, causal_attention),
    "network_of_images": (
        IMAGE,
        lambda: keras.Sequential(
            [
                *(k.Conv2D(4, 3, padding="same", use_bias=False), k.BatchNormalization()),
                *(k.PReLU(), k.MaxPooling2D(2, padding="same"), k.SeparableConv2D(5, 2)),
                *(k.GroupNormalization(5), k.AveragePooling2D(2, 1, padding="same")),
                *(k.Flatten(), k.Dense(3), k.Softmax()),
            ]
        ),
    ),
    "network_of_words": (
        (5,),
        lambda: keras.Sequential(
            [
                *(k.Embedding(7, 4, mask_zero=True), k.Bidirectional(k.GRU(3))),
                *(k.BatchNormalization(), k.Dense(2)),
            ]
        ),
    ),
    "depthwise_1d": (SERIES, lambda: k.DepthwiseConv1D(2, depth_multiplier=2)),
    "separable_1d": (SERIES, lambda: k.SeparableConv1D(4, 3)),
    "transposed_1d": (SERIES, lambda: k.Conv1DTranspose(4, 3, 2)),
}


def main() -> None:
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    arrays = {"versions": np.array(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")}
    for number, (case, (shape, make)) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        layer = make()
        takes_words = shape == (5,)
        x = rng.integers(0, 7, (3, *shape)) if takes_words else rng.normal(size=(3, *shape))
        x = x if takes_words else x.round(3)
        layer(x)
        weights = []
        for w in layer.weights:
            value = rng.normal(size=w.shape).round(3)
            weights.append(np.abs(value) + 0.25 if "variance" in w.name else value)
        layer.set_weights(weights)
        if isinstance(layer, k.Normalization):
            layer.finalize_state()  # what it computes with is made from the weights
        arrays[f"{case}/x"] = x
        arrays[f"{case}/y"] = np.asarray(layer(x))
        assert arrays[f"{case}/y"].dtype == np.float64
        for i, value in enumerate(layer.get_weights()):
            arrays[f"{case}/w{i}"] = value
        if "batch_normalization" in case:
            arrays[f"{case}/trained_y"] = np.asarray(layer(x, training=True))
            for i, value in enumerate(layer.get_weights()):
                arrays[f"{case}/trained_w{i}"] = value
        print(case, [f"{w.path.split('/', 1)[-1]} {tuple(w.shape)}" for w in layer.weights])
    np.savez_compressed(Path(__file__).with_name("keras_layers.npz"), **arrays)


if __name__ == "__main__":
    main()
