"""Layers whose arguments are changed before they are built: they are as if made that way."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import (
    GRU,
    LSTM,
    AveragePooling1D,
    Bidirectional,
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    MultiHeadAttention,
    Parallel,
    ReLU,
    Residual,
    Softmax,
    TimeDistributed,
    TransformerBlock,
)

ROWS, STEPS, IMAGES = (6, 4), (6, 8, 4), (4, 12, 12, 3)


def backwards():
    return GRU(2, go_backwards=True)


CASES = {
    "direction": (
        lambda: Bidirectional(LSTM(3)),
        lambda: {"layer": GRU(2), "merge_mode": "sum"},
        lambda: Bidirectional(GRU(2), "sum"),
        STEPS,
    ),
    "second direction": (
        lambda: Bidirectional(LSTM(3)),
        lambda: {"merge_mode": "sum", "backward_layer": backwards(), "layer": GRU(2)},
        lambda: Bidirectional(GRU(2), "sum", backwards()),
        STEPS,
    ),
    "step": (
        lambda: TimeDistributed(Dense(3)),
        lambda: {"layer": [Dense(2), Dropout(0.5), Softmax()]},
        lambda: TimeDistributed([Dense(2), Dropout(0.5), Softmax()]),
        STEPS,
    ),
    "what is added": (
        lambda: Residual([Dense(4)]),
        lambda: {"layers": [Dense(4), Dropout(0.5), ReLU()]},
        lambda: Residual([Dense(4), Dropout(0.5), ReLU()]),
        ROWS,
    ),
    "shortcut": (
        lambda: Residual([Dense(3)], [Dense(3)]),
        lambda: {"layers": [Dense(2)], "shortcut": [Dense(2), Dropout(0.2)]},
        lambda: Residual([Dense(2)], [Dense(2), Dropout(0.2)]),
        ROWS,
    ),
    "no shortcut": (
        lambda: Residual([Dense(4)], [Dense(4)]),
        lambda: {"shortcut": None},
        lambda: Residual([Dense(4)]),
        ROWS,
    ),
    "branches": (
        lambda: Parallel([Dense(4), Dense(3)]),
        lambda: {"branches": [Dense(2), [Dense(2), Dropout(0.3)]], "merge": "add"},
        lambda: Parallel([Dense(2), [Dense(2), Dropout(0.3)]], "add"),
        ROWS,
    ),
    "windows": (
        lambda: MaxPooling2D(2, padding="same"),
        lambda: {"padding": "valid", "pool_size": 3},
        lambda: MaxPooling2D(3),
        IMAGES,
    ),
    "windows with strides": (
        lambda: MaxPooling2D(2, strides=2),
        lambda: {"pool_size": 3},
        lambda: MaxPooling2D(3, strides=2),
        IMAGES,
    ),
    "strides": (
        lambda: AveragePooling1D(2),
        lambda: {"strides": 1, "pool_size": 3},
        lambda: AveragePooling1D(3, strides=1),
        STEPS,
    ),
    "axes": (
        GlobalAveragePooling2D,
        lambda: {"keepdims": True},
        lambda: GlobalAveragePooling2D(keepdims=True),
        IMAGES,
    ),
    "kernel": (
        lambda: Conv2D(3, 3),
        lambda: {"strides": 2, "kernel_size": 2},
        lambda: Conv2D(3, 2, strides=2),
        IMAGES,
    ),
    "keys": (
        lambda: MultiHeadAttention(2, 3),
        lambda: {"dropout": 0.2, "key_dim": 5},
        lambda: MultiHeadAttention(2, 5, dropout=0.2),
        STEPS,
    ),
    "keys beside values": (
        lambda: MultiHeadAttention(2, 3, value_dim=2),
        lambda: {"key_dim": 5},
        lambda: MultiHeadAttention(2, 5, value_dim=2),
        STEPS,
    ),
    "heads": (
        lambda: TransformerBlock(2, 5),
        lambda: {"num_heads": 1, "dropout": 0.2},
        lambda: TransformerBlock(1, 5, dropout=0.2),
        STEPS,
    ),
}


def trained(layer, shape):
    model = bp.Sequential([layer, Flatten(), Dense(2)], seed=0)
    model.compile("sgd", "mse")
    X = np.random.default_rng(1).normal(size=shape)
    losses = model.fit(X, np.zeros((len(X), 2)), 2, 3, 0).history["loss"]
    return losses, model.predict(X).tolist(), [(p.name, p.trainable) for p in model.parameters]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(("make", "changes", "expected", "shape"), CASES.values(), ids=CASES)
def test_a_layer_changed_before_it_is_built_is_one_made_that_way(
    make, changes, expected, shape, frozen
):
    layer, other = make(), expected()
    layer.trainable = other.trainable = not frozen
    for name, value in changes().items():
        setattr(layer, name, value)
    assert trained(layer, shape) == trained(other, shape)
    for name, value in changes().items():
        with pytest.raises(AttributeError, match="is built, so that another"):
            setattr(layer, name, value)


def test_a_second_direction_that_was_changed_stays():
    layer = Bidirectional(LSTM(3))
    layer.backward_layer.dropout = 0.5
    layer.merge_mode = "sum"
    assert layer.backward_layer.dropout == 0.5
    layer.layer = GRU(2)
    assert isinstance(layer.backward_layer, GRU)
    assert layer.backward_layer.go_backwards


def test_a_wrong_layer_is_refused_and_nothing_changes():
    layer = Residual([Dense(4)])
    before = layer.layers
    with pytest.raises(TypeError, match="layers"):
        layer.layers = [Dense(3), 5]
    assert layer.layers is before
    with pytest.raises(AttributeError, match="make a new one of these and of copies"):
        Chain([Dense(4)]).layers = [Dense(3)]


@pytest.mark.parametrize("name", ["go_backwards", "return_sequences"])
def test_the_directions_still_fit_when_one_is_changed(name):
    layer = Bidirectional(LSTM(3))
    setattr(layer.layer, name, True)
    with pytest.raises(ValueError, match=rf"Bidirectional\(layer, backward_layer\).*{name}"):
        bp.Sequential([layer]).predict(np.zeros(STEPS))
