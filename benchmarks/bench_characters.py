"""A character model of Shakespeare's sonnets, beside the same one in PyTorch.

Each character is predicted from those before it, in windows of 50: an embedding of 32, an LSTM of
64 units, and a dense layer. The last tenth of the text is held out. PyTorch, if it is installed,
starts from the same weights and sees the same batches in the same order, so that its loss on what
was held out must come close to ours. One training takes a part of a minute.

    python benchmarks/bench_characters.py [--quick] [--seeds N]
"""

import argparse
import time
from importlib.util import find_spec

import numpy as np
from options import at_least

import backprop as bp
from backprop.datasets import Vocabulary, load_shakespeare, windows
from backprop.layers import LSTM, Dense, Embedding, Softmax

LENGTH, BATCH, STEPS = 50, 64, 1500
WIDTH, UNITS, RATE = 32, 64, 0.005
CLOSE = 0.02
"""How far apart the two losses may be, as a share of them."""

Pair = tuple[np.ndarray, np.ndarray]


def data() -> tuple[Vocabulary, Pair, Pair]:
    """The vocabulary, and windows ``(X, y)`` for training and validation; y is X a step later."""
    text = load_shakespeare()
    cut = len(text) * 9 // 10
    vocabulary = Vocabulary(text[:cut], kind="characters")

    def pairs(part: str, stride: int) -> Pair:
        W, _ = windows(vocabulary.encode(part), LENGTH + 1, stride=stride)
        return W[:, :-1], W[:, 1:]

    return vocabulary, pairs(text[:cut], 10), pairs(text[cut:], LENGTH)


def network(size: int, seed: int) -> bp.Sequential:
    """The model, built and compiled."""
    model = bp.Sequential(
        [Embedding(size, WIDTH), LSTM(UNITS, return_sequences=True), Dense(size), Softmax()],
        seed=seed,
    )
    model.compile(bp.optimizers.Adam(RATE), "sparse_categorical_crossentropy")
    model.build((None, LENGTH))
    return model


def batches(n: int, steps: int, seed: int) -> np.ndarray:
    """Which windows are in each batch, ``(steps, BATCH)``: all of them, epoch after epoch."""
    rng = np.random.default_rng(seed)
    epochs = -(-steps * BATCH // n)
    order = np.concatenate([rng.permutation(n) for _ in range(epochs)])
    return order[: steps * BATCH].reshape(steps, BATCH)


def loss_of_torch(
    weights: list[np.ndarray], train: Pair, held_out: Pair, index: np.ndarray
) -> float:
    """The loss for each held-out character that PyTorch comes to from the same weights."""
    import torch
    from torch import nn

    embedded, W, U, b, W_out, b_out = (torch.from_numpy(array.copy()) for array in weights)
    size = len(embedded)
    embedding = nn.Embedding(size, WIDTH)
    lstm, dense = nn.LSTM(WIDTH, UNITS, batch_first=True), nn.Linear(UNITS, size)
    with torch.no_grad():
        embedding.weight.copy_(embedded)
        lstm.weight_ih_l0.copy_(W.T)  # the gates are in the same order: i, f, g, o
        lstm.weight_hh_l0.copy_(U.T)
        lstm.bias_ih_l0.copy_(b)
        lstm.bias_hh_l0.zero_()
        dense.weight.copy_(W_out.T)
        dense.bias.copy_(b_out)
    lstm.bias_hh_l0.requires_grad = False  # a second bias would be a second step of the same one
    parts = nn.ModuleList([embedding, lstm, dense])
    # ours adds ε to √v, this one to √v̂: that counts in the first steps alone
    optimizer = torch.optim.Adam([p for p in parts.parameters() if p.requires_grad], RATE, eps=1e-7)
    cross_entropy = nn.CrossEntropyLoss()

    def loss(X: np.ndarray, y: np.ndarray) -> torch.Tensor:
        outputs, _ = lstm(embedding(torch.from_numpy(X.astype(np.int64))))
        targets = torch.from_numpy(y.astype(np.int64))
        return cross_entropy(dense(outputs).flatten(0, 1), targets.flatten())

    X, y = train
    for rows in index:
        optimizer.zero_grad()
        loss(X[rows], y[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return loss(*held_out).item()


def main() -> None:
    """Trains both and prints their losses; fails if they are too far apart."""
    parser = argparse.ArgumentParser(description="Train a character model on the sonnets.")
    parser.add_argument("--quick", action="store_true", help="one seed, a tenth of the steps")
    parser.add_argument(
        "--seeds", type=at_least(1), default=3, help="runs with other weights and orders"
    )
    arguments = parser.parse_args()
    seeds = 1 if arguments.quick else arguments.seeds
    steps = STEPS // 10 if arguments.quick else STEPS

    vocabulary, (X, y), held_out = data()
    counts = np.bincount(y.ravel(), minlength=len(vocabulary)) + 1
    frequencies = -np.log(counts / counts.sum())[held_out[1]].mean()
    print(
        f"nats for each of {held_out[1].size:,} characters; by their frequencies {frequencies:.3f}"
    )
    for seed in range(seeds):
        model = network(len(vocabulary), seed)
        weights = [each.copy() for each in model.get_weights()]
        index = batches(len(X), steps, seed)
        order = index.ravel()
        start = time.perf_counter()
        model.fit(X[order], y[order], batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
        seconds = time.perf_counter() - start
        ours = model.evaluate(*held_out, verbose=0)
        print(f"seed {seed}, {steps} steps: {ours:.4f} in {seconds:.1f} s", end="")
        if find_spec("torch") is None:
            print("; PyTorch is not installed.")
        else:
            start = time.perf_counter()
            theirs = loss_of_torch(weights, (X, y), held_out, index)
            seconds = time.perf_counter() - start
            print(f", PyTorch {theirs:.4f} in {seconds:.1f} s: {ours / theirs - 1:+.2%}")
            if abs(ours / theirs - 1) > CLOSE:
                raise SystemExit(f"the two losses are more than {CLOSE:.0%} apart.")
        if ours > (frequencies - 0.2 if arguments.quick else 2.2):
            raise SystemExit("the network has learnt too little: something is broken.")


if __name__ == "__main__":
    main()
