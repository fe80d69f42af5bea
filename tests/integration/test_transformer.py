"""A causal transformer of one block learns what can be done by looking back alone: copy, sort."""

from typing import Any

import numpy as np
import pytest

import backprop as bp
from backprop.layers import Dense, LayerNormalization, PositionEmbedding, Softmax, TransformerBlock

Array = np.ndarray[Any, Any]

LENGTH, LETTERS = 8, 10
"""Letters in a sequence, of an alphabet of so many."""


def questions(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Letters; and the inputs, which are these one-hot and then as many blanks."""
    letters = rng.integers(1, LETTERS + 1, (n, LENGTH))
    inputs = np.concatenate([letters, np.zeros_like(letters)], axis=1)
    return letters, np.eye(LETTERS + 1, dtype="float32")[inputs]


def answers(letters: Array) -> Array:
    """The targets: blanks and then these letters."""
    return np.concatenate([np.zeros_like(letters), letters], axis=1)


def transformer(units: int) -> Any:
    model = bp.Sequential(
        [
            Dense(32),
            PositionEmbedding(2 * LENGTH, initializer="random_normal"),
            TransformerBlock(2, units, causal=True),
            LayerNormalization(),
            Dense(LETTERS + 1),
            Softmax(),
        ],
        seed=0,
    )
    model.compile(bp.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return model


def test_it_learns_to_copy() -> None:
    rng = np.random.default_rng(0)
    letters, X = questions(rng, 4000)
    model = transformer(64)
    model.fit(X, answers(letters), batch_size=64, epochs=6, verbose=0)
    letters, X = questions(rng, 500)
    copied = model.predict(X).argmax(axis=-1)[:, LENGTH:]
    assert np.mean(copied == letters) > 0.99

    # each blank looks at the letter that it copies
    inside = model.activations(X[:50])
    heads = model.get_layer("transformer_block_1.attention.multi_head_attention_1")
    A = heads.attention_weights(inside["transformer_block_1.attention.layer_normalization_1"])
    found = A[:, :, LENGTH:].max(axis=1).argmax(axis=-1)  # of the head that is surest
    assert np.mean(found == np.arange(LENGTH)) > 0.9


@pytest.mark.long
def test_it_learns_to_sort() -> None:
    rng = np.random.default_rng(0)
    letters, X = questions(rng, 12000)
    model = transformer(128)
    model.fit(X, answers(np.sort(letters)), batch_size=64, epochs=7, verbose=0)
    letters, X = questions(rng, 500)
    placed = model.predict(X).argmax(axis=-1)[:, LENGTH:]
    assert np.mean(placed == np.sort(letters)) > 0.99
