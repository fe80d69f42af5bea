"""Keras's numbers for arguments that are less usual: axes, shapes of noise, lists, penalties.

``data/keras_parts.npz`` is made by ``data/make_keras_parts.py`` with Keras 3.15.
"""

import numpy as np
import pytest
from published import arrays_of, published

from backprop import metrics
from backprop.layers import (
    GLU,
    ActivityRegularization,
    AlphaDropout,
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    ReLU,
    RMSNormalization,
    Softmax,
)
from backprop.layers.block import activity_penalty
from backprop.regularizers import L2, OrthogonalRegularizer

VECTORS = arrays_of("keras_parts.npz")


def several(v, letter):
    return [v[f"{letter}{i}"] for i in range(len(v)) if f"{letter}{i}" in v]


LAYERS = {
    "batch_normalization_axis_1": lambda: BatchNormalization(axis=1),
    "batch_normalization_axis_2": lambda: BatchNormalization(axis=-2),
    "batch_normalization_regularized": lambda: BatchNormalization(
        moving_mean_initializer="ones", beta_regularizer="l1", gamma_regularizer=L2(0.3)
    ),
    "layer_normalization_axis_1": lambda: LayerNormalization(axis=1),
    "layer_normalization_axes_1_3": lambda: LayerNormalization(axis=[1, 3]),
    "group_normalization_axis_1": lambda: GroupNormalization(2, axis=1),
    "rms_normalization_axes_1_2": lambda: RMSNormalization(axis=[1, 2]),
    "softmax_axis_1": lambda: Softmax(axis=1),
    "softmax_axes_1_2": lambda: Softmax(axis=[1, 2]),
    "glu": GLU,
    "glu_axis_1": lambda: GLU(axis=1),
    "prelu_shared": lambda: PReLU(shared_axes=[1, 2]),
    "relu_options": lambda: ReLU(1.5, 0.2, 0.5),
    "activity": lambda: ActivityRegularization(0.3, 0.2),
    "alpha_dropout": lambda: AlphaDropout(0.4),
    "alpha_dropout_steps": lambda: AlphaDropout(0.3, (5, 6, 1)),
}


class Drawn:
    """A generator whose uniform numbers are known."""

    def __init__(self, uniform):
        self.uniform = uniform

    def random(self, out, dtype):
        assert out.shape == self.uniform.shape
        out[...] = self.uniform


@pytest.mark.parametrize("case", LAYERS)
def test_layers(case):
    v = published("keras_parts.npz", case)
    layer, near = LAYERS[case](), {"rtol": 1e-6, "atol": 1e-9}
    layer.build(v["x"].shape[1:], dtype="float64")
    for p, w in zip(layer.parameters, several(v, "w"), strict=True):
        assert p.shape == w.shape
        p.value[...] = w
    if "drawn" in v:
        layer._rng = Drawn(v["drawn"])
    if "batch_normalization" in case and "after0" not in v:
        layer.trainable = False  # Keras's numbers are those of inference
        np.testing.assert_allclose(layer.forward(v["x"]), v["y"], **near)
    penalties = [(p, p.regularizer) for p in layer.parameters if p.regularizer]
    added = sum(regularizer.penalty(p.value) for p, regularizer in penalties)
    np.testing.assert_allclose(layer.forward(v["x"], training=True), v["y"], **near)
    # Keras keeps the factors of penalties in float32
    assert added + activity_penalty([layer]) == pytest.approx(float(v["added"]), rel=1e-7)
    np.testing.assert_allclose(layer.backward(v["upstream"]), v["grad"], **near)
    for p, regularizer in penalties:
        p.gradient += regularizer.gradient(p.value)
    learned = [p for p in layer.parameters if p.learned]
    for p, g in zip(learned, several(v, "g"), strict=True):
        np.testing.assert_allclose(p.gradient, g, **near)
    for p, w in zip(layer.parameters, several(v, "after"), strict=False):
        np.testing.assert_allclose(p.value, w, **near)


@pytest.mark.parametrize(
    ("case", "regularizer"),
    [
        ("orthogonal", OrthogonalRegularizer()),
        ("orthogonal_columns", OrthogonalRegularizer(0.7, "columns")),
    ],
)
def test_regularizers(case, regularizer):
    v = published("keras_parts.npz", case)
    assert regularizer.penalty(v["x"]) == pytest.approx(float(v["value"]), rel=1e-9)
    np.testing.assert_allclose(regularizer.gradient(v["x"]), v["grad"], rtol=1e-7, atol=1e-12)


METRICS = {
    "precision_list": metrics.Precision([0.2, 0.5, 0.8]),
    "recall_list": metrics.Recall([0.3, 0.6]),
    "recall_list_top": metrics.Recall([0.3, 0.6], top_k=2),
    "precision_list_class": metrics.Precision([0.3, 0.6], class_id=2),
    "true_negatives_list": metrics.TrueNegatives([0.2, 0.7]),
    "f1_classes": metrics.F1Score(average=None),
    "f1_answers": metrics.F1Score(average=None, threshold=0.4),
    "fbeta_classes": metrics.FBetaScore(average=None, beta=2.0),
    "mean": metrics.Mean(),
    "sum": metrics.Sum(),
}


@pytest.mark.parametrize("weighted", ["", "_weighted"])
@pytest.mark.parametrize("case", METRICS)
def test_metrics(case, weighted):
    """In float32, which is what Keras counts and divides in."""
    v, metric = published("keras_parts.npz", case + weighted), METRICS[case]
    for parts in (1, 3):  # one batch, or several
        metric.reset()
        for rows in np.array_split(np.arange(len(v["x"])), parts):
            arrays = [v[key][rows] if key in v else None for key in ("x", "t", "w")]
            metric.update(*arrays)
        found = metric.result()
        assert type(found) is (list if metric.several else float)
        np.testing.assert_allclose(found, v["value"], rtol=2e-6)


def test_every_case_of_the_file_is_looked_at():
    cases = {key.split("/")[0].removesuffix("_weighted") for key in VECTORS} - {"versions"}
    assert cases == {*LAYERS, *METRICS, "orthogonal", "orthogonal_columns"}
