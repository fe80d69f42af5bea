"""Writes ``keras_vocabulary.npz``: what Keras makes of inputs, for its less usual names.

    KERAS_BACKEND=tensorflow python tests/data/make_keras_vocabulary.py

needs Keras and TensorFlow, which the tests themselves do not. All is in float64. For each loss the
file has ``<case>/x``, ``<case>/t``, perhaps ``<case>/w``, ``<case>/value`` and ``<case>/grad``;
for each metric ``metric_<case>/…`` likewise, without a gradient;
for each activation ``activation_<case>/x``, ``/value`` and ``/grad``.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)
found = {}


def keep(case, **arrays):
    found.update({f"{case}/{name}": np.asarray(array) for name, array in arrays.items()})


# ------------------------------------------------------------------------------------- losses

P, Q = rng.uniform(0.05, 0.95, (2, 6, 4))
images, masks = rng.uniform(0, 1, (3, 4, 5, 2)), rng.integers(0, 2, (3, 4, 5, 2)).astype(float)
Z, numbers = rng.standard_normal((2, 6, 4))
classes = rng.integers(0, 4, 6)
one_hot = np.eye(4)[classes]
gaps = np.where(np.arange(6) % 3 == 1, -1, classes)
bits = rng.integers(0, 2, (6, 4)).astype(float)
weight = rng.uniform(0.2, 3, 6)
directions = Z / np.linalg.norm(Z, axis=1, keepdims=True)
kinds = np.array([0, 1, 0, 7, 1, 0])  # one of them is the only one of its class
k = keras.losses
LOSSES = {
    "mape": (k.MeanAbsolutePercentageError(), Z, numbers),
    "msle": (k.MeanSquaredLogarithmicError(), Z + 1, Q),
    "binary_focal": (k.BinaryFocalCrossentropy(), P, bits),
    "binary_focal_soft": (k.BinaryFocalCrossentropy(gamma=1.5), P, Q),
    "binary_focal_balanced": (
        k.BinaryFocalCrossentropy(True, 0.3, 3.0, label_smoothing=0.1),
        P,
        bits,
    ),
    "binary_focal_logits": (k.BinaryFocalCrossentropy(from_logits=True), Z, bits),
    "categorical_focal": (k.CategoricalFocalCrossentropy(), P, one_hot),
    "categorical_focal_smooth": (
        k.CategoricalFocalCrossentropy(0.4, 1.5, label_smoothing=0.1),
        P,
        one_hot,
    ),
    "categorical_focal_logits": (k.CategoricalFocalCrossentropy(from_logits=True), Z, one_hot),
    "ignore": (k.SparseCategoricalCrossentropy(ignore_class=-1), P, gaps),
    "ignore_logits": (k.SparseCategoricalCrossentropy(True, ignore_class=-1), Z, gaps),
    "dice": (k.Dice(axis=1), P, bits),
    "dice_images": (k.Dice(axis=(1, 2, 3)), images, masks),
    "tversky": (k.Tversky(0.3, 0.8, axis=1), P, bits),
    "tversky_images": (k.Tversky(0.7, 0.2, axis=(1, 2, 3)), images, masks),
    "generalized": (k.CategoricalGeneralizedCrossEntropy(), P, classes),
    "generalized_q": (k.CategoricalGeneralizedCrossEntropy(0.7), P, classes),
    "circle": (k.Circle(), directions, kinds),
    "circle_options": (k.Circle(9.0, 0.25, remove_diagonal=False), 0.9 * directions, kinds),
}
for case, (loss, x, t) in LOSSES.items():
    for name, w in ((case, None), (f"{case}_weighted", weight[: len(x)])):
        X = tf.Variable(x, dtype="float64")
        with tf.GradientTape() as tape:
            value = loss(t, X, sample_weight=w)
        keep(name, x=x, t=t, value=value, grad=tape.gradient(value, X))
        if w is not None:
            keep(name, w=w)

# ------------------------------------------------------------------------------------- metrics

k = keras.metrics
near = np.clip(one_hot + 0.4 * rng.standard_normal((6, 4)), 0.01, 0.99)
scores, yes = rng.uniform(0.05, 0.95, (40, 1)), rng.integers(0, 2, (40, 1)).astype(float)
scores = np.round(0.6 * scores + 0.3 * yes, 2) + 0.003
many = rng.uniform(0.2, 3, 40)
alternating = np.indices((6, 4)).sum(axis=0) % 2  # both answers for every label
METRICS = {
    "mape": (k.MeanAbsolutePercentageError(), Z, numbers),
    "msle": (k.MeanSquaredLogarithmicError(), Z + 1, Q),
    "log_cosh": (k.LogCoshError(), Z, numbers),
    "cosine": (k.CosineSimilarity(), Z, numbers),
    "pearson": (k.PearsonCorrelation(), Z, numbers),
    "bce": (k.BinaryCrossentropy(), P, bits),
    "bce_logits": (k.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), Z, bits),
    "cce": (k.CategoricalCrossentropy(label_smoothing=0.1), P, one_hot),
    "cce_logits": (k.CategoricalCrossentropy(from_logits=True), Z, one_hot),
    "scce": (k.SparseCategoricalCrossentropy(), P, classes),
    "kld": (k.KLDivergence(), P, Q),
    "poisson": (k.Poisson(), P, bits),
    "hinge": (k.Hinge(), Z, bits),
    "squared_hinge": (k.SquaredHinge(), Z, bits),
    "categorical_hinge": (k.CategoricalHinge(), Z, one_hot),
    "tp": (k.TruePositives(), P, bits),
    "tn": (k.TrueNegatives(thresholds=0.3), P, bits),
    "fp": (k.FalsePositives(), P, bits),
    "fn": (k.FalseNegatives(), P, bits),
    "precision_top": (k.Precision(top_k=2), P, bits),
    "recall_top": (k.Recall(top_k=3), P, bits),
    "precision_at": (k.PrecisionAtRecall(0.6, 1001), scores, yes),
    "recall_at": (k.RecallAtPrecision(0.8, 1001), scores, yes),
    "sensitivity_at": (k.SensitivityAtSpecificity(0.8, 1001), scores, yes),
    "specificity_at": (k.SpecificityAtSensitivity(0.7, 1001), scores, yes),
    "r2": (k.R2Score("variance_weighted_average", 2), Z, numbers),
    "mean_iou": (
        k.MeanIoU(4, sparse_y_pred=False, ignore_class=2, dtype="float64"),
        near,
        classes,
    ),
    "iou": (k.IoU(4, [0, 1], sparse_y_pred=False, dtype="float64"), near, classes),
    "binary_iou": (k.BinaryIoU([1], 0.4, dtype="float64"), P, bits),
    "one_hot_iou": (k.OneHotIoU(4, [0, 2], dtype="float64"), P, one_hot),
    "one_hot_mean_iou": (k.OneHotMeanIoU(4, ignore_class=1, dtype="float64"), P, one_hot),
    "concordance": (k.ConcordanceCorrelation(), Z, numbers),
    "scce_ignore": (k.SparseCategoricalCrossentropy(ignore_class=-1), P, gaps),
    "scce_ignore_logits": (
        k.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1),
        Z,
        gaps,
    ),
    "auc_labels": (
        k.AUC(1001, multi_label=True, label_weights=[1.0, 0.5, 2.0, 3.0]),
        np.round(P, 2) + 0.003,
        alternating,
    ),
    "auc_labels_together": (
        k.AUC(1001, label_weights=[1.0, 0.5, 2.0, 3.0]),
        np.round(P, 2) + 0.003,
        alternating,
    ),
}
for case, (metric, x, t) in METRICS.items():
    for name, w in ((f"metric_{case}", None), (f"metric_{case}_weighted", many[: len(x)])):
        metric.reset_state()
        given = np.ones(len(x)) if w is None and "ignore" in case else w  # else they count as 0
        if w is not None:
            keep(name, w=w)
            if "iou" in case:  # Keras does not spread these over the outputs
                given = np.repeat(w, x.shape[1]) if case == "binary_iou" else w
        metric.update_state(t, x, sample_weight=given)
        keep(name, x=x, t=t, value=metric.result())

# ----------------------------------------------------------------------------------- activations

k = keras.activations
grid = np.concatenate([[-1e4, -50.0, 1e4, 50.0], rng.uniform(-8, 8, 60), rng.normal(size=40)])
ACTIVATIONS = {
    "relu_options": lambda z: k.relu(z, 0.2, 1.5, 0.5),
    "relu_max": lambda z: k.relu(z, max_value=2),
    "relu_threshold": lambda z: k.relu(z, threshold=0.7),
    "relu6": k.relu6,
    "celu": lambda z: k.celu(z, 0.7),
    "hard_silu": k.hard_silu,
    "hard_tanh": k.hard_tanh,
    "log_sigmoid": k.log_sigmoid,
    "squareplus": k.squareplus,
    "sparse_plus": k.sparse_plus,
    "tanh_shrink": k.tanh_shrink,
    "soft_shrink": k.soft_shrink,
    "hard_shrink": k.hard_shrink,
}
for case, function in ACTIVATIONS.items():
    X = tf.Variable(grid, dtype="float64")
    with tf.GradientTape() as tape:
        value = function(X)
    keep(f"activation_{case}", x=grid, value=value, grad=tape.gradient(value, X))

np.savez_compressed(Path(__file__).with_name("keras_vocabulary.npz"), **found)
