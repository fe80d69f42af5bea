"""``python -m backprop``: trains a classifier of handwritten digits and shows what it learnt."""

import argparse
import tempfile
from pathlib import Path

from backprop import plotting
from backprop.core import console
from backprop.core.durable import replacing
from backprop.datasets import load_digits
from backprop.layers import Dense, Input, ReLU, Softmax
from backprop.optimizers import SGD
from backprop.sequential import Sequential


def main(arguments: list[str] | None = None) -> None:
    """Trains, prints the summary and the test accuracy, and writes two pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m backprop",
        description="Train a classifier of handwritten digits (1797 of 8 by 8 pixels) and "
        "write two pictures: how training went, and what the network says of unseen digits.",
    )
    parser.add_argument("--epochs", type=int, default=30, help="passes over the data (30)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and shuffling (0)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("backprop-output"),
        metavar="DIR",
        help="folder for the pictures (backprop-output)",
    )
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error(f"--epochs must be 1 or more, but it is {options.epochs}")
    if options.seed < 0:
        parser.error(f"--seed must be 0 or more, but it is {options.seed}")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.output):  # before an epoch is spent
            pass
    except OSError as error:
        reason = error.strerror
        parser.error(f"--output {options.output}: no pictures can be written there: {reason}")

    (X, y), (X_test, y_test) = load_digits()
    model = Sequential(
        [
            Input(X.shape[1]),
            Dense(128, kernel_initializer="he_normal"),
            ReLU(),
            Dense(64, kernel_initializer="he_normal"),
            ReLU(),
            Dense(10),
            Softmax(),
        ],
        seed=options.seed,
    )
    model.summary()
    model.compile(
        optimizer=SGD(learning_rate=0.1, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(X, y, epochs=options.epochs, validation_data=(X_test, y_test))
    probabilities = model.predict(X_test)
    predictions = probabilities.argmax(axis=1)
    correct = predictions == y_test
    score = f"{correct.sum()} of {len(y_test)} unseen digits"
    console.write(f"Test accuracy: {correct.mean():.4f} ({score})")

    curves = options.output / "training.png"
    history.plot(curves)
    console.write(f"Loss and accuracy by epoch: {curves}")
    digits = options.output / "digits.png"
    shown = correct.argsort(kind="stable")[:50]  # the mistakes come first
    figure = plotting.predictions_grid(
        X_test[shown], y_test[shown], predictions[shown], probabilities[shown]
    )
    figure.suptitle(f"{score} correct; the mistakes first")
    with replacing(digits) as temporary:
        figure.savefig(temporary, dpi=150)
    console.write(f"Test digits and predictions: {digits}")


if __name__ == "__main__":
    main()
