"""Writes ``keras_parts.npz``: what Keras makes of inputs, for arguments that are less usual.

    KERAS_BACKEND=tensorflow python tests/data/make_keras_parts.py

needs Keras and TensorFlow, which the tests themselves do not. All is in float64 but for the counts
of some metrics. For each layer the file has ``<case>/x``, ``/y`` and ``/upstream``, the derivative
``/grad`` of Σ y · upstream and of what the layer adds to the loss, ``/added``; weights ``/w0``, …
and their gradients ``/g0``, …; of a random layer the uniform numbers that it drew, ``/drawn``. For
each regulariser it has ``/x``, ``/value`` and ``/grad``; for each metric ``/x``, ``/t``, ``/value``
and perhaps ``/w``.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
found = {"versions": np.array(f"Keras {keras.__version__}, TensorFlow {tf.__version__}")}


def keep(case, **arrays):
    found.update({f"{case}/{name}": np.asarray(array) for name, array in arrays.items()})


# ------------------------------------------------------------------------------------- layers

k = keras.layers
IMAGE, SERIES, ROW = (4, 3, 2), (6, 4), (6,)
LAYERS = {
    "batch_normalization_axis_1": (IMAGE, lambda: k.BatchNormalization(axis=1), True),
    "batch_normalization_axis_2": (IMAGE, lambda: k.BatchNormalization(axis=-2), False),
    "batch_normalization_regularized": (
        ROW,
        lambda: k.BatchNormalization(
            moving_mean_initializer="ones",
            beta_regularizer="l1",
            gamma_regularizer=keras.regularizers.L2(0.3),
        ),
        True,
    ),
    "layer_normalization_axis_1": (SERIES, lambda: k.LayerNormalization(axis=1), False),
    "layer_normalization_axes_1_3": (IMAGE, lambda: k.LayerNormalization(axis=[1, 3]), False),
    "group_normalization_axis_1": (IMAGE, lambda: k.GroupNormalization(2, axis=1), False),
    # of another axis than the last ones Keras 3.15 multiplies by γ along the wrong one, and raises
    "rms_normalization_axes_1_2": (SERIES, lambda: k.RMSNormalization(axis=[1, 2]), False),
    "softmax_axis_1": (SERIES, lambda: k.Softmax(axis=1), False),
    "softmax_axes_1_2": (IMAGE, lambda: k.Softmax(axis=[1, 2]), False),
    "glu": (ROW, lambda: k.Activation(keras.activations.glu), False),
    "glu_axis_1": (SERIES, lambda: k.Lambda(lambda x: keras.activations.glu(x, axis=1)), False),
    "prelu_shared": (IMAGE, lambda: k.PReLU(shared_axes=[1, 2]), False),
    "relu_options": (ROW, lambda: k.ReLU(1.5, 0.2, 0.5), False),
    "activity": (SERIES, lambda: k.ActivityRegularization(0.3, 0.2), True),
    "alpha_dropout": (ROW, lambda: k.AlphaDropout(0.4), True),
    "alpha_dropout_steps": (SERIES, lambda: k.AlphaDropout(0.3, (5, 6, 1)), True),
}
true_uniform = keras.random.uniform
for number, (case, (shape, make, training)) in enumerate(LAYERS.items()):
    rng = np.random.default_rng(number)
    layer, drawn = make(), []

    def uniform(shape, *args, rng=rng, drawn=drawn, **kwargs):
        drawn.append(rng.random([int(n) for n in shape]))
        return tf.constant(drawn[-1])

    keras.src.ops.random.uniform = uniform
    X = tf.constant(rng.normal(size=(5, *shape)).round(3))
    layer(X)
    for w in layer.weights:
        value = rng.normal(size=w.shape).round(3)
        w.assign(np.abs(value) + 0.25 if "variance" in w.name else value)
    weights = [np.array(w) for w in layer.get_weights()]
    drawn.clear()
    with tf.GradientTape() as tape:
        tape.watch(X)
        Y = layer(X, training=training) if training else layer(X)
        upstream = rng.normal(size=Y.shape).round(3)
        added = sum(layer.losses) if layer.losses else tf.constant(0.0, tf.float64)
        value = tf.reduce_sum(Y * upstream) + added
    learned = layer.trainable_weights
    grad, *gradients = tape.gradient(value, [X, *(w.value for w in learned)])
    keep(case, x=X, y=Y, upstream=upstream, grad=grad, added=added)
    keep(case, **{f"w{i}": w for i, w in enumerate(weights)})
    keep(case, **{f"g{i}": g for i, g in enumerate(gradients)})
    keep(case, **({"drawn": drawn[0]} if drawn else {}))
    if "batch" in case and training:
        keep(case, **{f"after{i}": w for i, w in enumerate(layer.get_weights())})
keras.src.ops.random.uniform = true_uniform

# ------------------------------------------------------------------------------- regularisers

rng = np.random.default_rng(100)
k = keras.regularizers
for case, regularizer in {
    "orthogonal": k.OrthogonalRegularizer(np.float64(0.01)),
    "orthogonal_columns": k.OrthogonalRegularizer(np.float64(0.7), "columns"),
}.items():
    W = tf.Variable(rng.normal(size=(4, 3)))
    with tf.GradientTape() as tape:
        value = regularizer(W)
    keep(case, x=W, value=value, grad=tape.gradient(value, W))

# ------------------------------------------------------------------------------------- metrics

k = keras.metrics
P, bits = rng.uniform(0.05, 0.95, (20, 4)), rng.integers(0, 2, (20, 4)).astype(float)
one_hot, w = np.eye(4)[rng.integers(0, 4, 20)], rng.uniform(0.2, 3, 20)
METRICS = {
    "precision_list": (k.Precision([0.2, 0.5, 0.8]), P, bits),
    "recall_list": (k.Recall([0.3, 0.6]), P, bits),
    "recall_list_top": (k.Recall([0.3, 0.6], top_k=2), P, bits),
    "precision_list_class": (k.Precision([0.3, 0.6], class_id=2), P, bits),
    "true_negatives_list": (k.TrueNegatives([0.2, 0.7]), P, bits),
    "f1_classes": (k.F1Score(), P, one_hot),
    "f1_answers": (k.F1Score(threshold=0.4), P, bits),
    "fbeta_classes": (k.FBetaScore(beta=2.0), P, one_hot),
    "mean": (k.Mean(), P, None),
    "sum": (k.Sum(), P, None),
}
for case, (metric, x, t) in METRICS.items():
    for name, weight in ((case, None), (f"{case}_weighted", w)):
        metric.reset_state()
        if t is None:
            metric.update_state(x, sample_weight=weight)
        else:
            metric.update_state(t, x, sample_weight=weight)
            keep(name, t=t)
        keep(name, x=x, value=metric.result(), **({} if weight is None else {"w": weight}))

np.savez_compressed(Path(__file__).with_name("keras_parts.npz"), **found)
