"""Weights of Keras go into every layer as they are, and give what Keras computes with them.

``data/keras_layers.npz`` holds weights in the order of Keras's ``get_weights()``, inputs, and
outputs; ``data/make_keras_layers.py`` made it with Keras in float64.
"""

from typing import Any

import layer_cases
import numpy as np
import pytest
from published import arrays_of

import backprop as bp
from backprop.layers import (
    GRU,
    LSTM,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    GroupNormalization,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    PReLU,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    SimpleRNN,
    Softmax,
    TimeDistributed,
)

Array = np.ndarray[Any, Any]
VECTORS = arrays_of("keras_layers.npz")

BATCH, MOVING = ["gamma (4,)", "beta (4,)"], ["moving_mean (4,)", "moving_variance (4,)"]
GATES_3 = ["W (3, 12)", "U (4, 12)", "b (2, 12)"]
GATES_4 = ["W (3, 16)", "U (4, 16)", "b (16,)"]


def both_ways(*weights: str) -> list[str]:
    return [f"{way}.{w}" for way in ("forward", "backward") for w in weights]


CASES = {
    "dense": (lambda: Dense(3), ["W (4, 3)", "b (3,)"]),
    "dense_on_images": (lambda: Dense(3), ["W (4, 3)", "b (3,)"]),
    "dense_without_bias": (lambda: Dense(3, use_bias=False), ["W (4, 3)"]),
    "conv1d": (lambda: Conv1D(4, 2), ["W (2, 3, 4)", "b (4,)"]),
    "conv1d_causal": (
        lambda: Conv1D(4, 2, padding="causal", dilation_rate=2),
        ["W (2, 3, 4)", "b (4,)"],
    ),
    "conv2d": (lambda: Conv2D(3, (2, 3)), ["W (2, 3, 4, 3)", "b (3,)"]),
    "conv2d_strided": (
        lambda: Conv2D(3, 3, strides=2, padding="same"),
        ["W (3, 3, 4, 3)", "b (3,)"],
    ),
    "conv2d_strided_oblong": (
        lambda: Conv2D(3, (2, 4), strides=(3, 2), padding="same"),
        ["W (2, 4, 4, 3)", "b (3,)"],
    ),
    "conv2d_dilated": (
        lambda: Conv2D(3, 2, dilation_rate=(2, 3), use_bias=False),
        ["W (2, 2, 4, 3)"],
    ),
    "conv2d_groups": (lambda: Conv2D(6, 3, groups=2), ["W (3, 3, 2, 6)", "b (6,)"]),
    "depthwise": (lambda: DepthwiseConv2D(3), ["W (3, 3, 4, 1)", "b (4,)"]),
    "depthwise_1d": (
        lambda: DepthwiseConv1D(2, depth_multiplier=2),
        ["W (2, 3, 2)", "b (6,)"],
    ),
    "separable_1d": (
        lambda: SeparableConv1D(4, 3),
        ["depthwise (3, 3, 1)", "pointwise (1, 3, 4)", "b (4,)"],
    ),
    "transposed_1d": (lambda: Conv1DTranspose(4, 3, 2), ["W (3, 4, 3)", "b (4,)"]),
    "depthwise_twice": (
        lambda: DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        ["W (3, 3, 4, 2)", "b (8,)"],
    ),
    "separable": (
        lambda: SeparableConv2D(3, (3, 2)),
        ["depthwise (3, 2, 4, 1)", "pointwise (1, 1, 4, 3)", "b (3,)"],
    ),
    "separable_twice": (
        lambda: SeparableConv2D(3, 3, strides=2, padding="same", depth_multiplier=2),
        ["depthwise (3, 3, 4, 2)", "pointwise (1, 1, 8, 3)", "b (3,)"],
    ),
    "transposed": (lambda: Conv2DTranspose(3, (2, 3)), ["W (2, 3, 3, 4)", "b (3,)"]),
    "transposed_strided": (
        lambda: Conv2DTranspose(3, 3, strides=2, padding="same"),
        ["W (3, 3, 3, 4)", "b (3,)"],
    ),
    "transposed_overlapping": (
        lambda: Conv2DTranspose(3, 4, strides=(3, 2)),
        ["W (4, 4, 3, 4)", "b (3,)"],
    ),
    "batch_normalization": (BatchNormalization, [*BATCH, *MOVING]),
    "batch_normalization_of_rows": (lambda: BatchNormalization(epsilon=0.1), [*BATCH, *MOVING]),
    "batch_normalization_without_scale": (
        lambda: BatchNormalization(scale=False),
        ["beta (4,)", *MOVING],
    ),
    "batch_normalization_without_center": (
        lambda: BatchNormalization(center=False),
        ["gamma (4,)", *MOVING],
    ),
    "normalization": (Normalization, ["mean (4,)", "variance (4,)", "count ()"]),
    "normalization_by_position": (
        lambda: Normalization((1, 2)),
        ["mean (5, 3)", "variance (5, 3)", "count ()"],
    ),
    "layer_normalization": (LayerNormalization, ["gamma (4,)", "beta (4,)"]),
    "layer_normalization_of_two_axes": (
        lambda: LayerNormalization([1, 2]),
        ["gamma (5, 3)", "beta (5, 3)"],
    ),
    "layer_normalization_without_scale": (lambda: LayerNormalization(scale=False), ["beta (4,)"]),
    "group_normalization": (lambda: GroupNormalization(2), ["gamma (4,)", "beta (4,)"]),
    "group_normalization_by_channel": (
        lambda: GroupNormalization(-1, center=False),
        ["gamma (4,)"],
    ),
    "rms_normalization": (RMSNormalization, ["gamma (4,)"]),
    "prelu": (PReLU, ["alpha (6, 5, 4)"]),
    "embedding": (lambda: Embedding(7, 3), ["W (7, 3)"]),
    "simple_rnn": (lambda: SimpleRNN(4), ["W (3, 4)", "U (4, 4)", "b (4,)"]),
    "lstm": (lambda: LSTM(4, return_sequences=True), GATES_4),
    "lstm_without_bias": (lambda: LSTM(4, use_bias=False), GATES_4[:2]),
    "gru": (lambda: GRU(4, return_sequences=True), GATES_3),
    "gru_reset_before": (lambda: GRU(4, reset_after=False), [*GATES_3[:2], "b (12,)"]),
    "gru_backwards": (lambda: GRU(4, go_backwards=True, return_sequences=True), GATES_3),
    "bidirectional_lstm": (
        lambda: Bidirectional(LSTM(4, return_sequences=True)),
        both_ways(*GATES_4),
    ),
    "bidirectional_gru": (lambda: Bidirectional(GRU(4), merge_mode="sum"), both_ways(*GATES_3)),
    "time_distributed": (lambda: TimeDistributed(Dense(2)), ["dense_1.W (3, 2)", "dense_1.b (2,)"]),
    "attention": (
        lambda: MultiHeadAttention(2, 4, value_dim=5),
        [
            *("W_query (3, 2, 4)", "b_query (2, 4)", "W_key (3, 2, 4)", "b_key (2, 4)"),
            *("W_value (3, 2, 5)", "b_value (2, 5)", "W_output (2, 5, 3)", "b_output (3,)"),
        ],
    ),
    "attention_causal": (
        lambda: MultiHeadAttention(2, 4, use_bias=False, causal=True),
        ["W_query (3, 2, 4)", "W_key (3, 2, 4)", "W_value (3, 2, 4)", "W_output (2, 4, 3)"],
    ),
}
"""How a layer is made here, and the names and shapes of its weights in the order of Keras."""

