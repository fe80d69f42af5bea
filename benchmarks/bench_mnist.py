"""MNIST with Adam, dropout and early stopping: two hidden layers reach 98.3 % of the test set.

A tenth of the training set is kept out for validation. When that has not become better for a while
the learning rate is lowered, and when this does not help either, training ends and the weights of
the best epoch are put back. The test set is looked at once, at the very end.

    python benchmarks/bench_mnist.py [--quick] [--data PATH] [--output DIR] [--seed N]

``--data`` is what ``bp.datasets.load_mnist`` reads, by default ``shared/data`` beside the checkout;
nothing is downloaded. ``--output`` is where the curves are saved.
"""

import argparse
import time
from pathlib import Path

from options import at_least, folder

import backprop as bp
from backprop.callbacks import EarlyStopping, ReduceLROnPlateau
from backprop.core.errors import DataError
from backprop.layers import Dense, Dropout, ReLU, Softmax
from backprop.optimizers import Adam

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH, EPOCHS, VALIDATION = 128, 40, 0.1


def network(seed: int) -> bp.Sequential:
    """784-384-384-10 with dropout, compiled."""
    layers = [
        Dropout(0.1),
        *(Dense(384, kernel_initializer="he_normal"), ReLU(), Dropout(0.3)),
        *(Dense(384, kernel_initializer="he_normal"), ReLU(), Dropout(0.3)),
        *(Dense(10), Softmax()),
    ]
    model = bp.Sequential(layers, seed=seed)
    model.compile(Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Trains, says how well and how fast, and fails below what is promised."""
    parser = argparse.ArgumentParser(description="Train on MNIST until validation says stop.")
    parser.add_argument("--quick", action="store_true", help="one epoch on a sixth of the digits")
    parser.add_argument("--data", type=Path, default=DATA, help="a file or folder with MNIST")
    parser.add_argument("--output", type=folder, help="the folder to save mnist.png in")
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="of weights, shuffling and dropout"
    )
    arguments = parser.parse_args()
    if not arguments.data.exists():
        print(f"There is no {arguments.data}: pass --data PATH, a file or folder with MNIST.")
        return

    try:
        (X, y), (X_test, y_test) = bp.datasets.load_mnist(arguments.data)
    except DataError as error:
        parser.error(f"--data: {error}")
    if arguments.quick:
        X, y = X[:10_000], y[:10_000]
    model = network(arguments.seed)
    stopping = EarlyStopping("val_accuracy", patience=5, restore_best_weights=True)
    lowering = ReduceLROnPlateau("val_loss", factor=0.3, patience=2)
    start = time.perf_counter()
    history = model.fit(
        X,
        y,
        batch_size=BATCH,
        epochs=1 if arguments.quick else EPOCHS,
        validation_split=VALIDATION,
        callbacks=[stopping, lowering],
        verbose=2,
    )
    seconds = time.perf_counter() - start
    accuracy = model.evaluate(X_test, y_test, return_dict=True)["accuracy"]
    print(
        f"784-384-384-10, seed {arguments.seed}: {len(history.epoch)} epochs in {seconds:.1f} s, "
        f"best validation accuracy {stopping.best:.4f} in epoch {stopping.best_epoch + 1}, "
        f"test accuracy {accuracy:.4f}"
    )
    if arguments.output is not None:
        path = arguments.output / "mnist.png"
        history.plot(path)
        print(f"Loss and accuracy by epoch: {path}")
    promised = 0.85 if arguments.quick else 0.983
    if accuracy < promised:
        raise SystemExit(f"the test accuracy is below the {promised:.1%} that are promised.")


if __name__ == "__main__":
    main()
