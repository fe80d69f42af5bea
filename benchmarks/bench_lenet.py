"""MNIST with convolutions: a small LeNet reaches 99 % of the test set in five epochs.

    python benchmarks/bench_lenet.py [--quick] [--data PATH] [--seeds N]

``--data`` is what ``bp.datasets.load_mnist`` reads, by default ``shared/data`` beside the checkout;
nothing is downloaded. If PyTorch is installed its seconds for an epoch of the same network stand
beside ours.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from options import at_least

import backprop as bp
from backprop.core.errors import DataError
from backprop.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ReLU, Softmax
from backprop.optimizers import Adam
from backprop.schedules import CosineDecay

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH, EPOCHS, PROMISED = 64, 5, 0.99


def network(seed: int, steps: int) -> bp.Sequential:
    """Two convolutions with pooling, two dense layers; the learning rate falls to 0."""
    model = bp.Sequential(
        [
            *(Conv2D(8, 5, padding="same"), MaxPooling2D(2), ReLU()),
            *(Conv2D(16, 5), MaxPooling2D(2), ReLU()),
            *(Flatten(), Dense(120), ReLU(), Dropout(0.3), Dense(10), Softmax()),
        ],
        seed=seed,
    )
    optimizer = Adam(CosineDecay(0.002, steps))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def epoch_of_torch(X: np.ndarray, y: np.ndarray) -> float | None:
    """Seconds that PyTorch takes for an epoch of the same network; None if it is not there."""
    try:
        import torch
    except ImportError:
        return None
    from torch import nn

    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(8, 16, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Dropout(0.3), nn.Linear(120, 10)),
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.002)
    loss = nn.CrossEntropyLoss()
    images = torch.from_numpy(np.ascontiguousarray(X.transpose(0, 3, 1, 2)))
    labels = torch.from_numpy(y.astype(np.int64))
    start = time.perf_counter()
    for index in torch.randperm(len(images)).split(BATCH):
        optimizer.zero_grad()
        loss(model(images[index]), labels[index]).backward()
        optimizer.step()
    return time.perf_counter() - start


def main() -> None:
    """Trains, says how well and how fast, and fails below what is promised."""
    parser = argparse.ArgumentParser(description="Train a LeNet on MNIST.")
    parser.add_argument("--quick", action="store_true", help="one epoch on a twelfth of the digits")
    parser.add_argument("--data", type=Path, default=DATA, help="a file or folder with MNIST")
    parser.add_argument(
        "--seeds", type=at_least(1), default=3, help="runs with other weights and orders"
    )
    arguments = parser.parse_args()
    if not arguments.data.exists():
        print(f"There is no {arguments.data}: pass --data PATH, a file or folder with MNIST.")
        return

    try:
        (X, y), test = bp.datasets.load_mnist(arguments.data, images=True)
    except DataError as error:
        parser.error(f"--data: {error}")
    epochs, seeds, promised = EPOCHS, arguments.seeds, PROMISED
    if arguments.quick:
        X, y, epochs, seeds, promised = X[:5000], y[:5000], 1, 1, 0.85
    for seed in range(seeds):
        model = network(seed, epochs * -(-len(X) // BATCH))
        start = time.perf_counter()
        model.fit(X, y, batch_size=BATCH, epochs=epochs, verbose=0)
        seconds = (time.perf_counter() - start) / epochs
        accuracy = model.evaluate(*test)[1]
        print(f"LeNet, seed {seed}: {seconds:.2f} s an epoch, test accuracy {accuracy:.4f}")
        if accuracy < promised:
            raise SystemExit(f"the test accuracy is below the {promised:.1%} that are promised.")
    theirs = epoch_of_torch(X, y)
    print("PyTorch is not installed." if theirs is None else f"PyTorch: {theirs:.2f} s an epoch")


if __name__ == "__main__":
    main()
