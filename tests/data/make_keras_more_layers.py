"""Writes ``keras_more_layers.npz``: what Keras makes of inputs, and the derivatives of it.

    KERAS_BACKEND=tensorflow python tests/data/make_keras_more_layers.py

needs Keras 3 and TensorFlow, which the tests do not. For each case the file has ``<case>/x``,
``/y``, ``/upstream`` and the derivative ``/grad`` of Σ y · upstream and of what the layer adds to
the loss, ``/added``; weights ``/w0``, … and their gradients ``/g0``, …. Of a layer that draws
normal numbers it has these, ``/drawn``; of a dropout 1 where Keras kept a number and 0 elsewhere,
in the shape of the noise. All is in float64.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import activations
from keras import layers as k

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
found = {"versions": np.array(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")}
IMAGE, SERIES, ROW = (4, 3, 2), (6, 4), (6,)


class SelfAttention(k.Layer):
    """Keras's attention, whose queries, keys and values are made of the same steps."""

    def __init__(self, causal=False, **options):
        super().__init__()
        self.heads, self.causal = k.MultiHeadAttention(2, 4, **options), causal

    def call(self, x):
        return self.heads(x, x, use_causal_mask=self.causal)


def function(f, **options):
    return lambda: k.Lambda(lambda x: f(x, **options))


L1, L2 = keras.regularizers.L1, keras.regularizers.L2
LAYERS = {
    "prelu_penalized": (SERIES, lambda: k.PReLU(alpha_regularizer=L2(0.3), shared_axes=[1])),
    "attention_penalized": (
        SERIES,
        lambda: SelfAttention(kernel_regularizer=L2(0.3), bias_regularizer=L1(0.2), value_dim=3),
    ),
    "attention_window": (SERIES, lambda: SelfAttention(sliding_window=2)),
    "attention_causal_window": (SERIES, lambda: SelfAttention(True, sliding_window=3)),
    "normalization_inverted": (
        ROW,
        lambda: k.Normalization(mean=np.arange(6.0), variance=np.arange(1.0, 7), invert=True),
    ),
    "normalization_of_steps_inverted": (
        SERIES,
        lambda: k.Normalization(1, np.arange(6.0), np.arange(1.0, 7), invert=True),
    ),
    "repeat_vector": (ROW, lambda: k.RepeatVector(3)),
    "unit_normalization": (ROW, lambda: k.UnitNormalization()),
    "unit_normalization_axes_1_2": (IMAGE, lambda: k.UnitNormalization([1, 2])),
    "sparse_sigmoid": (ROW, function(activations.sparse_sigmoid)),
    "threshold": (ROW, function(activations.threshold, threshold=-0.5, default_value=0.3)),
    # the numbers of Keras 3.15's sparsemax do not sum to 1 where several are above 0
    "depthwise_1d": (SERIES, lambda: k.DepthwiseConv1D(3, 2, "same", depth_multiplier=2)),
    "depthwise_1d_dilated": (SERIES, lambda: k.DepthwiseConv1D(2, dilation_rate=2)),
    "separable_1d": (SERIES, lambda: k.SeparableConv1D(3, 3, padding="same", depth_multiplier=2)),
    "separable_1d_strided": (SERIES, lambda: k.SeparableConv1D(2, 3, strides=2, use_bias=False)),
    "conv_1d_transpose": (SERIES, lambda: k.Conv1DTranspose(3, 2, 3)),
    "conv_1d_transpose_same": (
        SERIES,
        lambda: k.Conv1DTranspose(3, 3, 2, "same", output_padding=0),
    ),
    "conv_1d_transpose_overlapping": (SERIES, lambda: k.Conv1DTranspose(2, 4, 3)),
    "dropout": (ROW, lambda: k.Dropout(0.4, seed=1)),
    "dropout_of_features": (SERIES, lambda: k.Dropout(0.4, (None, 1, 4), seed=2)),
    "dropout_of_batch": (SERIES, lambda: k.Dropout(0.3, (1, 6, 1), seed=3)),
    "spatial_dropout_1d": (SERIES, lambda: k.SpatialDropout1D(0.4, seed=4)),
    "spatial_dropout_2d": (IMAGE, lambda: k.SpatialDropout2D(0.4, seed=5)),
    "gaussian_dropout": (ROW, lambda: k.GaussianDropout(0.4)),
    "gaussian_noise": (ROW, lambda: k.GaussianNoise(0.7)),
}


def kept(layer, X, Y):
    """1 where a dropout kept a number, in the shape of its noise, along which all are alike."""
    shape = np.shape(X)
    M = (np.asarray(Y) != 0).astype(float)
    if isinstance(layer, k.SpatialDropout1D | k.SpatialDropout2D):
        sizes = (shape[0], *[1] * (len(shape) - 2), shape[-1])
    else:
        sizes = layer.noise_shape or shape
        sizes = [n if given is None else given for given, n in zip(sizes, shape, strict=True)]
    part = M[tuple(slice(n) for n in sizes)]
    assert np.array_equal(np.broadcast_to(part, shape), M)
    assert 0 < part.mean() < 1
    return part


for number, (case, (shape, make)) in enumerate(LAYERS.items()):
    rng = np.random.default_rng(number)
    layer, drawn = make(), []

    def normal(shape, mean, stddev, rng=rng, drawn=drawn, **others):
        drawn.append(rng.standard_normal([int(n) for n in shape]))
        return tf.constant(mean + stddev * drawn[-1])

    keras.src.backend.random.normal = normal
    X = tf.constant(rng.normal(size=(5, *shape)).round(3))
    layer(X)
    if not isinstance(layer, k.Normalization):
        for w in layer.trainable_weights:
            w.assign(rng.normal(size=w.shape).round(3))
    noisy = "dropout" in case or "noise" in case
    with tf.GradientTape() as tape:
        tape.watch(X)
        Y = layer(X, training=True) if noisy else layer(X)
        upstream = rng.normal(size=Y.shape).round(3)
        added = sum(layer.losses) if layer.losses else tf.constant(0.0, tf.float64)
        value = tf.reduce_sum(Y * upstream) + added
    learned = layer.trainable_weights
    grad, *gradients = tape.gradient(value, [X, *(w.value for w in learned)])
    arrays = {"x": X, "y": Y, "upstream": upstream, "grad": grad, "added": added}
    arrays |= {f"w{i}": w for i, w in enumerate(learned)}
    arrays |= {f"g{i}": g for i, g in enumerate(gradients)}
    if noisy:
        arrays["drawn"] = drawn[-1] if drawn else kept(layer, X, Y)
    assert np.asarray(Y).dtype == np.float64
    found |= {f"{case}/{name}": np.asarray(array) for name, array in arrays.items()}

np.savez_compressed(Path(__file__).with_name("keras_more_layers.npz"), **found)
