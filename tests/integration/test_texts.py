"""Small text classifiers: from sentences to numbers to a class, in seconds."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import backprop as bp
from backprop.datasets import Vocabulary
from backprop.layers import LSTM, Dense, Embedding, GlobalAveragePooling1D, Layer, Sigmoid
from backprop.optimizers import Adam

THINGS = ["film", "soup", "hotel", "concert", "novel", "journey"]
PRAISE = ["lovely", "superb", "charming", "delightful", "brilliant", "warm"]
BLAME = ["awful", "dull", "dreadful", "boring", "clumsy", "cold"]
PLAIN = "The {thing} was {word}."
FRAMES = [
    "We found the {thing} {word} from the first minute to the last.",
    "What a {word} {thing}!",
    "My sister says that this {thing} is {word}, and so do I.",
    "{word}: I have no other word for the {thing} of yesterday.",
    "Nobody had told us how {word} the {thing} would be.",
]


def sentences() -> tuple[list[str], np.ndarray]:
    """120 sentences about six things, of 4 to 13 words, and whether each of them praises."""
    rng = np.random.default_rng(0)
    made = [
        ((PLAIN if k % 6 == 0 else FRAMES[k % 5]).format(thing=thing, word=word), float(good))
        for good, words in enumerate((BLAME, PRAISE))
        for k, (thing, word) in enumerate(product(THINGS, words))
    ]
    made += [
        (FRAMES[(k + 2) % 5].format(thing=thing, word=word), float(good))
        for good, words in enumerate((BLAME, PRAISE))
        for k, (word, thing) in enumerate(product(words[:4], THINGS))
    ]
    order = rng.permutation(len(made))
    return [made[k][0] for k in order], np.array([made[k][1] for k in order])


def turned() -> tuple[list[str], np.ndarray]:
    """120 sentences in pairs of the same words: what comes first is what is meant."""
    rng = np.random.default_rng(1)
    every = list(product(THINGS, PRAISE, BLAME))
    pairs = [every[k] for k in rng.permutation(len(every))[:60]]
    texts = [
        f"The {thing} was {first}, not {second}."
        for thing, good, bad in pairs
        for first, second in ((good, bad), (bad, good))
    ]
    return texts, np.tile([1.0, 0.0], len(pairs))


BODIES: dict[str, Callable[[], Layer]] = {
    "mean of the words": GlobalAveragePooling1D,
    "lstm": lambda: LSTM(8),
}


def accuracy_on_new(texts: list[str], y: np.ndarray, body: Callable[[], Layer], seed: int) -> float:
    """Trains on the first three quarters; how many of the others are told right."""
    n = len(texts) * 3 // 4
    vocabulary = Vocabulary(texts[:n])
    X = vocabulary.encode(texts[:n])
    X_new = vocabulary.encode(texts[n:], maxlen=X.shape[1])
    layers = [Embedding(len(vocabulary), 8, mask_zero=True), body(), Dense(1), Sigmoid()]
    model = bp.Sequential(layers, seed=seed)
    model.compile(Adam(0.02), "binary_crossentropy", ["accuracy"])
    model.fit(X, y[:n], epochs=30, batch_size=16, verbose=0)
    accuracy = model.evaluate(X_new, y[n:], return_dict=True)["accuracy"]
    print(f"{accuracy:.1%} of {len(y) - n} new sentences")
    return accuracy


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_sentences_are_told_apart(body: Callable[[], Layer], seed: int) -> None:
    texts, y = sentences()
    assert len(set(texts)) == len(texts) == 120
    assert len({len(text.split()) for text in texts}) > 3  # of many lengths
    assert accuracy_on_new(texts, y, body, seed) >= 0.9


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_words_counts_for_an_lstm_alone(seed: int) -> None:
    texts, y = turned()
    assert accuracy_on_new(texts, y, BODIES["mean of the words"], seed) == pytest.approx(
        0.5, abs=0.1
    )
    assert accuracy_on_new(texts, y, BODIES["lstm"], seed) >= 0.9
