"""The transformer's block: its formula, what it is made of, and its errors."""

from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.layers import (
    Dense,
    Dropout,
    LayerNormalization,
    MultiHeadAttention,
    ReLU,
    Residual,
    Softmax,
    TransformerBlock,
)


def built(shape: tuple[int, ...] = (5, 6), **arguments: Any) -> Any:
    block = TransformerBlock(**{"num_heads": 2, "units": 8, **arguments})
    block.build(shape, np.random.default_rng(0), "float64")
    rng = np.random.default_rng(1)
    for p in block.parameters:
        p.value += 0.3 * rng.standard_normal(p.shape)
    return block


@pytest.mark.parametrize("causal", [False, True])
def test_it_is_the_formula(causal: bool, rng: np.random.Generator) -> None:
    """H = X + attention(norm(X)), Y = H + mlp(norm(H)), from the block's own layers by hand."""
    block, X = built(causal=causal), rng.standard_normal((3, 5, 6))
    norm_1, heads = block.layers[0].layers
    norm_2, dense_1, relu, dense_2 = block.layers[1].layers
    H = X + heads.forward(norm_1.forward(X))
    mlp = np.maximum(norm_2.forward(H) @ dense_1.W + dense_1.b, 0) @ dense_2.W + dense_2.b
    np.testing.assert_allclose(block.forward(X), H + mlp, rtol=1e-13, atol=1e-14)
    assert (heads.num_heads, heads.key_dim, heads.causal) == (2, 3, causal)
    assert isinstance(relu, ReLU)


def test_its_parts_can_be_written_by_hand(rng: np.random.Generator) -> None:
    """A model of the two lines has the same weights from the same seed, and the same outputs."""
    by_hand = bp.Sequential(
        [
            Residual([LayerNormalization(), MultiHeadAttention(2, 3), Dropout(0.1)]),
            Residual([LayerNormalization(), Dense(8), ReLU(), Dense(6), Dropout(0.1)]),
        ],
        seed=4,
    )
    model = bp.Sequential([TransformerBlock(2, 8, dropout=0.1)], seed=4)
    X = rng.standard_normal((3, 5, 6))
    np.testing.assert_array_equal(model.predict(X), by_hand.predict(X))
    names = [p.name for p in model.parameters]
    assert names[2] == "transformer_block_1.attention.multi_head_attention_1.W_query"
    assert names[-1] == "transformer_block_1.mlp.dense_2.b"
    heads = model.get_layer("transformer_block_1.attention.multi_head_attention_1")
    assert heads.dropout == 0.1


def test_what_it_attends_to_can_be_looked_at(rng: np.random.Generator) -> None:
    model = bp.Sequential([TransformerBlock(2, 8, causal=True, name="block")], seed=0)
    X = rng.standard_normal((3, 5, 6)).astype("float32")
    inside = model.activations(X)
    heads = model.get_layer("block.attention.multi_head_attention_1")
    A = heads.attention_weights(inside["block.attention.layer_normalization_1"])
    assert A.shape == (3, 2, 5, 5)
    np.testing.assert_array_equal(A, np.tril(A))


def test_noise_is_off_in_inference_and_on_in_training(rng: np.random.Generator) -> None:
    block, X = built(dropout=0.5), rng.standard_normal((3, 5, 6))
    plain = built()
    assert block.random
    assert not plain.random
    np.testing.assert_array_equal(block.forward(X), plain.forward(X))
    one, other = (block.forward(X, training=True).copy() for _ in range(2))
    assert (one != other).any()


def test_it_keeps_its_layers_when_it_is_built_again(rng: np.random.Generator) -> None:
    """What was set in them stays, such as that one is frozen; other features need other layers."""
    model = bp.Sequential([TransformerBlock(2, 8)], seed=0)
    model.build((None, 5, 6))
    (block,) = model.layers
    heads: Any = model.get_layer("transformer_block_1.attention.multi_head_attention_1")
    weights = model.get_weights()
    model.reset()
    assert model.get_layer("transformer_block_1.attention.multi_head_attention_1") is heads
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    twin = block.copy(trainable=False)
    X = rng.standard_normal((2, 5, 6)).astype("float32")
    other_model = bp.Sequential([twin, Dense(1)], seed=9)
    other_model.build((None, 5, 6))
    np.testing.assert_array_equal(twin.forward(X), block.forward(X))
    assert {p.trainable for p in twin.parameters} == {False}
    block.build((5, 4))
    assert block.forward(np.zeros((2, 3, 4), "float32")).shape == (2, 3, 4)
    assert len(block.parameters) == 16


def test_a_copy_with_other_features_is_refused() -> None:
    model = bp.Sequential([TransformerBlock(2, 8)], seed=0)
    model.build((None, 5, 6))
    (block,) = model.layers
    other = bp.Sequential([block.copy()])
    with pytest.raises(ShapeError, match=r"copy with weights of the shapes"):
        other.build((None, 5, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, r"num_heads\) must be an integer of 1 or more"),
        ({"units": 0}, r"units\) must be an integer of 1 or more"),
        ({"dropout": 1}, r"dropout\) must be 0 or more and below 1"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerBlock(**{"num_heads": 2, "units": 3, **arguments})


def test_heads_that_cannot_share_the_features() -> None:
    block = TransformerBlock(4, 8, name="block")
    message = r"'block' has 4 heads, which cannot share 6 features equally: choose num_heads that"
    for call in (block.output_shape, block.build):
        with pytest.raises(ShapeError, match=message):
            call((5, 6))
    model = bp.Sequential([TransformerBlock(4, 8), Dense(2), Softmax()])
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=r"cannot share 6 features"):
        model.fit(np.zeros((2, 5, 6)), np.zeros((2, 5), int), verbose=0)


@pytest.mark.parametrize("shape", [(6,), (2, 5, 6)])
def test_samples_must_be_sequences(shape: tuple[int, ...]) -> None:
    block = TransformerBlock(2, 8)
    for call in (block.output_shape, block.build):
        with pytest.raises(ShapeError, match=r"takes arrays of shape \(N, T, C\) but received one"):
            call(shape)