NETWORKS = {
    "network_of_images": lambda: [
        *(Conv2D(4, 3, padding="same", use_bias=False), BatchNormalization()),
        *(PReLU(), MaxPooling2D(2, padding="same"), SeparableConv2D(5, 2)),
        *(GroupNormalization(5), AveragePooling2D(2, 1, padding="same")),
        *(Flatten(), Dense(3), Softmax()),
    ],
    "network_of_words": lambda: [
        *(Embedding(7, 4, mask_zero=True), Bidirectional(GRU(3))),
        *(BatchNormalization(), Dense(2)),
    ],
}

NOT_IN_KERAS = {"Chain", "Parallel", "PositionEmbedding", "Residual", "TransformerBlock"}
"""Layers with weights for which Keras has no layer of the same kind."""


def weights_of_keras(case: str, prefix: str = "w") -> list[Array]:
    n = sum(name.startswith(f"{case}/{prefix}") for name in VECTORS)
    return [VECTORS[f"{case}/{prefix}{k}"] for k in range(n)]


def model_of(case: str) -> bp.Sequential:
    """A model, built for Keras's inputs, with Keras's weights."""
    layers = NETWORKS[case]() if case in NETWORKS else [CASES[case][0]()]
    x = VECTORS[f"{case}/x"]
    model = bp.Sequential([bp.Input(x.shape[1:]), *layers], seed=0, dtype="float64")
    model.set_weights(weights_of_keras(case))
    return model


@pytest.mark.parametrize("case", CASES)
def test_names_and_shapes_stand_in_the_order_of_keras(case: str) -> None:
    layer, expected = model_of(case).layers[0], CASES[case][1]
    found = [f"{p.name.split('.', 1)[1]} {p.shape}" for p in layer.parameters]
    assert found == expected
    assert [p.shape for p in layer.parameters] == [w.shape for w in weights_of_keras(case)]


@pytest.mark.parametrize("case", [*CASES, *NETWORKS])
def test_the_weights_give_the_output_of_keras(case: str) -> None:
    model, expected = model_of(case), VECTORS[f"{case}/y"]
    for mine, theirs in zip(model.get_weights(), weights_of_keras(case), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    Y = model.predict(VECTORS[f"{case}/x"])
    np.testing.assert_allclose(Y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if f"{case}/trained_y" in VECTORS])
def test_a_training_pass_gives_the_output_and_the_moving_averages_of_keras(case: str) -> None:
    model = model_of(case)
    Y = model.forward(VECTORS[f"{case}/x"], training=True)
    np.testing.assert_allclose(Y, VECTORS[f"{case}/trained_y"], rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(model.get_weights(), weights_of_keras(case, "trained_w"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# Y depends on neither: a count is only kept, and the bias of the keys adds the same number to all
# scores of a step.
WITHOUT_EFFECT = ("count", "b_key")


@pytest.mark.parametrize("case", CASES)
def test_every_weight_has_its_own_effect(case: str) -> None:
    """So two weights of one shape cannot change places unnoticed."""
    model, weights = model_of(case), weights_of_keras(case)
    for k, parameter in enumerate(model.layers[0].parameters):
        changed = [w + 0.5 if i == k else w for i, w in enumerate(weights)]
        model.set_weights(changed)
        same = np.allclose(model.predict(VECTORS[f"{case}/x"]), VECTORS[f"{case}/y"])
        assert same == parameter.name.endswith(WITHOUT_EFFECT)


def test_every_layer_with_weights_has_its_case() -> None:
    made = [case.built() for case in layer_cases.CASES if not case.own]
    with_weights = {type(layer).__name__ for layer in made if layer.parameters}
    tried = {type(make()).__name__ for make, _ in CASES.values()}
    assert with_weights - tried == NOT_IN_KERAS
